"""Environments for tools that only one or two commands need: they are installed when first needed."""

from __future__ import annotations

import shutil
import subprocess
import venv
from pathlib import Path

from rich.console import Console

from kata.core.errors import BrokenSetup
from kata.core.paths import STATE


def python_with(name: str, *pinned: str) -> Path:
    """Return the interpreter of an environment; create it if it does not exist.

    :param name: of the environment, below `.kata`.
    :param pinned: what is installed, such as `cosmic-ray==8.7.0`.
    :raises BrokenSetup: if it cannot be installed; pip has said why.
    """
    folder = STATE / name
    python = folder / "bin" / "python"
    if not python.exists():
        Console(stderr=True).print(f"Installing {', '.join(pinned)} …", style="dim")
        try:
            venv.create(folder, with_pip=True)
            subprocess.run([python, "-m", "pip", "--disable-pip-version-check", "-q", "install", *pinned], check=True)
        except BaseException as error:
            # The next call would take an incomplete environment for a complete one.
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, subprocess.CalledProcessError):
                raise BrokenSetup(f"{', '.join(pinned)} cannot be installed; what pip says stands above.") from error
            raise
    return python
