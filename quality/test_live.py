"""What `make live` says of logs that a real Airflow 3.3.2 has written, and of what it cannot even begin with.

The proof itself is run by `.ci/run`, on a real one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kata.airflow.arriving_files import drop_files, files_there
from kata.airflow.trigger_dag import running_airflow
from kata.core.errors import WrongUsage
from kata.core.paths import ROOT
from kata.core.ports import free_port
from kata.grading.mistakes import MISTAKES
from kata.grading.results_file import as_dict
from kata.live.card import Card, CheckFailed
from kata.live.dag_run import DagRun, Task, active_runs, end_active_runs
from kata.live.diagnosis import explain, loop_is_free, triggerer_ended, triggerer_trouble
from kata.live.dropped_files import DroppedFiles
from kata.live.parts import DEFERRED, FAULTS, LOADED, PARTS, RESUMED
from quality.test_command_line import kata

STAGES = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "kata" / "live" / "stages").glob("*.py"))

CODE = "Trigger failed to load code"
NOT_IMPORTABLE = (
    f"2026-11-22T16:50:01.1Z [error    ] {CODE} [triggerer] classpath=unusual_prefix_1f_x.MultiDirectoryTrigger"
)
NO_EVENT = "TypeError: TriggerEvent.__init__() missing 1 required positional argument: 'payload'"
NOT_BUILT = (
    "2026-11-23T03:05:40.8Z [error    ] Trigger runner failed [airflow.jobs.triggerer_job_runner] "
    "error_detail=[{'exc_type': 'KeyError', 'exc_value': \"'AIRFLOW_CTX_DAG_ID'\", 'frames': [{'filename': 'x.py', "
    "'name': 'create_triggers'}, {'filename': 'y.py', 'name': '__init__'}]}] loc=x.py:1046"
)
DIED = "2026-11-22T16:52:21.2Z [error    ] Trigger runner process has died! Exiting. [airflow.jobs] loc=x.py:684"
BLOCKED = "2026-11-22T16:39:24.5Z [info     ] Triggerer's async thread was blocked for {} seconds, exceeding the"
ESCAPES = "exception escapes run()"

LOGS = [
    ([NOT_IMPORTABLE], "wrong class path"),
    (["x [error ] Trigger failed to inflate error=TypeError()"], "serialize() does not fit __init__"),
    (["x [error ] Trigger d/r/t/-1/1 (ID 1) exited with error boom"], ESCAPES),
    (["x [error ] Trigger exited without sending an event. Dependent"], "ends without an event"),
    ([NO_EVENT, DIED], "yields something other than a TriggerEvent"),
    (
        ["ValidationError: 1 validation error for TriggerStateChanges", DIED],
        "yields something other than a TriggerEvent",
    ),
    (["x [error ] Trigger d/r/t/-1/1 (ID 1) exited with error TriggerEvent.__init__() missing", NO_EVENT], ESCAPES),
    ([NOT_BUILT], "cannot be built in another process"),
    (["KeyError: <Encoding.VAR: '__var'>", DIED], "trigger's arguments are not plain JSON"),
    (
        ["x [error ] Trigger 2 returned non-serializable result TriggerEvent<…>. Cancelling"],
        "payload is not plain JSON",
    ),
    ([BLOCKED.format("10.02")], "blocking call on the event loop"),
    ([BLOCKED.format("0.43")], ""),
]


class OfTriggerer:
    """A deployment of which only the triggerer's log and the health are asked for."""

    def __init__(self, log: list[str], status: str | None = "healthy") -> None:
        self._log = log
        self._status = status
        self.api: Any = self

    def log_of(self, component: str) -> str:
        return "\n".join(self._log)

    def health(self) -> dict[str, str | None]:
        return {"triggerer": self._status}


