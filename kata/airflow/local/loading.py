"""Waiting for Airflow to know the DAGs of a file."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path

from kata.airflow.local.airflow import LocalAirflow
from kata.core.errors import BrokenSetup
from kata.core.rest_api import look_until

_LOADED_AFTER = 60.0  # seconds

# For what is made of the tree's own sensor.
NEEDS_STEP_4 = "Its waits are made of the tree's sensor: write Step 4 first, or take the worked answer, TREE=solution."


def wait_until_loaded(
    airflow: LocalAirflow, file: str, dag_ids: Set[str], say: Callable[[str], None], cure: str = ""
) -> None:
    """Return when all of them are there.

    :param file: their file, such as dags/race.py.
    :param cure: what to do if it cannot be imported.
    :raises BrokenSetup: if it cannot be imported, or takes too long.
    """

    def loaded() -> bool:
        say(f"waiting for the DAGs of {file}")
        airflow.check_alive()
        for failed, trace in airflow.api.import_errors().items():
            if failed.endswith(Path(file).name):
                raise BrokenSetup(f"Airflow cannot import {file}: {trace.strip().splitlines()[-1]}\n{cure}".rstrip())
        return dag_ids <= airflow.api.dag_ids()

    if not look_until(loaded, _LOADED_AFTER):
        raise BrokenSetup(f"Airflow has not loaded {file} after {_LOADED_AFTER:.0f} seconds.")
