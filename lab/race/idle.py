"""The Airflow before the race, with nothing but the ordinary tasks on it: what the approaches are held against."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kata.airflow.local_airflow import LocalAirflow
from kata.core.rest_api import look_until
from lab.race.figures import usage
from lab.race.ordinary_tasks import OrdinaryTasks, lateness
from lab.race.plan import Plan
from lab.race.sample import Sample, Sampler

_AT_LEAST = 10.0  # seconds: three submissions
_STARTED_AFTER = 60.0


def measure_idle(airflow: LocalAirflow, plan: Plan, sampler: Sampler, say: Callable[[str], None]) -> dict[str, Any]:
    """How late ordinary tasks start, and what the components use meanwhile; as long as the waits will be held."""
    say("running the first task, which is not counted")
    first = OrdinaryTasks(airflow.api)
    first.submit_if_due()
    look_until(first.all_started, _STARTED_AFTER)
    ordinary, samples, began = OrdinaryTasks(airflow.api), list[Sample](), time.time()
    seconds = max(_AT_LEAST, plan.hold)

    def look() -> bool:
        airflow.check_alive()
        ordinary.submit_if_due()
        at = time.time() - began
        samples.append(sampler.idle(at))
        say(f"the idle Airflow: ordinary tasks start, {max(0.0, seconds - at):.0f} s")
        return False

    look_until(look, seconds)
    look_until(ordinary.all_started, _STARTED_AFTER)
    late = lateness(ordinary.tasks(began))
    return {"ordinary_start_seconds": late["median_seconds"], "ordinary": late, **usage(samples)}
