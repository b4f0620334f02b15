"""The waits of one approach: a DAG run, a directory for each, and the files that come all at once."""

from __future__ import annotations

from kata.airflow.arriving_files import drop
from kata.airflow.local_airflow import LocalAirflow
from kata.core.dag_run import DagRun, Task
from lab.race.approach import Approach


class FileWaits:
    """Submits them.

    :param count: how many; the DAG has been told as many.
    """

    def __init__(self, airflow: LocalAirflow, approach: Approach, count: int) -> None:
        folder = airflow.data / "race" / approach.key
        self._directories = [folder / f"wait_{number}" for number in range(count)]
        for directory in self._directories:
            directory.mkdir(parents=True)
        self._run = DagRun(airflow.api, approach.dag_id)

    def tasks(self) -> list[Task]:
        return self._run.tasks()

    def drop_files(self) -> None:
        """A file for each."""
        for directory in self._directories:
            drop(directory / "orders.csv")
