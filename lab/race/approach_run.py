"""The run of one approach: its tasks start, wait, and end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kata.airflow.arriving_files import drop
from kata.airflow.local_airflow import LocalAirflow
from kata.core.dag_run import DagRun, Task, end_active_runs
from kata.core.rest_api import poll_until
from lab.race.approaches import Approach
from lab.race.monitor import Monitor, Sample
from lab.race.ordinary_tasks import OrdinaryTask, OrdinaryTasks

# Seconds for all tasks to start, and again for all to end. A busy machine starts a task, twice at most, in two seconds.
_PATIENCE, _PATIENCE_PER_TASK = 60.0, 2.0
_PATIENCE_TO_CLEAR = 60.0
_STALLED_AFTER = 10.0


@dataclass(frozen=True)
class Plan:
    """The size of a race.

    :param waits: the number of waiting tasks in each approach.
    :param slots: the number of tasks that can run at once.
    :param hold: seconds from the moment when no more task can start to the arrival of the files.
    """

    waits: int
    slots: int
    hold: float

    @property
    def patience(self) -> float:
        """Maximum seconds for all tasks to start, and again for all to end after the files have arrived."""
        return _PATIENCE + _PATIENCE_PER_TASK * self.waits


@dataclass
class ApproachRun:
    """The run of one approach, and what was seen of it. All times are in seconds since its tasks were submitted.

    :param steady_at: when no more task could start.
    :param files_at: when the files arrived.
    :param over_at: when the last task had ended, or the rest was cut off.
    :param ended_at: when each task that succeeded ended, ascending.
    :param refused: the number of ordinary tasks whose submission the API refused.
    :param mismatches: the number of times that the scheduler took a waiting task for killed from outside.
    """

    approach: Approach
    plan: Plan
    steady_at: float = 0.0
    files_at: float = 0.0
    over_at: float = 0.0
    cut_off: bool = False
    samples: list[Sample] = field(default_factory=list)
    ended_at: list[float] = field(default_factory=list)
    ordinary: list[OrdinaryTask] = field(default_factory=list)
    refused: int = 0
    mismatches: int = 0

    def execute(self, airflow: LocalAirflow, monitor: Monitor, say: Callable[[str], None]) -> None:
        """Run the tasks in an Airflow in which nothing else runs, and leave nothing that runs or waits.

        :raises BrokenSetup: if a component of Airflow ends by itself.
        """
        plan, approach, folder = self.plan, self.approach, airflow.data / "race" / self.approach.key
        directories = [folder / f"wait_{number}" for number in range(plan.waits)]
        for directory in directories:
            directory.mkdir(parents=True)
        ordinary, began = OrdinaryTasks(airflow.api), time.time()
        dag_run, tasks = DagRun(airflow.api, approach.dag_id), list[Task]()

        def look(doing: str, due: float) -> Sample:
            """Submit an ordinary task if it is due, and take a sample."""
            airflow.check_alive()
            ordinary.submit_if_due()
            at, tasks[:] = time.time() - began, dag_run.tasks()
            sample = monitor.sample(at, approach, tasks)
            self.samples.append(sample)
            counts = f"{sample.watched} of {plan.waits} watched, {sample.held} of {plan.slots} slots held"
            say(f"{approach.title}: {doing} {max(0.0, due - at):.0f} s: {counts}, {sample.succeeded} ended")
            return sample

        def look_whether_steady() -> bool:
            look("starting, at most", plan.patience)
            return is_steady(self.samples, plan.waits)

        def look_whether_ended() -> bool:
            sample = look("ending, at most", self.files_at + plan.patience)
            return sample.succeeded + sample.failed == plan.waits

        poll_until(look_whether_steady, plan.patience)
        self.steady_at = time.time() - began
        poll_until(lambda: look("files in", self.steady_at + plan.hold) is None, plan.hold)
        for directory in directories:
            drop(directory / "orders.csv")
        self.files_at = time.time() - began
        self.cut_off = not poll_until(look_whether_ended, plan.patience)
        self.over_at = time.time() - began
        self.ended_at = sorted(task.ended - began for task in tasks if task.state == "success" and task.ended)

        say(f"{approach.title}: waiting for the last ordinary tasks")
        poll_until(ordinary.all_started, _PATIENCE_TO_CLEAR)
        poll_until(lambda: end_active_runs(airflow.api) is None, _PATIENCE_TO_CLEAR)
        poll_until(lambda: not any(pool["occupied_slots"] for pool in airflow.api.pools()), _PATIENCE_TO_CLEAR)
        self.ordinary, self.refused = ordinary.tasks(began), ordinary.refused
        events = {"dag_id": approach.dag_id, "event": "state mismatch", "limit": 1}
        self.mismatches = airflow.api.get("/eventLogs", **events)["total_entries"]


def is_steady(samples: Sequence[Sample], waits: int) -> bool:
    """Return whether no more of the waiting tasks can start: all have settled, or for a while no further one has."""
    most = max(sample.settled for sample in samples)
    since = next(sample.at for sample in samples if sample.settled == most)
    return most == waits or (most > 0 and samples[-1].at - since >= _STALLED_AFTER)
