"""`make down`: end the stack."""

from __future__ import annotations

from rich.console import Console

from kata.airflow.compose.container import list_containers
from kata.airflow.compose.docker import check_docker, compose

_KEPT = "Down. Database, logs and secrets are kept for the next make up; make down VOLUMES=1 removes them as well."
_REMOVED = "Down. Database, logs and secrets are removed as well; what lies in data/ is left."


def down(volumes: bool, console: Console) -> None:
    """End and remove the containers and their network. Raises `BrokenSetup`.

    :param volumes: whether the named volumes go as well.
    """
    check_docker()
    if not list_containers() and not volumes:
        console.print("Nothing is up.")
        return
    console.print("Ending what runs; a worker may end its tasks first …", highlight=False)
    compose("down", "--remove-orphans", *(["--volumes"] if volumes else []))
    console.print(_REMOVED if volumes else _KEPT, soft_wrap=True, highlight=False)
