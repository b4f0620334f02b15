"""A lesson on an Airflow of its own: first the mistake, then the fix, as a user sees them in UI, logs and metrics."""

from __future__ import annotations

import contextlib
import os
import re
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil

from kata.airflow.deployment import wait_until_loaded
from kata.airflow.local_airflow import SETTINGS, LocalAirflow, bundles, own_airflow
from kata.core.dag_run import DagRun, end_active_runs
from kata.core.errors import BrokenSetup
from kata.core.paths import SOLUTION, shown
from kata.core.rest_api import ApiUnavailable, poll_until
from kata.pitfalls.catalog import LESSONS, Pitfall
from kata.pitfalls.metrics import Metrics

_SETTINGS = {
    **SETTINGS["quick_triggerer"],
    **SETTINGS["pitfall"],
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundles(lessons=LESSONS),
    "PYTHONPATH": os.fspath(LESSONS),
}
_STABLE_AFTER = 8.0  # seconds
_MOST_STARTS = 5
# States that a task has for longer than a moment.
_SHOWN_STATES = {"deferred", "success", "failed", "up_for_retry"}


@dataclass
class Observation:
    """What was observed of one run.

    :ivar events: for each the seconds since the start, who, and what happened.
    :ivar log: the lines of the logs that show the mistake, and how often each was there.
    :ivar metrics: how often the triggerer has raised each of its counters.
    :ivar running: the number of triggers that the triggerer runs at the end.
    :ivar open_files: of the triggerer, at the beginning and at the end.
    :ivar returned: the XCom of the task, None if there is none.
    :ivar starts: how often the triggerer had to be started afterwards, until it kept running; 0 if it had not ended.
    """

    events: list[tuple[float, str, str]] = field(default_factory=list)
    log: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, int] = field(default_factory=dict)
    running: int = 0
    open_files: tuple[int, int] = (0, 0)
    returned: object = None
    starts: int = 0

    def lines(self) -> Iterator[str]:
        """Yield the lines to show."""
        for seconds, who, what in self.events:
            yield f"  {seconds:5.1f} s  {who:<10} {what}"
        if self.returned is not None:
            yield f"  returned: {self.returned!r}"
        for line, count in self.log.items():
            yield f"  log: {line}" + (f"  ({_times(count)})" if count > 1 else "")
        counted = ", ".join(f"{name} {count}" for name, count in self.metrics.items())
        yield f"  metrics: {counted or 'no trigger has ended'}; at the end triggers.running {self.running}"
        before, after = self.open_files
        yield f"  open files of the triggerer: {before} → {after or 'none, it is gone'}"
        if self.starts:
            yield f"  The task was failed by hand; then the triggerer had to be started {_times(self.starts)}."


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def carry_out(pitfall: Pitfall, say: Callable[[str], None]) -> tuple[Observation, Observation]:
    """Run the mistake, then the fix, and return what was observed of each.

    :param say: told what happens.
    :raises BrokenSetup: if Airflow does not do its part.
    """
    with Metrics() as metrics, own_airflow(SOLUTION.parent, say, **_SETTINGS, **metrics.settings) as airflow:
        wait_until_loaded(airflow, shown(pitfall.lesson), {f"{pitfall.name}_wrong", f"{pitfall.name}_right"}, say)
        say(f"{pitfall.name}: the mistake")
        wrong = _observe(airflow, metrics, pitfall, "wrong")
        say(f"{pitfall.name}: cleaning up")
        end_active_runs(airflow.api)
        wrong.starts = _restart_triggerer(airflow)
        say(f"{pitfall.name}: the fix")
        return wrong, _observe(airflow, metrics, pitfall, "right")


def _restart_triggerer(airflow: LocalAirflow) -> int:
    """Restart the triggerer, as after every change to a trigger.

    Airflow 3.3.2 needs this even without a change: a triggerer never forgets the id of a trigger that it could not
    load, SQLite gives the id of a deleted row to the next one, and so the next trigger would never be started.

    :return: how often it was started until it kept running, 0 if it had not ended before.
    """
    had_ended = "triggerer" in airflow.ended()
    if not had_ended:
        airflow.kill("triggerer")
    for starts in range(1, _MOST_STARTS + 1):
        airflow.start("triggerer")
        if not poll_until(lambda: "triggerer" in airflow.ended(), _STABLE_AFTER):
            # On a busy machine, its first heartbeat comes later.
            poll_until(lambda: _status_of_triggerer(airflow) == "healthy", 60.0)
            return starts if had_ended else 0
    raise BrokenSetup(f"The triggerer does not keep running: it was started {_MOST_STARTS} times.")


def _observe(airflow: LocalAirflow, metrics: Metrics, pitfall: Pitfall, variant: str) -> Observation:
    """Start a run and observe it until its tasks have ended, or the time of the pitfall is over."""
    observed = Observation()
    last = {"triggerer": "healthy"}
    open_files, log_start, counted = _open_files(airflow), len(airflow.log_of("triggerer")), metrics.counted()
    began = time.monotonic()
    deadline = began + pitfall.seconds

    def note(who: str, what: str) -> None:
        if last.get(who) != what:
            last[who] = what
            observed.events.append((time.monotonic() - began, who, what))

    run = DagRun(airflow.api, f"{pitfall.name}_{variant}")
    while time.monotonic() < deadline:
        metrics.counted()  # or some would be lost
        with contextlib.suppress(ApiUnavailable):
            tasks = run.tasks()
            for task in tasks:
                if task.state in _SHOWN_STATES:
                    note(task.task_id, task.state)
            if tasks and all(task.has_ended for task in tasks):
                deadline = min(deadline, time.monotonic() + pitfall.seconds_after)
            note("triggerer", _status_of_triggerer(airflow))
        time.sleep(0.25)
    observed.metrics = dict(metrics.counted() - counted)
    observed.running = metrics.running
    observed.open_files = (open_files, _open_files(airflow))
    lines = airflow.log_of("triggerer")[log_start:].splitlines()
    with contextlib.suppress(ApiUnavailable):
        lines += [line for task in run.tasks() for text in run.log_lines(task) for line in text.splitlines()]
        observed.returned = run.returned("wait")
    observed.log = dict(Counter(_shortened(line) for line in lines if re.search(pitfall.signs, line)))
    return observed


def _status_of_triggerer(airflow: LocalAirflow) -> str:
    status = airflow.api.health().get("triggerer")
    return "process has ended" if status == "healthy" and "triggerer" in airflow.ended() else str(status)


def _open_files(airflow: LocalAirflow) -> int:
    """Return the number for the triggerer and its child, in which the triggers run; 0 if it is gone."""
    try:
        triggerer = psutil.Process(airflow.pids["triggerer"])
        return sum(process.num_fds() for process in (triggerer, *triggerer.children(recursive=True)))
    except psutil.Error:
        return 0


def _shortened(line: str) -> str:
    """Return a line of a component's log without time, level, logger and place in the code."""
    line = re.sub(r"^\S+Z \[\w+ *\] | \[airflow[\w.]*\]| loc=\S+", "", line.strip())
    return textwrap.shorten(line, 150, placeholder=" …")
