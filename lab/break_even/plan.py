"""Which waits are measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.options import number

WAYS = ("poke", "deferrable")
# Seconds. The break-even lies among the short ones, and luck has a large part in each of them. The long ones only show
# that the lines go on as they began: one in five repeats takes them.
SHORT, LONG = (0.0, 1.0, 2.0, 5.0), (10.0, 20.0, 40.0)
_LONG_EVERY = 5
# What the sensors of dags/break_even.py are given: seconds between two looks.
INTERVAL = 1.0

_MOST_REPEATS = 20


@dataclass(frozen=True)
class Plan:
    """
    :param repeats: how often each short length is waited in each way.
    """

    repeats: int

    def waits(self) -> Iterator[tuple[str, float, float]]:
        """The way, the length, and the seconds after which the file comes; every length once, then all again."""
        for repeat in range(self.repeats):
            for length in SHORT if repeat % _LONG_EVERY else SHORT + LONG:
                for way in WAYS:
                    yield way, length, length + INTERVAL * repeat / self.repeats if length else 0.0


def plan_of(repeats: str) -> Plan:
    """The plan that somebody has asked for. Raises `WrongUsage` for what is no number, or too small or too large."""
    return Plan(int(number("REPEATS", repeats, int, 1, _MOST_REPEATS)))
