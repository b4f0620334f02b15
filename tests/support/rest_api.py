"""A REST API on a loopback port: Airflow's as far as the exercise reads it, or a partner's, with its faults."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from . import spy

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


Respond = Callable[[BaseHTTPRequestHandler], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.closed = threading.Event()

    def handle_error(self, *args: Any) -> None:
        """A client that has gone is no error."""


class RestApi:
    """
    A server and what it was asked.

    :param port: 0 for any free port.

    :ivar url: its address, ``http://127.0.0.1:port``.
    :ivar requests: method and path of each request, in order.
    :ivar answer: what it does: a status for every request, or None to answer as ``ANSWERS`` say.
    """

    def __init__(self, port: int = 0) -> None:
        self.requests: list[tuple[str, str]] = []
        self.answer: int | None = None
        # Further paths: status and body, or what responds, one for each request, the last one repeatedly.
        self.bodies: dict[str, list[tuple[int, Any] | Respond]] = {}
        self._server = _Server(port, _handler(self))
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        # It never wakes of itself: a clock that stands still while a thread is at work would not get on.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(None,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.closed.set()
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
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                return answer(self) if callable(answer) else self._send(*answer)
            if path == "/auth/token":
                return self._send(201, {"access_token": TOKEN})
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._send(401, {"detail": "Not authenticated"})
            return self._send(200, ANSWERS[path]) if path in ANSWERS else self._send(404, {"detail": "Not Found"})

        def _send(self, status: int, body: Any) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            _send_head(self, status, len(data))
            self.wfile.write(data)

    return Handler


def _send_head(handler: BaseHTTPRequestHandler, status: int, length: int, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(length), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()


def redirect(status: int, location: str) -> Respond:
    """Redirect to another page."""
    return lambda handler: _send_head(handler, status, 0, Location=location)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection in the middle of the body, as a server that is killed does."""
    _send_head(handler, 200, 100)
    handler.wfile.write(b'{"status": ')
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection in the middle of the body, as a proxy does that has waited for too long."""
    _send_head(handler, 200, 100)
    handler.wfile.write(b'{"status": ')


def another_protocol(handler: BaseHTTPRequestHandler) -> None:
    """Respond with something other than HTTP."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def _wait(handler: BaseHTTPRequestHandler, seconds: float | None) -> None:
    """Wait for seconds on the clock of the check, or until the server is closed."""
    # That clock stands still for a client that blocks the event loop; it has been noticed already.
    if not (spy._spy and spy._spy.blocking):
        handler.server.closed.wait(seconds)


def silence(handler: BaseHTTPRequestHandler) -> None:
    """Send nothing until the server is closed."""
    _wait(handler, None)


def late(seconds: float, body: Any, dripping: bool = False) -> Respond:
    """Take seconds, on the clock of the check, for the body; dripping: byte by byte."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        data = json.dumps(body).encode()
        pieces = [data[index : index + 1] for index in range(len(data))] if dripping else [data]
        _send_head(handler, 200, len(data))
        for piece in pieces:
            _wait(handler, seconds / len(pieces))
            handler.wfile.write(piece)

    return respond


@contextmanager
def serving(port: int = 0) -> Iterator[RestApi]:
    """Serve for as long as the block lasts."""
    api = RestApi(port)
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
def silent() -> Iterator[str]:
    """Yield the URL of a server that never says a word; every timeout in this process is short meanwhile."""
    listener = socket.create_server(("127.0.0.1", 0))
    callers: list[socket.socket] = []
    threading.Thread(target=_take_calls, args=(listener, callers), daemon=True).start()
    with short_timeouts():
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.close()
            for caller in callers:
                caller.close()


@contextmanager
def short_timeouts() -> Iterator[None]:
    """Let every timeout of a socket in this process be short meanwhile; those of an event loop go by its clock."""
    settimeout = socket.socket.settimeout

    def soon(sock: socket.socket, seconds: float | None) -> None:
        # A socket without a timeout would wait for ever, and with it the check; the check's own limit then ends it.
        settimeout(sock, seconds if seconds is None or seconds == 0 else min(seconds, SILENCE))

    with mock.patch.object(socket.socket, "settimeout", soon):
        yield


def _take_calls(listener: socket.socket, callers: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            callers.append(listener.accept()[0])
