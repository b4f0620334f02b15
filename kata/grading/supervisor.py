"""The supervisor: runs jobs in children of the fork server, several at once, and ends each at its deadline."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kata.core.environment import copy_template
from kata.core.errors import BrokenSetup
from kata.core.paths import MODULE
from kata.grading.running_child import LAST_WORDS, Ending, RunningChild, Work
from kata.grading.sandbox import Sandbox
from kata.grading.server_process import ServerLost, ServerProcess
from kata.grading.snapshot import Snapshot

_MOST_LOST = 3
# Seconds. In the sandbox nobody can halt the server; elsewhere a submission may.
_LET_GO_ON_EVERY = 0.25


class Interrupted(Exception):
    """The wake-up descriptor became readable; the running children are ended, the server is not."""


@dataclass
class Supervisor:
    """Runs work on fork servers.

    :param start_server: makes a server; called again when one is lost.
    :param folder: where the children's folders are made.
    :param sandbox: what the children are kept in.
    :param at_once: how many children may run at the same time.
    :param wake: a file descriptor; once it can be read, `run` raises `Interrupted`.
    """

    start_server: Callable[[], ServerProcess]
    folder: Path
    sandbox: Sandbox
    at_once: int
    wake: int | None = None
    _server: ServerProcess | None = None
    _children: list[RunningChild] = field(default_factory=list)
    _alone: bool = False
    _lost: int = 0

    def run(self, works: Sequence[Work]) -> None:
        """Return when all is done. Whatever ends this call early also ends all children.

        :raises BrokenSetup: if servers are lost again and again while no child runs that could have done it.
        """
        waiting = list(works)
        self._alone, self._lost = False, 0
        try:
            while waiting or self._children:
                try:
                    self._fill(waiting, 1 if self._alone else self.at_once)
                    waiting[:0] = self._watch()
                except ServerLost:
                    waiting[:0] = self._begin_again()
        except Interrupted:
            self._end_children()
            raise
        except BaseException:
            self.end()
            raise

    def warm_up(self) -> None:
        """Have the server prepare what the first run of a DAG would have to; it answers nothing else meanwhile."""
        with contextlib.suppress(ServerLost):
            self._running_server().warm_up()

    def end(self) -> None:
        """End everything that was started."""
        self._end_server()
        for child in self._children:
            child.forget()
        self._children = []

    def _running_server(self) -> ServerProcess:
        if self._server is None:
            self._server = self.start_server()
        return self._server

    def _begin_again(self) -> list[Work]:
        """Give the lost server up; return the work that needs another child."""
        # One of the running children did it. Which one shows when they run one at a time.
        lost, self._children = self._children, []
        self._lost += not lost
        for child in lost:
            child.bury()
            if self._alone:
                child.work.ended(Ending(killed=False, status=None))
            else:
                child.work.interrupted()
        self._alone = True
        self._end_server()
        if self._lost > _MOST_LOST:
            raise BrokenSetup("The process that runs the checks ends again and again. Its log: .kata/logs/grade.log")
        return [child.work for child in lost]

    def _end_children(self) -> None:
        for child in self._children:
            with contextlib.suppress(ServerLost):
                self._running_server().end_child(child.id)
            child.forget()
        self._children = []

    def _end_server(self) -> None:
        if self._server is not None:
            self._server.end()
            self._server = None

    def _fill(self, waiting: list[Work], at_once: int) -> None:
        while waiting and len(self._children) < at_once:
            job = waiting[0].next_job()
            if job is not None:
                self._children.append(self._fork(waiting[0], job))
            waiting.pop(0)
        if len(self._children) > 1:
            for child in self._children:
                child.had_company = True

    def _fork(self, work: Work, job: dict[str, Any]) -> RunningChild:
        server = self._running_server()
        folder = self._new_folder(job["snapshot"])
        seal = secrets.token_hex(16)
        told = {name: value for name, value in job.items() if name != "snapshot"}
        told |= {
            "enclosed": self.sandbox.has_landlock,
            "seal": seal,
            "folder": str(folder),
            "tree": str(folder / "submission"),
        }
        channel, theirs = os.pipe()
        os.set_blocking(channel, False)
        # Without a name, so that nobody can put anything else in their place.
        printed, stack = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed by the child
        try:
            child = server.fork(told, [theirs, printed.fileno(), stack.fileno()])
        except BaseException:
            os.close(channel)
            printed.close()
            stack.close()
            raise
        finally:
            os.close(theirs)
        return RunningChild(work, child, seal, channel, printed, stack, folder, job["snapshot"])

    def _new_folder(self, snapshot: Snapshot) -> Path:
        """Make a folder with all that one child needs, and nothing that another one could have changed."""
        self.folder.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "work").mkdir()
        (folder / "submission").mkdir()
        (folder / "dags").mkdir()
        snapshot.write_to(folder / "submission")
        # To run a DAG, Airflow imports all that lies in the folder of the DAGs: only the one file is graded.
        (folder / "dags" / f"{MODULE}.py").symlink_to(folder / "submission" / f"{MODULE}.py")
        copy_template(folder / "airflow.db")
        return folder

    def _watch(self) -> list[Work]:
        """Wait for messages and ends, and handle them; return the work that needs another child."""
        if not self._children:
            return []
        server = self._running_server()
        with selectors.DefaultSelector() as selector:
            selector.register(server, selectors.EVENT_READ)
            for child in self._children:
                if not child.silent:
                    selector.register(child.channel, selectors.EVENT_READ)
            if self.wake is not None:
                selector.register(self.wake, selectors.EVENT_READ)
            due = min(child.due() for child in self._children)
            if not self.sandbox.bubblewrap:
                server.let_go_on()
                due = min(due, time.monotonic() + _LET_GO_ON_EVERY)
            ready = selector.select(0 if server.has_news else max(0.0, due - time.monotonic()))
        if any(key.fd == self.wake for key, _ in ready):
            raise Interrupted
        exited = server.exited()
        for child in self._children:
            child.read()
            child.exited = exited.get(child.id)
            if child.exited is None and child.due() <= time.monotonic():
                self._handle_overdue(child, server)
        gone = [child for child in self._children if child.exited is not None]
        self._children = [child for child in self._children if child.exited is None]
        for child in gone:
            child.read()
            if child.was_killed_by_another() and child.had_company:
                # Perhaps by another child, gone or not. Which one it was shows when they run one at a time.
                self._alone = True
                child.work.interrupted()
            else:
                child.work.ended(child.ending())
            child.forget()
        return [child.work for child in gone]

    def _handle_overdue(self, child: RunningChild, server: ServerProcess) -> None:
        if child.ended_at is not None:
            # The server was told to end it, and has not.
            raise ServerLost
        if child.grant(server.waited(child.id)) and child.due() > time.monotonic():
            return
        child.work.overdue()
        child.ended_at = time.monotonic()
        server.end_child(child.id, grace=LAST_WORDS)
