"""The bench: one contender after the other, each in a process of its own, so that none disturbs the next."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from kata.core.console import StatusLine
from kata.core.environment import child_environment, circumstances
from kata.core.files import scratch_folder, write_atomically
from kata.core.paths import ROOT, shown
from lab.bench.contenders import BASELINE, CONTENDERS
from lab.bench.directories import COMPARED, HUNG, SETTINGS, Setting, WatchedDirectories
from lab.bench.results import Result, tables
from lab.charts.drawing import draw
from lab.tables import terminal

_HEALTHY = 100  # waiting tasks beside those with a hung directory
# To import Airflow, to start all triggers, and to end, in addition to the seconds of the measurement itself.
_PATIENCE = 180.0  # seconds


class Step(NamedTuple):
    """Measurements with the same directories, one contender after the other."""

    setting: Setting
    waits: int
    contenders: list[str]


def steps(waits: list[int], only: str) -> list[Step]:
    """Return the steps of a bench.

    :param waits: the numbers of waiting tasks, measured one after the other.
    :param only: parts of the names of contenders and settings, separated by commas; if none matches a contender, or a
        setting, all of them are measured.
    """
    parts = [part.lower() for part in only.split(",") if part]

    def chosen(names: dict[str, Any]) -> list[str]:
        return [name for name in names if any(part in name.lower() for part in parts)] or list(names)

    contenders, settings = chosen(CONTENDERS), chosen(SETTINGS)
    whole = [Step(setting, count, contenders) for setting in COMPARED for count in waits]
    return [step for step in [*whole, Step(HUNG, _HEALTHY, contenders)] if step.setting.name in settings]


def measure(
    steps: list[Step], seconds: float, interval: float, tree: Path, say: Callable[[str], None]
) -> Iterator[Result]:
    """Yield the result of each measurement.

    :param seconds: how long each contender is measured in each step.
    :param interval: seconds between two checks of a directory.
    :param tree: folder of the submission that is measured.
    """
    total, done = sum(len(step.contenders) for step in steps), 0
    for step in steps:
        with scratch_folder() as scratch:
            folder = Path(scratch) / "directories"
            directories = WatchedDirectories(folder, step.setting, step.waits)
            say(f"making {step.setting.title}, for {step.waits} waiting tasks")
            directories.make()
            for contender in step.contenders:
                done += 1
                about = f"{done} of {total}: {step.waits} × {contender}, {step.setting.title}"
                measured = {"contender": contender, "setting": step.setting.name, "waits": step.waits}
                job = {**measured, "folder": str(folder), "seconds": seconds, "interval": interval}
                yield measured | _run_process(job, tree, lambda doing, about=about: say(f"{about}: {doing}"))
                directories.remove_files()
            say("removing them")


def _run_process(job: dict[str, Any], tree: Path, say: Callable[[str], None]) -> Result:
    """Return what a process has measured, or why it died."""
    scratch = Path(job["folder"]).parent
    environment = {
        **child_environment(tree, database=scratch / "airflow.db", data=scratch),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(scratch / "logs"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",  # as in a triggerer, whose log has its price
    }
    command = [sys.executable, "-m", "lab.bench.measured_process", json.dumps(job)]
    say("importing Airflow")
    with (
        (scratch / "errors").open("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        deadline = threading.Timer(job["seconds"] + _PATIENCE, process.kill)
        deadline.start()
        try:
            told: dict[str, Any] = {}
            for line in process.stdout or ():
                told = json.loads(line)
                if "doing" in told:
                    say(told["doing"])
        finally:
            deadline.cancel()
            process.kill()
        if "contender" in told:
            return told
        errors.seek(0)
        return {"why": ["killed: it took too long or too much memory", *errors.read().strip().splitlines()][-1]}


def run_bench(
    steps: list[Step], seconds: float, interval: float, tree: Path, folder: Path, console: Console, progress: Console
) -> None:
    """Run a bench, show its results, and write bench.json and, if it can be drawn, bench.png and bench.svg.

    Whatever ends it early, the results so far are shown and written.

    :param folder: an earlier bench in it is replaced.
    """
    file, results = folder / "bench.json", list[Result]()
    settings = {setting.name: setting.short for setting in COMPARED}
    bench = {**circumstances(), "seconds": seconds, "interval": interval, "settings": settings, "results": results}
    try:
        with StatusLine(progress) as say:
            for result in measure(steps, seconds, interval, tree, say):
                results.append(result)
                write_atomically(file, json.dumps(bench, indent=1) + "\n")
    finally:
        if results:
            for title, columns, rows in tables(results):
                console.print(terminal(title, columns, rows))
            console.print(f"Before the brackets: how many times as much as {BASELINE}, which do the same work.")
            console.print("To event: from a file to its event. In 2 intervals: events that came by then.")
            chart = draw(file) or "Its chart is bench.png and bench.svg."
            console.print(f"Written: {shown(file)}. {chart}", highlight=False, soft_wrap=True)
