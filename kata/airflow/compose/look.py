"""`make ps` and `make logs`: how the services are, and what they print."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from kata.airflow.compose.docker import check_docker, compose
from kata.airflow.compose.stack import ComposeStack
from kata.airflow.compose.table import services_table
from kata.core.errors import WrongUsage
from kata.core.paths import ROOT, shown


def show_services(console: Console) -> bool:
    """Print how each container is; whether all are well. Raises `BrokenSetup`."""
    check_docker()
    stack = ComposeStack()
    containers = stack.containers()
    if not containers:
        console.print("Nothing is up. Start it: make up")
        return False
    console.print(services_table(containers))
    if stack.tree is not None:
        console.print(f"\nWith {shown(stack.tree)}: [bold]{stack.address}[/]", highlight=False)
    return all(container.is_ready for container in containers)


def show_logs(service: str | None) -> None:
    """Print the logs, and on a terminal go on until Ctrl-C. Raises `WrongUsage`, `BrokenSetup`.

    :param service: None for all of them.
    """
    check_docker()
    services = sorted(compose("config", "--services").split())
    if service is not None and service not in services:
        raise WrongUsage(f"There is no service {service!r}. There are: {', '.join(services)}")
    sys.stdout.flush()
    os.chdir(ROOT)
    follow = ["--follow"] if sys.stdout.isatty() else []
    # In place of this process, so that Ctrl-C ends it as it does at a shell.
    os.execvp("docker", ["docker", "compose", "logs", "--tail", "200", *follow, *([service] if service else [])])
