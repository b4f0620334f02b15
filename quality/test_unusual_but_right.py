"""Solutions that are right in ways that nobody here would have thought of must get full points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kata.grading.session import Session
from quality.classify import grade_tree
from quality.silence import Silence
from quality.trees import RIGHT


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """One for all: starting Airflow takes seconds."""
    with Session(Silence()) as session:
        yield session


def test_there_are_many():
    assert len(RIGHT) >= 12


@pytest.mark.parametrize("tree", RIGHT, ids=lambda tree: tree.name)
def test_it_passes_every_check(session: Session, tree: Path):
    failing = [verdict for verdict in grade_tree(session, tree) if not verdict.passed]
    assert not {verdict.check.id: verdict.error or verdict.got for verdict in failing}
