"""Has a chart drawn, in a process of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from kata.core.errors import BrokenSetup
from kata.core.paths import STATE
from kata.core.tool_environment import python_with

# 3.11 does not support Python 3.10.
_PINNED = ("matplotlib==3.10.9",)


def draw(results: Path) -> str:
    """Draw the chart of a JSON file, as a picture (`.png`) and as a drawing for a page (`.svg`) beside the file.

    :param results: named after the chart, which is a module in this folder.
    :return: why there is no chart, "" if there is one.
    """
    picture, drawing = results.with_suffix(".png"), results.with_suffix(".svg")
    for earlier in (picture, drawing):
        earlier.unlink(missing_ok=True)
    try:
        python = python_with("charts", *_PINNED)
    except BrokenSetup as error:
        return f"There is no chart. {error}"
    # A file, not a module: that environment has none of the packages of the kata.
    command = [python, "-E", "-s", Path(__file__).with_name(f"{results.stem}.py"), results, picture, drawing]
    environment = os.environ | {"MPLCONFIGDIR": str(STATE / "charts" / "cache")}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    why = ended.stderr.strip().splitlines()[-1:] if ended.returncode else []
    return f"There is no chart. {results.name} cannot be drawn: {why[0]}" if why else ""
