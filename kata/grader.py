"""Grades a tree: preflight, the steps in children, and the verdict on each."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kata.collect_work import CHECK_DEADLINE, CollectWork
from kata.environment import child_environment
from kata.places import MODULE, SOLUTION, STATE, SUITE
from kata.preflight import IMPORT_DEADLINE, ImportWork, find_tree, read_module
from kata.scratch import scratch_folder
from kata.server_process import ServerProcess
from kata.skeleton import differences
from kata.step_work import STEP_DEADLINE, StepWork
from kata.steps import STEPS, Step, find_step, prerequisites
from kata.supervisor import Supervisor
from kata.template_database import copy_template, make_template, template_file
from kata.verdict import NOT_IMPORTABLE, Check, Grade, Problem, StepGrade, Verdict, mark_blocked


class Progress(Protocol):
    """Is told what goes on, to show it."""

    def working_on(self, what: str) -> None: ...

    def expects(self, step: Step, checks: int) -> None: ...

    def heard(self, step: Step, verdict: Verdict) -> None: ...


@dataclass(frozen=True)
class Deadlines:
    """In seconds: for a check that names none itself, for all checks of a step, for the import of the module."""

    check: float = CHECK_DEADLINE
    step: float = STEP_DEADLINE
    importing: float = IMPORT_DEADLINE


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
    deadlines: Deadlines = field(default_factory=Deadlines)

    def grade(self, tree_name: str, step_id: str | None = None) -> Grade:
        """Grade the tree; with `step_id` that step alone counts. Raises `WrongUsage` and `BrokenSetup`."""
        began = time.monotonic()
        chosen = list(self.steps) if step_id is None else [find_step(step_id, self.steps)]
        tree = find_tree(tree_name)
        text, problem = read_module(tree / f"{MODULE}.py")
        grades = [StepGrade(step) for step in chosen]
        if problem is None:
            grades, problem = self._run(tree, chosen)
        if problem is None:
            mark_blocked(grades)
        grade = Grade(tree_name, grades, frozenset(step.id for step in chosen), problem)
        if problem is None and not all(each.is_green for each in grade.counted):
            grade.notes = differences(text, self.skeleton.read_text()) if self.skeleton.is_file() else []
        grade.duration = time.monotonic() - began
        return grade

    def _run(self, tree: Path, chosen: list[Step]) -> tuple[list[StepGrade], Problem | None]:
        if not template_file().exists():
            self.progress.working_on("making Airflow's database (only this once)")
            make_template()
        with scratch_folder() as scratch:
            supervisor = self._supervisor(tree, Path(scratch))
            try:
                return self._run_in(supervisor, tree, chosen)
            finally:
                supervisor.end()

    def _supervisor(self, tree: Path, scratch: Path) -> Supervisor:
        database = scratch / "airflow.db"
        copy_template(database)
        environment = child_environment(tree, database=database, data=scratch / "data")
        log = STATE / "logs" / "grade.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")

        def start_server() -> ServerProcess:
            self.progress.working_on("starting Airflow")
            server = ServerProcess(environment, log)
            server.wait_until_ready()
            return server

        return Supervisor(start_server, scratch, at_once=max(2, os.cpu_count() or 2))

    def _run_in(self, supervisor: Supervisor, tree: Path, chosen: list[Step]) -> tuple[list[StepGrade], Problem | None]:
        file = tree / f"{MODULE}.py"
        job = {"tree": str(tree), "suite": str(self.suite.resolve()), "learner_file": str(file.resolve())}
        needed = {step.id for each in chosen for step in prerequisites(each, self.steps)}
        others = [step for step in self.steps if step.id in needed and step not in chosen]
        collect = CollectWork(
            job, [step for step in self.steps if step in chosen or step in others], self.deadlines.check
        )
        importing = ImportWork(job, self.deadlines.importing)
        supervisor.run([collect, importing])
        if importing.problem is not None:
            return [
                StepGrade(step, _not_importable(collect.checks(step), importing.problem)) for step in chosen
            ], importing.problem

        grades = self._run_steps(supervisor, chosen, collect, job)
        if others and not all(grade.is_green for grade in grades):
            # What was chosen may only be waiting for a step that was not.
            grades = self._run_steps(supervisor, others, collect, job) + grades
        return grades, None

    def _run_steps(
        self, supervisor: Supervisor, steps: list[Step], collect: CollectWork, job: dict[str, Any]
    ) -> list[StepGrade]:
        works = [
            StepWork(step, collect.checks(step), job, self.progress.heard, deadline=self.deadlines.step)
            for step in steps
        ]
        for work in works:
            self.progress.expects(work.step, len(work.verdicts()))
        # The one that may take longest begins first, so that nothing is left waiting for it alone.
        supervisor.run(sorted(works, key=lambda work: work.longest_check(), reverse=True))
        return [StepGrade(work.step, work.verdicts()) for work in works]


def _not_importable(checks: list[Check], problem: Problem) -> list[Verdict]:
    where = {"path": problem.path, "line": problem.line, "source": problem.source}
    return [Verdict(check, NOT_IMPORTABLE, error=problem.what, **where) for check in checks]
