"""README and docs say what is: their commands exist, their links lead somewhere, their numbers are the registry's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from kata.core.environment import airflow_version
from kata.core.paths import ROOT, SUITE
from kata.core.steps import STEPS
from kata.grading.session import Session
from quality.makefile import MAKEFILE, TARGETS, targets_named_in
from quality.readme import path_table
from quality.silence import Silence

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / ".github").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page: Path):
    assert targets_named_in(_code(page)) <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_knows_what_it_is_given(page: Path):
    for target, given in re.findall(r"\bmake ([a-z]+)((?: [A-Z]+=\S*)+)", _code(page)):
        rule = r"\$\(READY\)" if target == "setup" else target  # that one has no recipe of its own
        recipe = re.search(rf"^{rule}:.*\n(?:\t.*\n)+", MAKEFILE, re.MULTILINE).group()
        for name in set(re.findall(r"([A-Z]+)=", given)):
            assert f"$({name})" in recipe, f"make {target} does not know {name}"


def _code(page: Path) -> str:
    return " ".join(re.findall(r"```\w*\n.+?```|`[^`\n]+`", page.read_text(encoding="utf-8"), re.DOTALL))


@pytest.mark.parametrize("command", ["make", "make hint STEP=3", "make restore", "make pitfall"])
def test_what_only_tells_something_does_so_at_once(command: str):
    assert command in README
    done = subprocess.run(command.split(), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout
    assert not done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_something(page: Path):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), target


def _anchors(page: Path) -> set[str]:
    """Those that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_knows_every_command():
    internal = {"help", "lint", "clean"}
    missing = {target for target in TARGETS - internal if f"make {target}" not in README}
    assert not missing


def test_the_readme_shows_the_scorecard_as_it_is():
    with Session(Silence()) as session:
        assert session.look_at(ROOT / "exercise", list(STEPS)) is None
        totals = {step.id: len(session.checks(step)) for step in STEPS}
    for step in STEPS:
        line = rf"[✗·] {step.name} +{re.escape(step.title)} +0/{step.points} +0/{totals[step.id]}\b"
        assert re.search(line, README), f"{step.name}: write the scorecard with python -m quality.readme"
    assert f"on Airflow {airflow_version()}" in README


def test_the_readme_shows_the_path_as_it_is():
    assert path_table() in README, "Write it with: python -m quality.readme"


def test_every_file_of_the_suite_is_a_step_s():
    assert {path.name for path in SUITE.glob("test_*.py")} == {step.test_file for step in STEPS}


def test_points_are_shared_out_and_prerequisites_come_first():
    ids = [step.id for step in STEPS]
    assert len(set(ids)) == len(ids)
    for step in STEPS:
        assert step.points > 0
        assert all(ids.index(needed) < ids.index(step.id) for needed in step.depends_on)


def test_what_is_to_be_read_is_of_the_version_that_is_installed():
    for step in STEPS:
        for link in step.read:
            assert f"/{airflow_version()}/" in link
