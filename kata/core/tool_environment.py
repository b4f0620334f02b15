"""Environments for tools that only one or two commands need: they are installed when first needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kata.core.errors import BrokenSetup
from kata.core.paths import STATE


def python_with(name: str, *pinned: str) -> Path:
    """Return the interpreter of an environment; create it, or complete it, if needed.

    :param name: of the environment, below `.kata`.
    :param pinned: what is installed, such as `cosmic-ray==8.7.0`.
    :raises BrokenSetup: if it cannot be installed; uv has said why.
    """
    folder = STATE / name
    create = ("venv", "--allow-existing", f"--python={sys.executable}", folder)
    for command in (create, ("pip", "install", f"--python={folder}", *pinned)):
        if subprocess.run([sys.executable, "-m", "uv", "--quiet", *command]).returncode:
            raise BrokenSetup(f"{', '.join(pinned)} cannot be installed; what uv says stands above.")
    return folder / "bin" / "python"
