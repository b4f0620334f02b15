"""`make up`, `make down`, `make ps` and `make logs`: the whole Airflow in Docker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial

from rich.console import Console
from rich.text import Text

from kata.airflow.compose import WITHOUT_DOCKER, ComposeStack, compose, docker
from kata.core.console import StatusLine
from kata.core.errors import BrokenSetup, WrongUsage
from kata.core.paths import ROOT, shown
from kata.core.ports import DEFAULT_PORT, is_free, wanted_port
from kata.core.submission import find_tree, read_module

_NEXT = """
 make trigger    run the DAG: two tasks get deferred and wait for files
 make drop       let the files arrive
 make up         once more, after a change to a trigger: a triggerer keeps what it has imported
 make logs SERVICE=triggerer, make ps, make down"""

_KEPT = "Down. Database, logs and secrets are kept for the next make up; make down VOLUMES=1 removes them as well."
_REMOVED = "Down. Database, logs and secrets are removed as well; what lies in data/ is left."

_STYLES = {"healthy": "green", "done": "dim", "starting": "yellow", "created": "dim"}


def up(tree_name: str, console: Console) -> None:
    """Start the stack with a tree, or change what runs to it, until every service is healthy.

    :raises WrongUsage: for a tree that is no folder, a port that is taken, or another clone of the same name.
    :raises BrokenSetup: if Docker or a service does not do its part.
    """
    tell = partial(console.print, soft_wrap=True, highlight=False, markup=False)
    tree = find_tree(tree_name)
    stack = ComposeStack()
    port = _choose_port(stack)
    was_up = any(container.state == "running" for container in stack.containers)
    if was_up and stack.tree not in (None, tree):
        tell(f"Switching from {shown(stack.tree)} to {shown(tree)}. The history is kept.")
    _fetch_images(console)
    try:
        with StatusLine(console) as say:
            stack.up(tree, port, say)
            if stack.is_older_than_its_code:
                say("The code was saved after the triggerer had imported it: restarting the triggerer")
                stack.restart("triggerer")
    except KeyboardInterrupt:
        if was_up:
            tell("Interrupted. What was up before is left up: make ps shows it, make down ends it.")
            raise SystemExit(130) from None
        # A second Ctrl-C must not leave half of it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        tell("Taking down what was started …")
        compose("down", "--remove-orphans")
        raise
    tell(f"Airflow is up with {shown(tree)}: {stack.address}  (no password)")
    _, problem = read_module(tree)
    if problem is not None:
        tell(f"But Airflow will show an import error. {problem.place}: {problem.what} {problem.todo}", style="red")
    tell(_NEXT)


def _choose_port(stack: ComposeStack) -> int:
    """Return KATA_PORT, or the port that the stack has, or 8080; refuse another clone's stack or program's port."""
    folders = {container.labels["com.docker.compose.project.working_dir"] for container in stack.containers}
    for folder in folders - {str(ROOT)}:
        raise WrongUsage(
            f"The clone in {folder} has the same folder name, and its Airflow is there. End it: make down in {folder}. "
            "Or take another name here: COMPOSE_PROJECT_NAME=other make up, and the same for make down"
        )
    port = wanted_port(stack.port or DEFAULT_PORT)
    if port != stack.port and not is_free(port):
        raise WrongUsage(f"Another program has the port {port}. Take another: KATA_PORT={port + 1} make up")
    return port


def _fetch_images(console: Console) -> None:
    try:
        docker("image", "inspect", *compose("config", "--images").split())
    except BrokenSetup:
        console.print("Fetching the images of Airflow, PostgreSQL and Redis (once, about 2 GB) …", highlight=False)
        if subprocess.run(["docker", "compose", "pull", "--policy", "missing"], cwd=ROOT).returncode:
            why = "An image cannot be fetched (see above). Is this machine online?"
            raise BrokenSetup(f"{why} {WITHOUT_DOCKER}") from None


def down(volumes: bool, console: Console) -> None:
    """End and remove the containers and their network.

    :param volumes: whether the named volumes go as well.
    """
    if not ComposeStack().containers and not volumes:
        console.print("Nothing is up.")
        return
    with StatusLine(console) as say:
        say("Ending what runs; a worker may end its tasks first")
        compose("down", "--remove-orphans", *(["--volumes"] if volumes else []))
    console.print(_REMOVED if volumes else _KEPT, soft_wrap=True, highlight=False)


def show_services(console: Console) -> bool:
    """Print how each container is, and return whether all are well."""
    stack = ComposeStack()
    if not stack.containers:
        console.print("Nothing is up. Start it: make up")
    for container in stack.containers:
        style = _STYLES.get(container.condition, "bold red")
        console.print(Text.assemble(f" {container.name:<15}", (container.condition, style)))
    if stack.tree is not None:
        console.print(f"\nWith {shown(stack.tree)}: [bold]{stack.address}[/]", highlight=False)
    return bool(stack.containers) and all(container.is_ready for container in stack.containers)


def show_logs(service: str | None) -> None:
    """Print the logs of a service, or of all, and on a terminal go on until Ctrl-C.

    :raises WrongUsage: if there is no such service.
    """
    ComposeStack()  # raises if Docker does not do its part
    services = sorted(compose("config", "--services").split())
    if service is not None and service not in services:
        raise WrongUsage(f"There is no service {service!r}. There are: {', '.join(services)}")
    sys.stdout.flush()
    os.chdir(ROOT)
    follow = ["--follow"] if sys.stdout.isatty() else []
    # Instead of this process, so that Ctrl-C ends it as it does at a shell.
    os.execvp("docker", ["docker", "compose", "logs", "--tail", "200", *follow, *([service] if service else [])])
