"""A child process of the fork server, seen from the supervisor: its messages, its deadline and how it ended."""

from __future__ import annotations

import contextlib
import json
import linecache
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.grading import limits
from kata.grading.child import CHANNEL_LOST, OUT_OF_MEMORY
from kata.grading.limits import FILE_TOO_LARGE, MEMORY_EXCEEDED

# Seconds between the signal on which a child writes its stack down, and its end.
_LAST_WORDS = 0.3
_MOST_PRINTED = 64 * 1024  # bytes
_LONGEST_MESSAGE = 2**20  # bytes
_FRAME = re.compile(r'^  File "(?P<path>.+)", line (?P<line>\d+) in ', re.MULTILINE)


@dataclass(frozen=True)
class Ending:
    """How a child ended.

    :param killed: it was ended at its deadline.
    :param status: wait status of the process, None when the whole server was lost.
    :param stack: what its threads were doing at the deadline.
    :param printed: the start of what it printed outside of any test.
    :param excess: the limit that it went beyond, and was ended for.
    :param stopped: it had been halted by a signal at its deadline.
    """

    killed: bool
    status: int | None
    stack: str = ""
    printed: str = ""
    excess: str = ""
    stopped: bool = False


class Work:
    """What is done in one child process, or in several one after the other."""

    def next_job(self) -> dict[str, Any] | None:
        """Return what the next child has to do; None if the work is over."""
        raise NotImplementedError

    def kill_at(self) -> float:
        """Return when the child's time is over, in seconds of the monotonic clock."""
        raise NotImplementedError

    def reported(self, message: dict[str, Any]) -> None:
        """Take a message from the child."""
        raise NotImplementedError

    def overdue(self) -> None:
        """Note that the child's time is over; it will be killed."""

    def ended(self, ending: Ending) -> None:
        """Note that the child has ended."""
        raise NotImplementedError

    def interrupted(self) -> None:
        """Note that the child has ended, perhaps through no fault of its own."""


@dataclass
class RunningChild:
    """A child and the work that it does.

    :param seal: what every genuine message carries.
    :param channel: file descriptor of the messages.
    :param folder: the child's own, with `stack` and `printed` in it.
    :ivar silent: the channel is closed on the other side.
    :ivar had_company: another child ran at some time while this one did.
    """

    work: Work
    pid: int
    seal: str
    channel: int
    folder: Path
    unread: bytes = b""
    silent: bool = False
    last_words_end: float | None = None
    status: int | None = None
    excess: str = ""
    stopped: bool = False
    had_company: bool = False

    def due(self) -> float:
        """Return when something has to be done about it, in seconds of the monotonic clock."""
        return self.work.kill_at() if self.last_words_end is None else self.last_words_end

    def read(self) -> None:
        """Hand the messages that have arrived to the work."""
        with contextlib.suppress(BlockingIOError):
            # No more at a time: a child may write without end.
            for _ in range(16):
                more = os.read(self.channel, 65536)
                self.silent = not more
                if self.silent:
                    break
                self.unread += more
        *lines, self.unread = self.unread.split(b"\n")
        self.unread = self.unread[:_LONGEST_MESSAGE]
        for line in lines:
            message = self._genuine(line)
            if message is not None:
                # One with the right seal and the wrong shape is not the reporter's either.
                with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                    self.work.reported(message)

    def end_at_deadline(self) -> None:
        """Ask the child for its stack at first; kill it when called again."""
        if self.last_words_end is None:
            self.work.overdue()
            self.stopped = limits.is_stopped(self.pid)
            self.last_words_end = time.monotonic() + _LAST_WORDS
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGUSR1)
        else:
            self.kill()
            self.last_words_end = time.monotonic() + 1

    def kill(self) -> None:
        """Kill the child and every process of its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def bury(self) -> None:
        """Kill what is left of it, take its last messages and close the channel."""
        self.kill()
        self.read()
        os.close(self.channel)

    def was_killed_by_another(self) -> bool:
        """Return whether a signal that the supervisor did not send has ended it."""
        own = self.excess or self.last_words_end is not None
        return not own and self.status in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)

    def ending(self) -> Ending:
        """Return how the child ended."""
        return Ending(
            killed=self.last_words_end is not None,
            status=self.status,
            stack=_start_of(self.folder / "stack"),
            printed=_start_of(self.folder / "printed"),
            excess=self.excess,
            stopped=self.stopped,
        )

    def _genuine(self, line: bytes) -> dict[str, Any] | None:
        """Return the message if the reporter wrote it: a submission may write to any file descriptor."""
        try:
            message = json.loads(line)
        except ValueError:
            return None
        return message if isinstance(message, dict) and message.get("seal") == self.seal else None


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


def _start_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_PRINTED).decode(errors="replace")
    except OSError:
        return ""
