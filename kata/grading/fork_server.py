"""The process that has imported Airflow once and forks a child for every job.

It stays single-threaded and never imports the learner's module. JSON objects go each way over the connection:

- `{"job": …}` and three file descriptors of the child's (see `child.run_job`), then `{"forked": pid}`, later
  `{"exited": pid, "status": …, "excess": …, "stopped": …}` (see `Ending`);
- `{"end": pid, "grace": seconds}`: the child writes its stack down and is killed after that time;
- `{"waited": pid}`, then `{"waited": seconds}` that the child was ready to run and no processor was free;
- `{"warm up": true}`, then `{"warm": true}`.

When the connection ends, the server ends with all that it forked. In the sandbox it is the first process of its
namespace: the kernel protects it from the signals of its children, and nothing that they start outlives it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import math
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import freezegun

from kata.core.processes import adopt_orphans
from kata.grading import child, limits

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


# Seconds between two checks of what the children use up.
_CHECK_EVERY = 0.25


@dataclass
class _Child:
    """A child that runs.

    :param kill_at: in seconds of the monotonic clock.
    :param excess: the limit that it went beyond, and was ended for.
    :param stopped: it was halted by a signal when its end was asked for.
    """

    pid: int
    kill_at: float = math.inf
    excess: str = ""
    stopped: bool = False


class _Server:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._children: dict[int, _Child] = {}
        self._check_at = 0.0
        # A finished child wakes the loop through this pair.
        self._wake_up, self._woken = socket.socketpair()
        for end in (self._wake_up, self._woken):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_up.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def loop(self) -> None:
        self._send({"ready": True})
        while True:
            due = min([self._check_at, *(each.kill_at for each in self._children.values())])
            timeout = max(0.0, due - time.monotonic()) if self._children else None
            readable, _, _ = select.select([self._connection, self._woken], [], [], timeout)
            if self._woken in readable:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
                self._reap()
            if self._connection in readable and not self._take_request():
                return
            self._look_after_children()

    def kill_all(self) -> None:
        for pid in self._children:
            _kill_group(pid)
        self._kill_adopted()

    def _take_request(self) -> bool:
        """Carry out a request; return False if the other side is gone."""
        try:
            request = json.loads(self._connection.recv_bytes())
            if "job" in request:
                self._fork(request["job"], self._receive_descriptors())
            elif "end" in request:
                self._end(request["end"], request["grace"])
            elif "waited" in request:
                self._send({"waited": limits.kept_waiting(request["waited"])})
            else:
                _warm_up()
                self._send({"warm": True})
        except (EOFError, ConnectionError):
            return False
        return True

    def _receive_descriptors(self) -> list[int]:
        with socket.socket(fileno=os.dup(self._connection.fileno())) as connection:
            return reduction.recvfds(connection, len(("channel", "printed", "stack")))

    def _fork(self, job: dict[str, Any], descriptors: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            self._send({"forked": 0, "why": str(error)})
            return
        if pid == 0:
            self._become_child(job, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._children[pid] = _Child(pid)
        self._send({"forked": pid})

    def _become_child(self, job: dict[str, Any], descriptors: list[int]) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for own in (self._connection, self._wake_up, self._woken):
            own.close()
        child.run_job(job, *descriptors)

    def _end(self, pid: int, grace: float) -> None:
        if running := self._children.get(pid):
            running.stopped = limits.is_stopped(pid)
            running.kill_at = time.monotonic() + grace
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)

    def _look_after_children(self) -> None:
        """Kill the children whose time is over, and those that use up too much."""
        now = time.monotonic()
        if self._check_at <= now:
            self._check_at = now + _CHECK_EVERY
            for running in self._children.values():
                if excess := limits.excess(running.pid):
                    running.excess, running.kill_at = running.excess or excess, now
            self._kill_adopted()
        for running in self._children.values():
            if running.kill_at <= now:
                running.kill_at = now + _CHECK_EVERY
                _kill_group(running.pid)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if gone := self._children.pop(pid, None):
                _kill_group(pid)
                self._send({"exited": pid, "status": status, "excess": gone.excess, "stopped": gone.stopped})
            self._kill_adopted()

    def _kill_adopted(self) -> None:
        """End the processes that left their group and lost their parent: they became children of this one."""
        for pid in limits.children(os.getpid()):
            if pid not in self._children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _send(self, message: dict[str, Any]) -> None:
        # The other side may be gone; the loop notices that by itself.
        with contextlib.suppress(OSError):
            self._connection.send_bytes(json.dumps(message).encode())


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


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
    # Python's own handler would end the server.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
