"""From what was seen of an approach to its figures in race.json."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from lab.race.approach_run import ApproachRun
from lab.race.monitor import Sample
from lab.race.ordinary_tasks import OrdinaryTask

_SAMPLED = ("held", "other", "queued", "running", "deferred", "watched", "begun", "succeeded", "failed", "commits")


def figures(run: ApproachRun, idle_start: float | None) -> dict[str, Any]:
    """Return what race.json has of an approach.

    :param idle_start: how late an ordinary task starts in an idle Airflow, the median in seconds.
    """
    samples, waiting = run.samples, window(run)
    first, last = samples[0], samples[-1]
    before_files = [sample for sample in samples if sample.at < run.files_at][-1]
    phases = {
        "starting": (0, run.steady_at),
        "waiting": (run.steady_at, run.files_at),
        "ending": (run.files_at, math.inf),
    }
    late = {
        phase: lateness(task for task in run.ordinary if since <= task.submitted < until)
        for phase, (since, until) in phases.items()
    }
    start = late["waiting"]["median_seconds"]
    after_files = [round(ended - run.files_at, 3) for ended in run.ended_at]
    all_ended = len(after_files) == run.plan.waits
    return {
        "title": run.approach.title,
        "steady_seconds": round(run.steady_at, 3),
        "files_seconds": round(run.files_at, 3),
        "over_seconds": round(run.over_at, 3),
        "never_started": run.plan.waits - before_files.begun,
        "most_watched_waiting": max(sample.watched for sample in waiting),
        "watched_waiting": statistics.median(sample.watched for sample in waiting),
        "most_deferred": max(sample.deferred for sample in samples),
        "slot_seconds": round(slot_seconds(samples), 1),
        "slot_seconds_waiting": round(slot_seconds(waiting), 1),
        "most_slots_held": max(sample.held for sample in samples),
        "most_slots_held_waiting": max(sample.held for sample in waiting),
        "ordinary_start_seconds": start,
        "ordinary_start_ratio": round(start / idle_start, 3) if start is not None and idle_start else None,
        "ordinary": late,
        "ordinary_refused": run.refused,
        "ended": len(after_files),
        "failed": last.failed,
        "state_mismatches": run.mismatches,
        "cut_off": run.cut_off,
        "last_ended_seconds": after_files[-1] if all_ended else None,
        "median_ended_seconds": round(statistics.median(after_files), 3) if all_ended else None,
        "cpu_seconds": {name: round(last.cpu[name] - used, 2) for name, used in first.cpu.items()},
        "commits": last.commits - first.commits,
        "waiting": usage(waiting),
        "samples": {
            "seconds": [sample.at for sample in samples],
            **{name: [getattr(sample, name) for sample in samples] for name in _SAMPLED},
        },
        "ordinary_tasks": [[round(task.submitted, 2), task.late and round(task.late, 3)] for task in run.ordinary],
        "ended_seconds": after_files,
    }


def window(run: ApproachRun) -> list[Sample]:
    """Return the samples from the one at which the tasks were steady to the last one before the files."""
    steady = [sample for sample in run.samples if sample.at <= run.steady_at][-1:]
    return steady + [sample for sample in run.samples if run.steady_at < sample.at < run.files_at]


def lateness(tasks: Iterable[OrdinaryTask]) -> dict[str, Any]:
    """Return how late the tasks started, in seconds.

    A task that did not start is later than any other. None if that makes a figure infinite, or there are no tasks.
    """
    late = [math.inf if task.late is None else task.late for task in tasks]
    return {
        "submitted": len(late),
        "never_started": late.count(math.inf),
        "median_seconds": _finite(statistics.median(late)) if late else None,
        "worst_seconds": _finite(max(late)) if late else None,
    }


def slot_seconds(samples: Sequence[Sample]) -> float:
    """Return the slots held, times how long. Each sample counts until the next one."""
    return sum(sample.held * (following.at - sample.at) for sample, following in pairwise(samples))


def usage(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return what the components used between the first and the last sample.

    :return: ``cpu_cores``, CPU seconds per second, and ``memory_bytes``, a median, by component; None for memory that
        was not measured; ``commits_per_second``.
    """
    first, last = samples[0], samples[-1]
    seconds = max(last.at - first.at, 0.001)
    memories = [sample.memory for sample in samples if sample.memory is not None]
    medians = {name: round(statistics.median(each[name] for each in memories)) for name in first.cpu if memories}
    return {
        "cpu_cores": {name: round((last.cpu[name] - used) / seconds, 3) for name, used in first.cpu.items()},
        "memory_bytes": medians or None,
        "commits_per_second": round((last.commits - first.commits) / seconds, 2),
    }


def _finite(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None
