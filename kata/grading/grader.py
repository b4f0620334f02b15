"""Grades a tree: preflight, the steps in children, and the verdict on each."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from kata.core.paths import SOLUTION, SUITE
from kata.core.steps import STEPS, Step, find_steps, prerequisites
from kata.core.submission import Problem, find_tree
from kata.grading.manifest import changed_files
from kata.grading.sandbox import Sandbox, find_sandbox
from kata.grading.session import Progress, Session
from kata.grading.skeleton import differences
from kata.grading.snapshot import Snapshot, take_snapshot
from kata.grading.verdict import NOT_IMPORTABLE, TAMPERED, Check, Grade, StepGrade, Verdict, mark_blocked


@dataclass
class Grader:
    """Grades trees with a suite.

    :param suite: folder of the checks, with a `pytest.ini`.
    :param skeleton: the file whose names and signatures the learner's file is compared with.
    """

    progress: Progress
    suite: Path = SUITE
    steps: tuple[Step, ...] = STEPS
    skeleton: Path = SOLUTION
    sandbox: Sandbox = field(default_factory=find_sandbox)

    def grade(self, tree_name: str, step_id: str | None = None) -> Grade:
        """Grade the tree; with `step_id` only that step counts, or its parts. Raises `WrongUsage` and `BrokenSetup`."""
        began = time.monotonic()
        chosen = list(self.steps) if step_id is None else list(find_steps(step_id, self.steps))
        snapshot = take_snapshot(find_tree(tree_name))
        grade = Grade(tree_name, [StepGrade(step) for step in chosen], frozenset(step.id for step in chosen))
        grade.sandbox = self.sandbox.name, self.sandbox.why
        grade.problem = snapshot.problem or changed_files()
        if grade.problem is None:
            with Session(self.progress, self.suite, self.steps, sandbox=self.sandbox) as session:
                grade.steps, grade.problem = self._grade_in(session, snapshot, chosen)
        if grade.problem is None:
            mark_blocked(grade.steps)
            if not all(each.is_green for each in grade.counted) and self.skeleton.is_file():
                grade.notes = differences(snapshot.text, self.skeleton.read_text())
        grade.duration = time.monotonic() - began
        return grade

    def _grade_in(
        self, session: Session, snapshot: Snapshot, chosen: list[Step]
    ) -> tuple[list[StepGrade], Problem | None]:
        needed = {step.id for each in chosen for step in prerequisites(each, self.steps)}
        others = [step for step in self.steps if step.id in needed and step not in chosen]
        problem = session.look_at(snapshot, chosen + others)
        if problem is not None:
            return [StepGrade(step, _not_importable(session.checks(step), problem)) for step in chosen], problem
        grades = session.grade(snapshot, chosen)
        if others and not all(grade.is_green for grade in grades):
            # What was chosen may only be waiting for a step that was not.
            grades = session.grade(snapshot, others) + grades
        # In the sandbox nothing of the submission's can have changed them.
        if not self.sandbox.keeps_files and (problem := changed_files()):
            grades = [StepGrade(grade.step, [_tampered(each, problem) for each in grade.verdicts]) for grade in grades]
        return grades, problem


def _not_importable(checks: list[Check], problem: Problem) -> list[Verdict]:
    where = {"path": problem.path, "line": problem.line, "source": problem.source}
    return [Verdict(check, NOT_IMPORTABLE, error=problem.what, **where) for check in checks]


def _tampered(verdict: Verdict, problem: Problem) -> Verdict:
    return Verdict(verdict.check, TAMPERED, error=problem.what) if verdict.passed else verdict
