"""The supervisor: runs jobs in children of the fork server, several at once, and ends each at its deadline."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kata.grading import limits
from kata.grading.kept_files import KeptFiles
from kata.grading.server_process import ServerLost, ServerProcess

# From the request to write the stack down to the end.
_LAST_WORDS = 0.3
# Between two looks at what the children use up.
_LOOK_EVERY = 0.25
_MOST_PRINTED = 64 * 1024
_LONGEST_MESSAGE = 2**20


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


class Interrupted(Exception):
    """The wake-up descriptor became readable; the running children are ended, the server is not."""


class Work(Protocol):
    """What is done in one child process, or in several one after the other."""

    def next_job(self) -> dict[str, Any] | None:
        """Return what the next child has to do; None if the work is over."""

    def reported(self, message: dict[str, Any]) -> None:
        """Take a message from the child."""

    def kill_at(self) -> float:
        """Return when the child's time is over, in seconds of the monotonic clock."""

    def overdue(self) -> None:
        """Note that the child's time is over; it will be killed."""

    def ended(self, ending: Ending) -> None:
        """Note that the child has ended."""

    def interrupted(self) -> None:
        """Note that the child has ended, perhaps through no fault of its own."""


@dataclass
class _Child:
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
        return self.work.kill_at() if self.last_words_end is None else self.last_words_end


