"""The metrics that Airflow sends, received as a StatsD server receives them."""

from __future__ import annotations

import re
import socket
from collections import Counter
from contextlib import suppress

from kata.core.ports import LOOPBACK

_COUNTERS = ("triggers.succeeded", "triggers.failed", "triggers.blocked_main_thread")


class Metrics(socket.socket):
    """A socket on loopback, and what it has received; use it as a context manager.

    :ivar settings: environment variables that make Airflow send its metrics here.
    :ivar running: the number of triggers that the triggerer runs, as it last reported.
    """

    def __init__(self) -> None:
        super().__init__(type=socket.SOCK_DGRAM)
        self.bind((LOOPBACK, 0))
        self.setblocking(False)
        settings = {"ON": "True", "HOST": LOOPBACK, "PORT": str(self.getsockname()[1]), "PREFIX": ""}
        self.settings = {f"AIRFLOW__METRICS__STATSD_{name}": value for name, value in settings.items()}
        self.running = 0
        self._counts: Counter[str] = Counter()

    def counted(self) -> Counter[str]:
        """Return how often the triggerer has raised each of its counters. If this is seldom called, some are lost."""
        with suppress(BlockingIOError):
            while datagram := self.recv(65536).decode("utf-8", "replace"):
                # Lines of `name:value|kind`: kind "c" is a counter, "g" a gauge.
                for name, value, kind in re.findall(r"^([^:\n]+):(\d+)\|([cg])", datagram, re.MULTILINE):
                    if kind == "c":
                        self._counts[name] += int(value)
                    elif name == "triggers.running":
                        self.running = int(value)
        return Counter({name: self._counts[name] for name in _COUNTERS})
