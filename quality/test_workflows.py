"""The workflows for a class agree with the registry and call what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kata.places import ROOT
from kata.steps import STEPS
from quality.classroom import WORKFLOW, workflow

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
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = set(re.findall(r"\bmake ([a-z]+)", text))
    assert called
    assert called <= targets
