"""Waiting for Airflow to know the DAGs of a measurement."""

from __future__ import annotations

from collections.abc import Callable, Set

from kata.failures import BrokenSetup
from kata.local.airflow import LocalAirflow
from kata.race.patience import look_until

_LOADED_AFTER = 60.0  # seconds


def wait_until_loaded(airflow: LocalAirflow, file: str, dag_ids: Set[str], say: Callable[[str], None]) -> None:
    """Return when all of them are there.

    :param file: their file in dags/, whose waits are made of the tree's sensor.
    :raises BrokenSetup: if it cannot be imported, or takes too long.
    """

    def loaded() -> bool:
        say(f"waiting for the DAGs of dags/{file}")
        airflow.check_alive()
        for failed, trace in airflow.api.import_errors().items():
            if failed.endswith(file):
                raise BrokenSetup(
                    f"Airflow cannot import dags/{file}, whose waits are made of the tree's sensor: "
                    f"{trace.strip().splitlines()[-1]}\nWrite Step 4 first, or take the worked answer: TREE=solution"
                )
        return dag_ids <= airflow.api.dag_ids()

    if not look_until(loaded, _LOADED_AFTER):
        raise BrokenSetup(f"Airflow has not loaded dags/{file} after {_LOADED_AFTER:.0f} seconds.")
