"""`make breakeven`: from which waiting time on deferring holds a slot for less time than poking.

One task after the other, on an Airflow of its own on which nothing else runs. The terms, here and in break_even.json;
a slot, and how long it is held, are those of the race:

* The *length* is the waiting time: from the start of the task to its file. At length 0, the file exists beforehand, so
  that both ways find it at their first check and nothing is deferred. The repeats of a length differ by parts of the
  interval between two checks, or all files would arrive at the same moment of it.
* *Slot-seconds* are the slots that the task holds, times how long, until the last one is free: of a deferrable task
  those of its start and those of its end. *Of them running* are those in which Airflow says that the task runs; in the
  others, its process has not noticed yet that the task has ended.
* The task *ends late* by the seconds from the file to its end; at length 0 from its start.
* *CPU* is that of the executor's processes and of the tasks in them.
* The *break-even* is the length from which on the deferrable task holds its slots for less time: where two straight
  lines cross, one fitted to the slot-seconds of all poke sensors, one to those of all deferrable ones, by least
  squares. Chance has a part in each task, as a process may notice up to five seconds late that its task has ended. So
  the tasks are also resampled a thousand times (bootstrap): the *spread* is the range of the break-even in nine of ten.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console

from kata.airflow.arriving_files import drop
from kata.airflow.deployment import NEEDS_STEP_4, wait_until_loaded
from kata.airflow.local_airflow import LocalAirflow, own_airflow
from kata.core.console import StatusLine
from kata.core.dag_run import DagRun, Task
from kata.core.environment import circumstances
from kata.core.errors import BrokenSetup
from kata.core.files import write_atomically
from kata.core.paths import shown
from kata.core.rest_api import poll_until
from lab.race.figures import slot_seconds
from lab.race.monitor import Sample
from lab.race.regression import WAYS, Waited, break_even, means, spread
from lab.race.resources import WORKERS, ComponentUsage
from lab.tables import terminal

# Seconds between two checks of the sensors in dags/break_even.py.
INTERVAL = 1.0
# Seconds. The break-even is among the short lengths, and chance has a large part in each of them. The long ones only
# show that the lines go on as they began: one in five repeats has them.
SHORT, LONG = (0.0, 1.0, 2.0, 5.0), (10.0, 20.0, 40.0)
_LONG_EVERY = 5
# The first tasks of an Airflow take longer: one for each slot is not counted.
_WARM_UP = (("poke", 0.0), ("deferrable", 0.0), ("deferrable", 1.0))
_SETTINGS = {
    # For the start of a task, whose process may not have noticed yet that it has ended, and for its end.
    "AIRFLOW__CORE__PARALLELISM": "2",
    # Airflow's own default: nobody changes a DAG here.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
}
_LOOK_INTERVAL = (0.1, 0.2)  # seconds
_PATIENCE = 60.0  # seconds for a task to start and to end
_COLUMNS = ("file after", "slot-seconds", "of them running", "task ends late", "CPU seconds")


def measure_break_even(tree: Path, repeats: int, folder: Path, console: Console, progress: Console) -> None:
    """Measure the break-even, show it, and write break_even.json.

    If something ends it early, what is measured is shown, and the file is not written.

    :param tree: folder of the submission whose sensor waits.
    :param repeats: the number of tasks of each short length in each way.
    :raises BrokenSetup: if Airflow, or the submission in it, does not work.
    """
    measured: list[Waited] = []
    results = {**circumstances(), "interval_seconds": INTERVAL, "repeats": repeats}
    try:
        with StatusLine(progress) as say:
            for waited in measure(tree, repeats, say):
                measured.append(waited)
    finally:
        if measured:
            show({**results, "waits": measured}, console)
    results |= {"break_even_seconds": break_even(measured), "break_even_spread": spread(measured), "waits": measured}
    file = folder / "break_even.json"
    write_atomically(file, json.dumps(results, indent=1) + "\n")
    console.print(f"Written: {shown(file)}", highlight=False, soft_wrap=True)


def measure(tree: Path, repeats: int, say: Callable[[str], None]) -> Iterator[Waited]:
    """Run the tasks in an Airflow of its own, of which nothing is left, and yield the figures of each."""
    with own_airflow(tree, say, **_SETTINGS) as airflow:
        wait_until_loaded(airflow, "dags/break_even.py", {f"break_even_{way}" for way in WAYS}, say, NEEDS_STEP_4)
        usage = ComponentUsage(airflow.pids)
        say("running the first tasks, which are not counted")
        for number, (way, file_after) in enumerate(_WARM_UP):
            _run_task(airflow, usage, way, airflow.data / f"warm_up_{number}", file_after)
        tasks = list(planned(repeats))
        for number, (way, length, file_after) in enumerate(tasks):
            say(f"task {number + 1} of {len(tasks)}: {way}, its file after {file_after:.1f} s")
            task = _run_task(airflow, usage, way, airflow.data / f"wait_{number}", file_after)
            yield {"way": way, "length_seconds": length, **task}


def _run_task(
    airflow: LocalAirflow, usage: ComponentUsage, way: str, directory: Path, file_after: float
) -> dict[str, float]:
    """Run one task, from its submission until it no longer holds a slot.

    :param directory: where the file arrives; a new directory.
    :param file_after: seconds from the start of the task to the file. At 0, the file exists beforehand.
    :return: its figures, as in break_even.json.
    :raises BrokenSetup: if the task does not succeed, or a component of Airflow ends by itself.
    """
    file, samples = directory / "orders.csv", list[Sample]()
    directory.mkdir(parents=True)
    used = usage.cpu()[WORKERS]
    if not file_after:
        drop(file)
    dag_run = DagRun(airflow.api, f"break_even_{way}", {"directory": str(directory)})
    task: Task | None = None
    file_at: float | None = None

    def is_over() -> bool:
        """Drop the file if it is due, and return whether the task has ended and its slots are free."""
        nonlocal task, file_at
        airflow.check_alive()
        task, now = dag_run.tasks()[0], time.time()
        if file_after and file_at is None and task.began and now >= task.began + file_after:
            drop(file)
            file_at = now
        held = usage.slot_holders()[task.id]
        samples.append(Sample(time.monotonic(), held=held, running=int(task.state == "running")))
        return task.has_ended and not held

    over = poll_until(is_over, file_after + _PATIENCE, _LOOK_INTERVAL)
    if not over or not task or task.state != "success":
        how = f"has ended as {task.state}" if over and task else "has not ended"
        raise BrokenSetup(f"A {way} task with a file after {file_after:g} seconds {how}.")
    began, ended = task.began or 0.0, task.ended or 0.0
    waited_until = file_at or began
    return {
        "waited_seconds": round(waited_until - began, 3),
        "slot_seconds": round(slot_seconds(samples), 2),
        "running_seconds": round(sum(now.running * (then.at - now.at) for now, then in pairwise(samples)), 2),
        "late_seconds": round(ended - waited_until, 3),
        "task_cpu_seconds": round(usage.cpu()[WORKERS] - used, 2),
    }


def planned(repeats: int) -> Iterator[tuple[str, float, float]]:
    """Yield the way, the length, and the seconds after which the file arrives: every length once, then all again."""
    for repeat in range(repeats):
        for length in SHORT if repeat % _LONG_EVERY else SHORT + LONG:
            for way in WAYS:
                yield way, length, length + INTERVAL * repeat / repeats if length else 0.0


def show(results: dict[str, Any], console: Console) -> None:
    """Print the table, and what it means.

    :param results: the contents of break_even.json.
    """
    title = f"One task at a time, means: poke · deferrable, Airflow {results['airflow']}"
    console.print(terminal(title, _COLUMNS, rows(results["waits"])))
    console.print(conclusion(results["waits"]), highlight=False)


def rows(tasks: list[Waited]) -> list[list[str]]:
    """Return a row for each length: its name, then each figure in both ways."""
    return [
        [f"{length:g} s", *(f"{poke:.2f} · {deferrable:.2f}" for poke, deferrable in figures.values())]
        for length, figures in means(tasks).items()
    ]


def conclusion(tasks: list[Waited]) -> str:
    """Return the break-even, and what deferring costs besides slots, in words."""
    crossing, between = break_even(tasks), spread(tasks)
    if crossing is None or between is None:
        words = ["No task waited long enough for deferring to hold slots for less time than poking."]
    else:
        words = [
            f"Break-even: {crossing:.1f} seconds (in nine of ten samples from {between[0]:.1f} to {between[1]:.1f}).",
            "A task that waits longer holds slots for less time if it is deferred.",
        ]
    if waited := [figures for length, figures in means(tasks).items() if length > 0]:
        cpu, late = more("task_cpu_seconds", waited), more("late_seconds", waited)
        words.append(f"A deferred task of any length takes {cpu:+.2f} CPU seconds and ends {late:+.1f} seconds later.")
    return "\n".join(words)


def more(name: str, waited: list[dict[str, tuple[float, float]]]) -> float:
    """Return by how much a figure of the deferrable tasks is larger, on average over the lengths."""
    return statistics.mean(deferrable - poke for poke, deferrable in (figures[name] for figures in waited))
