"""Tools that only a target or two need, each set in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import venv
from pathlib import Path

from rich.console import Console

from kata.core.errors import BrokenSetup
from kata.core.paths import STATE


def python_with(name: str, *pinned: str) -> Path:
    """The interpreter of the environment, which is made if it is not there.

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
            # What is half made would be taken for whole the next time.
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, subprocess.CalledProcessError):
                raise BrokenSetup(f"{', '.join(pinned)} cannot be installed; what pip says stands above.") from error
            raise
    return python
