"""Finds out which checks the suite has, before any of them is run."""

from __future__ import annotations

import time
from typing import Any

from kata.failures import BrokenSetup
from kata.grading.supervisor import Ending
from kata.grading.verdict import Check
from kata.steps import Step

CHECK_DEADLINE = 15.0
_DEADLINE = 60.0


class CollectWork:
    """Collects the suite in a child. Collecting does not import the learner's module.

    :param job: what every job of this grade is told.
    """

    def __init__(self, job: dict[str, Any], steps: list[Step], deadline: float = CHECK_DEADLINE) -> None:
        self._job = job
        self._steps = steps
        self._deadline = deadline
        self._since = 0.0
        self._checks: list[Check] = []
        self._complaints: list[str] = []
        self._is_over = False

    def checks(self, step: Step) -> list[Check]:
        """The checks of this step in the order of its file. Raises `BrokenSetup` when there are none."""
        found = [check for check in self._checks if check.id.split("::")[0].endswith(step.test_file)]
        if self._complaints or not found:
            why = self._complaints[0] if self._complaints else "it has no checks"
            raise BrokenSetup(f"The checks of {step.name} cannot be collected ({step.test_file}): {why}")
        return found

    def next_job(self) -> dict[str, Any] | None:
        if self._is_over:
            return None
        self._since = time.monotonic()
        return {**self._job, "do": "collect", "files": [step.test_file for step in self._steps]}

    def kill_at(self) -> float:
        return self._since + _DEADLINE

    def reported(self, message: dict[str, Any]) -> None:
        if message["event"] == "check":
            deadline = message["deadline"] or self._deadline
            essential = message["essential"]
            self._checks.append(Check(message["id"], message["title"], deadline, message["case"], essential))
        elif message["event"] == "not collected":
            self._complaints.append(f"{message['where']}\n{message['error']}")

    def overdue(self) -> None:
        pass

    def interrupted(self) -> None:
        self._checks, self._complaints = [], []

    def ended(self, ending: Ending) -> None:
        self._is_over = True
        if not self._checks and not self._complaints:
            self._complaints.append(ending.printed.strip() or "pytest said nothing")
