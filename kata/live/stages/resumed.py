"""A dropped file brings each wait back."""

from __future__ import annotations

from kata.airflow.arriving_files import ORDERS, UPLOAD
from kata.airflow.deployment import Deployment
from kata.live.card import Card, CheckFailed
from kata.live.dag_run import DagRun
from kata.live.diagnosis import explain, loop_is_free
from kata.live.dropped_files import DroppedFiles
from kata.live.parts import RESUMED
from kata.live.patience import wait_for, wait_for_success
from kata.live.stages import deferred

# Two of the longest intervals at which a wait may look, and the second start of the task.
_TO_COME_BACK = 90.0
_TO_END = 60.0
_ROWS = 2  # of the file that is dropped


def prove_resumed(deployment: Deployment, files: DroppedFiles, card: Card, run: DagRun) -> None:
    for name in (UPLOAD, ORDERS):
        files.drop(name)
    card.check(RESUMED, "upload", lambda: _comes_back(deployment, run, deferred.UPLOAD))
    if not card.check(RESUMED, "clients", lambda: _clients(deployment, run)):
        return
    card.check(RESUMED, "processed", lambda: _processed(deployment, run))
    card.check(RESUMED, "report", lambda: _report(deployment, run))
    card.check(RESUMED, "all", lambda: _all(deployment, run))
    card.check(RESUMED, "not_blocked", lambda: loop_is_free(deployment))


def _comes_back(deployment: Deployment, run: DagRun, task_id: str) -> None:
    task = wait_for(deployment, lambda: run.task(task_id), lambda task: task.has_ended, _TO_COME_BACK)
    if task.state == "deferred":
        got = f"still deferred {_TO_COME_BACK:.0f} seconds after its file arrived"
        raise explain(deployment, run, task, task_id, got)
    if task.state != "success":
        raise explain(deployment, run, task, task_id, f"its state is {task.state}, not success")


def _clients(deployment: Deployment, run: DagRun) -> None:
    _comes_back(deployment, run, deferred.CLIENTS)
    result = run.returned(deferred.CLIENTS)
    path = result.get("path") if isinstance(result, dict) else None
    if not str(path).endswith(ORDERS):
        raise CheckFailed(f"the XCom of {deferred.CLIENTS}", f"{result!r}", mistake="event not passed on")


def _processed(deployment: Deployment, run: DagRun) -> None:
    wait_for_success(deployment, run, "process_trigger_results", _TO_END)
    result = run.returned("process_trigger_results")
    valid = result.get("valid", []) if isinstance(result, dict) else []
    if [(each["path"].endswith(ORDERS), each["rows"]) for each in valid] != [(True, _ROWS)]:
        raise CheckFailed("the XCom of process_trigger_results", f"{result!r}")


def _report(deployment: Deployment, run: DagRun) -> None:
    wait_for_success(deployment, run, "generate_trigger_report", _TO_END)
    report = deployment.data / "monitoring" / "trigger_report.html"
    if not report.is_file() or run.run_id not in report.read_text(encoding="utf-8", errors="replace"):
        raise CheckFailed("generate_trigger_report", f"no report of this run in {report}", mistake="no report")


def _all(deployment: Deployment, run: DagRun) -> None:
    state = wait_for(deployment, run.state, lambda state: state in ("success", "failed"), _TO_END)
    for task in run.tasks():
        if task.state != "success":
            raise explain(deployment, run, task, task.task_id, f"its state is {task.state or 'none'}")
    if state != "success":
        raise CheckFailed("the run of the DAG", f"its state is {state}")
