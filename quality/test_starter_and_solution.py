"""The starter and the reference solution hold the same exercise: one to be solved, one solved."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from kata.core.paths import MODULE, ROOT, SOLUTION, STARTER
from kata.core.steps import STEPS
from kata.grading.session import Session
from kata.grading.skeleton import skeleton
from kata.grading.snapshot import take_snapshot
from kata.grading.verdict import WRONG

EXERCISE = ROOT / "exercise" / f"{MODULE}.py"


@pytest.fixture(scope="module")
def sources() -> tuple[str, str]:
    """Return the starter and the solution."""
    return EXERCISE.read_text(encoding="utf-8"), SOLUTION.read_text(encoding="utf-8")


def test_the_solution_gets_full_points(session: Session):
    grades = session.grade(take_snapshot(SOLUTION.parent), list(STEPS))
    assert not {verdict.check.id: verdict.error or verdict.got for grade in grades for verdict in grade.failing}
    assert sum(grade.points for grade in grades) == 130


def test_every_check_fails_on_the_starter(session: Session):
    assert session.look_at(take_snapshot(EXERCISE.parent), list(STEPS)) is None
    grades = session.grade(take_snapshot(EXERCISE.parent), list(STEPS))
    # A check that hangs or crashes on the starter tells the learner nothing.
    assert not {
        verdict.check.id: verdict.kind for grade in grades for verdict in grade.verdicts if verdict.kind != WRONG
    }


def test_they_have_the_same_names_signatures_and_docstrings(sources: tuple[str, str]):
    def names(source: str) -> dict[str, tuple[str, str, str]]:
        entries = skeleton(source).items()
        return {name: (each.kind, each.signature, each.doc) for name, each in entries if each.kind != "variable"}

    starter, solution = sources
    assert names(starter) == names(solution)


def test_the_solution_has_all_else_of_the_starter_in_the_same_order(sources: tuple[str, str]):
    """So it has the same page, settings, docstrings and comments, and the same given code."""
    starter, solution = (source.splitlines() for source in sources)
    replaced = re.compile(r".*(TODO|FileSensor\(|as orchestration_dag:)| *(from|import) ")
    left = iter(solution)
    assert [line for line in starter if not replaced.match(line) and line not in left] == []


def test_what_a_reset_restores_is_the_starter():
    assert STARTER.read_bytes() == EXERCISE.read_bytes()


def test_every_step_has_its_place_in_the_starter(sources: tuple[str, str]):
    assert all(f"# ── {step.section}: " in sources[0] for step in STEPS)
    # 3c and 3d are about how the code of 3b behaves.
    expected = {step.name for step in STEPS if step.id not in ("3c", "3d")}
    assert set(re.findall(r"TODO \(((?:Step|Challenge) \w+)\)", sources[0])) == expected


@pytest.mark.parametrize("file", [EXERCISE, SOLUTION], ids=lambda file: file.parent.name)
def test_they_import_what_comes_with_airflow(file: Path):
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    allowed = sys.stdlib_module_names | {"airflow", "pendulum", "httpx", "jinja2", "anyio"}
    assert {name.partition(".")[0] for name in imported} <= allowed
