"""Which measurements there are to make."""

from __future__ import annotations

from dataclasses import dataclass

from lab.bench.contender import CONTENDERS
from lab.bench.setting import COMPARED, HUNG, Setting
from lab.options import number

_HEALTHY = 100  # waits, beside the hung ones
_MOST_WAITS = 10000
_SHORTEST, _LONGEST = 0.1, 3600  # seconds


@dataclass(frozen=True)
class Step:
    """Measurements in the same directories, one contender after the other."""

    setting: Setting
    waits: int
    contenders: list[str]


@dataclass(frozen=True)
class Plan:
    """
    :param seconds: how long each contender is measured in each step.
    :param interval: seconds between two looks at a directory.
    """

    steps: list[Step]
    seconds: float
    interval: float

    @property
    def measurements(self) -> int:
        return sum(len(step.contenders) for step in self.steps)


def plan_of(waits: str, seconds: str, interval: str, only: str) -> Plan:
    """The plan that somebody has asked for. Raises `WrongUsage` for what is no number, or too small or too large.

    :param waits: how many at once, one after the other: numbers with commas between them.
    :param only: parts of names of contenders and settings, with commas; for either, none that fits means all.
    """
    counts = [int(number("WAITS", count, int, 1, _MOST_WAITS)) for count in waits.split(",")]
    return Plan(
        _steps(counts, only.split(",") if only else []),
        number("SECONDS", seconds, float, _SHORTEST, _LONGEST),
        number("INTERVAL", interval, float, _SHORTEST, _LONGEST),
    )


def _steps(waits: list[int], only: list[str]) -> list[Step]:
    contenders = _chosen(list(CONTENDERS), only)
    settings = _chosen([setting.name for setting in [*COMPARED, HUNG]], only)
    steps = [Step(setting, count, contenders) for setting in COMPARED for count in waits]
    return [step for step in [*steps, Step(HUNG, _HEALTHY, contenders)] if step.setting.name in settings]


def _chosen(names: list[str], only: list[str]) -> list[str]:
    return [name for name in names if any(part.lower() in name.lower() for part in only)] or names
