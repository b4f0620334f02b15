"""What `make versions` makes of the results of a grade, and what it installs."""

from __future__ import annotations

import pytest

from quality.versions import RELEASES, Outcome


@pytest.mark.parametrize(
    ("points", "statuses", "is_full", "row"),
    [
        (130, ["pass", "pass"], True, ("130/130", "21")),
        (120, ["pass", "error"], False, ("120/130", "21")),
        (130, ["pass", "fail"], False, ("130/130", "21")),
        (0, [], False, ("0/130", "21")),
        (None, [], False, ("–", "–")),
    ],
)
def test_only_a_grade_at_which_every_check_passes_is_full(points, statuses, is_full, row):
    tests = [{"name": f"test_{number}", "status": status} for number, status in enumerate(statuses)]
    results = {} if points is None else {"points": points, "possible": 130, "duration": 21.4, "tests": tests}
    outcome = Outcome(RELEASES[1], ("3.1.8", "3.12"), results)
    assert outcome.is_full == is_full
    assert outcome.row[:4] == ("3.1.8", "3.12", *row)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.minor)
def test_every_version_has_its_airflow_pinned_and_no_address_in_its_file(release):
    text = release.requirements.read_text()
    assert f"\napache-airflow=={release.minor}." in text
    assert "//" not in text
    assert "--hash=sha256:" in text
