"""Ports on loopback: no server of the kata listens anywhere else."""

from __future__ import annotations

import os
import socket

from kata.core.errors import WrongUsage

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 8080  # Airflow's own


def wanted_port(otherwise: int = DEFAULT_PORT) -> int:
    """Return `KATA_PORT`, or `otherwise` if it is not set. Raises `WrongUsage` if it is not a port number."""
    text = os.environ.get("KATA_PORT") or str(otherwise)
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise WrongUsage(f"KATA_PORT={text} is no port. Take a number from 1024 to 65535, such as KATA_PORT=8081.")
    return int(text)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server((LOOPBACK, 0)) as found:
        return found.getsockname()[1]


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except PermissionError:  # below 1024: Docker may, we may not
        return True
    except OSError:
        return False
    return True
