"""Whichever functions of the grader the learner's code replaces, it passes no check."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.core.paths import MODULE, SOLUTION, STARTER, SUITE
from kata.core.steps import find_step
from kata.grading.preflight import CollectWork
from kata.grading.step_work import StepWork
from kata.grading.supervisor import Supervisor
from kata.grading.verdict import TAMPERED, Check
from quality.conftest import HOSTILE

STEP = find_step("1")
PATCHES = HOSTILE["tampering"]


@pytest.fixture(scope="module")
def check(supervisor: Supervisor) -> Check:
    """Return a check that the starter does not pass."""
    collect = CollectWork(_job(SOLUTION.parent), [STEP])
    supervisor.run([collect])
    return next(check for check in collect.checks(STEP) if check.id.endswith("::test_the_dag_has_its_arguments"))


@pytest.mark.parametrize(
    ("named", "code"), [(patch["names"], patch["code"]) for patch in PATCHES.values()], ids=PATCHES
)
def test_changing_what_the_checks_are_made_of(
    supervisor: Supervisor, check: Check, tmp_path: Path, named: str, code: str
):
    (tmp_path / f"{MODULE}.py").write_text(f"{STARTER.read_text()}\n{code}\n")
    work = StepWork(STEP, [check], _job(tmp_path), lambda step, verdict: None)
    supervisor.run([work])
    [verdict] = work.verdicts()
    assert verdict.kind == TAMPERED
    assert verdict.error.startswith("Your code has changed what the checks are made of: ")
    assert named in verdict.error


def _job(tree: Path) -> dict[str, str]:
    return {"tree": str(tree), "suite": str(SUITE), "learner_file": str((tree / f"{MODULE}.py").resolve())}
