"""`make standalone`: an Airflow to look at, without Docker, until Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from kata.airflow.local.airflow import LocalAirflow
from kata.airflow.local.kept_processes import KeptProcesses
from kata.airflow.local.settings import settings_for
from kata.airflow.running import ADDRESS
from kata.core.console import Saying
from kata.core.errors import WrongUsage
from kata.core.paths import DATA, MODULE
from kata.core.ports import is_free, wanted_port
from kata.core.processes import die_with_parent
from kata.core.submission import find_tree, read_module, show_problem

# What a running task is given to come to an end, in seconds.
_GRACE = 10.0


def standalone(tree_name: str, console: Console) -> None:
    """Run Airflow until somebody ends this process.

    Its database, history and logs stay in `.kata` for the next time.

    :raises WrongUsage: for a tree that is no folder, or if it runs already.
    :raises BrokenSetup: if a component of Airflow ends by itself.
    """
    tree = find_tree(tree_name)
    _, problem = read_module(tree / f"{MODULE}.py")
    if problem is not None:
        show_problem(problem, console)
        console.print(" Airflow starts all the same, and shows an import error until it is mended.\n")
    # make does not pass on that it was killed.
    die_with_parent(signal.SIGTERM)
    home = ADDRESS.parent
    home.mkdir(parents=True, exist_ok=True)
    with only_one(home / "lock"), KeptProcesses() as processes:
        airflow = LocalAirflow(settings_for(tree, home, DATA, _port()), processes)
        with Saying(console) as say:
            say("starting scheduler, API server, DAG processor and triggerer")
            airflow.start_all()
            airflow.wait_healthy(say)
        _serve(airflow, processes, tree_name, console)


def _serve(airflow: LocalAirflow, processes: KeptProcesses, tree_name: str, console: Console) -> None:
    ADDRESS.write_text(airflow.address, encoding="utf-8")
    try:
        console.print(
            f"\nAirflow runs {tree_name} at {airflow.address}, open to whoever is on this machine.\n"
            "In another terminal: make trigger starts the DAG, make drop lets files arrive.\n"
            "Ctrl-C ends it. Start it again after a change to a trigger: a triggerer keeps what it has imported.",
            highlight=False,
            soft_wrap=True,
        )
        while True:
            airflow.check_alive()
            time.sleep(1)
    finally:
        ADDRESS.unlink(missing_ok=True)
        console.print("Ending Airflow …")
        processes.end(_GRACE)


def _port() -> int | None:
    """The wanted one, None for any other if that is taken."""
    return wanted_port() if is_free(wanted_port()) else None


@contextlib.contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Hold the lock file; raises `WrongUsage` if somebody else does. It is let go with the process, however it ends."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = f" at {ADDRESS.read_text(encoding='utf-8')}" if ADDRESS.is_file() else ""
            raise WrongUsage(f"It runs already{where}. End that one first, with Ctrl-C in its terminal.") from None
        yield
