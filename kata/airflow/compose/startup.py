"""One `docker compose up`, followed until all services are ready."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable

from kata.airflow.compose.container import Container, list_containers
from kata.airflow.compose.docker import Settings, compose, start_compose
from kata.airflow.compose.failure import failure_of
from kata.airflow.compose.stack import ComposeStack
from kata.core.errors import BrokenSetup

UP_DEADLINE = 300.0  # seconds; about 70 on two cores

_OTHER_PASSWORD_OR_AIRFLOW = re.compile("Can't locate revision|password authentication failed")


def start_all(settings: Settings, scales: dict[str, int], saw: Callable[[list[Container]], None]) -> None:
    """Start what is not there and change what differs. Raises `BrokenSetup` when a service does not get ready.

    :param scales: how many containers a service is to have, where it is not one.
    :param saw: told again and again which containers there are.
    """
    if _is_up_already(settings):
        return
    deadline = time.monotonic() + UP_DEADLINE
    services = set(compose("config", "--services", settings=settings).split())
    scale = [f"--scale={service}={count}" for service, count in scales.items()]
    with tempfile.TemporaryFile() as printed:
        process = start_compose(
            "up", "--detach", "--remove-orphans", *scale, settings=settings, printed=printed.fileno()
        )
        try:
            while (exit_code := process.poll()) is None or not _are_ready(services):
                containers = list_containers()
                saw(containers)
                if exit_code:
                    printed.seek(0)
                    raise _failed(containers, printed.read().decode(errors="replace"))
                if time.monotonic() > deadline:
                    raise _late(containers)
                time.sleep(1)
        finally:
            _end(process)
    saw(list_containers())


def _is_up_already(settings: Settings) -> bool:
    """Whether all services are ready, and each is as docker-compose.yaml has it."""
    printed = compose("config", "--hash", "*", settings=settings)
    wanted = dict(line.split() for line in printed.splitlines())
    made = {container.service: container.config_hash for container in list_containers()}
    return made == wanted and _are_ready(set(wanted))


def _are_ready(services: set[str]) -> bool:
    containers = list_containers()
    return all(container.is_ready for container in containers) and {c.service for c in containers} >= services


def _failed(containers: list[Container], printed: str) -> BrokenSetup:
    """Of a service of which others wait in vain, its own words say more than Docker's."""
    last_line = printed.rstrip().rpartition("\n")[2]
    for container in containers:
        if container.service in last_line and not container.is_ready:
            last = _last_lines(container)
            if container.service == "migrate" and _OTHER_PASSWORD_OR_AIRFLOW.search(last):
                return BrokenSetup(
                    "The database was made by another Airflow, or with another password. "
                    "make down VOLUMES=1 removes it, with its history; then again: make up"
                )
            return BrokenSetup(f"{container.service}: {container.condition}. {last}")
    return BrokenSetup(failure_of(printed, "docker compose up"))


def _late(containers: list[Container]) -> BrokenSetup:
    late = next((container for container in containers if not container.is_ready), None)
    if late is None:
        return BrokenSetup("Not all services came up in time. `make ps` shows those that did; then again: make up")
    minutes = f"{UP_DEADLINE / 60:g} minutes"
    return BrokenSetup(
        f"{late.service} does not get healthy, {minutes} were allowed ({late.condition}). {_last_lines(late)}"
    )


def _last_lines(container: Container) -> str:
    log = ComposeStack().log_of(container.service, 20).rstrip()
    return f"It printed last:\n{log}\nMore: make logs SERVICE={container.service}. To end what runs: make down"


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()
