"""
Two small DAGs to look at a deferral from all sides: `make live` runs them, and you may, with your own classes.

They take sensor and callback from the tree that Airflow was started with (`make up TREE=solution`).
"""

from __future__ import annotations

import os
from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param
from kata_tree import DATA_DIR, MultiDirectorySensorAsync, handle_trigger_failure

START = pendulum.datetime(2024, 1, 1, tz="UTC")
TAGS = ["kata", "live-proof"]


def many_directories(waits: int) -> list[list[str]]:
    """Five directories for each wait, all of them made."""
    return [[_made(f"wait_{wait}", f"client_{client}") for client in range(1, 6)] for wait in range(waits)]


def _made(wait: str, client: str) -> str:
    directory = os.path.join(DATA_DIR, "many_waits", wait, client)
    os.makedirs(directory, exist_ok=True)
    return directory


with DAG(
    dag_id="many_waits",
    description="As many waits at once as you like, five directories each, no worker slot",
    schedule=None,
    catchup=False,
    start_date=START,
    tags=TAGS,
    params={"waits": Param(100, type="integer", minimum=1, maximum=1000)},
    max_active_tasks=1000,
):
    directories = PythonOperator(
        task_id="directories",
        python_callable=lambda params: many_directories(params["waits"]),
    )
    # The retry is for the moments at which the task is started, first and last: a wait itself needs none.
    MultiDirectorySensorAsync.partial(
        task_id="wait", poke_interval=2, timeout=600, retries=1, retry_delay=timedelta(seconds=5)
    ).expand(directories=directories.output)

with DAG(
    dag_id="short_wait",
    description="A wait for what never comes: it ends after its timeout of 10 seconds",
    schedule=None,
    catchup=False,
    start_date=START,
    tags=TAGS,
):
    MultiDirectorySensorAsync(
        task_id="wait",
        directories=[os.path.join(DATA_DIR, "nobody_ever_comes_here")],
        poke_interval=2,
        timeout=10,
        retries=2,  # of no use: a timeout is not tried again
        on_failure_callback=handle_trigger_failure,
    )
