"""Folders that last as long as one grade or one run, inside the clone like all other state."""

from __future__ import annotations

import shutil
import tempfile
import time

from kata.places import STATE

_SCRATCH = STATE / "scratch"
# What a killed process has left is swept away once it is surely of no use to anybody.
_FORGOTTEN_AFTER = 3600.0  # seconds


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A new folder, removed with all that is in it at the end of the `with` block."""
    _SCRATCH.mkdir(parents=True, exist_ok=True)
    for left in _SCRATCH.iterdir():
        if time.time() - left.stat().st_mtime > _FORGOTTEN_AFTER:
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(dir=_SCRATCH, ignore_cleanup_errors=True)
