"""Has a chart drawn."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from kata.core.errors import BrokenSetup
from kata.core.paths import STATE
from kata.core.tool_environment import python_with

# 3.11 no longer takes Python 3.10.
_PINNED = ("matplotlib==3.10.9",)


def draw(name: str, results: Path, folder: Path) -> None:
    """Draw what was measured, as a picture (`.png`) and as a drawing for a page (`.svg`), each named after the chart.

    :param name: of the chart, a module beside this one.
    :param results: the JSON file that it is drawn from.
    :param folder: where both are written.
    :raises BrokenSetup: if matplotlib cannot be installed, or the chart not be drawn.
    """
    for kind in ("png", "svg"):
        (folder / f"{name}.{kind}").unlink(missing_ok=True)  # an older one would show something else
    python = python_with("charts", *_PINNED)
    # A file, not a module of the kata, none of whose packages that environment has.
    command = [python, "-E", "-s", Path(__file__).with_name(f"{name}.py"), results, folder]
    own_cache = {"MPLCONFIGDIR": str(STATE / "charts" / "cache")}
    ended = subprocess.run(command, env=os.environ | own_cache, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise BrokenSetup(f"{results.name} cannot be drawn: {ended.stderr.strip().splitlines()[-1]}")
