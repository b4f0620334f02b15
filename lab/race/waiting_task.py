"""A single waiting task, from its submission until it no longer holds a slot."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

from kata.airflow.arriving_files import drop
from kata.airflow.local.airflow import LocalAirflow
from kata.core.errors import BrokenSetup
from kata.core.rest_api import look_until
from kata.live.dag_run import DagRun, Task
from lab.race.figures import slot_seconds
from lab.race.monitor import Sample
from lab.race.resources import WORKERS, ComponentUsage

_LOOK_INTERVAL = (0.1, 0.2)  # seconds
_PATIENCE = 60.0  # seconds to start and to end


def run_waiting_task(
    airflow: LocalAirflow, usage: ComponentUsage, dag_id: str, directory: Path, file_after: float
) -> dict[str, float]:
    """Run a DAG of one task, which waits for a file in the directory that it is given.

    :param directory: where the file arrives; a new directory.
    :param file_after: seconds from the start of the task to the file. At 0, the file exists beforehand.
    :return: its figures, as in break_even.json.
    :raises BrokenSetup: if the task does not succeed, or a component of Airflow ends by itself.
    """
    file, samples = directory / "orders.csv", list[Sample]()
    directory.mkdir(parents=True)
    used = usage.cpu()[WORKERS]
    if not file_after:
        drop(file)
    dag_run = DagRun(airflow.api, dag_id, {"directory": str(directory)})
    task: Task | None = None
    file_at: float | None = None

    def is_over() -> bool:
        """Drop the file if it is due, and return whether the task has ended and its slots are free."""
        nonlocal task, file_at
        airflow.check_alive()
        task, now = dag_run.tasks()[0], time.time()
        if file_after and file_at is None and task.began and now >= task.began + file_after:
            drop(file)
            file_at = now
        held = usage.slot_holders()[task.id]
        samples.append(Sample(time.monotonic(), held=held, running=int(task.state == "running")))
        return task.has_ended and not held

    over = look_until(is_over, file_after + _PATIENCE, _LOOK_INTERVAL)
    if not over or not task or task.state != "success":
        how = f"has ended as {task.state}" if over and task else "has not ended"
        raise BrokenSetup(f"A task of {dag_id} with a file after {file_after:g} seconds {how}.")
    began, ended = task.began or 0.0, task.ended or 0.0
    waited_until = file_at or began
    return {
        "waited_seconds": round(waited_until - began, 3),
        "slot_seconds": round(slot_seconds(samples), 2),
        "running_seconds": round(sum(now.running * (then.at - now.at) for now, then in pairwise(samples)), 2),
        "late_seconds": round(ended - waited_until, 3),
        "task_cpu_seconds": round(usage.cpu()[WORKERS] - used, 2),
    }
