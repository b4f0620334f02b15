"""How processes depend on each other: Linux only, elsewhere these do nothing."""

from __future__ import annotations

import contextlib
import ctypes
import signal

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Have this process sent a signal when its parent is gone."""
    _prctl(_PR_SET_PDEATHSIG, by)


def adopt_orphans() -> None:
    """Make this process the parent of what its children leave behind, so that it can end it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
