"""The same task twice on an Airflow of its own: with the mistake, and with the fix."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from kata.airflow.deployment import wait_until_loaded
from kata.airflow.local_airflow import LocalAirflow, bundle, own_airflow
from kata.core.errors import BrokenSetup
from kata.core.paths import SOLUTION, shown
from kata.live.dag_run import end_active_runs
from kata.pitfalls.metrics import received_metrics
from kata.pitfalls.observation import Observation, observe
from kata.pitfalls.pitfall import LESSONS, Pitfall

_SETTINGS = {
    # Nobody changes a lesson meanwhile, and SQLite has one writer at a time.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
    # Two waits at most are started at once.
    "AIRFLOW__CORE__PARALLELISM": "2",
    # A slot is given back this late at most. The default, 5 seconds, can fall together with the end of so short a wait,
    # and then Airflow 3.3.2 takes the task for one that was killed.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # Less time to wait, the same code: by default 15 seconds, 5 and 30.
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle("lessons", LESSONS)]),
    "PYTHONPATH": os.fspath(LESSONS),
}
_LIVES_AFTER = 8.0  # seconds
_MOST_STARTS = 5


@dataclass(frozen=True)
class Experiment:
    """What was seen of a pitfall.

    :param starts: how often the triggerer had to be started after the wrong one, until it lived.
    """

    pitfall: Pitfall
    wrong: Observation
    right: Observation
    starts: int = 0


def carry_out(pitfall: Pitfall, say: Callable[[str], None]) -> Experiment:
    """Run the wrong one, then the right one.

    :param say: told what happens.
    :raises BrokenSetup: if Airflow does not do its part.
    """
    with received_metrics() as metrics, own_airflow(SOLUTION.parent, say, **_SETTINGS, **metrics.settings) as airflow:
        wait_until_loaded(airflow, shown(pitfall.lesson), {f"{pitfall.name}_wrong", f"{pitfall.name}_right"}, say)
        say(f"{pitfall.name}: the mistake")
        wrong = observe(airflow, metrics, pitfall, "wrong")
        say(f"{pitfall.name}: tidying up")
        end_active_runs(airflow.api)
        starts = _restart_triggerer(airflow)
        say(f"{pitfall.name}: the fix")
        return Experiment(pitfall, wrong, observe(airflow, metrics, pitfall, "right"), starts)


def _restart_triggerer(airflow: LocalAirflow) -> int:
    """
    Start the triggerer anew, as after every change to a trigger; how often that took until it lived, if it had ended.

    Airflow 3.3.2 needs it in any case: a triggerer never forgets the id of a trigger that it could not load, SQLite
    gives the id of a row that is gone to the next one, and so the next trigger would never be started.
    """
    had_ended = "triggerer" in airflow.ended()
    if not had_ended:
        airflow.kill("triggerer")
    for starts in range(1, _MOST_STARTS + 1):
        airflow.start("triggerer")
        patience = time.monotonic() + _LIVES_AFTER
        while time.monotonic() < patience and "triggerer" not in airflow.ended():
            time.sleep(0.5)
        if "triggerer" not in airflow.ended():
            return starts if had_ended else 0
    raise BrokenSetup(f"The triggerer does not live, though it was started {_MOST_STARTS} times.")
