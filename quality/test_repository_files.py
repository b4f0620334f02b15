"""What editors, hooks and GitHub read beside the workflows: it is well-formed, and names what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kata.core.paths import ROOT
from kata.core.ports import DEFAULT_PORT
from kata.core.steps import STEPS, choices
from quality.makefile import TARGETS, targets_named_in

DEV_CONTAINER = ROOT / ".devcontainer" / "devcontainer.json"
HOOKS = ROOT / ".pre-commit-config.yaml"
VSCODE = sorted((ROOT / ".vscode").glob("*.json"))
FORMS = [file for file in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if file.name != "config.yml"]
CALLING = [ROOT / ".ci" / "run", DEV_CONTAINER, HOOKS, *VSCODE, *FORMS]


def jsonc(file: Path) -> dict[str, Any]:
    """JSON with comments, each on a line of its own."""
    return json.loads(re.sub(r"^\s*//.*", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE))


def settings(name: str) -> dict[str, Any]:
    return jsonc(ROOT / ".vscode" / f"{name}.json")


@pytest.mark.parametrize("file", CALLING, ids=lambda file: file.name)
def test_every_target_that_is_called_exists(file: Path):
    assert targets_named_in(file.read_text(encoding="utf-8")) <= TARGETS


@pytest.mark.parametrize("file", [DEV_CONTAINER, *VSCODE], ids=lambda file: file.name)
def test_the_settings_of_editors_can_be_read(file: Path):
    assert jsonc(file)


def test_the_dev_container_is_set_up_and_forwards_the_ui():
    container = jsonc(DEV_CONTAINER)
    assert container["postCreateCommand"] == "make setup"
    assert container["forwardPorts"] == [DEFAULT_PORT]
    assert list(container["portsAttributes"]) == [str(DEFAULT_PORT)]
    assert container["customizations"]["vscode"]["extensions"] == settings("extensions")["recommendations"]


def test_the_test_explorer_runs_the_command_of_the_readme():
    arguments = " ".join(settings("settings")["python.testing.pytestArgs"])
    assert f"python -m pytest {arguments}`" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert settings("launch")["configurations"][0]["args"][:2] == arguments.split()


def test_the_tasks_know_every_step_and_ask_for_what_they_need():
    inputs = {each["id"]: each for each in settings("tasks")["inputs"]}
    ids = list(choices())
    assert inputs["step"]["options"] == ids
    assert inputs["stepOrAll"]["options"][1:] == ids
    assert set(re.findall(r"\$\{input:(\w+)\}", json.dumps(settings("tasks")))) == set(inputs)


def test_the_hooks_call_what_is_set_up():
    hooks = [hook for repository in yaml.safe_load(HOOKS.read_text())["repos"] for hook in repository["hooks"]]
    assert {hook["language"] for hook in hooks} == {"system"}
    programs = {hook["entry"].split()[0] for hook in hooks}
    assert programs == {".venv/bin/ruff", "make"}


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.name)
def test_an_issue_form_asks_for_something(file: Path):
    form = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in form["body"])


def test_a_check_is_reported_under_its_step():
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "check.yml").read_text(encoding="utf-8"))
    [options] = [field["attributes"]["options"] for field in form["body"] if field["id"] == "step"]
    assert options == [f"{step.name}: {step.title}" for step in STEPS]
