"""The parts of the proof of the learner's DAG, from its import to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from kata.airflow.arriving_files import ORDERS, UPLOAD
from kata.core.dag_run import DagRun, Task
from kata.core.paths import MODULE
from kata.grading.mistakes import NOT_DONE
from kata.live.diagnosis import CheckFailed, check_loop_was_free
from kata.live.proof import Part

DAGS = (MODULE, "many_waits", "short_wait")
TRIGGERS = {
    "wait_for_upload": "airflow.providers.standard.triggers.file.FileTrigger",
    "monitor_client_uploads": f"{MODULE}.MultiDirectoryTrigger",
}
_RESUMED_WITHIN = 90.0
_TIMED_OUT_WITHIN, _WITH_TIMEOUT = 75.0, "waiting with a timeout of 10 seconds"


class Loaded(Part):
    """Airflow loads the file."""

    id = "loaded"

    def imported(self) -> None:
        """The DAG processor imports the file without an error."""
        api = self.deployment.api
        errors, _ = self.poll(
            lambda: (api.import_errors(), api.dag_ids()), lambda seen: seen[0] or seen[1] >= set(DAGS), 60.0
        )
        # The learner's own file first: its errors also fail the DAGs that import it.
        for file, trace in sorted(errors.items(), key=lambda each: MODULE not in each[0]):
            lines = trace.strip().splitlines()
            mistake = NOT_DONE if lines[-1].startswith("NotImplementedError") else ""
            error = next((line.strip() for line in reversed(lines) if line.strip().startswith("File ")), "")
            if mistake and MODULE not in file:
                error = "Its waiting tasks use your sensor, which comes with Step 4."
            raise CheckFailed(f"import of {file}", lines[-1], mistake, error, "\n".join(lines[-8:]))

    def shown(self) -> None:
        """Airflow shows the DAG."""
        existing = self.deployment.api.dag_ids()
        if missing := [dag_id for dag_id in DAGS if dag_id not in existing]:
            raise CheckFailed("GET /api/v2/dags", f"no DAG {', '.join(missing)}", mistake="missing DAG")


class Deferred(Part):
    """Both waiting tasks free their slot."""

    id = "deferred"
    after = ("loaded",)
    required = "directories"

    def directories(self) -> None:
        """set_up_directories succeeds and has created the directories."""
        self.proof.short_wait = DagRun(self.deployment.api, "short_wait")
        self.proof.run = DagRun(self.deployment.api, MODULE)
        self.expect_state("set_up_directories", "success", 60.0)
        for client in range(1, 6):
            if not (self.deployment.data / "uploads" / f"client_{client}").is_dir():
                got = f"no directory uploads/client_{client}"
                raise CheckFailed("set_up_directories", got, mistake="directory not created")

    def upload(self) -> None:
        """wait_for_upload is deferred to a FileTrigger."""
        self._expect_deferred("wait_for_upload")

    def clients(self) -> None:
        """monitor_client_uploads is deferred to the MultiDirectoryTrigger."""
        self._expect_deferred("monitor_client_uploads")

    def _expect_deferred(self, task_id: str) -> None:
        task = self.expect_state(task_id, "deferred", 40.0)
        if task.trigger != TRIGGERS[task_id]:
            # Why the other trigger was used may be in the log of the task when it has ended.
            ended = self.poll(lambda: self.task(task_id), lambda task: task.has_ended, 10.0)
            raise self.failure(ended, f"it is deferred to {task.trigger}, not to {TRIGGERS[task_id]}")

    def watched(self) -> None:
        """The triggerer runs both triggers."""

        def unwatched() -> list[Task]:
            return [task for task in self.proof.run.tasks() if task.task_id in TRIGGERS and not task.is_watched]

        for task in self.poll(unwatched, lambda tasks: not tasks, 30.0):
            raise self.failure(task, f"its state is {task.state}, with no triggerer")

    def no_slot(self) -> None:
        """No worker slot is held while they wait."""
        self.expect_free_slots()


class Resumed(Part):
    """A file resumes each waiting task."""

    id = "resumed"
    after = ("deferred",)
    required = "clients"

    def upload(self) -> None:
        """wait_for_upload succeeds after its file has arrived."""
        self.proof.drop(UPLOAD, ORDERS)
        self.expect_state("wait_for_upload", "success", _RESUMED_WITHIN)

    def clients(self) -> None:
        """monitor_client_uploads succeeds, and its result names the file that has arrived."""
        self._expect_result(
            "monitor_client_uploads", lambda result: result["path"].endswith(ORDERS), mistake="event not passed on"
        )

    def processed(self) -> None:
        """process_trigger_results returns that file as valid, with its rows."""

        def is_valid(result: Any) -> bool:
            return [(each["path"].endswith(ORDERS), each["rows"]) for each in result["valid"]] == [(True, 2)]

        self._expect_result("process_trigger_results", is_valid)

    def _expect_result(self, task_id: str, is_right: Callable[[Any], bool], mistake: str = "") -> None:
        self.expect_state(task_id, "success", _RESUMED_WITHIN)
        result = self.proof.run.returned(task_id)
        with contextlib.suppress(AttributeError, KeyError, TypeError):
            if is_right(result):
                return
        raise CheckFailed(f"the XCom of {task_id}", repr(result), mistake)

    def report(self) -> None:
        """generate_trigger_report has written the report."""
        self.expect_state("generate_trigger_report", "success", 60.0)
        report = self.deployment.data / "monitoring" / "trigger_report.html"
        if not report.is_file() or self.proof.run.run_id not in report.read_text(encoding="utf-8", errors="replace"):
            raise CheckFailed("generate_trigger_report", f"no report of this run in {report}", mistake="no report")

    def all(self) -> None:
        """Every task of the run succeeds, and so does the run."""
        state = self.poll(self.proof.run.state, lambda state: state in ("success", "failed"), 60.0)
        for task in self.proof.run.tasks():
            if task.state != "success":
                raise self.failure(task, f"its state is {task.state or 'none'}, not success")
        if state != "success":
            raise CheckFailed("the run of the DAG", f"its state is {state}, not success")

    def not_blocked(self) -> None:
        """No trigger has blocked the event loop that all triggers share."""
        check_loop_was_free(self.deployment)


class TimedOut(Part):
    """A waiting task without a file times out."""

    id = "timed_out"
    after = ("loaded",)
    required = "failed"

    def failed(self) -> None:
        """After its timeout of 10 seconds the task fails."""
        self.proof.run = self.proof.short_wait
        task = self.poll(lambda: self.task("wait"), lambda task: task.has_ended, _TIMED_OUT_WITHIN)
        if task.state == "success":
            raise CheckFailed("waiting for a file that never arrives", "it succeeds")
        if not task.has_ended:
            raise self.failure(task, f"{task.state} after {_TIMED_OUT_WITHIN:.0f} seconds", _WITH_TIMEOUT)

    def sensor_timeout(self) -> None:
        """It fails with AirflowSensorTimeout, and is not retried."""
        task = self.task("wait")
        errors = [each["exc_type"] for entry in self.proof.run.log(task) for each in entry.get("error_detail") or []]
        if "AirflowSensorTimeout" not in errors:
            raise self.failure(task, f"it fails with {' from '.join(errors) or 'nothing'}", _WITH_TIMEOUT)
        if task.state != "failed" or task.try_number > 1:
            raise self.failure(task, f"its state is {task.state}: it is retried", _WITH_TIMEOUT)

    def callback(self) -> None:
        """handle_trigger_failure logs one line at ERROR that names the task."""
        entries = [each for each in self.proof.run.log(self.task("wait")) if each.get("level") == "error"]
        logged = [str(each["event"]) for each in entries if MODULE in str(each.get("filename"))]
        if len(logged) != 1 or "wait" not in logged[0]:
            called = "on_failure_callback=handle_trigger_failure"
            got = f"{len(logged)} lines at ERROR in the log of the task"
            raise CheckFailed(called, got, mistake="not exactly one record at ERROR", printed="\n".join(logged))
