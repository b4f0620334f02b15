"""`lab/scaled_trigger.py` keeps the contract of Step 3."""

from __future__ import annotations

import shutil
from pathlib import Path

from kata.core.paths import ROOT, SOLUTION
from kata.core.steps import find_steps
from kata.grading.session import Session
from kata.grading.snapshot import take_snapshot

_AS_SUBMISSION = '''

import scaled_trigger


class MultiDirectoryTrigger(scaled_trigger.ScaledMultiDirectoryTrigger):
    """The scaled trigger, under the name of the exercise."""

    def serialize(self):
        return "trigger_implementation_exercise.MultiDirectoryTrigger", super().serialize()[1]
'''


def test_it_passes_every_check_of_step_3(session: Session, tmp_path: Path):
    steps = list(find_steps("3"))
    source = SOLUTION.read_text(encoding="utf-8")
    (tmp_path / SOLUTION.name).write_text(source + _AS_SUBMISSION, encoding="utf-8")
    shutil.copy(ROOT / "lab" / "scaled_trigger.py", tmp_path)
    assert session.look_at(take_snapshot(tmp_path), steps) is None
    grades = session.grade(take_snapshot(tmp_path), steps)
    assert not {verdict.check.id: verdict.error or verdict.got for grade in grades for verdict in grade.failing}
