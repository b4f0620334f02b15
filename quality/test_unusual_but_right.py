"""Right solutions in unusual styles get full points."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.grading.session import Session
from quality.trees import RIGHT, Right
from quality.verdicts import grade_right


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_it_passes_every_check(session: Session, right: Right, tmp_path: Path):
    grades = grade_right(session, right, tmp_path)
    assert not {verdict.check.id: verdict.error or verdict.got for grade in grades for verdict in grade.failing}


def test_an_override_replaces_the_definitions_of_the_same_name_only(tmp_path: Path):
    (tmp_path / "step_3.py").write_text("class MultiDirectoryTrigger: pass\n")
    right = Right(tmp_path)
    source = right.source()
    assert source.count("class MultiDirectoryTrigger") == 1
    assert "def _wait_for_files(" not in source
    assert "def _list_files(" in source
    assert "MAX_LISTED_FILES = 100" in source
    assert [step.id for step in right.steps] == ["3a", "3b", "3c", "3d"]
