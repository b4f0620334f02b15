"""File systems that take their time, or never answer."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# All ways to a listing lead through the first two: glob, walk and pathlib too. To ask a directory for the time of its
# last change is a journey to the server like any other.
_QUESTIONS = ("scandir", "listdir", "stat")


def answer_late(folder: Path, wait: Callable[[], object]) -> None:
    """Have whoever asks for something in this folder, in this process, wait first, in the thread that asks.

    :param wait: returns when the answer may be given; it blocks, as the system call would.
    """
    for name in _QUESTIONS:
        setattr(os, name, _asked_late(getattr(os, name), str(folder), wait))


def _asked_late(ask: Callable[..., Any], folder: str, wait: Callable[[], object]) -> Callable[..., Any]:
    @functools.wraps(ask)
    def late(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
        if isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(folder + os.sep):
            wait()
        return ask(path, *args, **kwargs)

    return late
