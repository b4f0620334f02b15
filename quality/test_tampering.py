"""Whichever functions of the grader the learner's code replaces, it passes no check."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.core.paths import MODULE, STARTER
from kata.core.steps import find_step
from kata.grading.session import Session
from kata.grading.snapshot import take_snapshot
from kata.grading.verdict import TAMPERED
from quality.conftest import HOSTILE

STEP = find_step("1")
CHECK = "::test_the_dag_has_its_arguments"  # one that the starter does not pass
PATCHES = HOSTILE["tampering"]


@pytest.mark.parametrize(
    ("named", "code"), [(patch["names"], patch["code"]) for patch in PATCHES.values()], ids=PATCHES
)
def test_changing_what_the_checks_are_made_of(session: Session, tmp_path: Path, named: str, code: str):
    (tmp_path / f"{MODULE}.py").write_text(f"{STARTER.read_text()}\n{code}\n")
    checks = [check for check in session.checks(STEP) if check.id.endswith(CHECK)]
    work = session.work(take_snapshot(tmp_path), STEP, checks)
    session.run([work])
    [verdict] = work.verdicts()
    assert verdict.kind == TAMPERED
    assert verdict.error.startswith("Your code has changed what the checks are made of: ")
    assert named in verdict.error
