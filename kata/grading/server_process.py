"""The parent's side of the fork server: start it, ask it for children, notice its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from multiprocessing import Pipe, reduction
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
        self._waiting: list[dict[str, Any]] = []
        self._is_warm = False
        self._connection, theirs = Pipe()
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
        """Have a child forked for `job` that reports to `channel`; return its process id, which is its group's too.

        :raises ServerLost: if the server does not answer.
        """
        self._send({"job": job})
        try:
            reduction.send_handle(self._connection, channel, self.pid)
        except OSError:
            raise ServerLost from None
        return int(self._answer("forked", patience=_PATIENCE))

    def warm_up(self) -> None:
        """Return when the server has prepared itself for running DAGs, which it does once. Raises `ServerLost`."""
        if not self._is_warm:
            self._send({"warm up": True})
            self._is_warm = self._answer("warm")

    def exited(self) -> list[tuple[int, int]]:
        """Return process id and wait status of the children that ended since the last call. Raises `ServerLost`."""
        messages, self._waiting = self._waiting, []
        while self._connection.poll():
            messages.append(self._next_message())
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

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._connection.send_bytes(json.dumps(request).encode())
        except OSError:
            raise ServerLost from None

    def _answer(self, name: str, patience: float | None = None) -> Any:
        """Return the next message of this name; the others are for `exited`."""
        while name not in (message := self._next_message(patience)):
            self._waiting.append(message)
        return message[name]

    def _next_message(self, patience: float | None = None) -> dict[str, Any]:
        try:
            if not self._connection.poll(patience):
                raise ServerLost
            return json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise ServerLost from None
