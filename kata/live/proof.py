"""The proof: what a part and its checks consist of, and how they are carried out on a deployment."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kata.airflow.arriving_files import drop
from kata.airflow.deployment import Deployment
from kata.core.dag_run import DagRun, Task
from kata.core.rest_api import poll_until
from kata.core.steps import Step
from kata.core.submission import Problem
from kata.grading.verdict import NOT_RUN, WRONG, Check, Grade, StepGrade, Verdict, mark_blocked
from kata.live.diagnosis import CheckFailed, explain, triggerer_ended

T = TypeVar("T")


class Proof:
    """A proof of a submission, and what its parts share.

    :param parts: in the order in which they are proven.
    :param say: told which check is carried out.
    :ivar deployment: runs the submission.
    :ivar run: the run that the current checks are about.
    :ivar short_wait: a run whose only task times out while other parts are proven.
    """

    deployment: Deployment
    run: DagRun
    short_wait: DagRun

    def __init__(self, parts: Sequence[type[Part]], say: Callable[[str], None]) -> None:
        self.parts = [part(self) for part in parts]
        self.say = say
        self._began = time.monotonic()
        self._dropped: list[Path] = []

    def carry_out(self, deployment: Deployment) -> None:
        """Carry out each part whose prerequisites have passed. At the end, all dropped files are removed.

        :raises BrokenSetup: if Airflow itself fails.
        """
        self.deployment = deployment
        green: set[str] = set()
        try:
            for part in self.parts:
                if green.issuperset(part.after):
                    part.carry_out()
                    if part.grade.is_green:
                        green.add(part.id)
                    elif deployment.ended():
                        return  # without a triggerer nothing else can pass, and its end is explained
        finally:
            self.remove_dropped()

    def grade(self, tree: str, problem: Problem | None = None) -> Grade:
        """Return the results so far.

        :param tree: the submission, as the learner named it.
        :param problem: why nothing could be proven, None if something was.
        """
        grades = [part.grade for part in self.parts]
        mark_blocked(grades)
        asked = frozenset(part.id for part in self.parts)
        return Grade(tree, grades, asked, problem, duration=time.monotonic() - self._began)

    def drop(self, *names: str) -> None:
        """Let files arrive, each named relative to the data folder."""
        self._dropped += [drop(self.deployment.data / name) for name in names]

    def remove_dropped(self) -> None:
        """Remove every file that was dropped so far, and nothing else: the folder may be the learner's own."""
        while self._dropped:
            self._dropped.pop().unlink(missing_ok=True)


@dataclass(frozen=True)
class PartStep(Step):
    """A part, in the form in which steps are shown, counted and recorded."""

    @property
    def name(self) -> str:
        return self.id.replace("_", " ").capitalize()


class Part:
    """A part of the proof. Its title is the docstring of the class.

    Its checks are the public methods of the class; the docstring of each is what it proves. A check raises
    `CheckFailed`, or returns what it has measured, if anything, for the results.

    :cvar after: ids of the parts without which this one is skipped.
    :cvar required: name of the check without which those after it are skipped.
    :ivar grade: of this part, so far.
    :ivar deployment: that of the proof.
    """

    id: str
    after: tuple[str, ...] = ()
    required: str = ""
    deployment: Deployment

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        checks = [
            Check(f"{self.id}::{name}", inspect.getdoc(value) or "", 0.0)
            for name, value in vars(type(self)).items()
            if inspect.isfunction(value) and not name.startswith("_")
        ]
        title = (inspect.getdoc(self) or "").rstrip(".")
        step = PartStep(self.id, title, len(checks), test_file="", depends_on=self.after)
        self.grade = StepGrade(step, [Verdict(check, NOT_RUN) for check in checks])

    def carry_out(self) -> None:
        """Carry out the checks."""
        self.deployment = self.proof.deployment
        for index, verdict in enumerate(self.grade.verdicts):
            check, name = verdict.check, verdict.check.id.partition("::")[2]
            self.proof.say(f"checking: {check.title}")
            began = time.monotonic()
            try:
                kind, details = None, {"printed": getattr(self, name)() or ""}
            except CheckFailed as failed:
                kind, details = WRONG, vars(failed)
            self.grade.verdicts[index] = Verdict(check, kind, **details, duration=time.monotonic() - began)
            if kind and name == self.required:
                return

    def poll(self, get: Callable[[], T], is_done: Callable[[T], object], seconds: float) -> T:
        """Call a function until its result is accepted or the time is over; return the last result.

        :raises CheckFailed: if the triggerer has ended by itself: a trigger can do that.
        :raises BrokenSetup: if another component of Airflow has ended.
        :raises ApiUnavailable: if the API does not answer when the time is over.
        """
        result = poll_until(get, seconds, (0.5, 0.5), is_done, while_waiting=self._check_alive)
        return get() if result is None else result

    def _check_alive(self) -> None:
        if "triggerer" in self.deployment.ended():
            raise triggerer_ended(self.deployment)
        self.deployment.check_alive()

    def task(self, task_id: str) -> Task:
        """Return a task of the current run. Raises `CheckFailed` if its DAG has none of this name."""
        for task in self.proof.run.tasks():
            if task.task_id == task_id:
                return task
        raise CheckFailed(f"the tasks of {self.proof.run.dag_id}", f"there is no {task_id}", mistake="missing task")

    def expect_state(self, task_id: str, state: str, seconds: float) -> Task:
        """Return a task when it has a state.

        :raises CheckFailed: with the cause, if the task ends in another state, or takes too long.
        """
        task = self.poll(lambda: self.task(task_id), lambda task: task.has_ended or task.state == state, seconds)
        if task.state != state:
            late = "" if task.has_ended else f"after {seconds:.0f} seconds, "
            raise self.failure(task, f"{late}its state is {task.state or 'none'}, not {state}")
        return task

    def failure(self, task: Task, got: str, called: str = "") -> CheckFailed:
        """Return the failure of a check on a task, with its cause as far as the logs show it."""
        return explain(self.deployment, self.proof.run, task, called or task.task_id, got)

    def expect_free_slots(self) -> None:
        """Raise `CheckFailed` if a task holds a worker slot."""
        pools = self.deployment.api.pools
        if held := self.poll(lambda: sum(pool["occupied_slots"] for pool in pools()), lambda held: not held, 10.0):
            called = "GET /api/v2/pools: occupied_slots while all waiting tasks are deferred"
            raise CheckFailed(called, f"{held} slots are held")
