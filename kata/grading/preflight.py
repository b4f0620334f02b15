"""What the grader has to know before any check runs: which checks there are, and whether the file can be imported."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from kata.core.errors import BrokenSetup
from kata.core.paths import MODULE, shown
from kata.core.steps import Step
from kata.core.submission import Problem
from kata.grading.limits import CHECK_DEADLINE, COLLECTION_DEADLINE, IMPORT_DEADLINE
from kata.grading.running_child import Ending, Work, how_it_ended
from kata.grading.verdict import Check


class CollectWork(Work):
    """Collects the suite in a child. Collecting does not import the learner's module.

    :param job: what every job of this grade is told.
    """

    def __init__(self, job: dict[str, Any], steps: list[Step]) -> None:
        self._job = job
        self._steps = steps
        self._since = 0.0
        self._checks: list[Check] = []
        self._complaints: list[str] = []
        self._is_over = False

    def checks(self, step: Step) -> list[Check]:
        """Return the checks of this step in the order of its file. Raises `BrokenSetup` if there are none."""
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
        return self._since + COLLECTION_DEADLINE

    def reported(self, message: dict[str, Any]) -> None:
        if message["event"] == "check":
            deadline = message["deadline"] or CHECK_DEADLINE
            essential = message["essential"]
            self._checks.append(Check(message["id"], message["title"], deadline, message["case"], essential))
        elif message["event"] == "not collected":
            self._complaints.append(f"{message['where']}\n{message['error']}")

    def interrupted(self) -> None:
        self._checks, self._complaints = [], []

    def ended(self, ending: Ending) -> None:
        self._is_over = True
        if not self._checks and not self._complaints:
            self._complaints.append(ending.printed.strip() or "pytest said nothing")


class ImportWork(Work):
    """Imports the learner's module once in a child of its own.

    :param job: what every job of this grade is told.
    """

    def __init__(self, job: dict[str, Any], deadline: float = IMPORT_DEADLINE) -> None:
        self.problem: Problem | None = None
        self._job = job
        self._file = job["snapshot"].tree / f"{MODULE}.py"
        self._deadline = deadline
        self._since = 0.0
        self._said: dict[str, Any] = {}
        self._is_over = False

    def next_job(self) -> dict[str, Any] | None:
        if self._is_over:
            return None
        self._since = time.monotonic()
        return {**self._job, "do": "import"}

    def kill_at(self) -> float:
        return self._since + self._deadline

    def reported(self, message: dict[str, Any]) -> None:
        if message["event"] == "start" and not self._said:
            self._since = time.monotonic()
        self._said = message

    def ended(self, ending: Ending) -> None:
        self._is_over = True
        event = self._said.get("event")
        if self._said.get("solution_read"):
            todo = "Write it yourself: make hint STEP=n helps, and make diff compares once a step is green."
            self.problem = self._problem("The file reads the reference solution.", todo, {}, ending)
        elif event == "import failed":
            self.problem = self._failed(self._said, ending)
        elif event != "imported":
            self.problem = self._hung(ending) if ending.killed else self._vanished(ending)

    def _failed(self, told: dict[str, Any], ending: Ending) -> Problem:
        error = str(told.get("error") or told.get("got"))
        what = f"Importing the file fails: {error}"
        if error.startswith("SystemExit"):
            what = "Importing the file ends the process: it calls sys.exit() at module level."
        return self._problem(what, "The file must import without an error; fix this first.", told, ending)

    def _hung(self, ending: Ending) -> Problem:
        what = f"Importing it did not end within {self._deadline:g} seconds."
        if ending.stopped:
            what = "Importing it halts the process (SIGSTOP)."
        todo = "Nothing that waits or loops may stand at module level."
        return self._problem(what, todo, ending.hang, ending)

    def _vanished(self, ending: Ending) -> Problem:
        what = f"Importing the file ends the process: {how_it_ended(ending)}."
        return self._problem(what, "Nothing at module level may end the process.", {}, ending)

    def _problem(self, what: str, todo: str, told: dict[str, Any], ending: Ending) -> Problem:
        path = shown(Path(told.get("path") or self._file))
        line, source = int(told.get("line") or 0), str(told.get("source") or "")
        return Problem(what, path, todo, line, source, printed=ending.printed[:500])
