"""What `make versions` makes of the results of a grade, and what it installs."""

from __future__ import annotations

import pytest

from quality.versions import RELEASES, Release, is_full, row


@pytest.mark.parametrize(
    ("points", "statuses", "full"),
    [(130, ["pass", "pass"], True), (120, ["pass", "error"], False), (130, ["pass", "fail"], False), (0, [], False)],
)
def test_only_a_grade_at_which_every_check_passes_is_full(points: int, statuses: list[str], full: bool):
    tests = [{"name": f"test_{number}", "status": status} for number, status in enumerate(statuses)]
    results = {
        "points": points,
        "possible": 130,
        "duration": 21.4,
        "tests": tests,
        "airflow": "3.1.8",
        "python": "3.12",
    }
    assert is_full(results) == full
    assert row(RELEASES[1], results)[:4] == ("3.1.8", "3.12", f"{points}/130", "21")


def test_no_results_are_not_full():
    assert not is_full({})
    assert row(RELEASES[1], {}) == ("3.1", "", "–", "–", "no grade")


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_every_version_has_its_airflow_pinned_and_no_address_in_its_file(release: Release):
    text = release.requirements.read_text()
    assert f"\napache-airflow=={release.minor}." in text
    assert "//" not in text
    assert "--hash=sha256:" in text
