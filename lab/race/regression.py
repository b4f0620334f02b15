"""From the tasks that were measured to the break-even: straight lines, and where they cross."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

WAYS = ("poke", "deferrable")
Waited = dict[str, Any]  # a task, as in break_even.json

_RESAMPLES, _LEFT_OUT = 1000, 0.05  # at each end
_MEANS = ("slot_seconds", "running_seconds", "late_seconds", "task_cpu_seconds")


def means(tasks: Sequence[Waited]) -> dict[float, dict[str, tuple[float, float]]]:
    """Return the means of the figures of break_even.json.

    :return: for each waiting time that was measured in both ways, each figure for (poke, deferrable).
    """
    of_length: dict[float, dict[str, tuple[float, float]]] = {}
    for length in sorted({task["length_seconds"] for task in tasks}):
        poke, deferrable = ([t for t in tasks if (t["way"], t["length_seconds"]) == (way, length)] for way in WAYS)
        if poke and deferrable:
            of_length[length] = {name: (_mean(name, poke), _mean(name, deferrable)) for name in _MEANS}
    return of_length


def line(way: str, tasks: Iterable[Waited]) -> tuple[float, float]:
    """Fit a straight line to all tasks of a way, by least squares.

    :return: slot-seconds for each second of waiting, and those of a task that hardly waits. At length 0, nothing waits:
        such tasks are left out.
    :raises statistics.StatisticsError: if there are too few tasks.
    """
    waited = [task for task in tasks if task["way"] == way and task["length_seconds"] > 0]
    slope, base = statistics.linear_regression(
        [task["waited_seconds"] for task in waited], [task["slot_seconds"] for task in waited]
    )
    return slope, base


def break_even(tasks: Sequence[Waited]) -> float | None:
    """Return the waiting time at which the two lines cross.

    :return: seconds; 0 if deferring pays from the beginning, None if no task waited that long or there are too few.
    """
    try:
        (slope, base), (deferred_slope, deferred_base) = (line(way, tasks) for way in WAYS)
    except statistics.StatisticsError:
        return None
    if slope <= deferred_slope:
        return None
    crossing = max(0.0, (deferred_base - base) / (slope - deferred_slope))
    return crossing if crossing <= max(task["length_seconds"] for task in tasks) else None


def spread(tasks: Sequence[Waited]) -> tuple[float, float] | None:
    """Return the seconds between which the break-even is in nine of ten samples, resampled from the tasks."""
    chance = random.Random(0)
    resampled = (break_even(chance.choices(tasks, k=len(tasks))) for _ in range(_RESAMPLES))
    found = sorted(crossing for crossing in resampled if crossing is not None)
    left_out = round(len(found) * _LEFT_OUT)
    return (found[left_out], found[-1 - left_out]) if found else None


def _mean(name: str, tasks: Iterable[Waited]) -> float:
    return statistics.mean(task[name] for task in tasks)
