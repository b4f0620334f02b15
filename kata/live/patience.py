"""Waiting for what a real Airflow does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from kata.airflow.deployment import Deployment
from kata.core.rest_api import ApiUnavailable
from kata.live.dag_run import DagRun
from kata.live.diagnosis import explain, triggerer_ended

T = TypeVar("T")
_LOOK_EVERY = 0.5  # seconds


def wait_for(deployment: Deployment, look: Callable[[], T], is_there: Callable[[T], bool], seconds: float) -> T:
    """Look again and again until what is seen is there, or the time is over; what was seen last.

    :raises CheckFailed: if the triggerer has ended by itself: a trigger can do that.
    :raises BrokenSetup: if another component of Airflow has.
    :raises ApiUnavailable: if the API does not answer when the time is over.
    """
    patience = time.monotonic() + seconds
    while True:
        try:
            seen = look()
            if is_there(seen) or time.monotonic() > patience:
                return seen
        except ApiUnavailable:
            if time.monotonic() > patience:
                raise
        if "triggerer" in deployment.ended():
            raise triggerer_ended(deployment)
        deployment.check_alive()
        time.sleep(_LOOK_EVERY)


def wait_for_success(deployment: Deployment, run: DagRun, task_id: str, seconds: float) -> None:
    """Return when the task has succeeded. Raises `CheckFailed`, with the cause, if it does not."""
    task = wait_for(deployment, lambda: run.task(task_id), lambda task: task.has_ended, seconds)
    if task.state != "success":
        raise explain(deployment, run, task, task_id, f"its state is {task.state or 'none'}")
