"""Environments for tools that only one or two commands need: uv creates them when they are first needed."""

from __future__ import annotations

import sys


def python_with(*pinned: str) -> list[str]:
    """Return the command of a Python that has these packages, and none of the kata's.

    :param pinned: such as `cosmic-ray==8.7.0`; uv keeps them in its cache.
    """
    packages = [f"--with={package}" for package in pinned]
    uv = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--isolated", f"--python={sys.executable}"]
    return [*uv, *packages, "python"]
