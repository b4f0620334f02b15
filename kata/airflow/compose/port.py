"""The port of the UI and the REST API on this machine."""

from __future__ import annotations

from kata.core.errors import WrongUsage
from kata.core.ports import DEFAULT_PORT, is_free, wanted_port


def choose_port(held: int | None) -> int:
    """KATA_PORT; without it the one that the stack has, or 8080. Raises `WrongUsage` when another program holds it.

    :param held: the port that the stack has now, None when it has none.
    """
    port = wanted_port(held or DEFAULT_PORT)
    if port != held and not is_free(port):
        raise WrongUsage(f"Another program has the port {port}. Take another: KATA_PORT={port + 1} make up")
    return port
