"""The ordinary task, submitted every few seconds to see how late it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kata.core.dag_run import DagRun, seconds_of, task_instances
from kata.core.rest_api import AirflowApi, ApiUnavailable
from lab.race.approaches import ORDINARY_DAG

_INTERVAL = 4.0  # seconds


@dataclass(frozen=True)
class OrdinaryTask:
    """An ordinary task.

    :param submitted: when, in seconds on the clock of its phase.
    :param late: seconds from its submission to its start, None if it did not start at all.
    """

    submitted: float
    late: float | None


class OrdinaryTasks:
    """Submits them, and knows those that it has submitted.

    :ivar refused: the number of submissions that the API refused.
    """

    def __init__(self, api: AirflowApi) -> None:
        self._api = api
        self._submitted: dict[str, float] = {}
        self._due = 0.0
        self.refused = 0

    def submit_if_due(self) -> None:
        """Submit a task if the last one was submitted long enough ago. A locked database may refuse it."""
        now = time.time()
        if now < self._due:
            return
        self._due = now + _INTERVAL
        try:
            self._submitted[DagRun(self._api, ORDINARY_DAG).run_id] = now
        except ApiUnavailable:
            self.refused += 1

    def all_started(self) -> bool:
        """Return whether each task that was submitted has started."""
        return None not in self._starts().values()

    def tasks(self, since: float) -> list[OrdinaryTask]:
        """Return all tasks that were submitted.

        :param since: the zero of their clock, in seconds since the epoch.
        """
        return [
            OrdinaryTask(self._submitted[run_id] - since, start and start - self._submitted[run_id])
            for run_id, start in self._starts().items()
        ]

    def _starts(self) -> dict[str, float | None]:
        instances = task_instances(self._api, f"/dags/{ORDINARY_DAG}/dagRuns/~")
        starts = {each["dag_run_id"]: seconds_of(each["start_date"]) for each in instances}
        return {run_id: starts.get(run_id) for run_id in self._submitted}
