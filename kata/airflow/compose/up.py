"""`make up`: the whole Airflow, until every service is healthy."""

from __future__ import annotations

import signal
from collections import Counter
from functools import partial
from pathlib import Path

from rich.console import Console

from kata.airflow.compose.coming_up import coming_up_on
from kata.airflow.compose.container import Container
from kata.airflow.compose.docker import WITHOUT_DOCKER, check_docker, compose, is_docker_content, show_compose
from kata.airflow.compose.port import choose_port
from kata.airflow.compose.stack import ComposeStack, compose_settings
from kata.airflow.compose.startup import start_all
from kata.core.errors import BrokenSetup, WrongUsage
from kata.core.paths import MODULE, ROOT, shown
from kata.core.submission import find_tree, read_module

_INTERRUPTED = 130  # the exit code
_RESTART_DEADLINE = 120.0  # seconds

_NEXT = """
 make trigger    run the DAG: two tasks get deferred and wait for files
 make drop       let the files arrive
 make up         once more, after a change to a trigger: a triggerer keeps what it has imported
 make logs SERVICE=triggerer, make ps, make down"""


def up(tree_name: str, console: Console) -> None:
    """Start the stack with a tree, or change what runs to it. Raises `WrongUsage`, `BrokenSetup`."""
    say = partial(console.print, soft_wrap=True, highlight=False, markup=False)
    tree = find_tree(tree_name)
    check_docker()
    stack = ComposeStack()
    before = stack.containers()
    _refuse_another_clone(before)
    port = choose_port(stack.port)
    was_up = any(container.is_running for container in before)
    if was_up and stack.tree not in (None, tree):
        say(f"Switching from {shown(stack.tree)} to {shown(tree)}. The history is kept.")
    _fetch_images(console)
    try:
        with coming_up_on(console) as progress:
            start_all(dict(compose_settings(tree, port)), _scales(before), progress.saw)
            if stack.is_older_than_its_code:
                say("The code was saved after the triggerer had imported it: restarting the triggerer …")
                stack.restart("triggerer")
                stack.wait_healthy("triggerer", _RESTART_DEADLINE)
    except KeyboardInterrupt:
        if was_up:
            say("Interrupted. What was up before is left up: make ps shows it, make down ends it.")
            raise SystemExit(_INTERRUPTED) from None
        _take_down_again(console)
        raise
    say(f"Airflow is up with {shown(tree)}: {stack.address}  (no password)")
    _tell_import_error(tree, console)
    say(_NEXT)


def _refuse_another_clone(containers: list[Container]) -> None:
    for folder in {container.project_folder for container in containers} - {ROOT}:
        raise WrongUsage(
            f"The clone in {folder} has the same folder name, and its Airflow is there. End it: make down in {folder}. "
            "Or take another name here: COMPOSE_PROJECT_NAME=other make up, and the same for make down"
        )


def _scales(containers: list[Container]) -> dict[str, int]:
    """What somebody has scaled up stays so."""
    return {service: count for service, count in Counter(c.service for c in containers).items() if count > 1}


def _fetch_images(console: Console) -> None:
    images = compose("config", "--images").split()
    if is_docker_content("image", "inspect", *images):
        return
    console.print("Fetching the images of Airflow, PostgreSQL and Redis (once, about 2 GB) …", highlight=False)
    if not show_compose("pull", "--policy", "missing"):
        raise BrokenSetup(f"An image cannot be fetched (see above). Is this machine online? {WITHOUT_DOCKER}")


def _take_down_again(console: Console) -> None:
    # A second Ctrl-C is not to leave half of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    console.print("Taking down what was started …", highlight=False)
    compose("down", "--remove-orphans")


def _tell_import_error(tree: Path, console: Console) -> None:
    _, problem = read_module(tree / f"{MODULE}.py")
    if problem is not None:
        what = f"But Airflow will show an import error. {problem.place}: {problem.what} {problem.todo}"
        console.print(what, style="red", soft_wrap=True, highlight=False, markup=False)
