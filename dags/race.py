"""
The same waits in four ways, and an ordinary task that wants a worker slot beside them: what `make race` runs.

Each way is a DAG with a number of sensors side by side, every one for a file in a directory of its own. It is the same
sensor in all of them, that of the tree, so that nothing but the way of waiting differs. They are tasks of their own,
not mapped ones: Airflow 3 starts a mapped task in a worker, whatever `start_from_trigger` says.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, get_parsing_context
from airflow.triggers.base import StartTriggerArgs
from kata_tree import DATA_DIR, MultiDirectorySensorAsync

WAITS = int(os.environ.get("KATA_RACE_WAITS", "5"))
# Seconds between two looks for a file. With five, Airflow 3.3.2 fails rescheduled sensors: the executor reports the end
# of a look up to five seconds late, and the scheduler takes that for the end of the next one ("state mismatch").
INTERVAL = 10.0
START = pendulum.datetime(2024, 1, 1, tz="UTC")
TAGS = ["kata", "race"]


class SensorStartedFromTrigger(MultiDirectorySensorAsync):
    """
    The same sensor without its first check.

    The scheduler itself passes the trigger to the triggerer, and the task needs a worker only after the file has
    arrived. All arguments of the trigger have to be known while the DAG is parsed, as `execute` is never called.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_from_trigger = True
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="trigger_implementation_exercise.MultiDirectoryTrigger",
            trigger_kwargs={
                "directories": self.directories,
                "file_pattern": self.file_pattern,
                "check_interval": self.poke_interval,
            },
            next_method="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )


def race_dag(way: str, sensor: type[MultiDirectorySensorAsync], **how: Any) -> None:
    """Define a DAG of waiting tasks only; all may run at once."""
    dag_id = f"race_{way}"
    # A worker that runs one task of this file has no use for the hundreds of its other DAGs.
    if get_parsing_context().dag_id not in (None, dag_id):
        return
    with DAG(
        dag_id=dag_id,
        description=f"{WAITS} waits at once: {way}",
        schedule=None,
        catchup=False,
        start_date=START,
        tags=TAGS,
        max_active_tasks=WAITS,
    ):
        for number in range(WAITS):
            directory = os.path.join(DATA_DIR, "race", way, f"wait_{number}")
            sensor(task_id=f"wait_{number}", directories=[directory], poke_interval=INTERVAL, timeout=3600, **how)


race_dag("poke", MultiDirectorySensorAsync, deferrable=False, mode="poke")
race_dag("reschedule", MultiDirectorySensorAsync, deferrable=False, mode="reschedule")
race_dag("deferrable", MultiDirectorySensorAsync, deferrable=True)
race_dag("start_from_trigger", SensorStartedFromTrigger, deferrable=True)

with DAG(
    dag_id="race_ordinary_task",
    description="A task that does next to nothing, to see how long it has to wait for a slot",
    schedule=None,
    catchup=False,
    start_date=START,
    tags=TAGS,
    max_active_runs=1000,  # those that find no slot pile up
):
    PythonOperator(task_id="ordinary", python_callable=lambda: "done")
