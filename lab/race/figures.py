"""The figures of an approach, from what was seen of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lab.race.heat import Outcome
from lab.race.ordinary_tasks import OrdinaryTask, lateness
from lab.race.sample import Sample


def figures(outcome: Outcome, idle_start: float | None) -> dict[str, Any]:
    """What goes into race.json.

    :param idle_start: the median of how late an ordinary task starts on the idle Airflow, in seconds.
    """
    waiting = window(outcome)
    last = outcome.samples[-1]
    before_files = [sample for sample in outcome.samples if sample.at < outcome.files_at][-1]
    late = {phase: lateness(tasks) for phase, tasks in by_phase(outcome).items()}
    start = late["waiting"]["median_seconds"]
    after_files = [round(ended - outcome.files_at, 3) for ended in outcome.ended_at]
    whole = len(after_files) == outcome.plan.waits
    return {
        "title": outcome.approach.title,
        "steady_seconds": round(outcome.steady_at, 3),
        "files_seconds": round(outcome.files_at, 3),
        "over_seconds": round(outcome.over_at, 3),
        "never_started": outcome.plan.waits - before_files.begun,
        "most_watched_waiting": max(sample.watched for sample in waiting),
        "watched_waiting": statistics.median(sample.watched for sample in waiting),
        "most_deferred": max(sample.deferred for sample in outcome.samples),
        "slot_seconds": round(slot_seconds(outcome.samples), 1),
        "slot_seconds_waiting": round(slot_seconds(waiting), 1),
        "most_slots_held": max(sample.held for sample in outcome.samples),
        "most_slots_held_waiting": max(sample.held for sample in waiting),
        "ordinary_start_seconds": start,
        "ordinary_start_ratio": round(start / idle_start, 3) if start is not None and idle_start else None,
        "ordinary": late,
        "ordinary_refused": outcome.refused,
        "ended": len(after_files),
        "failed": last.failed,
        "state_mismatches": outcome.mismatches,
        "cut_off": outcome.cut_off,
        "last_ended_seconds": after_files[-1] if whole else None,
        "median_ended_seconds": round(statistics.median(after_files), 3) if whole else None,
        "cpu_seconds": {name: round(last.cpu[name] - used, 2) for name, used in outcome.samples[0].cpu.items()},
        "commits": last.commits - outcome.samples[0].commits,
        "waiting": usage(waiting),
        "samples": _columns(outcome.samples),
        "ordinary_tasks": [[round(task.submitted, 2), _rounded(task.late)] for task in outcome.ordinary],
        "ended_seconds": after_files,
    }


def window(outcome: Outcome) -> list[Sample]:
    """The samples from the one that has found the waits steady to the last before the files."""
    steady = [sample for sample in outcome.samples if sample.at <= outcome.steady_at][-1:]
    held = [sample for sample in outcome.samples if outcome.steady_at < sample.at < outcome.files_at]
    return steady + held


def by_phase(outcome: Outcome) -> dict[str, list[OrdinaryTask]]:
    """The ordinary tasks, by what the waits did when they were submitted."""

    def submitted(since: float, until: float) -> list[OrdinaryTask]:
        return [task for task in outcome.ordinary if since <= task.submitted < until]

    return {
        "starting": submitted(0.0, outcome.steady_at),
        "waiting": submitted(outcome.steady_at, outcome.files_at),
        "ending": submitted(outcome.files_at, float("inf")),
    }


def slot_seconds(samples: Sequence[Sample]) -> float:
    """The slots held, times how long: each sample counts up to the next."""
    return sum(sample.held * (following.at - sample.at) for sample, following in pairwise(samples))


def usage(samples: Sequence[Sample]) -> dict[str, Any]:
    """What the components used between the first and the last sample, by component.

    `cpu_cores` is seconds of CPU a second, `memory_bytes` a median.
    """
    first, last = samples[0], samples[-1]
    seconds = max(last.at - first.at, 0.001)
    memories = [sample.memory for sample in samples if sample.memory is not None]
    return {
        "cpu_cores": {name: round((last.cpu[name] - used) / seconds, 3) for name, used in first.cpu.items()},
        "memory_bytes": {name: round(statistics.median(each[name] for each in memories)) for name in first.cpu}
        if memories
        else None,
        "commits_per_second": round((last.commits - first.commits) / seconds, 2),
    }


def _columns(samples: Sequence[Sample]) -> dict[str, list[Any]]:
    names = (
        "at",
        "held",
        "other",
        "queued",
        "running",
        "deferred",
        "watched",
        "begun",
        "succeeded",
        "failed",
        "commits",
    )
    columns = {name: [getattr(sample, name) for sample in samples] for name in names}
    return {"seconds": columns.pop("at"), **columns}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
