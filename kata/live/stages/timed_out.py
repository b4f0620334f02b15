"""A wait without a file ends."""

from __future__ import annotations

from kata.airflow.deployment import Deployment
from kata.live.card import Card, CheckFailed
from kata.live.dag_run import DagRun, Task
from kata.live.diagnosis import explain
from kata.live.parts import TIMED_OUT
from kata.live.patience import wait_for

_TO_FAIL = 75.0


def begin_short_wait(deployment: Deployment) -> DagRun:
    """Begin the wait for what never comes; other parts of the proof go on meanwhile."""
    return DagRun(deployment.api, "short_wait")


def prove_timed_out(deployment: Deployment, card: Card, run: DagRun) -> None:
    if card.check(TIMED_OUT, "failed", lambda: _failed(deployment, run)):
        card.check(TIMED_OUT, "sensor_timeout", lambda: _sensor_timeout(deployment, run))
        card.check(TIMED_OUT, "callback", lambda: _callback(run))


def _failed(deployment: Deployment, run: DagRun) -> None:
    def ended(task: Task) -> bool:
        return task.has_ended

    task = wait_for(deployment, lambda: run.task("wait"), ended, _TO_FAIL)
    if not task.has_ended:
        raise explain(deployment, run, task, "a wait of 10 seconds", f"{task.state} after {_TO_FAIL:.0f} seconds")
    if task.state == "success":
        raise CheckFailed("a wait for what never comes", "it succeeds")


def _sensor_timeout(deployment: Deployment, run: DagRun) -> None:
    task = run.task("wait")
    errors = _errors(run, task)
    if "AirflowSensorTimeout" not in errors:
        raise explain(
            deployment, run, task, "a wait of 10 seconds", f"it fails with {' from '.join(errors) or 'nothing'}"
        )
    if task.state != "failed" or task.try_number > 1:
        raise explain(deployment, run, task, "a wait of 10 seconds", f"its state is {task.state}: it is tried again")


def _callback(run: DagRun) -> None:
    entries = [each for each in run.log(run.task("wait")) if each.get("level") == "error"]
    logged = [str(each["event"]) for each in entries if "trigger_implementation_exercise" in str(each.get("filename"))]
    if len(logged) != 1 or "wait" not in logged[0]:
        raise CheckFailed(
            "on_failure_callback=handle_trigger_failure",
            f"{len(logged)} lines at ERROR in the log of the task",
            mistake="not exactly one record at ERROR",
            printed="\n".join(logged),
        )


def _errors(run: DagRun, task: Task) -> list[str]:
    details = (entry.get("error_detail") or [] for entry in run.log(task))
    return [each["exc_type"] for detail in details for each in detail]
