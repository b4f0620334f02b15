"""A REST API on a loopback port: Airflow's as far as the exercise reads it, or a partner's, with its faults."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
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


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: RestApi

    def log_message(self, *args: Any) -> None:
        """Print nothing."""

    def respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path))
        answer = self.server.answer or self._answer(urlsplit(self.path).path)
        if callable(answer):
            answer(self)
        else:
            self.send(*answer)

    do_GET = do_POST = respond  # noqa: N815 - the names that http.server looks for

    def _answer(self, path: str) -> Answer:
        if bodies := self.server.bodies.get(path):
            return bodies.pop(0) if len(bodies) > 1 else bodies[0]
        if path == "/auth/token":
            return 201, {"access_token": TOKEN}
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"detail": "Not authenticated"}
        return (200, ANSWERS[path]) if path in ANSWERS else (404, {"detail": "Not Found"})

    def send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """Send a response; the body is JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        usual = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        for name, value in {**usual, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def wait(self, seconds: float | None = None) -> None:
        """Wait on the clock of the check, which stands still for a client that blocks the event loop."""
        calls = system_calls.current()
        if not (calls and calls.blocking):
            self.server.closed.wait(seconds)


# Status and body of a response, or what responds.
Answer = tuple[int, Any] | Callable[[Handler], None]

# What may be there instead of Airflow's API, and its answer; silent: none at all.
API_FAULTS: dict[str, Answer | None] = {
    "absent": None,
    "refusing": (401, {"detail": "no"}),
    "failing": (500, {"detail": "no"}),
    "silent": Handler.wait,
}


class RestApi(ThreadingHTTPServer):
    """
    A server and its requests.

    :param port: 0 for any free port.
    :param answer: the answer to every request; None to answer as ``bodies`` and ``ANSWERS`` say.
    """

    daemon_threads = True

    def __init__(self, port: int = 0, answer: Answer | None = None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answer = answer
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[tuple[str, str]] = []  # method and path of each, in order
        self.bodies: dict[str, list[Answer]] = {}  # by path: the answer to each request, the last one repeatedly
        self.closed = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *args: Any) -> None:
        """Ignore a client that disconnects."""

    def __exit__(self, *args: Any) -> None:
        """End all responses and the server."""
        self.closed.set()
        self.shutdown()
        self.server_close()


@contextmanager
def airflow_api(fault: str = "") -> Iterator[RestApi | None]:
    """Provide Airflow's REST API, or one of ``API_FAULTS`` instead; absent: there is no connection."""
    timeouts = short_timeouts() if fault == "silent" else nullcontext()
    with RestApi(answer=API_FAULTS.get(fault)) as api, timeouts, mock.patch.dict(os.environ) as environment:
        if fault != "absent":
            connection = {"conn_type": "http", "host": "http://127.0.0.1", "port": api.server_port}
            environment["AIRFLOW_CONN_AIRFLOW_API"] = json.dumps(connection)
        yield None if fault in ("absent", "silent") else api


def short_timeouts() -> AbstractContextManager[object]:
    """Shorten every timeout of a socket in this process meanwhile; those of an event loop go by its clock."""
    settimeout = socket.socket.settimeout

    def shorten(sock: socket.socket, seconds: float | None) -> None:
        # A socket without a timeout waits forever, and with it the check; the check's own limit then ends it.
        settimeout(sock, min(seconds, SILENCE) if seconds else seconds)

    return mock.patch.object(socket.socket, "settimeout", shorten)
