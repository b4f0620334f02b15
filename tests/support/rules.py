"""Business rules that a trigger imports and calls."""

from __future__ import annotations

import asyncio
import threading
import time

calls: list[int] = []  # the thread of each call

_ERRORS = {error.__name__: error for error in (KeyError, StopIteration, SystemExit, asyncio.CancelledError)}


def agrees_at(call: int) -> str:
    """Return something true, but not True, at the call of this number."""
    calls.append(threading.get_ident())
    return "yes" if len(calls) >= call else ""


def agrees() -> bool:
    """Return True."""
    return True


def raises(error: str) -> None:
    """Raise an error of this name."""
    raise _ERRORS[error]("no such client")


def sleeps(duration: float) -> None:
    """Block, as a rule that queries a database does."""
    time.sleep(duration)
