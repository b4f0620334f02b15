"""The whole race: the idle Airflow, then one approach after the other in the same one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from kata.airflow.deployment import NEEDS_STEP_4, wait_until_loaded
from kata.airflow.local_airflow import LocalAirflow, own_airflow
from kata.core.console import StatusLine
from kata.core.environment import circumstances
from kata.core.rest_api import poll_until
from lab.race.approach_run import ApproachRun, Plan
from lab.race.approaches import APPROACHES, ORDINARY_DAG
from lab.race.figures import figures, lateness, usage
from lab.race.monitor import Monitor, Sample
from lab.race.ordinary_tasks import OrdinaryTasks
from lab.race.report import show, write
from lab.race.resources import ComponentUsage, commit_counter

# Seconds between two checks of the sensors in dags/race.py, as the trigger's own default.
INTERVAL = 10.0
_IDLE_AT_LEAST = 10.0  # seconds: three ordinary tasks
_STARTED_WITHIN = 60.0  # seconds


def run_race(tree: Path, plan: Plan, folder: Path, console: Console, progress: Console) -> None:
    """Run a race, show its figures, and write race.json, race.html and, if it can be drawn, race.png and race.svg.

    Whatever ends it early, the figures of the finished approaches are shown and written.

    :param tree: folder of the submission whose sensor waits.
    :param folder: an earlier race in it is replaced.
    :raises BrokenSetup: if Airflow, or the submission in it, does not work.
    """
    race: dict[str, Any] = {"approaches": {}}
    try:
        with StatusLine(progress) as say:
            measure(race, tree, plan, say)
    finally:
        if race["approaches"]:
            show(race, console)
            write(race, folder, console)


def measure(race: dict[str, Any], tree: Path, plan: Plan, say: Callable[[str], None]) -> None:
    """Run the approaches in an Airflow of its own, of which nothing is left.

    :param race: gets the contents of race.json, with the figures of each approach as soon as it is finished.
    :raises BrokenSetup: if Airflow, or the submission in it, does not work.
    """
    race |= {
        **circumstances(),
        "waits": plan.waits,
        "slots": plan.slots,
        "hold_seconds": plan.hold,
        "interval_seconds": INTERVAL,
        "interrupted": True,  # until the race is over
        "idle": None,
        "approaches": {},
    }
    settings = {
        "KATA_RACE_WAITS": str(plan.waits),
        "AIRFLOW__CORE__PARALLELISM": str(plan.slots),
        # Airflow's own default: nobody changes a DAG here.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
    }
    dag_ids = {ORDINARY_DAG, *(approach.dag_id for approach in APPROACHES)}
    with own_airflow(tree, say, **settings) as airflow:
        wait_until_loaded(airflow, "dags/race.py", dag_ids, say, NEEDS_STEP_4)
        with commit_counter(airflow.database) as count_commits:
            monitor = Monitor(ComponentUsage(airflow.pids), count_commits)
            race["idle"] = _measure_idle(airflow, monitor, max(_IDLE_AT_LEAST, plan.hold), say)
            for approach in APPROACHES:
                run = ApproachRun(approach, plan)
                run.execute(airflow, monitor, say)
                race["approaches"][approach.key] = figures(run, race["idle"]["ordinary_start_seconds"])
    race["interrupted"] = False


def _measure_idle(
    airflow: LocalAirflow, monitor: Monitor, seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure an Airflow in which only ordinary tasks run."""
    say("running the first task, which is not counted")
    first = OrdinaryTasks(airflow.api)
    first.submit_if_due()
    poll_until(first.all_started, _STARTED_WITHIN)
    ordinary, samples, began = OrdinaryTasks(airflow.api), list[Sample](), time.time()

    def look() -> bool:
        airflow.check_alive()
        ordinary.submit_if_due()
        at = time.time() - began
        samples.append(monitor.sample_idle(at))
        say(f"the idle Airflow: ordinary tasks start, {max(0.0, seconds - at):.0f} s")
        return False

    poll_until(look, seconds)
    poll_until(ordinary.all_started, _STARTED_WITHIN)
    late = lateness(ordinary.tasks(began))
    return {"ordinary_start_seconds": late["median_seconds"], "ordinary": late, **usage(samples)}