class OfRun:
    """A run whose tasks all have this log."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self._entries = list(entries)

    def log(self, task: Task) -> list[dict[str, Any]]:
        return self._entries


def failure(log: list[str], state: str = "failed", *entries: dict[str, Any], watched: bool = True) -> dict[str, str]:
    task = Task("wait", -1, state, 1, "", 7 if watched else None)
    return explain(OfTriggerer(log), OfRun(*entries), task, "wait", state).told  # type: ignore[arg-type]


@pytest.mark.parametrize(("log", "mistake"), LOGS)
def test_a_log_of_the_triggerer_gives_the_mistake_away(log: list[str], mistake: str):
    told = failure(log)
    assert told["mistake"] == mistake
    assert not mistake or log[0] in told["error"]


CANNOT = [
    {"exc_type": "TypeError", "exc_value": "Cannot serialize object of type <class 'pathlib.PosixPath'>. Give it"}
]


@pytest.mark.parametrize(
    ("doing", "mistake"),
    [
        ("Pausing task as DEFERRED. ", "trigger's arguments are not plain JSON"),
        ("Pushing xcom", "result is not plain JSON"),
    ],
)
def test_where_the_task_was_tells_what_cannot_travel(doing: str, mistake: str):
    failed = {"timestamp": "t", "event": "Task failed with exception", "error_detail": CANNOT}
    told = failure([], "failed", {"timestamp": "t", "event": doing}, failed)
    assert told["mistake"] == mistake
    assert "PosixPath" in told["error"]


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (
            "TaskDeferralError: Could not resume the task: the event payload could not be serialized (TypeError: "
            "Cannot serialize object of type <class 'bytes'>. Give",
            "payload is not plain JSON",
        ),
        ("coroutine 'sleep' was never awaited", "loops without sleeping"),
    ],
)
def test_a_line_in_the_log_of_the_task_gives_it_away(line: str, mistake: str):
    assert failure([], "failed", {"timestamp": "t", "event": line})["mistake"] == mistake


@pytest.mark.parametrize(
    ("state", "watched", "mistake"), [("running", True, "waits in the worker"), ("deferred", True, "never fires")]
)
def test_a_state_gives_it_away_where_no_log_does(state: str, watched: bool, mistake: str):
    assert failure([], state, watched=watched)["mistake"] == mistake


def test_an_exception_in_the_task_is_shown_with_the_end_of_its_log():
    errors = [{"exc_type": "AirflowException", "exc_value": "no files"}]
    entries = [
        {"event": "::group::Log message source details"},
        {"event": "/somewhere/attempt=1.log"},
        {"timestamp": "t", "event": "Looking"},
        {"timestamp": "t", "event": "Task failed with exception", "error_detail": errors},
    ]
    told = failure([], "failed", *entries)
    assert told["error"] == "AirflowException: no files"
    assert told["printed"].splitlines() == ["Looking", "Task failed with exception", "AirflowException: no files"]


def test_a_triggerer_that_a_trigger_has_ended_is_no_fault_of_airflow():
    told = triggerer_ended(OfTriggerer([NO_EVENT, DIED])).told  # type: ignore[arg-type]
    assert told["mistake"] == "yields something other than a TriggerEvent"


@pytest.mark.parametrize("status", ["unhealthy", None])
def test_without_a_triggerer_the_kata_says_so(status: str | None):
    assert "wait" in triggerer_trouble(OfTriggerer([], status))  # type: ignore[arg-type]
    assert triggerer_trouble(OfTriggerer([])) == ""  # type: ignore[arg-type]


def test_a_blocked_loop_fails_a_check_and_a_busy_machine_does_not():
    loop_is_free(OfTriggerer([BLOCKED.format("1.20")]))  # type: ignore[arg-type]
    with pytest.raises(CheckFailed):
        loop_is_free(OfTriggerer([BLOCKED.format("2.01")]))  # type: ignore[arg-type]


def test_every_mistake_that_is_named_is_known():
    named = set(re.findall(r'mistake="([^"]+)"', STAGES)) | {mistake for _, mistake in LOGS if mistake}
    assert named <= set(MISTAKES)


def test_every_check_is_carried_out_and_every_one_that_is_carried_out_is_known():
    carried_out = set(re.findall(r'card\.check\(([A-Z_]+), "(\w+)"', STAGES))
    carried_out |= {("FAULTS", name) for name in re.findall(r'^    check\("(\w+)"', STAGES, re.MULTILINE)}
    assert carried_out == {(part.id.upper(), name) for part in (*PARTS, FAULTS) for name, _ in part.checks}


def test_what_was_never_reached_counts_for_nothing():
    card = Card(PARTS, lambda what: None)
    assert card.check(LOADED, "imported", lambda: None)

    def fails() -> None:
        raise CheckFailed("GET", "no DAG", mistake="missing DAG")

    assert not card.check(LOADED, "shown", fails)
    grade = card.grade("solution")
    assert not grade.succeeded
    assert grade.first_failing is not None
    assert grade.first_failing.step is LOADED
    assert [each.waits_for for each in grade.steps if each.step in (DEFERRED, RESUMED)] == [LOADED, LOADED]
    assert as_dict(grade)["points"] == 1


def test_only_what_was_dropped_is_taken_away(tmp_path: Path):
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "mine.csv").write_text("mine")
    with DroppedFiles(tmp_path) as files:
        files.drop("uploads/theirs.csv")
        assert (tmp_path / "uploads" / "theirs.csv").exists()
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


WRONG_USAGE: list[tuple[list[str], str]] = [
    (["live", "--tree", "nowhere"], "TREE=nowhere does not exist"),
    (["live", "--results", "nowhere/r.json"], "does not exist"),
    (["standalone", "--tree", "nowhere"], "TREE=nowhere does not exist"),
    (["drop", "--client", "9"], "the clients are 1 to 5"),
    (["drop", "--count", "0"], "at least one file"),
]


@pytest.mark.parametrize(
    ("arguments", "told"), WRONG_USAGE, ids=lambda each: " ".join(each) if isinstance(each, list) else ""
)
def test_wrong_usage_is_refused_before_anything_is_started(arguments: list[str], told: str):
    ended = kata(*arguments)
    assert ended.returncode == 2
    assert told in ended.stderr


def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KATA_PORT", "http")
    ended = kata("trigger")
    assert (ended.returncode, ended.stderr) == (
        2,
        "KATA_PORT=http is no port. Take a number from 1024 to 65535, such as KATA_PORT=8081.\n",
    )


def test_without_an_airflow_the_ways_to_start_one_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("KATA_PORT", str(free_port()))
    monkeypatch.setattr("kata.airflow.trigger_dag.ADDRESS", tmp_path / "none")
    with pytest.raises(WrongUsage, match=r"make up.* make standalone"):
        running_airflow()


def test_a_tree_that_does_not_parse_needs_no_airflow(tmp_path: Path):
    (tmp_path / "trigger_implementation_exercise.py").write_text("def (:\n")
    ended = kata("live", "--tree", str(tmp_path))
    assert ended.returncode == 1
    assert "trigger_implementation_exercise.py:1" in ended.stdout
    assert "starting" not in ended.stderr


class OfApi:
    """A stack's API with two runs that are not over."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        assert query["state"] == ["queued", "running"]
        return {"dag_runs": [{"dag_id": "many_waits", "dag_run_id": f"manual__+{number}"} for number in (1, 2)]}

    def patch(self, path: str, body: dict[str, str]) -> None:
        assert body == {"state": "failed"}
        self.failed.append(path)


class OfEmptyDag:
    """An API with a DAG that has no tasks yet."""

    def post(self, path: str, body: dict[str, Any]) -> dict[str, str]:
        return {"dag_run_id": "manual__1"}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return {"task_instances": [], "total_entries": 0}


def test_a_task_that_is_not_written_yet_fails_its_check():
    run = DagRun(OfEmptyDag(), "trigger_implementation_exercise")  # type: ignore[arg-type]
    with pytest.raises(CheckFailed, match="there is no process_trigger_results"):
        run.task("process_trigger_results")


def test_runs_that_are_not_over_are_ended_after_a_proof_on_a_shared_stack():
    api = OfApi()
    assert active_runs(api)[0] == ("many_waits", "manual__+1")  # type: ignore[arg-type]
    end_active_runs(api)  # type: ignore[arg-type]
    assert api.failed == [f"/dags/many_waits/dagRuns/manual__%2B{number}" for number in (1, 2)]
