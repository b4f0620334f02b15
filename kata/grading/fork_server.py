"""The process that has imported Airflow once and forks a child for every job.

It stays single-threaded and never imports the learner's module. JSON objects go each way over the connection:
`{"job": …}`, followed by the file descriptor of the child's report channel, then `{"forked": pid}`, later
`{"exited": pid, "status": …}`; or `{"warm up": true}`, then `{"warm": true}`. When the connection ends, the server ends
with all that it forked.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import sys
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import freezegun

from kata.core.processes import adopt_orphans
from kata.grading import child

# What the tests and every answer import: the children find it done.
_IMPORTED_ONCE = (
    "anyio._backends._asyncio",
    "pytest",
    "pytest_asyncio",
    "unittest.mock",
    "airflow.sdk",
    "airflow.sdk.bases.sensor",
    "airflow.sdk.exceptions",
    "airflow.exceptions",
    "airflow.triggers.base",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.sensors.filesystem",
    "airflow.providers.standard.sensors.time_delta",
    "airflow.providers.standard.sensors.date_time",
    "airflow.providers.standard.triggers.file",
    "airflow.providers.standard.triggers.temporal",
    # Before any code of a learner's could write into its file.
    "kata.grading.reporter",
)

# What they import from one place or another: the first is that of Airflow 3.2 and later.
_IMPORTED_FROM_ONE_OF = (
    ("airflow.sdk.serde", "airflow.serialization.serialized_objects"),
    ("airflow.dag_processing.dagbag", "airflow.models.dagbag"),
)


def serve(connection: Connection) -> None:
    """Fork a child for every job until the other side closes the connection."""
    server = _Server(connection)
    try:
        server.loop()
    finally:
        signal.set_wakeup_fd(-1)
        server.kill_all()


class _Server:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._children: set[int] = set()
        # A finished child wakes the loop through this pair.
        self._wake_up, self._woken = socket.socketpair()
        for end in (self._wake_up, self._woken):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_up.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def loop(self) -> None:
        self._send({"ready": True})
        while True:
            readable, _, _ = select.select([self._connection, self._woken], [], [])
            if self._woken in readable:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
                self._reap()
            if self._connection in readable and not self._take_request():
                return

    def kill_all(self) -> None:
        for pid in self._children:
            _kill_group(pid)
        _kill_adopted(set())

    def _take_request(self) -> bool:
        """Carry out a request; return False if the other side is gone."""
        try:
            request = json.loads(self._connection.recv_bytes())
            if "job" in request:
                self._fork(request["job"], reduction.recv_handle(self._connection))
            else:
                _warm_up()
                self._send({"warm": True})
        except (EOFError, ConnectionError):
            return False
        return True

    def _fork(self, job: dict[str, Any], channel: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_child(job, channel)
        os.close(channel)
        self._children.add(pid)
        self._send({"forked": pid})

    def _become_child(self, job: dict[str, Any], channel: int) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for own in (self._connection, self._wake_up, self._woken):
            own.close()
        child.live(job, channel)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._children:
                self._children.discard(pid)
                _kill_group(pid)
                self._send({"exited": pid, "status": status})
            _kill_adopted(self._children)

    def _send(self, message: dict[str, Any]) -> None:
        # The other side may be gone; the loop notices that by itself.
        with contextlib.suppress(OSError):
            self._connection.send_bytes(json.dumps(message).encode())


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill_adopted(own: set[int]) -> None:
    """End the processes that left their group and lost their parent: they became children of this one."""
    try:
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except OSError:
        return
    for pid in map(int, listed.split()):
        if pid not in own:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _warm_up() -> None:
    """Build the API that `dag.test()` talks to in its own process: seconds of work, the same for every run."""
    # Of use only, and Airflow's versions differ in it.
    with contextlib.suppress(Exception):
        from airflow.sdk.execution_time.supervisor import in_process_api_server

        in_process_api_server().app._cadwyn_initialize()
        gc.collect()
        gc.freeze()


def _main() -> None:
    connection = Connection(int(sys.argv[1]))
    adopt_orphans()
    for module in _IMPORTED_ONCE:
        importlib.import_module(module)
    for places in _IMPORTED_FROM_ONE_OF:
        importlib.import_module(next(place for place in places if importlib.util.find_spec(place)))
    # freezegun inspects every module when it freezes the clock for the first time: once here, not in every child.
    with freezegun.freeze_time():
        pass
    # The collector need not look at Airflow again in every child, and so copy its memory.
    gc.collect()
    gc.freeze()
    serve(connection)
    # Taking Airflow down in order would take a second and is of no use.
    os._exit(0)


if __name__ == "__main__":
    _main()
