"""The table of `make versions`, and what it makes of the results of a grade."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from kata.core.paths import ROOT
from quality.versions import HEADINGS, RELEASES, Outcome, markdown, outcome_of, python_for, row

LOG = ROOT / ".kata" / "logs" / "x.log"
INSTALLED = ("3.1.8", "3.12")


def results(*statuses: str, points: int = 130, message: str | None = None) -> dict[str, Any]:
    tests = [{"name": f"test_{number}", "status": status} for number, status in enumerate(statuses)]
    return {"points": points, "possible": 130, "duration": 21.4, "message": message, "tests": tests}


def test_full_points():
    outcome = outcome_of(RELEASES[1], INSTALLED, results("pass", "pass"), 0, LOG)
    assert outcome.is_full
    assert row(outcome)[:4] == ("3.1.8", "3.12", "130/130", "21")


def test_a_check_that_does_not_pass_is_named():
    outcome = outcome_of(RELEASES[1], INSTALLED, results("pass", "error", points=120), 1, LOG)
    assert not outcome.is_full
    assert outcome.failing == ("test_1",)
    assert row(outcome)[2] == "120/130"


def test_a_check_that_does_not_pass_counts_even_at_full_points():
    assert not outcome_of(RELEASES[1], INSTALLED, results("pass", "fail"), 0, LOG).is_full


@pytest.mark.parametrize("said", [None, "", "Airflow cannot be imported\n"])
def test_no_results_are_told_with_what_was_said_and_the_log(tmp_path: Path, said: str | None):
    log = tmp_path / "grade.log"
    if said is not None:
        log.write_text(said)
    outcome = outcome_of(RELEASES[1], INSTALLED, None, 2, log)
    assert not outcome.is_full
    assert "exit code 2" in outcome.problem
    assert str(log) in outcome.problem
    assert (said or "").strip() in outcome.problem
    assert row(outcome)[2:4] == ("–", "–")


def test_nothing_graded_is_not_full():
    assert not outcome_of(RELEASES[1], INSTALLED, results(points=0), 1, LOG).is_full


def test_the_table_for_the_readme():
    outcomes = [Outcome(release, f"{release.minor}.9", problem="a | b") for release in RELEASES]
    lines = markdown(outcomes).splitlines()
    assert len(lines) == len(outcomes) + 2
    assert {line.count("|") for line in lines} == {len(HEADINGS) + 1}


def test_the_running_python_is_taken_where_it_is_not_too_new(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.version_info", (3, 12, 1))
    assert python_for((3, 12)) == sys.executable
    monkeypatch.setattr("sys.version_info", (3, 13, 0))
    monkeypatch.setattr("shutil.which", {"python3.11": "/bin/python3.11"}.get)
    assert python_for((3, 12)) == "/bin/python3.11"
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert python_for((3, 12)) is None


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_every_version_has_its_airflow_pinned_and_no_address_in_its_file(release):
    text = release.requirements.read_text()
    assert f"\napache-airflow=={release.minor}." in text
    assert "//" not in text
    assert "--hash=sha256:" in text
