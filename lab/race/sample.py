"""What is seen at one moment of a race."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from kata.core.dag_run import Task
from lab.race.approach import Approach
from lab.race.component_usage import ComponentUsage
from lab.race.database_commits import DatabaseCommits
from lab.race.slots import Slots

# Reading the memory takes the system longer than all the rest.
_MEMORY_EVERY = 5.0  # seconds
# On macOS processes have no titles: there the states of the tasks have to do.
_TITLES = sys.platform != "darwin"


@dataclass(frozen=True)
class Sample:
    """
    :param at: seconds since the waits were submitted.
    :param held: slots that waits hold; `other` those that other tasks hold.
    :param queued: how many waits are; so for `running`, `deferred`.
    :param watched: how many waits somebody looks for the file of.
    :param settled: how many have their start behind them.
    :param begun: how many have been started at all.
    :param succeeded: how many have ended well; `failed` how many have not.
    :param commits: of the database so far.
    :param cpu: seconds so far, by component.
    :param memory: bytes by component, None where they were not read.
    """

    at: float
    held: int = 0
    other: int = 0
    queued: int = 0
    running: int = 0
    deferred: int = 0
    watched: int = 0
    settled: int = 0
    begun: int = 0
    succeeded: int = 0
    failed: int = 0
    commits: int = 0
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] | None = None


class Sampler:
    """Takes samples."""

    def __init__(self, slots: Slots, usage: ComponentUsage, commits: DatabaseCommits) -> None:
        self._slots = slots
        self._usage = usage
        self._commits = commits
        self._memory_due = 0.0

    def idle(self, at: float) -> Sample:
        """One of an Airflow without waits."""
        return self._take(at, other=self._slots.holders().total())

    def waits(self, at: float, approach: Approach, tasks: Sequence[Task]) -> Sample:
        """One of the waits.

        :param tasks: the waits as they are.
        """
        holders = self._slots.holders()
        states = Counter(task.state for task in tasks)
        held = sum(holders[task.id] for task in tasks) if _TITLES else states["running"]
        return self._take(
            at,
            held=held,
            other=max(0, holders.total() - held),
            queued=states["queued"],
            running=states["running"],
            deferred=states["deferred"],
            watched=sum(approach.watches(task) for task in tasks),
            settled=sum(approach.has_settled(task, task.id in holders) for task in tasks),
            begun=sum(task.began is not None for task in tasks),
            succeeded=states["success"],
            failed=states["failed"],
        )

    def _take(self, at: float, **counts: int) -> Sample:
        commits, cpu = self._commits.count(), self._usage.cpu()
        return Sample(at=round(at, 3), **counts, commits=commits, cpu=cpu, memory=self._memory())

    def _memory(self) -> dict[str, int] | None:
        now = time.monotonic()
        if now < self._memory_due:
            return None
        self._memory_due = now + _MEMORY_EVERY
        return self._usage.memory()
