"""The results file: its shape, and that it is complete or absent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kata.core.files import write_atomically
from kata.core.steps import STEPS
from kata.core.submission import Problem
from kata.grading.mistakes import MISTAKES
from kata.grading.results_file import as_dict
from kata.grading.verdict import StepGrade
from quality.test_points import essential, grade_of, grades


def test_the_shape():
    results = as_dict(grade_of(grades(s3b=1, s4=1)))
    assert json.loads(json.dumps(results)) == results
    assert (results["version"], results["status"], results["message"]) == (3, "fail", None)
    assert (results["points"], results["possible"]) == (122, 130)
    assert [step["task_id"] for step in results["steps"]] == [step.id for step in STEPS]
    assert len(results["tests"]) == 4 * len(STEPS)
    keys = {"name", "status", "message", "output", "task_id", "points", "possible", "kind", "duration"}
    keys |= {"mistake", "consequence", "essential"}
    assert all(keys <= set(test) for test in results["tests"])
    assert as_dict(grade_of(grades()))["status"] == "pass"


def test_status_kind_and_mistake_of_a_test():
    found = grades(s3b=2, s4=1)
    part = next(each for each in found if each.step.id == "3b")
    part.verdicts[2] = replace(part.verdicts[2], mistake="no teardown")
    tests = {test["name"]: test for test in as_dict(grade_of(found))["tests"]}
    passed = tests["test_step_1_setup.py::test_0"]
    wrong, unnamed = (tests[f"test_step_3b_it_fires.py::test_{number}"] for number in (2, 3))
    blocked = tests["test_step_4_multi_directory_sensor.py::test_3"]
    assert (passed["status"], passed["kind"], passed["message"], passed["points"]) == ("pass", None, None, 2.5)
    assert (wrong["status"], wrong["kind"], wrong["points"]) == ("fail", "wrong", 0)
    assert (wrong["mistake"], wrong["consequence"]) == ("no teardown", MISTAKES["no teardown"].consequence)
    assert (unnamed["mistake"], unnamed["consequence"]) == (None, None)
    assert "Sentence 3." in unnamed["message"]
    assert (blocked["status"], blocked["kind"]) == ("error", "blocked")


def test_an_essential_check_takes_the_points_of_its_part():
    found = grades(s3c=1)
    essential(next(each for each in found if each.step.id == "3c"), 3)
    results = as_dict(grade_of(found))
    part = [test for test in results["tests"] if test["task_id"] == "3c"]
    assert [test["points"] for test in part] == [0, 0, 0, 0]
    assert "essential: Step 3c scores 0 points while this check fails." in part[3]["message"]
    assert {step["task_id"]: step["points"] for step in results["steps"]}["3c"] == 0
    assert results["points"] == 120


def test_a_problem_is_an_error_with_a_message():
    grade = grade_of([StepGrade(each.step, []) for each in grades()])
    grade.problem = Problem("The file is empty.", "exercise/x.py", "Bring it back.")
    results = as_dict(grade)
    assert (results["status"], results["points"], results["tests"]) == ("error", 0, [])
    assert results["message"] == "exercise/x.py: The file is empty. Bring it back."


def test_a_file_is_replaced_as_a_whole(tmp_path: Path):
    file = tmp_path / "r.json"
    write_atomically(file, "before")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(file, "\ud800")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]
