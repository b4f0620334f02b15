"""A REST API on a loopback port: Airflow's as far as the exercise reads it, or a partner's, with its faults."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from . import system_calls

TOKEN = "a.token.of.the.check"
SILENCE = 0.002  # seconds that replace any timeout, so that no check has to wait for it

# What Airflow's API answers, by path.
ANSWERS: dict[str, Any] = json.loads(Path(__file__).with_name("airflow_api.json").read_text(encoding="utf-8"))


class _Handler(BaseHTTPRequestHandler):
    server: RestApi

    def log_message(self, *args: Any) -> None:
        pass

    def respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path))
        answer = self.server.answer or self._answer(urlsplit(self.path).path)
        if callable(answer):
            return answer(self)
        status, body = answer
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        _send_head(self, status, len(data))
        self.wfile.write(data)

    do_GET = do_POST = respond  # noqa: N815 - the names that http.server looks for

    def _answer(self, path: str) -> tuple[int, Any] | Respond:
        if bodies := self.server.bodies.get(path):
            return bodies.pop(0) if len(bodies) > 1 else bodies[0]
        if path == "/auth/token":
            return 201, {"access_token": TOKEN}
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"detail": "Not authenticated"}
        return (200, ANSWERS[path]) if path in ANSWERS else (404, {"detail": "Not Found"})


Respond = Callable[[_Handler], None]


class RestApi(ThreadingHTTPServer):
    """
    A server and its requests.

    :param port: 0 for any free port.

    :ivar url: its address, ``http://127.0.0.1:port``.
    :ivar requests: method and path of each request, in order.
    :ivar answer: status and body of every response, or what responds; None to answer as ``ANSWERS`` say.
    :ivar bodies: the same for further paths, one for each request, the last one repeatedly.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.requests: list[tuple[str, str]] = []
        self.answer: tuple[int, Any] | Respond | None = None
        self.bodies: dict[str, list[tuple[int, Any] | Respond]] = {}
        self.closed = threading.Event()
        self.port = self.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *args: Any) -> None:
        """Ignore a client that disconnects."""

    def __exit__(self, *args: Any) -> None:
        """End all responses and the server."""
        self.closed.set()
        self.shutdown()
        self.server_close()


def _send_head(handler: _Handler, status: int, length: int, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(length), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()


def redirect(status: int, location: str) -> Respond:
    """Redirect to another page."""
    return lambda handler: _send_head(handler, status, 0, Location=location)


def cut_off(handler: _Handler) -> None:
    """Close the connection in the middle of the body, as a proxy does that has waited for too long."""
    _send_head(handler, 200, 100)
    handler.wfile.write(b'{"status": ')


def reset(handler: _Handler) -> None:
    """Reset the connection in the middle of the body, as a server that is killed does."""
    cut_off(handler)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


def another_protocol(handler: _Handler) -> None:
    """Respond with something other than HTTP."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def silence(handler: _Handler) -> None:
    """Send nothing until the server is closed."""
    _wait(handler, None)


def late(seconds: float, body: Any, dripping: bool = False) -> Respond:
    """Take seconds, on the clock of the check, for the body; dripping: byte by byte."""

    def respond(handler: _Handler) -> None:
        data = json.dumps(body).encode()
        pieces = [data[index : index + 1] for index in range(len(data))] if dripping else [data]
        _send_head(handler, 200, len(data))
        for piece in pieces:
            _wait(handler, seconds / len(pieces))
            handler.wfile.write(piece)

    return respond


def _wait(handler: _Handler, seconds: float | None) -> None:
    # The clock stands still for a client that blocks the event loop, which has been recorded.
    calls = system_calls.current()
    if not (calls and calls.blocking):
        handler.server.closed.wait(seconds)


@contextmanager
def connected(url: str) -> Iterator[None]:
    """Let the Airflow connection ``airflow_api`` point to ``url``."""
    parts = urlsplit(url)
    connection = {"conn_type": "http", "host": f"{parts.scheme}://{parts.hostname}", "port": parts.port}
    with mock.patch.dict("os.environ", {"AIRFLOW_CONN_AIRFLOW_API": json.dumps(connection)}):
        yield


@contextmanager
def short_timeouts() -> Iterator[None]:
    """Shorten every timeout of a socket in this process meanwhile; those of an event loop go by its clock."""
    settimeout = socket.socket.settimeout

    def shorten(sock: socket.socket, seconds: float | None) -> None:
        # A socket without a timeout waits forever, and with it the check; the check's own limit then ends it.
        settimeout(sock, min(seconds, SILENCE) if seconds else seconds)

    with mock.patch.object(socket.socket, "settimeout", shorten):
        yield
