"""The commands that measure Airflow: `python -m lab race`, `breakeven` and `bench`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from rich.console import Console
from typer import Option

from kata.core.command import command_line
from kata.core.errors import WrongUsage
from kata.core.paths import MONITORING, shown
from kata.core.submission import find_tree, read_module
from lab.bench.bench import run_bench, steps
from lab.race.approach_run import Plan
from lab.race.break_even import measure_break_even
from lab.race.race import run_race

_MOST_WAITS = 10_000

Submission = Annotated[str, Option("--tree", help="exercise, solution, or a folder")]
Folder = Annotated[Path, Option(metavar="FOLDER", show_default="data/monitoring", help="where the results go")]

app = command_line("python -m lab", "Measure what deferring saves, and what a trigger costs.")


@app.command()
def race(
    # A triggerer takes 1,000 triggers. A slot is a process of some 140 MB; Airflow's default pool has 128 slots.
    waits: Annotated[int, Option(min=1, max=1000, help="the number of waiting tasks")] = 100,
    slots: Annotated[int, Option(min=1, max=128, help="the number of tasks that can run at once")] = 8,
    hold: Annotated[float, Option(min=1, max=3600, help="seconds until the files arrive")] = 60,
    tree: Submission = "solution",
    folder: Folder = MONITORING,
) -> None:
    """Race poke, reschedule and deferrable sensors against each other on a real Airflow."""
    run_race(_readable(tree), Plan(waits, slots, hold), _writable(folder), Console(), Console(stderr=True))


@app.command("breakeven")
def break_even(
    repeats: Annotated[int, Option(min=1, max=20, help="the number of tasks of each short waiting time")] = 4,
    tree: Submission = "solution",
    folder: Folder = MONITORING,
) -> None:
    """Measure from which waiting time on deferring pays, on a real Airflow."""
    measure_break_even(_readable(tree), repeats, _writable(folder), Console(), Console(stderr=True))


@app.command()
def bench(
    waits: Annotated[str, Option(help="the numbers of waiting tasks")] = "100,1000,5000",
    seconds: Annotated[float, Option(min=0.1, max=3600, help="how long each is measured")] = 20,
    interval: Annotated[float, Option(min=0.1, max=3600, help="seconds between two checks")] = 5,
    only: Annotated[str, Option(metavar="NAMES", help="such as full,FileTriggers")] = "",
    tree: Submission = "solution",
    folder: Folder = MONITORING,
) -> None:
    """Measure what a trigger costs on one event loop, beside Airflow's own."""
    # A table that goes into a file need not fit into eighty characters.
    console, progress = Console(width=None if sys.stdout.isatty() else 120), Console(stderr=True)
    chosen = steps(_counts(waits), only)
    run_bench(chosen, seconds, interval, _readable(tree), _writable(folder), console, progress)


def _counts(waits: str) -> list[int]:
    counts = [int(count) if count.isdecimal() else 0 for count in waits.split(",")]
    if not all(1 <= count <= _MOST_WAITS for count in counts):
        raise WrongUsage(f"WAITS={waits} is not valid: take whole numbers from 1 to {_MOST_WAITS}, with commas.")
    return counts


def _readable(name: str) -> Path:
    """Return the folder of the submission whose sensor or trigger is measured."""
    tree = find_tree(name)
    _, problem = read_module(tree)
    if problem is not None:
        raise WrongUsage(f"{problem.path}: {problem.what} {problem.todo}")
    return tree


def _writable(folder: Path) -> Path:
    """Make the folder for the results if it does not exist. Measuring takes ten minutes; this error should not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUsage(f"The folder {shown(folder)} cannot be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise WrongUsage(f"The folder {shown(folder)} cannot be written to: make it writable.")
    return folder


if __name__ == "__main__":
    app()