@dataclass
class Supervisor:
    """Runs work on fork servers.

    :param start_server: makes a server; called again when one is lost.
    :param folder: where the children's folders are made.
    :param at_once: how many children may run at the same time.
    :param wake: a file descriptor; once it can be read, `run` raises `Interrupted`.
    """

    start_server: Callable[[], ServerProcess]
    folder: Path
    at_once: int
    wake: int | None = None
    _server: ServerProcess | None = None
    _children: list[_Child] = field(default_factory=list)
    _forked: int = 0
    _look_at: float = 0.0
    _alone: bool = False
    _suites: dict[str, KeptFiles] = field(default_factory=dict)

    def run(self, works: Sequence[Work]) -> None:
        """Return when all is done. Whatever ends this call early also ends all children."""
        waiting = list(works)
        self._alone = False
        try:
            while waiting or self._children:
                try:
                    self._fill(waiting, 1 if self._alone else self.at_once)
                    waiting[:0] = self._watch()
                except ServerLost:
                    # One of the running children did it. Which one shows when they run one at a time.
                    lost, self._children = self._children, []
                    waiting[:0] = [child.work for child in lost]
                    for child in lost:
                        _kill_group(child.pid)
                        self._read(child)
                        self._let_go(child)
                        if self._alone:
                            child.work.ended(Ending(killed=False, status=None))
                        else:
                            child.work.interrupted()
                    self._alone = True
                    self._end_server()
        except Interrupted:
            self._end_children()
            raise
        except BaseException:
            self.end()
            raise

    def keep(self, suite: Path) -> KeptFiles:
        """Take the checks as they are now for all that follows, whatever becomes of their files."""
        self._suites[str(suite)] = KeptFiles(suite)
        return self._suites[str(suite)]

    def warm_up(self) -> None:
        """Have the server prepare what the first run of a DAG would have to; it answers nothing else meanwhile."""
        if self._server is None:
            self._server = self.start_server()
        with contextlib.suppress(ServerLost):
            self._server.warm_up()

    def end(self) -> None:
        """End everything that was started."""
        self._end_children()
        self._end_server()

    def _end_children(self) -> None:
        for child in self._children:
            _kill_group(child.pid)
            self._let_go(child)
        self._children = []

    def _end_server(self) -> None:
        if self._server is not None:
            self._server.end()
            self._server = None

    def _fill(self, waiting: list[Work], at_once: int) -> None:
        while waiting and len(self._children) < at_once:
            work = waiting[0]
            job = work.next_job()
            if job is not None:
                self._children.append(self._fork(work, job))
            waiting.pop(0)
        if len(self._children) > 1:
            for child in self._children:
                child.had_company = True

    def _fork(self, work: Work, job: dict[str, Any]) -> _Child:
        if self._server is None:
            self._server = self.start_server()
        self._forked += 1
        folder = self.folder / f"child-{self._forked}"
        (folder / "work").mkdir(parents=True)
        if job["do"] != "import":
            job = {**job, "suite": str(self._copy_of(Path(job["suite"]), folder / "suite"))}
        seal = secrets.token_hex(16)
        own = {
            "seal": seal,
            "folder": folder / "work",
            "printed": folder / "printed",
            "stack": folder / "stack",
        }
        channel, theirs = os.pipe()
        try:
            pid = self._server.fork({**job, **{name: str(value) for name, value in own.items()}}, theirs)
        except BaseException:
            os.close(channel)
            raise
        finally:
            os.close(theirs)
        os.set_blocking(channel, False)
        return _Child(work, pid, seal, channel, folder)

    def _copy_of(self, suite: Path, folder: Path) -> Path:
        kept = self._suites.get(str(suite)) or self.keep(suite)
        kept.write_to(folder)
        return folder

    def _watch(self) -> list[Work]:
        """Wait for messages and ends, and handle them; return the work that needs another child."""
        if not self._children:
            return []
        assert self._server is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            for child in self._children:
                if not child.silent:
                    selector.register(child.channel, selectors.EVENT_READ)
            if self.wake is not None:
                selector.register(self.wake, selectors.EVENT_READ)
            due = min(self._look_at, *(child.due() for child in self._children))
            ready = selector.select(0 if self._server.has_news else max(0.0, due - time.monotonic()))
        if any(key.fd == self.wake for key, _ in ready):
            raise Interrupted
        exited = dict(self._server.exited())
        for child in self._children:
            self._read(child)
            child.status = exited.get(child.pid)
            if child.status is None and child.due() <= time.monotonic():
                _end_at_deadline(child)
        if self._look_at <= time.monotonic():
            self._look_after(self._server.pid)
        gone = [child for child in self._children if child.status is not None]
        self._children = [child for child in self._children if child.status is None]
        for child in gone:
            _kill_group(child.pid)
            self._read(child)
            self._let_go(child)
            if _was_killed(child) and child.had_company:
                # Perhaps by another child, gone or not. Which one it was shows when they run one at a time.
                self._alone = True
                child.work.interrupted()
            else:
                child.work.ended(_ending(child))
        return [child.work for child in gone]

    def _look_after(self, server: int) -> None:
        """End what uses up too much, and let the server go on if somebody halted it."""
        self._look_at = time.monotonic() + _LOOK_EVERY
        if limits.is_stopped(server):
            with contextlib.suppress(ProcessLookupError):
                os.kill(server, signal.SIGCONT)
        for child in self._children:
            if child.status is None and (excess := limits.excess(child.pid, server)):
                child.excess = child.excess or excess
                _kill_group(child.pid)
        limits.end_orphans(server, {child.pid for child in self._children})

    def _read(self, child: _Child) -> None:
        with contextlib.suppress(BlockingIOError):
            # No more at a time: a child may write without end.
            for _ in range(16):
                more = os.read(child.channel, 65536)
                child.silent = not more
                if child.silent:
                    break
                child.unread += more
        *lines, child.unread = child.unread.split(b"\n")
        child.unread = child.unread[:_LONGEST_MESSAGE]
        for line in lines:
            message = _genuine(line, child.seal)
            if message is not None:
                # One with the right seal and the wrong shape is not the reporter's either.
                with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                    child.work.reported(message)

    def _let_go(self, child: _Child) -> None:
        os.close(child.channel)


def _genuine(line: bytes, seal: str) -> dict[str, Any] | None:
    """Return the message if the reporter wrote it: a submission may write to any file descriptor."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and message.get("seal") == seal else None


def _end_at_deadline(child: _Child) -> None:
    if child.last_words_end is None:
        child.work.overdue()
        child.stopped = limits.is_stopped(child.pid)
        child.last_words_end = time.monotonic() + _LAST_WORDS
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGUSR1)
    else:
        _kill_group(child.pid)
        child.last_words_end = time.monotonic() + 1


def _was_killed(child: _Child) -> bool:
    """Return whether a signal that this process did not send has ended it."""
    own = child.excess or child.last_words_end is not None
    return not own and child.status in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _ending(child: _Child) -> Ending:
    return Ending(
        killed=child.last_words_end is not None,
        status=child.status,
        stack=_start_of(child.folder / "stack"),
        printed=_start_of(child.folder / "printed"),
        excess=child.excess,
        stopped=child.stopped,
    )


def _start_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_PRINTED).decode(errors="replace")
    except OSError:
        return ""
