"""A container of the stack, as the engine describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kata.airflow.compose.docker import compose, docker
from kata.core.errors import BrokenSetup
from kata.core.paths import ROOT


@dataclass(frozen=True)
class Container:
    """
    :param index: 1 for the first container of its service, 2 for the second …
    :param state: running, exited, restarting, created …
    :param health: healthy, unhealthy, starting; empty where there is no health check.
    :param exit_code: of the last time that it ended.
    :param tree: folder that Airflow takes the exercise from; None for what is not Airflow.
    :param port: the port on this machine that leads to it.
    :param project_folder: the clone whose container it is.
    :param started_at: the last time, with time zone.
    :param config_hash: Compose's own, of the service as it was when the container was made.
    """

    id: str
    service: str
    index: int
    state: str
    health: str
    exit_code: int
    tree: Path | None
    port: int | None
    project_folder: Path
    started_at: datetime
    config_hash: str

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    @property
    def is_ready(self) -> bool:
        """Healthy; one that is to do its work and end has ended well."""
        return self.health == "healthy" if self.is_running else (self.state, self.exit_code) == ("exited", 0)

    @property
    def condition(self) -> str:
        """The state in a word or three, for people."""
        if self.is_running:
            return self.health or "running"
        if self.state == "exited":
            return "done" if self.exit_code == 0 else f"failed, exit code {self.exit_code}"
        return self.state


def list_containers() -> list[Container]:
    """All containers of this clone's project, by service and index, also those that have ended."""
    ids = compose("ps", "--all", "--quiet").split()
    try:
        described = json.loads(docker("inspect", *ids)) if ids else []
    except BrokenSetup as error:
        if "no such" in str(error).lower():  # one has gone in between
            return list_containers()
        raise
    return sorted(map(_container, described), key=lambda container: (container.service, container.index))


def _container(described: dict[str, Any]) -> Container:
    state, labels = described["State"], described["Config"]["Labels"]
    published = (described["HostConfig"]["PortBindings"] or {}).get("8080/tcp") or [{}]
    tree = labels.get("kata.tree")
    return Container(
        id=described["Id"],
        service=labels["com.docker.compose.service"],
        index=int(labels["com.docker.compose.container-number"]),
        state=state["Status"],
        health=state.get("Health", {}).get("Status", ""),
        exit_code=state["ExitCode"],
        tree=(ROOT / tree).resolve() if tree else None,
        port=int(published[0].get("HostPort") or 0) or None,
        project_folder=Path(labels["com.docker.compose.project.working_dir"]),
        # Nine digits behind the point are more than Python 3.10 reads.
        started_at=datetime.fromisoformat(state["StartedAt"][:19] + "+00:00"),
        config_hash=labels["com.docker.compose.config-hash"],
    )
