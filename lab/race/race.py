"""The whole race: the idle Airflow, then one approach after the other on the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kata.airflow.deployment import NEEDS_STEP_4, wait_until_loaded
from kata.airflow.local_airflow import LocalAirflow, own_airflow
from kata.core.environment import circumstances
from lab.race.approach import APPROACHES, ORDINARY_DAG, Approach
from lab.race.component_usage import ComponentUsage
from lab.race.database_commits import DatabaseCommits
from lab.race.figures import figures
from lab.race.heat import Heat
from lab.race.idle import measure_idle
from lab.race.plan import INTERVAL, Plan
from lab.race.sample import Sampler
from lab.race.slots import Slots


class Race:
    """
    :param tree: folder of the module whose sensor waits.
    :param approaches: which run, in this order.
    :ivar results: what is measured so far, as it stands in race.json; it grows with every approach.
    """

    def __init__(self, tree: Path, plan: Plan, approaches: Sequence[Approach] = APPROACHES) -> None:
        self._tree = tree
        self._plan = plan
        self._approaches = approaches
        self.results: dict[str, Any] = {
            **circumstances(),
            "waits": plan.waits,
            "slots": plan.slots,
            "hold_seconds": plan.hold,
            "interval_seconds": INTERVAL,
            "interrupted": True,  # until it is over
            "idle": None,
            "approaches": {},
        }

    def run(self, say: Callable[[str], None]) -> None:
        """Run it on an Airflow of its own, which is gone afterwards.

        :raises BrokenSetup: if Airflow, or the tree in it, does not do its part.
        """
        with own_airflow(self._tree, say, **self._settings()) as airflow:
            wait_until_loaded(
                airflow, "dags/race.py", {ORDINARY_DAG, *(each.dag_id for each in self._approaches)}, say, NEEDS_STEP_4
            )
            self._measure(airflow, say)
        self.results["interrupted"] = False

    def _measure(self, airflow: LocalAirflow, say: Callable[[str], None]) -> None:
        with DatabaseCommits(airflow.database) as commits:
            sampler = Sampler(Slots(airflow.pids["scheduler"]), ComponentUsage(airflow.pids), commits)
            idle = self.results["idle"] = measure_idle(airflow, self._plan, sampler, say)
            for approach in self._approaches:
                outcome = Heat(airflow, approach, self._plan, sampler, say).run()
                self.results["approaches"][approach.key] = figures(outcome, idle["ordinary_start_seconds"])

    def _settings(self) -> dict[str, str]:
        return {
            "KATA_RACE_WAITS": str(self._plan.waits),
            "AIRFLOW__CORE__PARALLELISM": str(self._plan.slots),
            # Airflow's own default: nobody changes a DAG here.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        }
