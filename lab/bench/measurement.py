"""What is measured, and what came out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """One measurement, for a process of its own.

    :param folder: where the scene lies.
    :param seconds: how long it is measured.
    :param interval: seconds between two looks at a directory.
    """

    contender: str
    setting: str
    waits: int
    folder: str
    seconds: float
    interval: float


@dataclass(frozen=True)
class Measured:
    """What came out.

    :param lag_p50: how late the event loop was, in seconds, like the other two.
    :param cpu: seconds of processor time in a second.
    :param memory: bytes for each wait, over those of the empty runner.
    :param threads: the most that there were at any time, the loop's and the measuring one among them.
    :param delays: seconds from a file to its event, ascending; None for those whose event has not come.
    :param started: how many of the triggers had been started when it began.
    :param triggers: how many there were to start.
    :param failed: how many have ended without their file.
    """

    contender: str
    setting: str
    waits: int
    interval: float
    lag_p50: float
    lag_p99: float
    lag_max: float
    cpu: float
    memory: float
    threads: int
    delays: list[float | None]
    started: int
    triggers: int
    failed: int

    @property
    def arrived(self) -> list[float]:
        return [delay for delay in self.delays if delay is not None]

    @property
    def delay_p50(self) -> float | None:
        """None if the event of the median file has not come."""
        return percentile(self.delays, 50)

    @property
    def delay_max(self) -> float | None:
        """None if an event has not come."""
        return percentile(self.delays, 100)

    @property
    def in_time(self) -> int:
        """How many files have got their event within two intervals."""
        return sum(delay <= 2 * self.interval for delay in self.arrived)


@dataclass(frozen=True)
class Died:
    """No measurement came out.

    :param why: the last that its process has said.
    """

    contender: str
    setting: str
    waits: int
    why: str


def percentile(ascending: list[float] | list[float | None], percent: float) -> float | None:
    """The smallest value that so many percent of all do not exceed; None if there is no value."""
    if not ascending:
        return None
    return ascending[max(0, -int(-len(ascending) * percent // 100) - 1)]
