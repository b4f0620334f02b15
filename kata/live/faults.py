"""The parts of the proof in which a component fails while tasks wait, each for a file in one of five directories."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from kata.airflow.compose import ComposeStack
from kata.core.dag_run import DagRun, Task, end_active_runs
from kata.live.diagnosis import CheckFailed, triggerer_trouble
from kata.live.proof import Part


class _ManyTasks(Part):
    """A part with many waiting tasks.

    :cvar count: how many.
    """

    count: int

    def _wait_until_deferred(self) -> None:
        """Start them, and return when all are deferred, have a triggerer, and hold no slot."""
        # What an earlier check has left must not disturb them.
        end_active_runs(self.deployment.api)
        self.proof.remove_dropped()
        self.proof.run = DagRun(self.deployment.api, "many_waits", {"waits": self.count})

        def waits(task: Task) -> bool:
            return task.state == "deferred" and task.is_watched

        tasks = self._poll_tasks(waits)
        if sum(map(waits, tasks)) < self.count:
            states = Counter(task.state or "none" for task in tasks)
            odd = next((task for task in tasks if task.state != "deferred"), None) or self.task("directories")
            raise self.failure(odd, f"states: {dict(states)}", f"{self.count} waiting tasks at once")
        self.expect_free_slots()
        self._deferred_at = time.monotonic()

    def _drop_files(self) -> None:
        numbers = range(self.count)
        self.proof.drop(*(f"many_waits/wait_{number}/client_{number % 5 + 1}/orders.csv" for number in numbers))

    def _wait_until_ended(self, tries: int = 1) -> str:
        """Return what was measured when each has succeeded exactly once.

        :param tries: the most that a task may take.
        """
        tasks = self._poll_tasks(lambda task: task.state in ("success", "failed"))
        for task in tasks:
            called = f"waiting task {task.map_index} of {self.count}"
            if task.state != "success":
                raise self.failure(task, f"its state is {task.state}, not success", called)
            times = sum(entry.get("event") == "Pushing xcom" for entry in self.proof.run.log(task))
            if task.try_number > tries or times != 1:
                raise CheckFailed(called, f"it has ended {times} times, in try {task.try_number}")
        retried = sum(task.try_number > 1 for task in tasks)
        return f"{self.count} waiting tasks, 0 lost, 0 ended twice, {retried} retried"

    def _poll_tasks(self, is_done: Callable[[Task], bool]) -> list[Task]:
        """Return the waiting tasks, as soon as all are there and done, or as they are when the time is over."""
        # Seconds. Each task is started twice, which takes a busy machine about two seconds, and a few start at once.
        patience = 90.0 + 2.0 * self.count
        return self.poll(self._tasks, lambda tasks: len(tasks) == self.count and all(map(is_done, tasks)), patience)

    def _tasks(self) -> list[Task]:
        return [task for task in self.proof.run.tasks() if task.task_id == "wait" and task.map_index >= 0]


class Survived(_ManyTasks):
    """Waiting tasks survive their triggerer."""

    id = "survived"
    after = ("resumed",)
    required = "deferred"
    count = 6

    def deferred(self) -> None:
        """Several tasks that wait for five directories each are deferred at once, and hold no slot."""
        self._wait_until_deferred()

    def restarted(self) -> str:
        """With the triggerer restarted by SIGTERM, all are still deferred, and nothing was written."""
        written, before = self._written(), {task.triggerer for task in self._tasks()}
        self.deployment.stop("triggerer")
        began = time.monotonic()
        self.deployment.start("triggerer")
        moved = self._poll_tasks(lambda task: task.is_watched and task.triggerer not in before)
        self._expect_all_deferred()
        if len(moved) != self.count or any(task.triggerer in before for task in moved):
            raise CheckFailed("the restarted triggerer", f"it does not run all {self.count} triggers")
        if more := sorted(self._written() - written):
            raise CheckFailed("the triggerer, restarted", f"a trigger has written {', '.join(more)}")
        return f"a new triggerer runs them after {time.monotonic() - began:.0f} s"

    def health(self) -> str:
        """With the triggerer killed, the health endpoint says so."""
        self.deployment.kill("triggerer")
        began = time.monotonic()
        if not self.poll(lambda: triggerer_trouble(self.deployment), bool, 60.0):
            raise CheckFailed("GET /api/v2/monitor/health", "the triggerer is healthy 60 s after its end")
        return f"it says so after {time.monotonic() - began:.0f} s"

    def nothing_lost(self) -> None:
        """Files arrive without a triggerer: no task fails, and none resumes."""
        self._drop_files()
        time.sleep(3.0)
        self._expect_all_deferred()

    def _expect_all_deferred(self) -> None:
        for task in self._tasks():
            if task.state != "deferred":
                called = f"waiting task {task.map_index}"
                raise self.failure(task, f"its state is {task.state}, not deferred", called)

    def _written(self) -> set[str]:
        """Return all files and folders of the deployment's data."""
        return {str(path.relative_to(self.deployment.data)) for path in self.deployment.data.rglob("*")}

    def once(self) -> str:
        """With a new triggerer, every waiting task ends, exactly once."""
        self.deployment.start("triggerer")
        return self._wait_until_ended()


class Faults(_ManyTasks):
    """Waiting tasks survive every component."""

    id = "faults"
    after = ("loaded", "deferred", "resumed", "timed_out", "survived")
    required = "hundred"
    count = 10
    deployment: ComposeStack

    def worker(self) -> str:
        """Worker killed, files arrive, worker started: every waiting task ends, once."""
        self._wait_until_deferred()
        self.deployment.kill("worker")
        self._drop_files()
        self.deployment.start("worker")
        return self._outcome()

    def redis(self) -> str:
        """Redis restarted as files arrive: every waiting task ends, once."""
        self._wait_until_deferred()
        self._drop_files()
        self.deployment.restart("redis")
        return self._outcome()

    def postgres(self) -> str:
        """PostgreSQL restarted while tasks are deferred: every waiting task ends, once."""
        self._wait_until_deferred()
        self.deployment.restart("postgres")
        self._drop_files()
        return self._outcome()

    def postgres_back(self) -> str:
        """PostgreSQL restarted as files arrive: every waiting task ends, once; those that were starting are retried."""
        self._wait_until_deferred()
        self._drop_files()
        self.deployment.restart("postgres")
        return self._outcome(tries=2)

    def hundred(self) -> str:
        """100 tasks that wait for five directories each are deferred at once, over two triggerers, and hold no slot."""
        self.deployment.scale("triggerer", 2)
        began = time.monotonic()
        self.count = 100
        self._wait_until_deferred()
        counts = Counter(task.triggerer for task in self._tasks() if task.is_watched)
        shares = sorted(counts.values(), reverse=True)
        if len(shares) != 2:
            raise CheckFailed("100 waiting tasks on 2 triggerers", f"they are on {len(shares)}: {shares}")
        return f"all deferred after {time.monotonic() - began:.0f} s, on the triggerers {shares}, no slot held"

    def triggerer(self) -> str:
        """One of two triggerers killed: the other ends all 100 waiting tasks, each once."""
        self._drop_files()
        self.deployment.kill("triggerer")
        return self._outcome()

    def _outcome(self, tries: int = 1) -> str:
        ended = self._wait_until_ended(tries)
        return f"{ended}; the last ended {time.monotonic() - self._deferred_at:.0f} s after the fault"
