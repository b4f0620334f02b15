"""What the proof needs of an Airflow, wherever it runs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from kata.core.rest_api import AirflowApi


class Deployment(Protocol):
    """A running Airflow.

    :ivar api: its REST API.
    :ivar data: the folder that its DAGs read and write below, as this process sees it.
    """

    api: AirflowApi
    data: Path

    def kill(self, component: str) -> None:
        """End a component, such as "triggerer", with SIGKILL."""

    def start(self, component: str) -> None:
        """Start a component that was ended; returns at once."""

    def log_of(self, component: str) -> str:
        """What the component has printed."""

    def ended(self) -> Collection[str]:
        """The components that have ended by themselves and are not started again by anybody."""

    def check_alive(self) -> None:
        """Raises `BrokenSetup` if there is one."""
