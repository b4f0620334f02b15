"""The grader as a classifier: what it says of the known wrong and the unusual right solutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kata.core.files import scratch_folder
from kata.core.steps import STEPS, Step, find_step
from kata.grading.session import Session
from kata.grading.verdict import StepGrade, Verdict, mark_blocked
from quality.right_form import Right
from quality.silence import Silence
from quality.trees import RIGHT, WRONG
from quality.wrong_form import Wrong

# One wrong solution in so many is graded from the first step on: the steps before its own take most of the time.
BLAMED_EVERY = 4


@dataclass(frozen=True)
class Classified:
    """What was said of a wrong solution.

    :param passed: its step was green.
    :param blamed_on_its_step: its step is what the learner is told to mend first; None if that was not looked at.
    :param named: the check that must catch it showed the mistake's name.
    """

    name: str
    passed: bool
    blamed_on_its_step: bool | None
    named: bool


def wrong_solutions(say: Callable[[str], None]) -> list[Classified]:
    """Grade every wrong solution at its own step, and some as far as it, to see what the learner is told first."""
    found = []
    with Session(Silence()) as session, scratch_folder() as folder:
        for number, wrong in enumerate(WRONG, 1):
            found.append(_classify(session, wrong, Path(folder), from_the_start=number % BLAMED_EVERY == 0))
            if number % 10 == 0 or number == len(WRONG):
                say(f"wrong solutions: {number} of {len(WRONG)}")
    return found


def right_solutions(say: Callable[[str], None]) -> dict[str, list[str]]:
    """The checks that each right solution fails."""
    failed = {}
    with Session(Silence()) as session, scratch_folder() as folder:
        for right in RIGHT:
            grades = grade_right(session, right, Path(folder))
            failed[right.name] = [verdict.check.id for grade in grades for verdict in grade.failing]
            say(f"right solution {right.name}: {len(failed[right.name])} checks failed")
    return failed


def grade_right(session: Session, right: Right, folder: Path) -> list[StepGrade]:
    """Grade the steps that a right solution solves in its own way."""
    return _grade(session, right.make(folder), right.steps)


def grade_tree(session: Session, tree: Path) -> list[Verdict]:
    """The verdicts of all checks. Raises `AssertionError` when the tree cannot be imported."""
    return [verdict for grade in _grade(session, tree, STEPS) for verdict in grade.verdicts]


def _grade(session: Session, tree: Path, steps: Sequence[Step]) -> list[StepGrade]:
    problem = session.look_at(tree, list(steps))
    assert problem is None, problem
    session.warm_up()
    return session.grade(tree, list(steps))


def _classify(session: Session, wrong: Wrong, folder: Path, from_the_start: bool) -> Classified:
    tree = wrong.make(folder)
    own = find_step(wrong.step)
    steps = list(STEPS[: STEPS.index(own) + 1]) if from_the_start else [own]
    if session.look_at(tree, steps) is not None:
        # A file that cannot be imported is blamed on no step.
        return Classified(wrong.name, passed=False, blamed_on_its_step=False, named=False)
    grades = session.grade(tree, steps)
    mark_blocked(grades)
    first = next((grade for grade in grades if not grade.is_green and grade.waits_for is None), None)
    return Classified(
        wrong.name,
        passed=grades[-1].is_green,
        blamed_on_its_step=first is not None and first.step.section == own.section if from_the_start else None,
        named=_shown(grades[-1], wrong.check) == wrong.mistake,
    )


def _shown(grade: StepGrade, check: str) -> str | None:
    return next((each.mistake for each in grade.verdicts if each.check.id.endswith(f"::{check}")), None)
