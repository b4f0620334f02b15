"""The two trees hold the same exercise: one worked, one to be worked."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from kata.core.paths import MODULE, ROOT, STARTER
from kata.core.steps import STEPS
from kata.grading.skeleton import skeleton
from quality.contract_text import dag_comments, split


@pytest.fixture(scope="module")
def grade(tmp_path_factory: pytest.TempPathFactory):
    """Grade a tree as `make grade` does; its exit code and its results."""

    def run(tree: str) -> tuple[int, dict[str, Any]]:
        results = tmp_path_factory.mktemp(tree) / "results.json"
        command = [sys.executable, "-m", "kata", "grade", "--tree", tree, "--results", str(results)]
        completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert results.exists(), completed.stdout + completed.stderr
        return completed.returncode, json.loads(results.read_text())

    return run


def test_the_solution_gets_full_points(grade):
    exit_code, results = grade("solution")
    failing = {test["name"]: test["message"] for test in results["tests"] if test["status"] != "pass"}
    assert not failing
    assert (exit_code, results["points"], results["possible"]) == (0, 130, 130)


def test_every_check_fails_on_the_starter(grade):
    exit_code, results = grade("exercise")
    passing = [test["name"] for test in results["tests"] if test["status"] == "pass"]
    assert not passing
    assert (exit_code, results["points"]) == (1, 0)
    # A check that hangs or crashes on the starter tells the learner nothing.
    odd = [test["name"] for test in results["tests"] if test["kind"] not in ("wrong", "blocked")]
    assert not odd


def test_points_add_up():
    assert sum(step.points for step in STEPS if not step.is_challenge) == 100
    assert sum(step.points for step in STEPS if step.is_challenge) == 30


@pytest.mark.parametrize("what", ["kind", "signature", "doc"])
def test_starter_and_solution_have_the_same_names_signatures_and_docstrings(what):
    starter, solution = (skeleton(_source(tree)) for tree in ("exercise", "solution"))
    classes = {name for name, entry in starter.items() if entry.kind != "variable"}
    assert {name for name, entry in solution.items() if entry.kind != "variable"} == classes
    different = [name for name in classes if getattr(starter[name], what) != getattr(solution[name], what)]
    assert not different


def test_starter_and_solution_have_the_same_page_and_settings():
    starter, solution = _source("exercise"), _source("solution")
    assert starter.split('"""')[1] == solution.split('"""')[1]
    settings = [name for name, entry in skeleton(starter).items() if entry.kind == "variable" and name.isupper()]
    assert {"DIRECTORY_THREADS", "REPORT_TEMPLATE"} <= set(settings)
    for name in settings:
        assert _assignment(starter, name) == _assignment(solution, name)


def test_starter_and_solution_have_the_same_given_code():
    starter, solution = (_definitions(_source(tree)) for tree in ("exercise", "solution"))
    given = {name: code for name, code in starter.items() if "NotImplementedError" not in code}
    assert set(given) == {"WaitFailed", "read_airflow_api", "measure"}
    assert given == {name: solution[name] for name in given}


def test_starter_and_solution_have_the_same_comments_in_the_dags():
    starter, solution = (dag_comments(_source(tree)) for tree in ("exercise", "solution"))
    assert set(starter) == {"dag", "orchestration_dag"}
    assert all(starter.values())
    assert {name: list(split(text)) for name, text in starter.items()} == {
        name: list(split(text)) for name, text in solution.items()
    }


def test_what_a_reset_brings_back_is_the_starter():
    assert STARTER.read_text(encoding="utf-8") == _source("exercise")


def test_every_step_has_its_place_in_the_starter():
    starter = _source("exercise")
    for step in STEPS:
        assert f"# ── {step.section}: " in starter
    # 3c and 3d are about how the code of 3b behaves.
    expected = {step.name for step in STEPS if step.id not in ("3c", "3d")}
    assert set(re.findall(r"TODO \(((?:Step|Challenge) \w+)\)", starter)) == expected


@pytest.mark.parametrize("tree", ["exercise", "solution"])
def test_the_trees_import_what_comes_with_airflow(tree):
    imported = set()
    for node in ast.walk(ast.parse(_source(tree))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    allowed = sys.stdlib_module_names | {"airflow", "pendulum", "httpx", "jinja2", "anyio"}
    assert {name.partition(".")[0] for name in imported} <= allowed


def _source(tree: str) -> str:
    return Path(ROOT, tree, f"{MODULE}.py").read_text(encoding="utf-8")


def _definitions(source: str) -> dict[str, str]:
    """The code of the functions and classes."""
    nodes = (node for node in ast.parse(source).body if isinstance(node, (ast.FunctionDef, ast.ClassDef)))
    return {node.name: ast.get_source_segment(source, node) or "" for node in nodes}


def _assignment(source: str, name: str) -> str:
    """The whole assignment, with the comment above it."""
    lines = source.splitlines()
    assignments = (node for node in ast.parse(source).body if isinstance(node, ast.Assign))
    node = next(node for node in assignments if ast.unparse(node.targets[0]) == name)
    above = list(takewhile(lambda line: line.startswith("#"), reversed(lines[: node.lineno - 1])))[::-1]
    return "\n".join(above + lines[node.lineno - 1 : node.end_lineno])
