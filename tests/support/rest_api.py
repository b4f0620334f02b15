"""Airflow's REST API as far as the exercise reads it, on a loopback port: reachable, refusing, or silent."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

TOKEN = "a.token.of.the.check"
# Seconds that stand for any timeout, so that nobody has to wait for it. Less than `threads.QUIET`: if a thread of the
# learner's own asks, the clock jumps on after that.
SILENCE = 0.002

ANSWERS: dict[str, Any] = {
    "/api/v2/monitor/health": {"triggerer": {"status": "healthy"}, "scheduler": {"status": "healthy"}},
    "/api/v2/pools": {
        "pools": [
            {"name": "default_pool", "slots": 128, "occupied_slots": 32, "deferred_slots": 7, "open_slots": 96},
            {"name": "one_slot", "slots": 1, "occupied_slots": 1, "deferred_slots": 0, "open_slots": 0},
            {"name": "no_slots", "slots": 0, "occupied_slots": 0, "deferred_slots": 0, "open_slots": 0},
            {"name": "unlimited", "slots": -1, "occupied_slots": 5, "deferred_slots": 0, "open_slots": -1},
        ],
        "total_entries": 4,
    },
    "/api/v2/dags/~/dagRuns/~/taskInstances": {
        "task_instances": [
            {"task_id": "a", "state": "deferred", "trigger": {"id": 1, "triggerer_id": 4}},
            {"task_id": "b", "state": "deferred", "trigger": {"id": 2, "triggerer_id": 4}},
            {"task_id": "c", "state": "deferred", "trigger": {"id": 3, "triggerer_id": None}},
        ],
        "total_entries": 3,
    },
}


class RestApi:
    """
    A server and what it was asked.

    :ivar url: its address, ``http://127.0.0.1:port``.
    :ivar requests: method and path of each request, in order.
    :ivar answer: what it does: a status for every request, or None to answer as ``ANSWERS`` say.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.answer: int | None = None
        self.bodies: dict[str, list[Any]] = {}  # further paths: their answers, one a request, the last for ever
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        # It never wakes of itself: a clock that stands still while a thread is at work would not get on.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(None,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        ending = threading.Thread(target=self._server.shutdown, daemon=True)
        ending.start()
        while ending.is_alive():
            socket.create_connection(("127.0.0.1", self.port)).close()
            ending.join(0.02)
        self._server.server_close()


def _handler(api: RestApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            path = urlsplit(self.path).path
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            api.requests.append((self.command, self.path))
            if api.answer is not None:
                return self._send(api.answer, {"detail": "no"})
            if path in api.bodies:
                answers = api.bodies[path]
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                return self._send(status, body)
            if path == "/auth/token":
                return self._send(201, {"access_token": TOKEN})
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._send(401, {"detail": "Not authenticated"})
            return self._send(200, ANSWERS[path]) if path in ANSWERS else self._send(404, {"detail": "Not Found"})

        def _send(self, status: int, body: Any) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


@contextmanager
def serving() -> Iterator[RestApi]:
    """Serve for as long as the block lasts."""
    api = RestApi()
    try:
        yield api
    finally:
        api.close()


@contextmanager
def connected(url: str) -> Iterator[None]:
    """Let the Airflow connection ``airflow_api`` point to ``url``."""
    parts = urlsplit(url)
    connection = {"conn_type": "http", "host": f"{parts.scheme}://{parts.hostname}", "port": parts.port}
    with mock.patch.dict("os.environ", {"AIRFLOW_CONN_AIRFLOW_API": json.dumps(connection)}):
        yield


@contextmanager
def silent(callers: list[socket.socket] | None = None) -> Iterator[str]:
    """Yield the URL of a server that never says a word; every timeout in this process is short meanwhile.

    :param callers: takes a socket for each request.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    callers = callers if callers is not None else []
    threading.Thread(target=_take_calls, args=(listener, callers), daemon=True).start()
    settimeout = socket.socket.settimeout

    def soon(sock: socket.socket, seconds: float | None) -> None:
        # A socket without a timeout would wait for ever, and with it the check; the check's own limit then ends it.
        settimeout(sock, seconds if seconds is None or seconds == 0 else min(seconds, SILENCE))

    with mock.patch.object(socket.socket, "settimeout", soon):
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.close()
            for caller in callers:
                caller.close()


def _take_calls(listener: socket.socket, callers: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            callers.append(listener.accept()[0])
