"""A whole Airflow on this machine: scheduler, API server, DAG processor and triggerer, with SQLite."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kata.airflow.local.kept_processes import KeptProcesses
from kata.airflow.local.settings import Settings
from kata.core.environment import copy_template
from kata.core.errors import BrokenSetup
from kata.core.paths import shown
from kata.core.ports import LOOPBACK
from kata.core.rest_api import AirflowApi, ApiUnavailable

# What each is started with. Logs need not be served: they lie on this machine, and the servers would listen everywhere.
COMPONENTS = {
    "api-server": ("api-server", "--workers", "1", "--host", LOOPBACK, "--port"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}

# How Airflow's health endpoint calls them.
_IN_HEALTH = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
_HEALTHY_AFTER = 150.0  # seconds at most, on a busy machine
_SHOWN_LINES = 15


class LocalAirflow:
    """One Airflow.

    Its components live as long as `processes`.

    :param settings: its database and logs lie in their `home`; the database is made if it is not there.
    :ivar api: its REST API.
    :ivar data: folder that its DAGs read and write below.
    :ivar database: the SQLite file that is its metadata database.
    :ivar pids: the process id of each component.
    """

    def __init__(self, settings: Settings, processes: KeptProcesses) -> None:
        self._settings = settings
        self._processes = processes
        self._environment = settings.environment()
        self.api = AirflowApi(settings.address)
        self.data = settings.data
        self.database = settings.home / "airflow.db"
        self.pids: dict[str, int] = {}

    @property
    def address(self) -> str:
        return self._settings.address

    def start_all(self) -> None:
        """Start every component; returns at once."""
        home = self._settings.home
        home.mkdir(parents=True, exist_ok=True)
        (home / "logs").mkdir(exist_ok=True)
        if not self.database.exists():
            copy_template(self.database)
        for component in COMPONENTS:
            self.start(component)

    def start(self, component: str) -> None:
        """Start one component; returns at once."""
        port = [str(self._settings.port)] if component == "api-server" else []
        command = [sys.executable, "-m", "airflow", *COMPONENTS[component], *port]
        log = self.log_file(component)
        self.pids[component] = self._processes.start(component, command, self._environment, self._settings.home, log)

    def kill(self, component: str) -> None:
        """End one component with SIGKILL, and its children with it."""
        self._processes.kill(component)

    def log_file(self, component: str) -> Path:
        return self._settings.home / "logs" / f"{component}.log"

    def log_of(self, component: str) -> str:
        """What the component has printed since the first start."""
        try:
            return self.log_file(component).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def wait_healthy(self, say: Callable[[str], None]) -> None:
        """Return when every component says that it is well.

        :param say: told what is waited for, again and again.
        :raises BrokenSetup: if one has ended, or takes too long.
        """
        patience = time.monotonic() + _HEALTHY_AFTER
        while waiting := self._not_healthy():
            say(f"waiting for {', '.join(waiting)}")
            self.check_alive()
            if time.monotonic() > patience:
                raise BrokenSetup(self._trouble(waiting[0], f"is not healthy after {_HEALTHY_AFTER:.0f} seconds"))
            time.sleep(0.5)

    def ended(self) -> list[str]:
        """The components that have ended by themselves."""
        return list(self._processes.ended())

    def check_alive(self) -> None:
        """Raises `BrokenSetup` if a component has ended by itself."""
        for component, status in self._processes.ended().items():
            raise BrokenSetup(self._trouble(component, f"has ended with exit status {status}"))

    def _not_healthy(self) -> list[str]:
        try:
            health = self.api.health()
        except ApiUnavailable:
            return list(COMPONENTS)
        return [component for component, name in _IN_HEALTH.items() if health.get(name) != "healthy"]

    def _trouble(self, component: str, what: str) -> str:
        log = self.log_of(component)
        cause = next((words for sign, words in _CAUSES if re.search(sign, log)), "")
        last = "\n".join(f"   | {line[:200]}" for line in log.splitlines()[-_SHOWN_LINES:])
        return f"Airflow's {component} {what}. {cause}Its log, {shown(self.log_file(component))}, ends with:\n{last}"


_CAUSES = (
    (r"[Aa]ddress already in use", "Another process has taken its port: run the command again. "),
    (r"No space left on device|database or disk is full", "The disk is full: make room and run the command again. "),
    (r"Can't locate revision", "Its database is of another Airflow version: remove it with make clean. "),
)
