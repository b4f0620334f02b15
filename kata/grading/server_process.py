"""The parent's side of the fork server: start it, ask it for children, notice its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Pipe, reduction
from pathlib import Path
from typing import Any

import psutil

from kata.core.errors import BrokenSetup
from kata.core.paths import ROOT
from kata.grading.sandbox import Sandbox

# For the answer to a request, in seconds: the server may have been halted.
_PATIENCE = 30.0


class ServerLost(Exception):
    """The server is gone, and all that it forked with it."""


class ServerProcess:
    """A running fork server, in the sandbox.

    :param environment: all its variables, which its children inherit.
    :param scratch: the only folder that it may write to.
    :param suite: the folder of the checks.
    :param log: file for what it prints.
    """

    def __init__(self, environment: dict[str, str], scratch: Path, suite: Path, log: Path, sandbox: Sandbox) -> None:
        self._log = log
        self._sandbox = sandbox
        self._scratch = scratch
        self._waiting: list[dict[str, Any]] = []
        self._is_warm = False
        self._connection, theirs = Pipe()
        # The server has Airflow from its own environment only; the tree is put on the path in the children.
        own = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
        with theirs, log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *sandbox.command(scratch, suite),
                    *(sys.executable, "-m", "kata.grading.fork_server", str(theirs.fileno())),
                ],
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

    def fork(self, job: dict[str, Any], descriptors: Sequence[int]) -> int:
        """Have a child forked that does a job; return what the server knows it by.

        :param descriptors: what it reports to, prints to, and writes its stack to.
        :raises ServerLost: if the server does not answer.
        :raises BrokenSetup: if the machine allows no further process.
        """
        self._send({"job": job})
        try:
            with socket.socket(fileno=os.dup(self._connection.fileno())) as connection:
                reduction.sendfds(connection, descriptors)
        except OSError:
            raise ServerLost from None
        answer = self._answer("forked")
        if not answer["forked"]:
            raise BrokenSetup(
                f"No further process can be started ({answer['why']}). Close other programs and try again."
            )
        return int(answer["forked"])

    def end_child(self, child: int, grace: float = 0) -> None:
        """Have a child killed with all that it started.

        :param grace: seconds in which it writes its stack down. Raises `ServerLost`.
        """
        self._send({"end": child, "grace": grace})

    def waited(self, child: int) -> float:
        """Return for how many seconds a child was ready to run and no processor was free. Raises `ServerLost`."""
        self._send({"waited": child})
        return float(self._answer("waited")["waited"])

    def warm_up(self) -> None:
        """Return when the server has prepared itself for running DAGs, which it does once. Raises `ServerLost`."""
        if not self._is_warm:
            self._send({"warm up": True})
            self._answer("warm", patience=None)
            self._is_warm = True

    def exited(self) -> dict[int, dict[str, Any]]:
        """Return how children ended since the last call, by what each is known by. Raises `ServerLost`."""
        messages, self._waiting = self._waiting, []
        while self._connection.poll():
            messages.append(self._next_message())
        return {message["exited"]: message for message in messages}

    def let_go_on(self) -> None:
        """Let the server go on if somebody has halted it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)

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
        if not self._sandbox.bubblewrap:
            _end_all_of(self._scratch)

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._connection.send_bytes(json.dumps(request).encode())
        except OSError:
            raise ServerLost from None

    def _answer(self, name: str, patience: float | None = _PATIENCE) -> dict[str, Any]:
        """Return the next message with this name; the others are for `exited`."""
        while name not in (message := self._next_message(patience)):
            self._waiting.append(message)
        return message

    def _next_message(self, patience: float | None = None) -> dict[str, Any]:
        try:
            if not self._connection.poll(patience):
                raise ServerLost
            return json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise ServerLost from None


def _end_all_of(scratch: Path) -> None:
    """End the processes that have left their server: what they were started with tells whose they are."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("KATA_DATA_DIR", "").startswith(f"{scratch}/"):
                process.kill()
