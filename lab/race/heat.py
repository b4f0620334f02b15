"""One approach's turn: its waits start, wait, and end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from kata.airflow.local_airflow import LocalAirflow
from kata.core.rest_api import look_until
from lab.race.approach import Approach
from lab.race.file_waits import FileWaits
from lab.race.ordinary_tasks import OrdinaryTask, OrdinaryTasks
from lab.race.plan import Plan
from lab.race.sample import Sample, Sampler
from lab.race.settling import Settling

_DRAINED_AFTER = 60.0  # seconds


@dataclass(frozen=True)
class Outcome:
    """What was seen of an approach; all moments are seconds since its waits were submitted.

    :param steady_at: when no more wait could start.
    :param files_at: when the files came.
    :param over_at: when the last wait had ended, or those left were cut off.
    :param ended_at: when each wait that ended well did so.
    :param refused: ordinary tasks whose submission the API refused.
    :param mismatches: how often the scheduler took a wait for one that was killed from outside.
    """

    approach: Approach
    plan: Plan
    steady_at: float
    files_at: float
    over_at: float
    cut_off: bool
    samples: list[Sample]
    ended_at: list[float]
    ordinary: list[OrdinaryTask]
    refused: int = 0
    mismatches: int = 0


class Heat:
    """Runs one approach on an Airflow on which nothing else runs."""

    def __init__(
        self, airflow: LocalAirflow, approach: Approach, plan: Plan, sampler: Sampler, say: Callable[[str], None]
    ) -> None:
        self._airflow = airflow
        self._approach = approach
        self._plan = plan
        self._sampler = sampler
        self._say = say
        self._samples: list[Sample] = []
        self._tasks: list[Task] = []

    def run(self) -> Outcome:
        """Raises `BrokenSetup` if a component of Airflow ends by itself."""
        self._ordinary = OrdinaryTasks(self._airflow.api)
        self._began = time.time()
        self._waits = FileWaits(self._airflow, self._approach, self._plan.waits)
        settling = Settling(self._plan.waits)
        look_until(lambda: settling.is_over(self._look(self._starting)), self._plan.patience)
        steady_at = self._clock()
        self._files_due = steady_at + self._plan.hold
        look_until(lambda: self._look(self._holding) is None, self._plan.hold)
        self._waits.drop_files()
        files_at = self._clock()
        self._over_due = files_at + self._plan.patience
        cut_off = not look_until(lambda: self._have_ended(self._look(self._ending)), self._plan.patience)
        over_at = self._clock()
        self._clear()
        return Outcome(
            approach=self._approach,
            plan=self._plan,
            steady_at=steady_at,
            files_at=files_at,
            over_at=over_at,
            cut_off=cut_off,
            samples=self._samples,
            ended_at=sorted(task.ended - self._began for task in self._tasks if task.state == "success" and task.ended),
            ordinary=self._ordinary.tasks(self._began),
            refused=self._ordinary.refused,
            mismatches=self._mismatches(),
        )

    def _look(self, words: Callable[[Sample], str]) -> Sample:
        """Submit what is due, and see how everything is."""
        self._airflow.check_alive()
        self._ordinary.submit_if_due()
        at = self._clock()
        self._tasks = self._waits.tasks()
        sample = self._sampler.waits(at, self._approach, self._tasks)
        self._samples.append(sample)
        states = f"{sample.watched} of {self._plan.waits} watched, {sample.held} of {self._plan.slots} slots held"
        self._say(f"{self._approach.title}: {words(sample)}: {states}")
        return sample

    def _have_ended(self, sample: Sample) -> bool:
        return sample.succeeded + sample.failed == self._plan.waits

    def _clear(self) -> None:
        """Leave the Airflow to the next as it was found: with nothing that runs or waits."""
        self._say(f"{self._approach.title}: waiting for the last ordinary tasks")
        look_until(self._ordinary.all_started, _DRAINED_AFTER)
        look_until(lambda: end_active_runs(self._airflow.api) is None, _DRAINED_AFTER)
        look_until(lambda: not any(pool["occupied_slots"] for pool in self._airflow.api.pools()), _DRAINED_AFTER)

    def _mismatches(self) -> int:
        events = {"dag_id": self._approach.dag_id, "event": "state mismatch", "limit": 1}
        return self._airflow.api.get("/eventLogs", **events)["total_entries"]

    def _starting(self, sample: Sample) -> str:
        return f"starting, at most {self._plan.patience - sample.at:.0f} s"

    def _holding(self, sample: Sample) -> str:
        return f"files in {max(0.0, self._files_due - sample.at):.0f} s"

    def _ending(self, sample: Sample) -> str:
        return f"{sample.succeeded} ended, at most {max(0.0, self._over_due - sample.at):.0f} s"

    def _clock(self) -> float:
        return time.time() - self._began
