"""Business rules to ask. Importable, as a rule has to be."""

from __future__ import annotations

import threading

asked: list[int] = []  # the thread of each question


def agrees_at(times: int) -> bool:
    """Agree when asked for the ``times``-th time."""
    asked.append(threading.get_ident())
    return len(asked) >= times


def raises() -> bool:
    """Be broken."""
    raise KeyError("no such client")
