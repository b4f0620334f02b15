"""What `make live` says about logs that a real Airflow 3.3.2 has written, and when it cannot even begin.

`.ci/run` runs the proof itself, on a real Airflow.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, call

import pytest
from rich.console import Console

from kata.airflow.arriving_files import drop_files, files_there
from kata.airflow.trigger_dag import running_airflow
from kata.core.dag_run import DagRun, Task, end_active_runs
from kata.core.errors import WrongUsage
from kata.core.files import read_toml
from kata.core.paths import ROOT
from kata.core.ports import free_port
from kata.grading.mistakes import MISTAKES
from kata.grading.results_file import as_dict
from kata.live.diagnosis import SIGNS, CheckFailed, check_loop_was_free, explain, triggerer_ended, triggerer_trouble
from kata.live.proof import Part, Proof

LOGS = read_toml(Path(__file__).with_name("airflow_logs.toml"))
BLOCKED = "2026-11-22T16:39:24.5Z [info     ] Triggerer's async thread was blocked for {} seconds, exceeding the"
[DIED] = [sample for sample in LOGS["triggerer"] if "ValidationError" in sample["log"]]


def deployment(log: str = "", status: str | None = "healthy", **more: Any) -> Any:
    """Return a deployment of which only the triggerer is asked for."""
    api = SimpleNamespace(health=lambda: {"triggerer": status})
    return SimpleNamespace(log_of=lambda component: log, api=api, ended=list, **more)


def a_run(*log: dict[str, Any]) -> DagRun:
    """Return a run without tasks; every task of it would have this log."""
    api = Mock()
    api.post.return_value = {"dag_run_id": "manual__1"}
    api.get.side_effect = lambda path, **_: (
        {"content": list(log)} if "/logs/" in path else {"task_instances": [], "total_entries": 0}
    )
    return DagRun(api, "dag")


def failure(log: str, state: str, *entries: dict[str, Any]) -> CheckFailed:
    return explain(deployment(log), a_run(*entries), Task("wait", -1, state, 1, "", triggerer=7), "wait", state)


@pytest.mark.parametrize(("log", "mistake"), [sample.values() for sample in LOGS["triggerer"]])
def test_a_log_of_the_triggerer_shows_the_mistake(log: str, mistake: str):
    failed = failure(log, "failed")
    assert failed.mistake == mistake
    assert not mistake or " ".join(log.splitlines()[0].split()) in failed.error


@pytest.mark.parametrize(("line", "mistake"), [sample.values() for sample in LOGS["task"]])
def test_the_log_of_the_task_shows_the_mistake(line: str, mistake: str):
    error = {"exc_type": "TypeError", "exc_value": "Cannot serialize object of type <class 'pathlib.PosixPath'>. Give"}
    last = {"timestamp": "t", "event": "Task failed with exception", "error_detail": [error]}
    assert failure("", "failed", {"timestamp": "t", "event": line}, last).mistake == mistake


@pytest.mark.parametrize(("state", "mistake"), [("running", "waits in the worker"), ("deferred", "never fires")])
def test_the_state_of_the_task_shows_the_mistake_if_no_log_does(state: str, mistake: str):
    assert failure("", state).mistake == mistake


def test_an_exception_in_the_task_is_shown_with_the_end_of_its_log():
    error = {"exc_type": "AirflowException", "exc_value": "no files"}
    failed = failure(
        "",
        "failed",
        {"event": "::group::Log message source details"},
        {"event": "/somewhere/attempt=1.log"},
        {"timestamp": "t", "event": "DAG bundles loaded: tree, dags"},
        {"timestamp": "t", "event": "Looking"},
        {"timestamp": "t", "event": "Task failed with exception", "error_detail": [error]},
    )
    assert failed.error == "AirflowException: no files"
    assert failed.printed.splitlines() == ["Looking", "Task failed with exception", "AirflowException: no files"]


def test_a_trigger_that_ends_the_triggerer_is_the_mistake():
    assert triggerer_ended(deployment(DIED["log"])).mistake == DIED["mistake"]


@pytest.mark.parametrize("status", ["unhealthy", None])
def test_a_missing_triggerer_is_reported(status: str | None):
    assert "wait" in triggerer_trouble(deployment("", status))
    assert triggerer_trouble(deployment()) == ""


def test_a_blocked_loop_fails_a_check_and_a_busy_machine_does_not():
    check_loop_was_free(deployment(BLOCKED.format("1.20")))
    with pytest.raises(CheckFailed):
        check_loop_was_free(deployment(BLOCKED.format("2.01")))


def test_every_mistake_that_is_named_is_known():
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "kata" / "live").glob("*.py"))
    named = re.findall(r'mistake(?:=|": )"([^"]+)"', code)
    assert {*named, *(sign["mistake"] for sign in SIGNS)} <= set(MISTAKES)


class First(Part):
    """The first part."""

    id = "first"
    required = "three"

    def one(self) -> str:
        """One passes."""
        self.proof.drop("uploads/theirs.csv")
        return "measured"

    def two(self) -> None:
        """Two fails."""
        raise CheckFailed("GET", "no DAG", mistake="missing DAG")

    def three(self) -> None:
        """Three fails, too, and is required."""
        self.two()

    def four(self) -> None:
        """Four is not run."""


class Second(Part):
    """The second part."""

    id = "second"
    after = ("first",)

    def five(self) -> None:
        """Five is not run, either."""


def test_a_failed_check_ends_what_requires_it(tmp_path: Path):
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "mine.csv").write_text("mine")
    proof = Proof((First, Second), lambda what: None)
    proof.carry_out(deployment(data=tmp_path))
    results = as_dict(proof.grade("solution"))
    assert [(test["name"], test["status"], test["kind"]) for test in results["tests"]] == [
        ("first::one", "pass", None),
        ("first::two", "fail", "wrong"),
        ("first::three", "fail", "wrong"),
        ("first::four", "error", "not_run"),
        ("second::five", "error", "blocked"),
    ]
    assert [(step["title"], step["points"], step["waits_for"]) for step in results["steps"]] == [
        ("The first part", 1, None),
        ("The second part", 0, "first"),
    ]
    assert (results["tests"][0]["output"], results["tests"][1]["mistake"]) == ("measured", "missing DAG")
    # Only the file that was dropped is removed.
    assert [file.name for file in (tmp_path / "uploads").iterdir()] == ["mine.csv"]


def test_dropped_files_never_overwrite_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kata.airflow.arriving_files.DATA", tmp_path)
    for _ in range(2):
        drop_files(None, 2, Console(quiet=True))
    names = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.csv"))
    assert names == [
        "client_data/upload.csv",
        *(f"uploads/client_3/orders{suffix}.csv" for suffix in ("", "_2", "_3", "_4")),
    ]
    assert len(files_there()) == 5


def test_without_an_airflow_the_ways_to_start_one_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("KATA_PORT", str(free_port()))
    monkeypatch.setattr("kata.airflow.trigger_dag.ADDRESS", tmp_path / "none")
    with pytest.raises(WrongUsage, match=r"make up.* make standalone"):
        running_airflow()


def test_a_task_that_is_not_written_yet_fails_its_check():
    proof = Proof((First,), print)
    proof.run = a_run()
    with pytest.raises(CheckFailed, match="there is no process_trigger_results"):
        proof.parts[0].task("process_trigger_results")


def test_runs_that_have_not_ended_are_ended_after_a_proof_on_a_shared_stack():
    api = Mock()
    api.get.return_value = {"dag_runs": [{"dag_id": "many_waits", "dag_run_id": f"manual__+{n}"} for n in (1, 2)]}
    end_active_runs(api)
    assert api.get.call_args.kwargs["state"] == ["queued", "running"]
    assert api.patch.call_args_list == [
        call(f"/dags/many_waits/dagRuns/manual__%2B{number}", {"state": "failed"}) for number in (1, 2)
    ]
