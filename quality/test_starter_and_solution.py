"""The starter and the reference solution hold the same exercise: one to be solved, one solved."""

from __future__ import annotations

import ast
import re
import sys
from itertools import takewhile
from pathlib import Path

import pytest

from kata.core.paths import MODULE, ROOT, SOLUTION, STARTER
from kata.core.steps import STEPS
from kata.grading.session import Session
from kata.grading.skeleton import skeleton
from kata.grading.snapshot import take_snapshot
from kata.grading.verdict import WRONG
from quality.contract_text import dag_comments, split

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
    starter, solution = (
        {
            name: (entry.kind, entry.signature, entry.doc)
            for name, entry in skeleton(source).items()
            if entry.kind != "variable"
        }
        for source in sources
    )
    assert starter == solution


def test_they_have_the_same_page_and_settings(sources: tuple[str, str]):
    starter, solution = sources
    assert ast.get_docstring(ast.parse(starter)) == ast.get_docstring(ast.parse(solution))
    settings = [name for name, entry in skeleton(starter).items() if entry.kind == "variable" and name.isupper()]
    assert {"DIRECTORY_THREADS", "REPORT_TEMPLATE"} <= set(settings)
    assert [_assignment(starter, name) for name in settings] == [_assignment(solution, name) for name in settings]


def _assignment(source: str, name: str) -> str:
    """Return the whole assignment, with the comment above it."""
    lines = source.splitlines()
    assignments = (node for node in ast.parse(source).body if isinstance(node, ast.Assign))
    node = next(node for node in assignments if ast.unparse(node.targets[0]) == name)
    above = list(takewhile(lambda line: line.startswith("#"), reversed(lines[: node.lineno - 1])))[::-1]
    return "\n".join(above + lines[node.lineno - 1 : node.end_lineno])


def test_they_have_the_same_given_code(sources: tuple[str, str]):
    starter, solution = (
        {
            node.name: ast.get_source_segment(source, node) or ""
            for node in ast.parse(source).body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        }
        for source in sources
    )
    given = {name: code for name, code in starter.items() if "NotImplementedError" not in code}
    assert set(given) == {"WaitFailed", "read_airflow_api", "measure"}
    assert given == {name: solution[name] for name in given}


def test_they_have_the_same_comments_in_the_dags(sources: tuple[str, str]):
    starter, solution = ({name: list(split(text)) for name, text in dag_comments(source).items()} for source in sources)
    assert set(starter) == {"dag", "orchestration_dag"}
    assert all(starter.values())
    assert starter == solution


def test_what_a_reset_restores_is_the_starter():
    assert STARTER.read_bytes() == EXERCISE.read_bytes()


def test_every_step_has_its_place_in_the_starter(sources: tuple[str, str]):
    assert all(f"# ── {step.section}: " in sources[0] for step in STEPS)
    # 3c and 3d are about how the code of 3b behaves.
    expected = {step.name for step in STEPS if step.id not in ("3c", "3d")}
    assert set(re.findall(r"TODO \(((?:Step|Challenge) \w+)\)", sources[0])) == expected


@pytest.mark.parametrize("file", [EXERCISE, SOLUTION], ids=lambda file: file.parent.name)
def test_they_import_what_comes_with_airflow(file: Path):
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    allowed = sys.stdlib_module_names | {"airflow", "pendulum", "httpx", "jinja2", "anyio"}
    assert {name.partition(".")[0] for name in imported} <= allowed
