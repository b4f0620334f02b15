"""A wait survives its triggerer."""

from __future__ import annotations

import time
from collections import Counter

from kata.arriving_files import drop
from kata.live.card import Card, CheckFailed
from kata.live.dag_run import DagRun, Task
from kata.live.deployment import Deployment
from kata.live.diagnosis import explain, triggerer_trouble
from kata.live.parts import TRIGGERER_KILLED
from kata.live.patience import wait_for
from kata.live.stages.deferred import no_slot_is_held

WAITS = 6
_TO_DEFER, _TO_BE_MISSED, _TO_COME_BACK = 75.0, 60.0, 120.0
_WITHOUT_TRIGGERER = 3.0


def prove_triggerer_killed(deployment: Deployment, card: Card) -> None:
    run = DagRun(deployment.api, "many_waits", {"waits": WAITS})
    if not card.check(TRIGGERER_KILLED, "deferred", lambda: _deferred(deployment, run)):
        return
    deployment.kill("triggerer")
    try:
        card.check(TRIGGERER_KILLED, "health", lambda: _health(deployment))
        card.check(TRIGGERER_KILLED, "nothing_lost", lambda: _nothing_lost(deployment, run))
    finally:
        deployment.start("triggerer")
    card.check(TRIGGERER_KILLED, "once", lambda: _once(deployment, run))


def waits_of(run: DagRun) -> list[Task]:
    return [task for task in run.tasks() if task.task_id == "wait" and task.map_index >= 0]


def drop_for_each(deployment: Deployment, waits: int) -> None:
    """A file for each of the waits, in one of its five directories."""
    for wait in range(waits):
        drop(deployment.data / "many_waits" / f"wait_{wait}" / f"client_{wait % 5 + 1}" / "orders.csv")


def times_resumed(run: DagRun, task: Task) -> int:
    """How often an event has brought the task back."""
    return sum(entry.get("event") == "Trigger fired event" for entry in run.log(task))


def _deferred(deployment: Deployment, run: DagRun) -> None:
    def all_watched(tasks: list[Task]) -> bool:
        return len(tasks) == WAITS and all(task.state == "deferred" and task.is_watched for task in tasks)

    tasks = wait_for(deployment, lambda: waits_of(run), all_watched, _TO_DEFER)
    if not all_watched(tasks):
        states = Counter(task.state or "none" for task in tasks)
        odd = next((task for task in tasks if task.state != "deferred"), tasks[0] if tasks else run.task("directories"))
        raise explain(deployment, run, odd, f"{WAITS} waits at once", f"their states are {dict(states)}")
    no_slot_is_held(deployment)


def _health(deployment: Deployment) -> None:
    message = wait_for(deployment, lambda: triggerer_trouble(deployment), bool, _TO_BE_MISSED)
    if not message:
        raise CheckFailed("GET /api/v2/monitor/health", f"the triggerer is healthy {_TO_BE_MISSED:.0f} s after its end")


def _nothing_lost(deployment: Deployment, run: DagRun) -> None:
    drop_for_each(deployment, WAITS)
    time.sleep(_WITHOUT_TRIGGERER)
    for task in waits_of(run):
        if task.state != "deferred":
            raise explain(deployment, run, task, "a wait without a triggerer", f"its state is {task.state}")


def _once(deployment: Deployment, run: DagRun) -> None:
    def all_ended(tasks: list[Task]) -> bool:
        return all(task.has_ended for task in tasks)

    for task in wait_for(deployment, lambda: waits_of(run), all_ended, _TO_COME_BACK):
        if task.state != "success":
            raise explain(deployment, run, task, f"wait {task.map_index}", f"its state is {task.state}")
        if task.try_number != 1 or times_resumed(run, task) != 1:
            raise CheckFailed(f"wait {task.map_index}", f"ended {times_resumed(run, task)} times")
