"""What is seen of Airflow and of the waiting tasks at one moment."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kata.core.dag_run import Task
from lab.race.approaches import Approach
from lab.race.resources import ComponentUsage

# Reading the memory takes the system longer than everything else together.
_MEMORY_INTERVAL = 5.0  # seconds
# On macOS, processes have no titles; there, the states of the tasks tell who holds a slot.
_HAS_TITLES = sys.platform != "darwin"


@dataclass(frozen=True)
class Sample:
    """The state at one moment; all counts are of waiting tasks, if not said otherwise.

    :param at: seconds since the waiting tasks were submitted.
    :param held: slots that waiting tasks hold; `other` are those that other tasks hold.
    :param watched: a worker or a triggerer checks for their file.
    :param settled: their start is over.
    :param begun: started at least once.
    :param commits: to the database so far.
    :param cpu: seconds so far, by component.
    :param memory: bytes by component, None if not measured at this moment.
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


class Monitor:
    """Takes samples.

    :param count_commits: returns the number of database commits so far.
    """

    def __init__(self, usage: ComponentUsage, count_commits: Callable[[], int]) -> None:
        self._usage = usage
        self._count_commits = count_commits
        self._memory_due = 0.0

    def sample_idle(self, at: float) -> Sample:
        """Take a sample of an Airflow without waiting tasks."""
        return self._sample(at, other=self._usage.slot_holders().total())

    def sample(self, at: float, approach: Approach, tasks: Sequence[Task]) -> Sample:
        """Take a sample of the waiting tasks of an approach."""
        holders = self._usage.slot_holders()
        states = Counter(task.state for task in tasks)
        held = sum(holders[task.id] for task in tasks) if _HAS_TITLES else states["running"]
        return self._sample(
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

    def _sample(self, at: float, **counts: int) -> Sample:
        commits, cpu = self._count_commits(), self._usage.cpu()
        return Sample(round(at, 3), **counts, commits=commits, cpu=cpu, memory=self._memory_if_due())

    def _memory_if_due(self) -> dict[str, int] | None:
        now = time.monotonic()
        if now < self._memory_due:
            return None
        self._memory_due = now + _MEMORY_INTERVAL
        return self._usage.memory()
