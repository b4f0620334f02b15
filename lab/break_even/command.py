"""`make breakeven`."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from kata.core.console import Saying
from kata.core.files import write_whole
from kata.core.paths import shown
from lab.break_even.measuring import BreakEven
from lab.break_even.plan import Plan
from lab.break_even.table import show
from lab.options import make_ready, readable_tree


def measure_break_even(tree_name: str, plan: Plan, folder: Path, console: Console, progress: Console) -> None:
    """Measure it, show what came out, and write break_even.json.

    Whatever ends it early, what is measured is shown all the same; the file stays as it was.

    :param folder: is made if it is not there.
    :raises WrongUsage: for a tree that is none, or a folder that cannot be written to.
    :raises BrokenSetup: if Airflow does not do its part.
    """
    tree = readable_tree(tree_name)
    make_ready(folder)
    measuring = BreakEven(tree, plan)
    try:
        with Saying(progress) as say:
            measuring.run(say)
    finally:
        if measuring.results["waits"]:
            show(measuring.results, console)
    file = folder / "break_even.json"
    write_whole(file, json.dumps(measuring.results, indent=1) + "\n")
    console.print(f"Written: {shown(file)}", highlight=False, soft_wrap=True)
