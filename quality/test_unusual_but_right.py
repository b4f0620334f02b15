"""Right solutions in unusual styles get full points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kata.grading.session import Session
from quality.classify import grade_right
from quality.right_form import Right
from quality.silence import Silence
from quality.trees import RIGHT


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """One for all: starting Airflow takes seconds."""
    with Session(Silence()) as session:
        yield session


def test_there_are_many():
    assert len(RIGHT) >= 12
    assert sum(right.is_whole for right in RIGHT) >= 5


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.name)
def test_it_passes_every_check(session: Session, right: Right, tmp_path: Path):
    grades = grade_right(session, right, tmp_path)
    assert not {verdict.check.id: verdict.error or verdict.got for grade in grades for verdict in grade.failing}


def test_an_override_replaces_the_definitions_of_the_same_name(tmp_path: Path):
    (tmp_path / "step_2.py").write_text('def log_worker_slot(context):\n    """Overridden."""\n')
    right = Right(tmp_path)
    source = right.source()
    assert '"""Overridden."""' in source
    assert source.count("def log_worker_slot(") == 1
    assert [step.id for step in right.steps] == ["2"]


def test_the_rest_of_an_overridden_section_is_kept(tmp_path: Path):
    (tmp_path / "step_3.py").write_text("class MultiDirectoryTrigger: pass\n")
    source = Right(tmp_path).source()
    assert "def _list_files(" in source
    assert "MAX_LISTED_FILES = 100" in source
    assert "def _wait_for_files(" not in source
