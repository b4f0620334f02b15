"""Measure one contender after the other, each in a process of its own, so that none disturbs the next."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from kata.core.environment import child_environment
from kata.core.files import scratch_folder
from kata.core.paths import ROOT
from lab.bench.measurement import Died, Job, Measured
from lab.bench.plan import Plan
from lab.bench.scene import Scene

# What a measurement takes at most besides its own seconds: to import Airflow, to start all triggers, to end.
_MOST_SECONDS_BESIDES = 180.0


def measure(plan: Plan, tree: Path, say: Callable[[str], None]) -> Iterator[Measured | Died]:
    """Yield what came out, measurement by measurement.

    :param tree: folder of the module that is measured.
    :param say: is told all the time what is being done.
    """
    done = 0
    for step in plan.steps:
        with scratch_folder() as scratch:
            folder = Path(scratch) / "scene"
            scene = Scene(folder, step.setting, step.waits)
            say(f"making {step.setting.title}, for {step.waits} waits")
            scene.make()
            for contender in step.contenders:
                done += 1
                about = f"{done} of {plan.measurements}: {step.waits} × {contender}, {step.setting.title}"
                job = Job(contender, step.setting.name, step.waits, str(folder), plan.seconds, plan.interval)
                yield _measure(job, tree, Path(scratch), lambda doing, about=about: say(f"{about}: {doing}"))
                scene.take_files_away()
            say("removing them")


def _measure(job: Job, tree: Path, scratch: Path, say: Callable[[str], None]) -> Measured | Died:
    say("importing Airflow")
    command = [sys.executable, "-m", "lab.bench.measured_process", json.dumps(asdict(job))]
    errors = scratch / "errors"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            command, cwd=ROOT, env=_environment(tree, scratch), stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        deadline = threading.Timer(job.seconds + _MOST_SECONDS_BESIDES, process.kill)
        deadline.start()
        try:
            told = {}
            for line in process.stdout or ():
                told = json.loads(line)
                if "doing" in told:
                    say(told["doing"])
        finally:
            deadline.cancel()
            process.kill()
    if "contender" in told:
        return Measured(**told)
    last_words = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return Died(job.contender, job.setting, job.waits, (last_words or ["killed, it took too long or too much"])[-1])


def _environment(tree: Path, scratch: Path) -> dict[str, str]:
    return {
        **child_environment(tree, database=scratch / "airflow.db", data=scratch),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(scratch / "logs"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",  # a triggerer's, whose log has its price
    }
