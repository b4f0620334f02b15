"""The parent's side of the fork server: start it, ask it for children, notice its end."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from kata.core.errors import BrokenSetup
from kata.core.paths import ROOT

# For the answer to a request, in seconds: the server may have been halted.
_PATIENCE = 30.0


class ServerLost(Exception):
    """The server is gone, and all that it forked with it."""


class ServerProcess:
    """A running fork server.

    :param environment: all its variables, which its children inherit.
    :param log: file for what it prints.
    """

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log
        self._unread = b""
        self._waiting: list[dict[str, Any]] = []
        self._is_warm = False
        self._connection, theirs = socket.socketpair()
        # The server has Airflow from its own environment only; the tree is put on the path in the children.
        own = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
        with theirs, log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kata.grading.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                env=own,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Return when Airflow is imported. Raises `BrokenSetup` when that fails."""
        try:
            self._next_message()
        except ServerLost:
            last = self._log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise BrokenSetup(f"Airflow cannot be imported ({last[0]}). Run: make clean setup") from None

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def pid(self) -> int:
        return self._process.pid

    def fork(self, job: dict[str, Any], channel: int) -> int:
        """Have a child forked for `job` that reports to `channel`; its process id, which is its group's too."""
        try:
            socket.send_fds(self._connection, [json.dumps({"job": job}).encode() + b"\n"], [channel])
        except OSError:
            raise ServerLost from None
        while True:
            message = self._next_message(patience=_PATIENCE)
            if "forked" in message:
                return int(message["forked"])
            self._waiting.append(message)

    def warm_up(self) -> None:
        """Return when the server has prepared itself for running DAGs, which it does once. Raises `ServerLost`."""
        if self._is_warm:
            return
        try:
            self._connection.sendall(b'{"warm up": true}\n')
        except OSError:
            raise ServerLost from None
        while "warm" not in (message := self._next_message()):
            self._waiting.append(message)
        self._is_warm = True

    def exited(self) -> list[tuple[int, int]]:
        """Process id and wait status of the children that ended since the last call. Raises `ServerLost`."""
        messages, self._waiting = self._waiting, []
        with contextlib.suppress(BlockingIOError):
            while True:
                messages.append(self._next_message(block=False))
        return [(message["exited"], message["status"]) for message in messages]

    @property
    def has_news(self) -> bool:
        return bool(self._waiting)

    def end(self) -> None:
        """End the server; it takes its children with it."""
        self._connection.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _next_message(self, block: bool = True, patience: float | None = None) -> dict[str, Any]:
        while b"\n" not in self._unread:
            if block and not select.select([self._connection], [], [], patience)[0]:
                raise ServerLost
            try:
                more = self._connection.recv(65536, 0 if block else socket.MSG_DONTWAIT)
            except ConnectionError:
                raise ServerLost from None
            if not more:
                raise ServerLost
            self._unread += more
        line, self._unread = self._unread.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message
