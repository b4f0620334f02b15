"""The ways of waiting that the race compares."""

from __future__ import annotations

from dataclasses import dataclass

from kata.core.dag_run import Task

ORDINARY_DAG = "race_ordinary_task"


@dataclass(frozen=True)
class Approach:
    """A way of waiting.

    :param key: its name in race.json and in the id of its DAG.
    :param watched_states: the states of a task in which Airflow checks for its file.
    """

    key: str
    title: str
    watched_states: tuple[str, ...]

    @property
    def dag_id(self) -> str:
        return f"race_{self.key}"

    def watches(self, task: Task) -> bool:
        """Return whether a worker or a triggerer checks for the file of this task."""
        return task.state in self.watched_states and (task.state != "deferred" or task.is_watched)

    def has_settled(self, task: Task, holds_slot: bool) -> bool:
        """Return whether the start of this task is over.

        :param holds_slot: a deferred task may hold its slot for a moment longer, until its process has ended.
        """
        if self is RESCHEDULE:
            return task.began is not None
        return self.watches(task) and (self is POKE or not holds_slot)


POKE = Approach("poke", "poke", ("running",))
RESCHEDULE = Approach("reschedule", "reschedule", ("running", "up_for_reschedule"))
DEFERRABLE = Approach("deferrable", "deferrable", ("deferred",))
START_FROM_TRIGGER = Approach("start_from_trigger", "start from trigger", ("deferred",))

APPROACHES = (POKE, RESCHEDULE, DEFERRABLE, START_FROM_TRIGGER)
