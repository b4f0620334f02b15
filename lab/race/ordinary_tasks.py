"""The ordinary task, submitted every few seconds to see how late it starts."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kata.core.dag_run import DagRun, seconds_of, task_instances
from kata.core.rest_api import AirflowApi, ApiUnavailable
from lab.race.approach import ORDINARY_DAG

_EVERY = 4.0  # seconds


@dataclass(frozen=True)
class OrdinaryTask:
    """
    :param submitted: when, in seconds on the clock of its phase.
    :param late: seconds from then to its start, None if it was not started at all.
    """

    submitted: float
    late: float | None


class OrdinaryTasks:
    """Those of one phase, from the first submission on."""

    def __init__(self, api: AirflowApi) -> None:
        self._api = api
        self._submitted: dict[str, float] = {}
        self._due = 0.0
        self.refused = 0

    def submit_if_due(self) -> None:
        """Submit one if the last was submitted long enough ago; a database that is locked may refuse it."""
        now = time.time()
        if now < self._due:
            return
        self._due = now + _EVERY
        try:
            self._submitted[DagRun(self._api, ORDINARY_DAG).run_id] = now
        except ApiUnavailable:
            self.refused += 1

    def all_started(self) -> bool:
        return None not in self._started().values()

    def tasks(self, since: float) -> list[OrdinaryTask]:
        """All that were submitted.

        :param since: where their clock begins, in seconds since the epoch.
        """
        started = self._started()
        return [
            OrdinaryTask(at - since, None if started[run_id] is None else started[run_id] - at)
            for run_id, at in self._submitted.items()
        ]

    def _started(self) -> dict[str, float | None]:
        told = task_instances(self._api, f"/dags/{ORDINARY_DAG}/dagRuns/~")
        starts = {each["dag_run_id"]: seconds_of(each["start_date"]) for each in told}
        return {run_id: starts.get(run_id) for run_id in self._submitted}


def lateness(tasks: Iterable[OrdinaryTask]) -> dict[str, Any]:
    """How late they started, in seconds. One that never did is later than any other; what it makes endless is None."""
    late = [math.inf if task.late is None else task.late for task in tasks]
    return {
        "submitted": len(late),
        "never_started": late.count(math.inf),
        "median_seconds": _finite(statistics.median(late)) if late else None,
        "worst_seconds": _finite(max(late)) if late else None,
    }


def _finite(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None
