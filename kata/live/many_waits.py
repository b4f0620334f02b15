"""Many waits at once, five directories each: the DAG `many_waits`, followed from its start to its end."""

from __future__ import annotations

from collections import Counter

from kata.airflow.deployment import Deployment
from kata.live.card import CheckFailed
from kata.live.dag_run import DagRun, Task
from kata.live.diagnosis import explain
from kata.live.dropped_files import DroppedFiles
from kata.live.patience import wait_for
from kata.live.slots import no_slot_is_held

# Each wait is started twice, which takes a busy machine about two seconds, and some are started at once.
_PATIENCE, _PATIENCE_FOR_EACH = 90.0, 2.0


class ManyWaits:
    """A run with so many waits.

    :param count: how many.
    """

    def __init__(self, deployment: Deployment, count: int) -> None:
        self._deployment = deployment
        self._count = count
        self._patience = _PATIENCE + count * _PATIENCE_FOR_EACH
        self._run = DagRun(deployment.api, "many_waits", {"waits": count})

    def wait_until_deferred(self) -> None:
        """Return when all are deferred, have a triggerer, and hold no slot. Raises `CheckFailed` if they do not."""

        def all_watched(tasks: list[Task]) -> bool:
            return len(tasks) == self._count and all(task.state == "deferred" and task.is_watched for task in tasks)

        tasks = wait_for(self._deployment, self._tasks, all_watched, self._patience)
        if not all_watched(tasks):
            states = Counter(task.state or "none" for task in tasks)
            odd = next((task for task in tasks if task.state != "deferred"), None) or self._run.task("directories")
            raise explain(self._deployment, self._run, odd, f"{self._count} waits at once", f"states: {dict(states)}")
        no_slot_is_held(self._deployment)

    def drop_files(self, files: DroppedFiles) -> None:
        """A file for each wait, in one of its five directories."""
        for wait in range(self._count):
            files.drop(f"many_waits/wait_{wait}/client_{wait % 5 + 1}/orders.csv")

    def check_all_still_wait(self) -> None:
        """Raises `CheckFailed` if one has failed or come back."""
        for task in self._tasks():
            if task.state != "deferred":
                raise explain(self._deployment, self._run, task, f"wait {task.map_index}", f"its state is {task.state}")

    def triggerers(self) -> list[int]:
        """How many of the waits each triggerer has, the most first."""
        counts = Counter(task.triggerer for task in self._tasks() if task.is_watched)
        return sorted(counts.values(), reverse=True)

    def wait_until_ended_once(self, tries: int = 1) -> str:
        """Return when each has ended with success, exactly once; what was seen, in words.

        :param tries: how many each may take.
        :raises CheckFailed: if one does not.
        """

        def all_ended(tasks: list[Task]) -> bool:
            return len(tasks) == self._count and all(task.state in ("success", "failed") for task in tasks)

        tasks = wait_for(self._deployment, self._tasks, all_ended, self._patience)
        for task in tasks:
            called = f"wait {task.map_index} of {self._count}"
            if task.state != "success":
                raise explain(self._deployment, self._run, task, called, f"its state is {task.state}")
            times = sum(entry.get("event") == "Pushing xcom" for entry in self._run.log(task))
            if task.try_number > tries or times != 1:
                raise CheckFailed(called, f"it has ended {times} times, in try {task.try_number}")
        again = sum(task.try_number > 1 for task in tasks)
        return f"{self._count} waits, 0 lost, 0 ended twice, {again} tried again"

    def _tasks(self) -> list[Task]:
        return [task for task in self._run.tasks() if task.task_id == "wait" and task.map_index >= 0]
