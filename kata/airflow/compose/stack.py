"""The running stack: what a test or a live proof asks of it and does to it."""

from __future__ import annotations

import time
from datetime import datetime
from functools import cached_property
from pathlib import Path

from kata.airflow.compose.container import Container, list_containers
from kata.airflow.compose.docker import Settings, compose, docker
from kata.core.errors import BrokenSetup, WrongUsage
from kata.core.paths import DATA, ROOT, shown
from kata.core.ports import DEFAULT_PORT, LOOPBACK
from kata.core.rest_api import AirflowApi


class ComposeStack:
    """The containers of this clone. All methods raise `BrokenSetup` when Docker does not do its part.

    :param logs_since: with time zone; what was printed before is of no interest. None for all that there is.
    """

    data: Path = DATA

    def __init__(self, logs_since: datetime | None = None) -> None:
        self._logs_since = logs_since

    @property
    def address(self) -> str:
        """Of the UI and the REST API, such as http://127.0.0.1:8080."""
        return f"http://{LOOPBACK}:{self.port or DEFAULT_PORT}"

    @cached_property
    def api(self) -> AirflowApi:
        """The REST API."""
        return AirflowApi(self.address)

    def ended(self) -> list[str]:
        """The services that have ended by themselves and stay so: none, the restart policy starts them again."""
        return []

    def check_alive(self) -> None:
        """Raises nothing: what ends is started again."""

    @property
    def port(self) -> int | None:
        """The port on this machine; None while there is no api-server."""
        return next((container.port for container in self.containers("api-server")), None)

    @property
    def tree(self) -> Path | None:
        """The folder that Airflow takes the exercise from; None while there is no Airflow."""
        return next((container.tree for container in self.containers() if container.tree), None)

    @property
    def is_older_than_its_code(self) -> bool:
        """Whether the tree was saved after a triggerer had been started, which imports a module once."""
        saved = max((file.stat().st_mtime for file in self.tree.glob("*.py")), default=0) if self.tree else 0
        return any(container.started_at.timestamp() < saved for container in self.containers("triggerer"))

    def containers(self, service: str | None = None) -> list[Container]:
        """Those of a service, or all, by index; also those that have ended."""
        return [container for container in list_containers() if service in (None, container.service)]

    def log_of(self, service: str, lines: int | None = None) -> str:
        """What all containers of a service have printed; the last `lines` lines of each."""
        since = ("--since", self._logs_since.isoformat()) if self._logs_since else ()
        log = compose("logs", "--no-color", "--no-log-prefix", "--tail", str(lines or "all"), *since, service)
        return log.replace("\x1b[2K", "")  # some versions clear the line that they write on, also in a pipe

    def kill(self, service: str, index: int = 1) -> None:
        """SIGKILL to one container of the service.

        For Docker this is a stop that somebody wants: the restart policy does not bring it back, `start` does. See
        `crash` for what the policy mends.
        """
        docker("kill", "--signal", "KILL", self._container(service, index).id)

    def crash(self, service: str, index: int = 1) -> None:
        """SIGKILL to the processes inside one container: it ends, and its restart policy starts it again."""
        self._container(service, index)
        compose("exec", "--no-TTY", "--index", str(index), service, "bash", "-c", "kill -KILL -1")

    def start(self, service: str) -> None:
        """Start the containers of the service that have ended."""
        compose("start", service, settings=self._settings())

    def restart(self, service: str) -> None:
        compose("restart", "--no-deps", service, settings=self._settings())

    def scale(self, service: str, containers: int) -> None:
        """Have so many containers of the service; those that run and remain are left alone.

        Quick, for it does not look at what the service depends on. So Compose takes the new ones for changed: the next
        `make up` makes them anew.
        """
        scale = ("--no-recreate", "--no-deps", "--scale", f"{service}={containers}")
        compose("up", "--detach", *scale, service, settings=self._settings())

    def wait_healthy(self, service: str, timeout: float) -> None:
        """Wait until every container of the service is healthy. Raises `BrokenSetup` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.is_ready(service):
            if time.monotonic() > deadline:
                raise BrokenSetup(
                    f"{service} is not healthy after {timeout:g} seconds. See: make logs SERVICE={service}"
                )
            time.sleep(0.5)

    def is_ready(self, service: str) -> bool:
        containers = self.containers(service)
        return bool(containers) and all(container.is_ready for container in containers)

    def _container(self, service: str, index: int) -> Container:
        for container in self.containers(service):
            if container.index == index:
                return container
        raise WrongUsage(f"There is no container {index} of {service}. `make ps` shows those that are there.")

    def _settings(self) -> Settings:
        """What the stack was started with, so that what is started now gets the same."""
        return compose_settings(self.tree or ROOT / "exercise", self.port or DEFAULT_PORT)


def compose_settings(tree: Path, port: int) -> Settings:
    """What docker-compose.yaml reads. A tree of the clone is written as a plain `docker compose up` has it."""
    return {"KATA_TREE": shown(tree), "KATA_PORT": str(port)}
