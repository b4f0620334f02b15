"""What the grader says of each known submission: the wrong ones, the right ones and the hostile ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kata.core.files import scratch_folder
from kata.core.paths import ROOT, SOLUTION
from kata.core.steps import STEPS, find_step
from kata.grading.session import Progress, Session
from kata.grading.snapshot import take_snapshot
from kata.grading.verdict import StepGrade, mark_blocked
from quality.trees import RIGHT, WRONG, Right

RECORD = "KATA_RECORD_VERDICTS"  # names the file to which `quality/conftest.py` adds the verdicts of each test

# Every fourth wrong solution is graded from the first step on: the steps before its own take most of the time.
BLAMED_EVERY = 4

Say = Callable[[str], None]


class Silence(Progress):
    """Progress that is not shown."""


@contextmanager
def grading() -> Iterator[tuple[Session, Path]]:
    """Yield a session that knows the checks of all steps, and a folder for submissions."""
    with Session(Silence()) as session, scratch_folder() as folder:
        assert session.look_at(take_snapshot(SOLUTION.parent), list(STEPS)) is None
        session.warm_up()
        yield session, Path(folder)


def grade_right(session: Session, right: Right, folder: Path) -> list[StepGrade]:
    """Grade the steps that a right solution solves in its own way."""
    snapshot, steps = take_snapshot(right.make(folder)), list(right.steps)
    problem = session.look_at(snapshot, steps)
    assert problem is None, problem
    session.warm_up()
    return session.grade(snapshot, steps)


def of_the_right(say: Say) -> dict[str, list[StepGrade]]:
    """Grade every right solution."""
    found = {}
    with grading() as (session, folder):
        for right in RIGHT:
            say(f"grading the right solution {right.name} …")
            found[right.name] = grade_right(session, right, folder)
    return found


def of_the_wrong(say: Say) -> dict[str, StepGrade]:
    """Grade every wrong solution at its own step."""
    say(f"grading {len(WRONG)} wrong solutions, each at its own step …")
    with grading() as (session, folder):
        steps = {wrong.name: find_step(wrong.step) for wrong in WRONG}
        works = {
            wrong.name: session.work(take_snapshot(wrong.make(folder)), step, session.checks(step))
            for wrong, step in zip(WRONG, steps.values(), strict=True)
        }
        session.run(list(works.values()))
    return {name: StepGrade(steps[name], work.verdicts()) for name, work in works.items()}


def blamed_on_their_own_step(say: Say) -> list[bool]:
    """Grade some wrong solutions from the first step on.

    :return: of each, whether its own step is what the learner is told to fix first.
    """
    found = []
    with grading() as (session, folder):
        for wrong in WRONG[BLAMED_EVERY - 1 :: BLAMED_EVERY]:
            own = find_step(wrong.step)
            grades = session.grade(take_snapshot(wrong.make(folder)), list(STEPS[: STEPS.index(own) + 1]))
            mark_blocked(grades)
            first = next((grade for grade in grades if not grade.is_green and grade.waits_for is None), None)
            found.append(first is not None and first.step.section == own.section)
            say(f"graded from the first step on: {len(found)} wrong solutions")
    return found


def of_the_hostile(say: Say) -> dict[str, dict[str, Any]]:
    """Run all tests with hostile code.

    :return: by the name of the test whether it held, and the kind of each verdict that the grader gave, "passed" for a
        check that passed: `{"held": bool, "kinds": [...]}`.
    """
    say("running the tests with hostile code …")
    files = [*sorted((ROOT / "quality").glob("test_hostile*.py")), ROOT / "quality" / "test_tampering.py"]
    with scratch_folder() as folder:
        report, record = Path(folder) / "report.xml", Path(folder) / "verdicts"
        command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", *map(str, files)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, RECORD: str(record)}, capture_output=True, check=False)
        kinds = dict(map(json.loads, record.read_text(encoding="utf-8").splitlines()))
        tests = list(ElementTree.parse(report).iter("testcase"))
    names = [f"{test.get('classname', '').rpartition('.')[2]}: {test.get('name')}" for test in tests]
    return {
        name: {"held": not len(test), "kinds": kinds.get(name, [])} for name, test in zip(names, tests, strict=True)
    }
