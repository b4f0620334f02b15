"""The metrics that Airflow sends, received as a StatsD server receives them."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import UDPServer

from kata.core.ports import LOOPBACK

_COUNTERS = ("triggers.succeeded", "triggers.failed", "triggers.blocked_main_thread")
_GAUGE = "triggers.running"


@dataclass
class Metrics:
    """The metrics that were received so far.

    :param settings: environment variables that make Airflow send its metrics here.
    :ivar running: the number of triggers that the triggerer runs, as it last reported.
    """

    settings: dict[str, str]
    running: int = 0
    _counts: Counter[str] = field(default_factory=Counter)

    def counted(self) -> Counter[str]:
        """Return how often the triggerer has raised each of its counters, by their names."""
        return Counter({name: self._counts[name] for name in _COUNTERS})

    def receive(self, datagram: bytes) -> None:
        """Read lines of `name:value|kind`: kind "c" is a counter, "g" a gauge."""
        text = datagram.decode("utf-8", "replace")
        for name, value, kind in re.findall(r"^([^:\n]+):(\d+)\|([cg])", text, re.MULTILINE):
            if kind == "c":
                self._counts[name] += int(value)
            elif name == _GAUGE:
                self.running = int(value)


@contextmanager
def received_metrics() -> Iterator[Metrics]:
    """Listen on loopback until the end of the `with` block."""
    with UDPServer((LOOPBACK, 0), lambda request, *_: metrics.receive(request[0])) as server:  # type: ignore[arg-type]
        settings = {"ON": "True", "HOST": LOOPBACK, "PORT": str(server.server_address[1]), "PREFIX": ""}
        metrics = Metrics({f"AIRFLOW__METRICS__STATSD_{name}": value for name, value in settings.items()})
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield metrics
        finally:
            server.shutdown()
