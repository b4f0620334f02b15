"""The port of the UI and the REST API on this machine."""

from __future__ import annotations

import os
import socket

from kata.compose.stack import DEFAULT_PORT
from kata.failures import WrongUsage


def choose_port(held: int | None) -> int:
    """KATA_PORT; without it the one that the stack has, or 8080. Raises `WrongUsage` when another program holds it.

    :param held: the port that the stack has now, None when it has none.
    """
    asked = os.environ.get("KATA_PORT") or str(held or DEFAULT_PORT)
    if not (asked.isdecimal() and 0 < int(asked) < 65536):
        raise WrongUsage(
            f"KATA_PORT={asked} is no port: take a number from 1024 to 65535, such as KATA_PORT=8081 make up"
        )
    port = int(asked)
    if port != held and not _is_free(port):
        raise WrongUsage(f"Another program has the port {port}. Take another: KATA_PORT={port + 1} make up")
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        # Connections that ended a moment ago do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except PermissionError:  # below 1024: Docker may, we may not
            return True
        except OSError:
            return False
    return True
