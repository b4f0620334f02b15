"""A single wait, from its submission until it holds no slot any more."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from kata.airflow.arriving_files import drop
from kata.airflow.local_airflow import LocalAirflow
from kata.core.errors import BrokenSetup
from kata.core.rest_api import look_until
from lab.race.component_usage import WORKERS, ComponentUsage
from lab.race.figures import slot_seconds
from lab.race.sample import Sample
from lab.race.slots import Slots

_LOOK_EVERY = (0.1, 0.2)  # seconds
_STARTED_AND_ENDED_WITHIN = 60.0


@dataclass(frozen=True)
class Waited:
    """What a wait has taken.

    :param waited: seconds from the start of its task to its file.
    :param slot_seconds: slots that it held, times how long.
    :param running: seconds for which Airflow told that its task runs.
    :param late: seconds from its file to the end of its task.
    :param cpu: seconds that the processes of the executor took, and the tasks in them.
    """

    waited: float
    slot_seconds: float
    running: float
    late: float
    cpu: float


class OneWait:
    """Runs it.

    :param dag_id: a DAG of one task that waits for a file in the directory that it is given.
    :param directory: where the file comes; a new one.
    :param file_after: seconds from the start of the task to the file; at 0 it is there beforehand.
    """

    def __init__(self, airflow: LocalAirflow, dag_id: str, directory: Path, file_after: float) -> None:
        self._airflow = airflow
        self._dag_id = dag_id
        self._file = directory / "orders.csv"
        self._file_after = file_after
        self._file_at: float | None = None
        self._samples: list[Sample] = []

    def run(self, slots: Slots, usage: ComponentUsage) -> Waited:
        """Raises `BrokenSetup` if the task does not end well, or a component of Airflow ends by itself."""
        self._file.parent.mkdir(parents=True)
        self._slots, used = slots, usage.cpu()[WORKERS]
        if not self._file_after:
            drop(self._file)
        self._run = DagRun(self._airflow.api, self._dag_id, {"directory": str(self._file.parent)})
        over = look_until(self._is_over, self._file_after + _STARTED_AND_ENDED_WITHIN, _LOOK_EVERY)
        if not over or self._task.state != "success":
            how = "has not ended" if not over else f"has ended as {self._task.state}"
            raise BrokenSetup(f"A wait of {self._dag_id} for a file after {self._file_after:g} seconds {how}.")
        began, ended, came = self._task.began or 0.0, self._task.ended or 0.0, self._file_at
        return Waited(
            waited=came - began if came else 0.0,
            slot_seconds=slot_seconds(self._samples),
            running=sum(now.running * (then.at - now.at) for now, then in pairwise(self._samples)),
            late=ended - (came or began),
            cpu=usage.cpu()[WORKERS] - used,
        )

    def _is_over(self) -> bool:
        """Drop the file if it is due, and see whether the task has ended and its slots are free."""
        self._airflow.check_alive()
        self._task: Task = self._run.tasks()[0]
        self._drop_if_due()
        held = self._slots.holders()[self._task.id]
        self._samples.append(Sample(time.monotonic(), held=held, running=int(self._task.state == "running")))
        return self._task.has_ended and not held

    def _drop_if_due(self) -> None:
        began, now = self._task.began, time.time()
        if self._file_after and self._file_at is None and began and now >= began + self._file_after:
            drop(self._file)
            self._file_at = now
