"""The workflows: those for a class agree with the registry, those of the kata run what has to be green."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from kata.core.paths import ROOT
from kata.core.steps import STEPS
from quality.classroom import WORKFLOW, workflow
from quality.makefile import TARGETS, targets_named_in

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_classroom_workflow_is_that_of_the_registry():
    assert WORKFLOW.read_text(encoding="utf-8") == workflow(), "Run: python -m quality.classroom"


def test_classroom_gives_the_points_of_the_registry():
    steps = yaml.safe_load(workflow())["jobs"]["autograding"]["steps"]
    graded = {step["with"]["command"]: step["with"]["max-score"] for step in steps if "command" in step.get("with", {})}
    assert graded == {f"make grade STEP={step.id}": step.points for step in STEPS}
    reported = steps[-1]["with"]["runners"].split(",")
    assert reported == [step["id"] for step in steps if "id" in step]
    assert [name.removesuffix("_RESULTS").lower() for name in steps[-1]["env"]] == reported


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_workflow_can_be_read_and_calls_targets_that_exist(file: Path):
    text = file.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["jobs"]
    called = targets_named_in(text)
    assert called
    assert called <= TARGETS


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def test_ci_runs_what_has_to_be_green():
    steps = [step for job in read("ci.yml")["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in [step.get("run") for step in steps]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("name", ["ci.yml", "versions.yml"])
def test_the_kata_is_tested_where_no_exercise_is_graded(name: str):
    is_template = "github.event.repository.is_template"
    for job in read(name)["jobs"].values():
        assert job["if"] == f"${{{{ {is_template} || github.event_name == 'workflow_dispatch' }}}}"
    assert read("grade.yml")["jobs"]["grade"]["if"] == f"${{{{ !{is_template} }}}}"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_workflow_ends_and_changes_nothing(file: Path):
    parsed = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert parsed["permissions"]["contents"] == "read"
    assert all(job["timeout-minutes"] <= 45 for job in parsed["jobs"].values())
