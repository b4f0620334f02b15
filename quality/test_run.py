"""`make run` says at once why a run cannot come to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.core.paths import MODULE, SOLUTION
from quality.test_command_line import kata

ORDER = (
    "    set_up >> [wait_for_upload, monitor_client_uploads] >> process >> [monitor, compare] >> report >> clean_up\n"
)
REPORT = '    report = PythonOperator(task_id="generate_trigger_report"'


@pytest.mark.parametrize(
    ("whole", "half", "told"),
    [
        (
            ORDER,
            ORDER.replace("set_up >> [", "[").replace("] >> process", "] >> set_up >> process"),
            "let the DAG say that it comes after it",
        ),
        (REPORT, REPORT.replace("generate_trigger_report", "another"), "these tasks yet: generate_trigger_report."),
    ],
    ids=["wrong order", "no report"],
)
def test_a_run_that_cannot_end_is_ended_and_says_why(tmp_path: Path, whole: str, half: str, told: str):
    worked = SOLUTION.read_text(encoding="utf-8")
    assert whole in worked
    (tmp_path / f"{MODULE}.py").write_text(worked.replace(whole, half), encoding="utf-8")
    ended = kata("run", "--tree", str(tmp_path))
    assert ended.returncode == 1
    assert told in " ".join(ended.stdout.split())
