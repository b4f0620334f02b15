"""
One wait for one file, as a poke sensor and as a deferrable one: what `make breakeven` runs again and again.

Each run waits in a directory of its own, which it is given as a param: `directories` is a template field.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import DAG
from kata_tree import MultiDirectorySensorAsync

# Seconds between two looks for the file. With more, it would be the interval that is measured: a file that comes after
# two seconds would hold a poke sensor's slot for five.
INTERVAL = 1.0


def one_wait(way: str, **how: Any) -> None:
    """Define a DAG with a single waiting task."""
    with DAG(
        dag_id=f"break_even_{way}",
        description=f"One wait for a file: {way}",
        schedule=None,
        catchup=False,
        start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
        tags=["kata", "race"],
        params={"directory": "somewhere"},
    ):
        MultiDirectorySensorAsync(
            task_id="wait", directories=["{{ params.directory }}"], poke_interval=INTERVAL, timeout=3600, **how
        )


one_wait("poke", deferrable=False, mode="poke")
one_wait("deferrable", deferrable=True)
