"""Checks, verdicts and grades: data and arithmetic, nothing that runs or prints."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from kata.core.steps import Step
from kata.core.submission import Problem

# Why a check did not pass.
WRONG = "wrong"
BLOCKED = "blocked"
HUNG = "hung"
CRASHED = "crashed"
NOT_IMPORTABLE = "not_importable"
NOT_RUN = "not_run"
TAMPERED = "tampered"


@dataclass(frozen=True)
class Check:
    """One pytest test of the suite.

    :param id: pytest's id of it.
    :param title: the sentence of the contract that it checks.
    :param deadline: how long it may take, in seconds.
    :param case: pytest's id of the parameters, "" for none.
    :param essential: its step is worth nothing while it fails.
    """

    id: str
    title: str
    deadline: float
    case: str = ""
    essential: bool = False


@dataclass(frozen=True)
class Verdict:
    """How a check ended.

    :param kind: why it did not pass, None when it did.
    :param called: what was called; `got` what it returned; `contract` what it should be; `mistake` its short name.
    :param error: type and text of an exception that tells none of these.
    :param path: file of the line to look at, `line` its number (0 for none), `source` its text.
    :param printed: what the learner's code printed meanwhile.
    :param duration: in seconds.
    """

    check: Check
    kind: str | None = None
    called: str = ""
    got: str = ""
    contract: str = ""
    mistake: str = ""
    error: str = ""
    path: str = ""
    line: int = 0
    source: str = ""
    printed: str = ""
    duration: float = 0.0

    @property
    def passed(self) -> bool:
        return self.kind is None

    def blocked(self) -> Verdict:
        return self if self.passed else replace(self, kind=BLOCKED)


@dataclass
class StepGrade:
    """How a step went.

    :param waits_for: the first step that has to be green before this one can be; None when there is none.
    """

    step: Step
    verdicts: list[Verdict] = field(default_factory=list)
    waits_for: Step | None = None

    @property
    def passed(self) -> int:
        return sum(verdict.passed for verdict in self.verdicts)

    @property
    def total(self) -> int:
        return len(self.verdicts)

    @property
    def is_green(self) -> bool:
        return self.total > 0 and self.passed == self.total

    @property
    def fails_an_essential_check(self) -> bool:
        return any(verdict.check.essential for verdict in self.failing)

    def essential_note(self, verdict: Verdict) -> str:
        """Return what a failing check costs if it is essential, otherwise ""."""
        return f"{self.step.name} scores 0 points while this check fails." if verdict.check.essential else ""

    @property
    def points(self) -> int:
        """Full only if every check passed; 0 without checks, or if an essential one failed."""
        if not self.total or self.fails_an_essential_check:
            return 0
        return self.step.points * self.passed // self.total

    @property
    def failing(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if not verdict.passed]


@dataclass
class Grade:
    """How a tree went.

    :param tree: as the learner named it.
    :param steps: all that were run, in the order of the registry.
    :param asked: ids of those that count: the chosen step or its parts, or all.
    :param problem: why nothing could be graded, None when it could.
    :param notes: what differs from the skeleton of the exercise.
    :param sandbox: what kept the submission in, and why there was no more of it: `Sandbox.name` and `Sandbox.why`.
    :param duration: in seconds.
    """

    tree: str
    steps: list[StepGrade]
    asked: frozenset[str]
    problem: Problem | None = None
    notes: list[str] = field(default_factory=list)
    sandbox: tuple[str, str] = ("none", "")
    duration: float = 0.0

    @property
    def counted(self) -> list[StepGrade]:
        return [grade for grade in self.steps if grade.step.id in self.asked]

    @property
    def chosen(self) -> str:
        """What alone was graded: "Step 2", "Step 3" for all its parts, "Step 3b" for one; "" for the whole tree."""
        steps = [grade.step for grade in self.counted]
        names = {step.name for step in steps} if len(steps) == 1 else {step.section for step in steps}
        return names.pop() if len(names) == 1 else ""

    @property
    def required(self) -> list[StepGrade]:
        """What decides: the steps without the challenges, or what was chosen."""
        return [grade for grade in self.counted if self.chosen or not grade.step.is_challenge]

    @property
    def succeeded(self) -> bool:
        return self.problem is None and all(grade.is_green for grade in self.required)

    @property
    def first_failing(self) -> StepGrade | None:
        """The step to work on: the first that is not green and waits for no other."""
        return next((grade for grade in self.steps if not grade.is_green and grade.waits_for is None), None)


def mark_blocked(grades: list[StepGrade]) -> None:
    """Tell the steps that are not green and wait for another from those that are wrong themselves."""
    not_green: dict[str, StepGrade] = {}
    for grade in grades:
        if grade.is_green:
            continue
        not_green[grade.step.id] = grade
        for step_id in grade.step.depends_on:
            if step_id in not_green:
                needed = not_green[step_id]
                grade.waits_for = needed.waits_for or needed.step
                grade.verdicts = [verdict.blocked() for verdict in grade.verdicts]
                break


def verdict_of(check: Check, kind: str | None, told: dict[str, Any], **more: Any) -> Verdict:
    """Return a verdict from what a child reported; missing parts stay empty."""
    names = ("called", "got", "contract", "mistake", "error", "path", "source")
    texts = {name: str(told.get(name) or "") for name in names}
    return Verdict(check, kind, **texts, line=int(told.get("line") or 0), **more)
