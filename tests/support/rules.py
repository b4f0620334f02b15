"""Business rules to ask. Importable, as a rule has to be."""

from __future__ import annotations

import sys
import threading

asked: list[int] = []  # the thread of each question


def agrees_at(times: int) -> str:
    """Agree when asked for the ``times``-th time, with something that is true but not True."""
    asked.append(threading.get_ident())
    return "yes" if len(asked) >= times else ""


def raises() -> bool:
    """Be broken."""
    raise KeyError("no such client")


def agrees() -> bool:
    """Agree."""
    return True


def exits() -> None:
    """End the process, or try to."""
    sys.exit("no such client")
