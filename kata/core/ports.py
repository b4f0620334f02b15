"""Ports of this machine, on loopback: nothing here listens anywhere else."""

from __future__ import annotations

import contextlib
import os
import socket

from kata.core.errors import WrongUsage

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8080  # Airflow's own


def wanted_port(otherwise: int = DEFAULT_PORT) -> int:
    """`KATA_PORT`, if it is set. Raises `WrongUsage` if it is no port."""
    text = os.environ.get("KATA_PORT") or str(otherwise)
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise WrongUsage(f"KATA_PORT={text} is no port. Take a number from 1024 to 65535, such as KATA_PORT=8081.")
    return int(text)


def free_port() -> int:
    """Some port that is free."""
    with contextlib.closing(socket.socket()) as found:
        found.bind((LOOPBACK, 0))
        return found.getsockname()[1]


def is_free(port: int) -> bool:
    """Whether a server could listen on the port."""
    with contextlib.closing(socket.socket()) as tried:
        # Connections that ended a moment ago do not count.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((LOOPBACK, port))
        except PermissionError:  # below 1024: Docker may, we may not
            return True
        except OSError:
            return False
        return True
