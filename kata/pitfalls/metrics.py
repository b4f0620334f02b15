"""The metrics that Airflow sends while a pitfall is looked at, as a monitoring would get them."""

from __future__ import annotations

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
    """What has come so far.

    :param settings: environment variables that have Airflow send it here.
    :ivar running: how many triggers the triggerer said last that it runs.
    """

    settings: dict[str, str]
    running: int = 0
    _counts: Counter[str] = field(default_factory=Counter)

    def counted(self) -> Counter[str]:
        """How often the triggerer has raised each of its counters, by their names."""
        return Counter({name: self._counts[name] for name in _COUNTERS})

    def take(self, datagram: bytes) -> None:
        """Lines of `name:value|kind`, of which kind "c" is a counter and "g" a gauge."""
        for line in datagram.decode("utf-8", "replace").splitlines():
            name, _, told = line.partition(":")
            value, _, kind = told.partition("|")
            if kind.startswith("c"):
                self._counts[name] += int(value)
            elif kind == "g" and name == _GAUGE:
                self.running = int(value)


@contextmanager
def received_metrics() -> Iterator[Metrics]:
    """Listen on loopback as a StatsD server does."""
    with UDPServer((LOOPBACK, 0), lambda request, *_: metrics.take(request[0])) as server:  # type: ignore[arg-type]
        metrics = Metrics(
            {
                "AIRFLOW__METRICS__STATSD_ON": "True",
                "AIRFLOW__METRICS__STATSD_HOST": LOOPBACK,
                "AIRFLOW__METRICS__STATSD_PORT": str(server.server_address[1]),
                "AIRFLOW__METRICS__STATSD_PREFIX": "",
            }
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield metrics
        finally:
            server.shutdown()
