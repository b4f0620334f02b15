"""How large a race is, and the bounds that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.options import number

# What the sensors of dags/race.py are given: seconds between two looks, ten as the trigger's own default.
INTERVAL = 10.0
# A wait is started twice at most, which takes a busy machine about two seconds.
_AT_LEAST, _FOR_EACH = 60.0, 2.0

# A triggerer takes 1000 triggers; a slot is a process of some 140 MB, and Airflow's default pool has 128 of them.
_MOST_WAITS, _MOST_SLOTS, _LONGEST_HOLD = 1000, 128, 3600


@dataclass(frozen=True)
class Plan:
    """
    :param waits: how many at once in each way.
    :param slots: how many tasks may run at once.
    :param hold: seconds from the moment when no more wait can start to the arrival of the files.
    """

    waits: int
    slots: int
    hold: float

    @property
    def patience(self) -> float:
        """Seconds at most for all waits to start, and again for all to end after the files have come."""
        return _AT_LEAST + _FOR_EACH * self.waits


def plan_of(waits: str, slots: str, hold: str) -> Plan:
    """The plan that somebody has asked for. Raises `WrongUsage` for what is no number, or too small or too large."""
    return Plan(
        int(number("WAITS", waits, int, 1, _MOST_WAITS)),
        int(number("SLOTS", slots, int, 1, _MOST_SLOTS)),
        number("HOLD", hold, float, 1, _LONGEST_HOLD),
    )
