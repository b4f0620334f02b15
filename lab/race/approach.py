"""The ways of waiting that run against each other."""

from __future__ import annotations

from dataclasses import dataclass

from kata.core.dag_run import Task


@dataclass(frozen=True)
class Approach:
    """A way of waiting.

    :param key: its name in race.json; its DAG is called after it.
    :param watched_in: the states of a task in which somebody looks for its file.
    """

    key: str
    title: str
    watched_in: tuple[str, ...]

    @property
    def dag_id(self) -> str:
        return f"race_{self.key}"

    def watches(self, task: Task) -> bool:
        """Whether somebody looks for this wait's file. A deferred one needs a triggerer for that."""
        return task.state in self.watched_in and (task.state != "deferred" or task.is_watched)

    def has_settled(self, task: Task, holds_slot: bool) -> bool:
        """Whether the start of this wait is behind it.

        :param holds_slot: a deferred one may still do so for a moment, until its process has gone.
        """
        if self is RESCHEDULE:
            return task.began is not None
        return self.watches(task) and (self is POKE or not holds_slot)


POKE = Approach("poke", "poke", ("running",))
RESCHEDULE = Approach("reschedule", "reschedule", ("running", "up_for_reschedule"))
DEFERRABLE = Approach("deferrable", "deferrable", ("deferred",))
START_FROM_TRIGGER = Approach("start_from_trigger", "start from trigger", ("deferred",))

APPROACHES = (POKE, RESCHEDULE, DEFERRABLE, START_FROM_TRIGGER)
ORDINARY_DAG = "race_ordinary_task"
