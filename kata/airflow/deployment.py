"""A running Airflow, wherever it runs."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Set
from functools import cached_property
from pathlib import Path

from kata.core.errors import BrokenSetup
from kata.core.files import read_toml
from kata.core.rest_api import AirflowApi, poll_until

_SHOWN_LINES = 15
_LOADED_AFTER = 60.0  # seconds

# What the failure of a component, or of Docker, means and what to do.
CAUSES: dict[str, dict[str, str]] = read_toml(Path(__file__).with_name("causes.toml"))

# What to do if a file whose tasks use the submission's own sensor cannot be imported.
NEEDS_STEP_4 = "Its tasks use your sensor: write Step 4 first, or take the reference solution, TREE=solution."


class Deployment(ABC):
    """A running Airflow. All methods raise `BrokenSetup` if Airflow, or what it runs on, does not do its part.

    :cvar causes: of `CAUSES`, those of its components.
    :ivar address: of the UI and the REST API, such as http://127.0.0.1:8080.
    :ivar data: the folder that its DAGs read and write below, as this process sees it.
    :ivar log_place: where a user reads what a component prints, with {} for its name.
    """

    causes: dict[str, str]
    address: str
    data: Path
    log_place: str

    @cached_property
    def api(self) -> AirflowApi:
        """The REST API."""
        return AirflowApi(self.address)

    @abstractmethod
    def start(self, component: str) -> None:
        """Start a component that was ended, such as "triggerer"; return at once."""

    @abstractmethod
    def stop(self, component: str) -> None:
        """Ask a component to end, by SIGTERM as a restart does; return when it has, killed if it takes too long."""

    @abstractmethod
    def kill(self, component: str) -> None:
        """End a component with SIGKILL."""

    @abstractmethod
    def log_of(self, component: str) -> str:
        """Return what the component has printed."""

    @abstractmethod
    def ended(self) -> dict[str, int]:
        """Return the exit status of each component that has ended by itself and is not started again."""

    def check_alive(self) -> None:
        """Raise `BrokenSetup` if a component has ended by itself."""
        for component, status in self.ended().items():
            raise BrokenSetup(self.failure_of(component, f"has ended with exit status {status}"))

    def failure_of(self, component: str, what: str) -> str:
        """Return what happened to a component, the cause as far as its log tells it, and the end of the log."""
        log = self.log_of(component)
        cause = next((f"{words} " for sign, words in self.causes.items() if re.search(sign, log)), "")
        last = "\n".join(f"   | {line[:200]}" for line in log.splitlines()[-_SHOWN_LINES:])
        return f"Airflow's {component} {what}. {cause}Its log, {self.log_place.format(component)}, ends with:\n{last}"


def wait_until_loaded(
    airflow: Deployment, file: str, dag_ids: Set[str], say: Callable[[str], None], todo: str = ""
) -> None:
    """Return when Airflow has loaded all these DAGs.

    :param file: the file with them, such as dags/race.py.
    :param todo: what to do if it cannot be imported.
    :raises BrokenSetup: if it cannot be imported, or takes too long.
    """

    def loaded() -> bool:
        say(f"waiting for the DAGs of {file}")
        airflow.check_alive()
        for failed, trace in airflow.api.import_errors().items():
            if failed.endswith(Path(file).name):
                raise BrokenSetup(f"Airflow cannot import {file}: {trace.strip().splitlines()[-1]}\n{todo}".rstrip())
        return dag_ids <= airflow.api.dag_ids()

    if not poll_until(loaded, _LOADED_AFTER):
        raise BrokenSetup(f"Airflow has not loaded {file} after {_LOADED_AFTER:.0f} seconds.")
