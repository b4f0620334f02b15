"""A run of one of a lesson's DAGs, as somebody sees it who looks at the UI, the logs and the machine."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil

from kata.airflow.local_airflow import LocalAirflow
from kata.core.rest_api import ApiUnavailable
from kata.live.dag_run import DagRun, Task
from kata.live.diagnosis import lines_of
from kata.pitfalls.metrics import Metrics
from kata.pitfalls.pitfall import Pitfall

# States that a task is in for longer than a moment.
_SHOWN = {"deferred", "success", "failed", "up_for_retry"}
_LOOK_EVERY = 0.25  # seconds
_LONGEST_LINE = 150


@dataclass
class Observation:
    """What was seen.

    :ivar events: who, what became of it, and after how many seconds.
    :ivar lines: those of the logs that show the mistake, with how often each was there.
    :ivar metrics: how often the triggerer has raised each of its counters.
    :ivar running: triggers that the triggerer runs at the end.
    :ivar open_files: of the triggerer, at the beginning and at the end.
    :ivar returned: the XCom of the task, None if there is none.
    """

    events: list[tuple[float, str, str]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, int] = field(default_factory=dict)
    running: int = 0
    open_files: tuple[int, int] = (0, 0)
    returned: object = None


def observe(airflow: LocalAirflow, metrics: Metrics, pitfall: Pitfall, way: str) -> Observation:
    """Begin a run and look at it until its tasks have ended, or the pitfall's patience has."""
    seen = Observation()
    noted = {"triggerer": "healthy"}
    began = time.monotonic()

    def note(who: str, what: str) -> None:
        if noted.get(who) != what:
            noted[who] = what
            seen.events.append((time.monotonic() - began, who, what))

    open_files, log_began, counted = _open_files(airflow), len(airflow.log_of("triggerer")), metrics.counted()
    run = DagRun(airflow.api, f"{pitfall.name}_{way}")
    over = began + pitfall.patience
    while time.monotonic() < over:
        with contextlib.suppress(ApiUnavailable):
            tasks = run.tasks()
            for task in tasks:
                if task.state in _SHOWN:
                    note(task.task_id, task.state)
            if tasks and all(task.has_ended for task in tasks):
                over = min(over, time.monotonic() + pitfall.afterwards)
            note("triggerer", _triggerer(airflow))
        time.sleep(_LOOK_EVERY)
    seen.metrics = dict(metrics.counted() - counted)
    seen.running = metrics.running
    seen.open_files = (open_files, _open_files(airflow))
    seen.lines = _telling_lines(pitfall, airflow.log_of("triggerer")[log_began:].splitlines(), run)
    with contextlib.suppress(ApiUnavailable):
        seen.returned = run.returned("wait")
    return seen


def _triggerer(airflow: LocalAirflow) -> str:
    status = airflow.api.health().get("triggerer")
    return "process has ended" if "triggerer" in airflow.ended() and status == "healthy" else str(status)


def _open_files(airflow: LocalAirflow) -> int:
    """Those of the triggerer and of its child, in which the triggers run."""
    try:
        triggerer = psutil.Process(airflow.pids["triggerer"])
        return sum(process.num_fds() for process in (triggerer, *triggerer.children(recursive=True)))
    except psutil.Error:
        return 0


def _telling_lines(pitfall: Pitfall, of_triggerer: list[str], run: DagRun) -> dict[str, int]:
    of_tasks = [line for task in _tasks(run) for text in lines_of(run, task) for line in text.splitlines()]
    shown = [
        _short(line) for line in (*of_triggerer, *of_tasks) if any(re.search(sign, line) for sign in pitfall.signs)
    ]
    return dict(Counter(shown))


def _tasks(run: DagRun) -> list[Task]:
    try:
        return run.tasks()
    except ApiUnavailable:
        return []


def _short(line: str) -> str:
    """Without the time, the level, the logger and the place in the code that a component's log has."""
    line = re.sub(r"^\S+Z \[\w+ *\] | \[airflow[\w.]*\]| loc=\S+", "", line.strip())
    line = " ".join(line.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …"
