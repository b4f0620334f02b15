"""Both waits leave their worker slot."""

from __future__ import annotations

from kata.airflow.deployment import Deployment
from kata.core.paths import MODULE
from kata.live.card import Card, CheckFailed
from kata.live.dag_run import DagRun, Task
from kata.live.diagnosis import explain
from kata.live.parts import DEFERRED
from kata.live.patience import wait_for, wait_for_success
from kata.live.slots import no_slot_is_held

UPLOAD, CLIENTS = "wait_for_upload", "monitor_client_uploads"
TRIGGERS = {
    UPLOAD: "airflow.providers.standard.triggers.file.FileTrigger",
    CLIENTS: f"{MODULE}.MultiDirectoryTrigger",
}
_TO_START, _TO_DEFER, _TO_BE_TAKEN_UP = 60.0, 40.0, 30.0


def prove_deferred(deployment: Deployment, card: Card) -> DagRun:
    """Begin a run of the DAG and follow it until both waits are deferred; the run."""
    run = DagRun(deployment.api, MODULE)
    if card.check(DEFERRED, "directories", lambda: _directories(deployment, run)):
        card.check(DEFERRED, "upload", lambda: _is_deferred(deployment, run, UPLOAD))
        card.check(DEFERRED, "clients", lambda: _is_deferred(deployment, run, CLIENTS))
        card.check(DEFERRED, "watched", lambda: _watched(deployment, run))
        card.check(DEFERRED, "no_slot", lambda: no_slot_is_held(deployment))
    return run


def _directories(deployment: Deployment, run: DagRun) -> None:
    wait_for_success(deployment, run, "set_up_directories", _TO_START)
    missing = [n for n in range(1, 6) if not (deployment.data / "uploads" / f"client_{n}").is_dir()]
    if missing:
        raise CheckFailed(
            "set_up_directories", f"no directory uploads/client_{missing[0]}", mistake="directory not created"
        )


def _is_deferred(deployment: Deployment, run: DagRun, task_id: str) -> None:
    def settled(task: Task) -> bool:
        return task.has_ended or task.state == "deferred"

    task = wait_for(deployment, lambda: run.task(task_id), settled, _TO_DEFER)
    if task.state != "deferred":
        raise explain(deployment, run, task, task_id, f"its state is {task.state or 'none'}, not deferred")
    if task.trigger != TRIGGERS[task_id]:
        ended = wait_for(deployment, lambda: run.task(task_id), lambda task: task.has_ended, 10.0)
        raise explain(deployment, run, ended, task_id, f"it is deferred to {task.trigger}, not to {TRIGGERS[task_id]}")


def _watched(deployment: Deployment, run: DagRun) -> None:
    def waits() -> list[Task]:
        return [task for task in run.tasks() if task.task_id in TRIGGERS]

    for task in wait_for(deployment, waits, lambda tasks: all(task.is_watched for task in tasks), _TO_BE_TAKEN_UP):
        if not task.is_watched:
            raise explain(deployment, run, task, task.task_id, f"its state is {task.state}, with no triggerer")
