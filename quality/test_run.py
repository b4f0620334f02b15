"""`make run` says at once why a run cannot come to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.airflow.run_dag import _NEEDED, _Run
from kata.core.paths import MODULE, SOLUTION
from quality.conftest import run_command

ORDER = (
    "    set_up >> [wait_for_upload, monitor_client_uploads] >> process >> [monitor, compare] >> report >> clean_up\n"
)
WRONG_ORDER = ORDER.replace("set_up >> [", "[").replace("] >> process", "] >> set_up >> process")


def test_a_run_that_cannot_end_is_ended_and_says_why(tmp_path: Path):
    worked = SOLUTION.read_text(encoding="utf-8")
    assert ORDER in worked
    (tmp_path / f"{MODULE}.py").write_text(worked.replace(ORDER, WRONG_ORDER), encoding="utf-8")
    ended = run_command("run", "--tree", str(tmp_path))
    assert ended.exit_code == 1
    assert "let the DAG say that it comes after it" in " ".join(ended.stdout.split())


def test_a_run_whose_dag_lacks_a_task_is_ended_and_says_which(monkeypatch: pytest.MonkeyPatch):
    run = _Run(Path("airflow.db"), Path("data"))
    monkeypatch.setattr(run, "states", lambda: dict.fromkeys(set(_NEEDED) - {"generate_trigger_report"}))
    assert "these tasks yet: generate_trigger_report." in run.problem()
