"""Ports of this machine that nobody listens on."""

from __future__ import annotations

import contextlib
import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A free port on loopback."""
    with contextlib.closing(socket.socket()) as found:
        found.bind((LOOPBACK, 0))
        return found.getsockname()[1]


def is_free(port: int) -> bool:
    """Whether a server could listen on the port, on loopback."""
    with contextlib.closing(socket.socket()) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
