"""Which measurements there are to make."""

from __future__ import annotations

from dataclasses import dataclass

from kata.bench.contender import CONTENDERS
from kata.bench.setting import COMPARED, HUNG, Setting

WAITS = [100, 1000, 5000]
_HEALTHY = 100  # waits, beside the hung ones


@dataclass(frozen=True)
class Step:
    """Measurements in the same directories, one contender after the other."""

    setting: Setting
    waits: int
    contenders: list[str]


def plan(waits: list[int], only: list[str]) -> list[Step]:
    """All measurements, or some of them.

    :param waits: how many waits at once, one after the other.
    :param only: parts of names of contenders and settings; for either, none that fits means all.
    """
    contenders = _chosen(list(CONTENDERS), only)
    settings = _chosen([setting.name for setting in [*COMPARED, HUNG]], only)
    steps = [Step(setting, count, contenders) for setting in COMPARED for count in waits]
    return [step for step in [*steps, Step(HUNG, _HEALTHY, contenders)] if step.setting.name in settings]


def _chosen(names: list[str], only: list[str]) -> list[str]:
    return [name for name in names if any(part.lower() in name.lower() for part in only)] or names
