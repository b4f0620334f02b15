"""`make race`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from kata.core.console import Saying
from kata.core.errors import BrokenSetup
from kata.core.files import scratch_folder, write_whole
from kata.core.paths import shown
from lab.charts.drawing import draw
from lab.options import make_ready, readable_tree
from lab.race.page import page
from lab.race.plan import Plan
from lab.race.race import Race
from lab.race.table import show


def race(tree_name: str, plan: Plan, folder: Path, console: Console, progress: Console) -> None:
    """Run the race, show what came out, and write race.json, race.html and, where it can be drawn, race.png.

    Whatever ends it early, the approaches that are done are shown and written all the same.

    :param folder: is made if it is not there; an older race in it is replaced.
    :raises WrongUsage: for a tree that is none, or a folder that cannot be written to.
    :raises BrokenSetup: if Airflow does not do its part.
    """
    tree = readable_tree(tree_name)
    make_ready(folder)
    running = Race(tree, plan)
    try:
        with Saying(progress) as say:
            running.run(say)
    finally:
        if running.results["approaches"]:
            show(running.results, console)
            _write(running.results, folder, console)


def _write(results: dict[str, Any], folder: Path, console: Console) -> None:
    older = _date_of(folder / "race.json")
    write_whole(folder / "race.json", json.dumps(results) + "\n")
    chart = _drawn(folder)
    write_whole(folder / "race.html", page(results, chart))
    if not chart.startswith("<"):
        console.print(chart, highlight=False, soft_wrap=True)
    replaced = f", in the place of the race of {older}" if older else ""
    console.print(f"Written{replaced}; open the page:", highlight=False)
    console.print(f"  {shown(folder / 'race.html')}", highlight=False, soft_wrap=True)


def _drawn(folder: Path) -> str:
    """The chart as SVG, or why there is none; its picture is in the folder."""
    picture = folder / "race.png"
    try:
        with scratch_folder() as name:
            draw("race", folder / "race.json", Path(name))
            write_whole(picture, (Path(name) / picture.name).read_bytes())
            svg = (Path(name) / "race.svg").read_text(encoding="utf-8")
            return svg[svg.index("<svg") :]
    except BrokenSetup as error:
        picture.unlink(missing_ok=True)  # it would show another race
        return f"There is no chart. {error}"


def _date_of(file: Path) -> str:
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["date"])
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError):
        return "an unknown date"
