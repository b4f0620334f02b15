"""The whole measurement, on an Airflow of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kata.airflow.deployment import NEEDS_STEP_4, wait_until_loaded
from kata.airflow.local_airflow import LocalAirflow, own_airflow
from kata.core.environment import circumstances
from lab.break_even.crossing import break_even, spread
from lab.break_even.one_wait import OneWait, Waited
from lab.break_even.plan import INTERVAL, WAYS, Plan
from lab.race.component_usage import ComponentUsage
from lab.race.slots import Slots

_SETTINGS = {
    # For the start of a wait, whose process may not have noticed yet that it is over, and for its end.
    "AIRFLOW__CORE__PARALLELISM": "2",
    # Airflow's own default: nobody changes a DAG here.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
}
# The first tasks of an Airflow take longer: one for each slot is not counted.
_WARM_UP = (("poke", 0.0), ("deferrable", 0.0), ("deferrable", 1.0))


class BreakEven:
    """
    :param tree: folder of the module whose sensor waits.
    :ivar results: what is measured so far, as it stands in break_even.json; it grows with every wait.
    """

    def __init__(self, tree: Path, plan: Plan) -> None:
        self._tree = tree
        self._plan = plan
        self.results: dict[str, Any] = {
            **circumstances(),
            "interval_seconds": INTERVAL,
            "repeats": plan.repeats,
            "break_even_seconds": None,
            "break_even_spread": None,
            "waits": [],
        }

    def run(self, say: Callable[[str], None]) -> None:
        """Raises `BrokenSetup` if Airflow, or the tree in it, does not do its part."""
        with own_airflow(self._tree, say, **_SETTINGS) as airflow:
            wait_until_loaded(airflow, "dags/break_even.py", {_dag_id(way) for way in WAYS}, say, NEEDS_STEP_4)
            self._measure(airflow, say)
        self.results["break_even_seconds"] = break_even(self.results["waits"])
        self.results["break_even_spread"] = spread(self.results["waits"])

    def _measure(self, airflow: LocalAirflow, say: Callable[[str], None]) -> None:
        slots, usage, made = Slots(airflow.pids["scheduler"]), ComponentUsage(airflow.pids), 0

        def wait(way: str, file_after: float) -> Waited:
            nonlocal made
            made += 1
            return OneWait(airflow, _dag_id(way), airflow.data / f"wait_{made}", file_after).run(slots, usage)

        say("running the first waits, which are not counted")
        for way, file_after in _WARM_UP:
            wait(way, file_after)
        planned = list(self._plan.waits())
        for number, (way, length, file_after) in enumerate(planned, start=1):
            say(f"wait {number} of {len(planned)}: {way}, its file after {file_after:.1f} s")
            self.results["waits"].append(_told(way, length, wait(way, file_after)))


def _dag_id(way: str) -> str:
    return f"break_even_{way}"


def _told(way: str, length: float, waited: Waited) -> dict[str, Any]:
    return {
        "way": way,
        "length_seconds": length,
        "waited_seconds": round(waited.waited, 3),
        "slot_seconds": round(waited.slot_seconds, 2),
        "running_seconds": round(waited.running, 2),
        "late_seconds": round(waited.late, 3),
        "task_cpu_seconds": round(waited.cpu, 2),
    }
