"""The supervisor: runs jobs in children of the fork server, several at once, and ends each at its deadline."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kata.grading import limits
from kata.grading.kept_files import KeptFiles
from kata.grading.running_child import Ending, RunningChild, Work
from kata.grading.server_process import ServerLost, ServerProcess

# Seconds between two checks of what the children use up.
_CHECK_EVERY = 0.25


class Interrupted(Exception):
    """The wake-up descriptor became readable; the running children are ended, the server is not."""


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
    _children: list[RunningChild] = field(default_factory=list)
    _forked: int = 0
    _check_at: float = 0.0
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
                        child.bury()
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
            child.kill()
            os.close(child.channel)
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

    def _fork(self, work: Work, job: dict[str, Any]) -> RunningChild:
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
        return RunningChild(work, pid, seal, channel, folder)

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
            due = min(self._check_at, *(child.due() for child in self._children))
            ready = selector.select(0 if self._server.has_news else max(0.0, due - time.monotonic()))
        if any(key.fd == self.wake for key, _ in ready):
            raise Interrupted
        exited = dict(self._server.exited())
        for child in self._children:
            child.read()
            child.status = exited.get(child.pid)
            if child.status is None and child.due() <= time.monotonic():
                child.end_at_deadline()
        if self._check_at <= time.monotonic():
            self._check_usage(self._server.pid)
        gone = [child for child in self._children if child.status is not None]
        self._children = [child for child in self._children if child.status is None]
        for child in gone:
            child.bury()
            if child.was_killed_by_another() and child.had_company:
                # Perhaps by another child, gone or not. Which one it was shows when they run one at a time.
                self._alone = True
                child.work.interrupted()
            else:
                child.work.ended(child.ending())
        return [child.work for child in gone]

    def _check_usage(self, server: int) -> None:
        """End what uses up too much, and let the server go on if somebody halted it."""
        self._check_at = time.monotonic() + _CHECK_EVERY
        if limits.is_stopped(server):
            with contextlib.suppress(ProcessLookupError):
                os.kill(server, signal.SIGCONT)
        for child in self._children:
            if child.status is None and (excess := limits.excess(child.pid, server)):
                child.excess = child.excess or excess
                child.kill()
        limits.end_orphans(server, {child.pid for child in self._children})
