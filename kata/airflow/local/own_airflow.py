"""An Airflow for one purpose, with a database and data of its own, which is gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kata.airflow.local.airflow import LocalAirflow
from kata.airflow.local.kept_processes import KeptProcesses
from kata.airflow.local.settings import settings_for
from kata.core.errors import BrokenSetup
from kata.core.files import scratch_folder
from kata.core.rest_api import ApiUnavailable


@contextmanager
def own_airflow(tree: Path, say: Callable[[str], None], **more: str) -> Iterator[LocalAirflow]:
    """One that is healthy; at the end of the `with` block nothing of it is left.

    :param tree: folder of the learner's module.
    :param say: told what is waited for.
    :param more: further settings, as environment variables.
    :raises BrokenSetup: if it does not get healthy, or does not answer when it is asked.
    """
    with scratch_folder() as folder, KeptProcesses() as processes:
        data = Path(folder) / "data"
        data.mkdir()
        airflow = LocalAirflow(settings_for(tree, Path(folder) / "airflow", data, **more), processes)
        say("starting scheduler, API server, DAG processor and triggerer")
        airflow.start_all()
        airflow.wait_healthy(say)
        try:
            yield airflow
        except ApiUnavailable as error:
            raise BrokenSetup(f"Airflow does not answer as it should. {error}") from error
