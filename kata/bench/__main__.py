"""`make bench`: what a trigger costs on one event loop, beside Airflow's own and two naive ones.

Takes about an hour. What was measured is also written to bench.json, and drawn as bench.png.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from kata.bench.bench import measure
from kata.bench.contender import REFERENCE
from kata.bench.measurement import Died, Measured
from kata.bench.plan import WAITS, plan
from kata.bench.setting import COMPARED
from kata.bench.table import tables
from kata.charts.drawing import draw
from kata.environment import circumstances
from kata.failures import BrokenSetup, WrongUsage
from kata.places import MODULE, MONITORING, shown
from kata.race.beforehand import make_ready
from kata.saying import Saying
from kata.whole_file import write_whole

_INTERRUPTED = 130


def main() -> int:
    options = _options()
    # A table that goes into a file need not fit the eighty columns of old.
    console = Console(width=None if sys.stdout.isatty() else 120)
    results: list[Measured | Died] = []
    steps = plan(options.waits, options.only)
    try:
        with Saying(Console(stderr=True)) as say:
            for result in measure(steps, options.tree.resolve(), options.seconds, options.interval, say):
                results.append(result)
                _write(results, options)  # what is measured is not lost when the rest is given up
    except KeyboardInterrupt:
        console.print("given up; this is what was measured")
    for table in tables(results):
        console.print(table)
    console.print(f"Before the brackets: how many times as much as {REFERENCE.name}, which do the work of one wait.")
    console.print("To event: from a file to its event. In 2 intervals: events that came by then.")
    console.print(_drawn(options.folder), highlight=False, soft_wrap=True)
    return 0 if len(results) == sum(len(step.contenders) for step in steps) else _INTERRUPTED


def _options() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.replace(",", " ").split()]

    parser = argparse.ArgumentParser(prog="python -m kata.bench", description=__doc__)
    parser.add_argument("--tree", type=Path, default=Path("solution"), help="folder of the trigger that is measured")
    parser.add_argument("--waits", type=numbers, default=WAITS, help="how many waits at once, such as 100,1000")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each is measured")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between two looks at a directory")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help="such as full,FileTriggers")
    parser.add_argument("--folder", type=Path, default=MONITORING, help="where bench.json and its chart go")
    options = parser.parse_args()
    if not (options.tree / f"{MODULE}.py").is_file():
        parser.error(f"there is no {MODULE}.py in {options.tree}")
    if min([options.seconds, options.interval, *options.waits], default=0) <= 0:
        parser.error("waits, seconds and interval must be more than 0")
    try:
        make_ready(options.folder)
    except WrongUsage as error:
        parser.error(str(error))
    return options


def _write(results: list[Measured | Died], options: argparse.Namespace) -> None:
    where = {
        **circumstances(),
        "seconds": options.seconds,
        "interval": options.interval,
        "settings": {setting.name: setting.short for setting in COMPARED},
    }
    text = json.dumps({**where, "results": [asdict(result) for result in results]}, indent=1)
    write_whole(options.folder / "bench.json", text + "\n")


def _drawn(folder: Path) -> str:
    written = f"Written: {shown(folder / 'bench.json')}"
    try:
        draw("bench", folder / "bench.json", folder)
    except BrokenSetup as error:
        return f"{written}. There is no chart. {error}"
    return f"{written}, and its chart as bench.png and bench.svg"


if __name__ == "__main__":
    sys.exit(main())
