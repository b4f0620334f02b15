"""What is said of a process that did not end in order."""

from __future__ import annotations

import os
import signal

from kata.grading.child import CHANNEL_LOST, OUT_OF_MEMORY
from kata.grading.limits import FILE_TOO_LARGE, MEMORY_EXCEEDED
from kata.grading.supervisor import Ending


def how_it_ended(ending: Ending) -> str:
    """A clause that follows a colon."""
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
