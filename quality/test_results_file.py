"""The results file: its shape, and that it is whole or not there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kata.core.errors import WrongUsage
from kata.core.steps import STEPS, find_steps
from kata.core.submission import Problem
from kata.grading import results_file
from kata.grading.mistakes import MISTAKES
from kata.grading.results_file import as_dict, check_results_file, write_results
from kata.grading.verdict import StepGrade
from quality.test_points import essential, grade_of, grades


def test_the_shape():
    results = as_dict(grade_of(grades(s3b=1, s4=1)))
    assert json.loads(json.dumps(results)) == results
    assert (results["version"], results["status"], results["message"]) == (3, "fail", None)
    assert (results["points"], results["possible"]) == (122, 130)
    assert len(results["tests"]) == 4 * len(STEPS)
    keys = {"name", "status", "message", "output", "task_id", "points", "possible", "kind", "duration"}
    keys |= {"mistake", "consequence", "essential"}
    assert all(keys <= set(test) for test in results["tests"])
    ids = ["1", "2", "3a", "3b", "3c", "3d", "4", "5", "6", "7", "c1", "c2", "c3"]
    assert [step["task_id"] for step in results["steps"]] == ids


def test_status_and_kind_of_a_test():
    tests = {test["name"]: test for test in as_dict(grade_of(grades(s3b=1, s4=1)))["tests"]}
    passed = tests["test_step_1_setup.py::test_0"]
    wrong = tests["test_step_3b_it_fires.py::test_3"]
    blocked = tests["test_step_4_multi_directory_sensor.py::test_3"]
    assert (passed["status"], passed["kind"], passed["message"], passed["points"]) == ("pass", None, None, 2.5)
    assert (wrong["status"], wrong["kind"], wrong["points"]) == ("fail", "wrong", 0)
    assert "Sentence 3." in wrong["message"]
    assert (blocked["status"], blocked["kind"]) == ("error", "blocked")


def test_the_mistake_and_what_it_would_do():
    found = grades(s1=2)
    first = found[0].failing[0]
    found[0].verdicts[found[0].verdicts.index(first)] = replace(first, mistake="no teardown")
    failing = [test for test in as_dict(grade_of(found))["tests"] if test["status"] == "fail"]
    mistake = MISTAKES["no teardown"]
    assert [(test["mistake"], test["consequence"]) for test in failing] == [
        (mistake.name, mistake.consequence),
        (None, None),
    ]


def test_an_essential_check_takes_the_points_of_its_part():
    found = grades(s3c=1)
    essential(next(each for each in found if each.step.id == "3c"), 3)
    results = as_dict(grade_of(found))
    part = [test for test in results["tests"] if test["task_id"] == "3c"]
    assert [test["points"] for test in part] == [0, 0, 0, 0]
    assert "essential: Step 3c scores 0 points while this check fails." in part[3]["message"]
    assert next(step["points"] for step in results["steps"] if step["task_id"] == "3c") == 0
    assert results["points"] == 120


def test_each_part_of_a_step_is_a_task_of_its_own():
    ids = [step.id for step in find_steps("3")]
    results = as_dict(grade_of(grades(s3d=4), *ids))
    assert [step["task_id"] for step in results["steps"]] == ids
    assert (results["status"], results["points"], results["possible"]) == ("fail", 25, 30)


def test_full_points():
    assert as_dict(grade_of(grades()))["status"] == "pass"


def test_a_problem_is_an_error_with_a_message():
    grade = grade_of([StepGrade(each.step, []) for each in grades()])
    grade.problem = Problem("The file is empty.", "exercise/x.py", "Bring it back.")
    results = as_dict(grade)
    assert results["status"] == "error"
    assert results["message"] == "exercise/x.py: The file is empty. Bring it back."
    assert (results["points"], results["tests"]) == (0, [])


def test_the_file_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "r.json"
    write_results(grade_of(grades()), file)
    before = file.read_text()
    monkeypatch.setattr(results_file, "as_dict", lambda grade: {"not": object()})
    with pytest.raises(TypeError):
        write_results(grade_of(grades()), file)
    assert file.read_text() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_does_not_exist(tmp_path: Path):
    with pytest.raises(WrongUsage, match="does not exist"):
        check_results_file(tmp_path / "no" / "r.json")


def test_a_folder_as_file(tmp_path: Path):
    with pytest.raises(WrongUsage, match="is a folder"):
        check_results_file(tmp_path)
