"""`make bench`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from kata.core.console import Saying
from kata.core.environment import circumstances
from kata.core.errors import BrokenSetup
from kata.core.files import write_whole
from kata.core.paths import shown
from lab.bench.bench import measure
from lab.bench.contender import BASELINE
from lab.bench.measurement import Died, Measured
from lab.bench.plan import Plan
from lab.bench.setting import COMPARED
from lab.bench.table import tables
from lab.charts.drawing import draw
from lab.options import make_ready, readable_tree


def bench(tree_name: str, plan: Plan, folder: Path, console: Console, progress: Console) -> None:
    """Measure, show what came out, and write bench.json and, where it can be drawn, bench.png and bench.svg.

    Whatever ends it early, what is measured is shown and written all the same.

    :param folder: is made if it is not there; an older bench in it is replaced.
    :raises WrongUsage: for a tree that is none, or a folder that cannot be written to.
    """
    tree = readable_tree(tree_name)
    make_ready(folder)
    results: list[Measured | Died] = []
    try:
        with Saying(progress) as say:
            for result in measure(plan, tree, say):
                results.append(result)
                _write(results, plan, folder)
    finally:
        if results:
            _show(results, console)
            console.print(_drawn(folder), highlight=False, soft_wrap=True)


def _show(results: list[Measured | Died], console: Console) -> None:
    for table in tables(results):
        console.print(table)
    console.print(f"Before the brackets: how many times as much as {BASELINE.name}, which do the work of one wait.")
    console.print("To event: from a file to its event. In 2 intervals: events that came by then.")


def _write(results: list[Measured | Died], plan: Plan, folder: Path) -> None:
    where = {
        **circumstances(),
        "seconds": plan.seconds,
        "interval": plan.interval,
        "settings": {setting.name: setting.short for setting in COMPARED},
    }
    text = json.dumps({**where, "results": [asdict(result) for result in results]}, indent=1)
    write_whole(folder / "bench.json", text + "\n")


def _drawn(folder: Path) -> str:
    written = f"Written: {shown(folder / 'bench.json')}"
    try:
        draw("bench", folder / "bench.json", folder)
    except BrokenSetup as error:
        return f"{written}. There is no chart. {error}"
    return f"{written}, and its chart as bench.png and bench.svg"
