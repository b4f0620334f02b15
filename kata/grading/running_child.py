"""A child process of the fork server, seen from the supervisor: its messages, its deadline and how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from kata.core.files import remove_tree
from kata.grading.child import CHANNEL_LOST, OUT_OF_MEMORY
from kata.grading.limits import FILE_TOO_LARGE, MEMORY_EXCEEDED
from kata.grading.snapshot import Snapshot

# Seconds between the signal on which a child writes its stack down, and its end; and until the server has told of it.
LAST_WORDS = 0.3
_UNTIL_GONE = 30.0
# Seconds that a child is given at most for the time in which other programs kept it waiting for a processor.
_MOST_WAITED = 300.0
_MOST_PRINTED = 64 * 1024  # bytes
_LONGEST_MESSAGE = 2**20  # bytes
_FRAME = re.compile(r'^  File "(?P<path>.+)", line (?P<line>\d{1,7}) in ', re.MULTILINE)


@dataclass(frozen=True)
class Ending:
    """How a child ended.

    :param killed: it was ended at its deadline.
    :param status: wait status of the process, None when the whole server was lost.
    :param hang: `path`, `line` and `source` of what the learner's file was doing at the deadline; {} if unknown.
    :param printed: the start of what it printed outside of any test.
    :param excess: the limit that it went beyond, and was ended for.
    :param stopped: it had been halted by a signal at its deadline.
    :param starved: it was still kept waiting for a processor when it was ended.
    """

    killed: bool
    status: int | None
    hang: dict[str, Any] = field(default_factory=dict)
    printed: str = ""
    excess: str = ""
    stopped: bool = False
    starved: bool = False


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

    :param id: what the server knows it by.
    :param seal: what every genuine message carries.
    :param channel: file descriptor of the messages.
    :param printed: what it prints; `stack` what its threads were doing at its deadline.
    :param folder: the child's own; its part `submission` holds the files of the snapshot.
    :ivar silent: the channel is closed on the other side.
    :ivar waited: for how many seconds other programs kept it from running, as far as it was granted.
    :ivar had_company: another child ran at some time while this one did.
    """

    work: Work
    id: int
    seal: str
    channel: int
    printed: IO[bytes]
    stack: IO[bytes]
    folder: Path
    snapshot: Snapshot
    unread: bytes = b""
    silent: bool = False
    waited: float = 0.0
    ended_at: float | None = None
    exited: dict[str, Any] | None = None
    had_company: bool = False

    def due(self) -> float:
        """Return when something has to be done about it, in seconds of the monotonic clock."""
        return self.work.kill_at() + self.waited if self.ended_at is None else self.ended_at + _UNTIL_GONE

    def grant(self, waited: float) -> bool:
        """Give the child the time for which it was kept waiting; return whether that is more than it had."""
        before, self.waited = self.waited, min(waited, _MOST_WAITED)
        return self.waited > before

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
            # One with the right seal and the wrong shape is not the reporter's either.
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
                message = self._genuine(line)
                if message is not None:
                    self.work.reported(message)

    def bury(self) -> None:
        """Take its last messages, and close its files."""
        self.read()
        self.forget()

    def forget(self) -> None:
        """Close its files, and remove its folder."""
        os.close(self.channel)
        self.printed.close()
        self.stack.close()
        remove_tree(self.folder)

    def was_killed_by_another(self) -> bool:
        """Return whether a signal that nobody of the grader has sent has ended it."""
        assert self.exited is not None
        own = self.exited["excess"] or self.ended_at is not None
        return not own and self.exited["status"] in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)

    def ending(self) -> Ending:
        """Return how the child ended."""
        assert self.exited is not None
        return Ending(
            killed=self.ended_at is not None,
            status=self.exited["status"],
            hang=self._hang(),
            printed=self._as_the_learner_knows_it(_start_of(self.printed)),
            excess=self.exited["excess"],
            stopped=self.exited["stopped"],
            starved=self.waited >= _MOST_WAITED,
        )

    def _hang(self) -> dict[str, Any]:
        """Find the innermost frame in the learner's files. The child may have put anything in their place since."""
        for frame in _FRAME.finditer(_start_of(self.stack)):
            name = frame["path"].removeprefix(f"{self.folder / 'submission'}/")
            if content := self.snapshot.files.get(name):
                line, lines = int(frame["line"]), content.decode(errors="replace").split("\n")
                source = lines[line - 1].strip() if 0 < line <= len(lines) else ""
                return {"path": str(self.snapshot.tree / name), "line": line, "source": source}
        return {}

    def _as_the_learner_knows_it(self, text: str) -> str:
        return text.replace(str(self.folder / "submission"), str(self.snapshot.tree))

    def _genuine(self, line: bytes) -> dict[str, Any] | None:
        """Return the message if the reporter wrote it: a submission may write to any file descriptor."""
        seal, _, message = line.decode(errors="replace").partition(" ")
        if seal != self.seal:
            return None
        found = json.loads(message, object_hook=self._renamed)
        return found if isinstance(found, dict) else None

    def _renamed(self, parts: dict[str, Any]) -> dict[str, Any]:
        texts = {name: value for name, value in parts.items() if isinstance(value, str)}
        return parts | {name: self._as_the_learner_knows_it(text) for name, text in texts.items()}


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


def _start_of(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), _MOST_PRINTED, 0).decode(errors="replace")
