"""How a child process ended: the learner's line in the stack of a hang, and what is said of a crash."""

from __future__ import annotations

import linecache
import os
import re
import signal
from pathlib import Path
from typing import Any

from kata.grading.child import CHANNEL_LOST, OUT_OF_MEMORY
from kata.grading.limits import FILE_TOO_LARGE, MEMORY_EXCEEDED
from kata.grading.supervisor import Ending

_FRAME = re.compile(r'^  File "(?P<path>.+)", line (?P<line>\d+) in ', re.MULTILINE)


def line_of_hang(stack: str, learner_file: Path) -> dict[str, Any]:
    """Return `path`, `line` and `source` of the innermost frame in the learner's file; {} if no frame is in it."""
    for frame in _FRAME.finditer(stack):
        path = Path(frame["path"])
        if path.name == learner_file.name and path.resolve() == learner_file:
            line = int(frame["line"])
            return {"path": str(path), "line": line, "source": linecache.getline(str(path), line).strip()}
    return {}


def how_it_ended(ending: Ending) -> str:
    """Say how a process ended, as a clause that follows a colon."""
    if ending.excess:
        return ending.excess
    if ending.status is None:
        return "it ended or halted the process that grades it"
    code = os.waitstatus_to_exitcode(ending.status)
    if code == -signal.SIGXFSZ:
        return FILE_TOO_LARGE
    if code < 0:
        return f"killed by {_name_of(-code)}"
    if code == OUT_OF_MEMORY:
        return MEMORY_EXCEEDED
    if code == CHANNEL_LOST:
        return "it closed the file that the grader listens to"
    return f"it exited with code {code}, as os._exit({code}) does"


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
