"""Exercise 4: triggers and deferrable operators. With anyio's threads, one task per directory, and the TaskFlow API."""

from __future__ import annotations

import copy
import csv
import fnmatch
import importlib
import inspect
import logging
import math
import os
import stat
import tempfile
import time
from abc import abstractmethod
from asyncio import Queue, create_task, gather, get_running_loop, sleep
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, ClassVar, NoReturn

import anyio
import anyio.to_thread
import httpx
import jinja2
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import BaseSensorOperator, Connection, Context, PokeReturnValue, setup, task, teardown
from airflow.sdk import dag as dag_definition
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
    TaskDeferralError,
    TaskDeferralTimeout,
)
from airflow.triggers.base import BaseTrigger, TriggerEvent

log = logging.getLogger(__name__)

DATA_DIR = os.path.abspath(os.environ.get("KATA_DATA_DIR") or os.path.join(tempfile.gettempdir(), "trigger_kata"))
UPLOAD_FILE = os.path.join(DATA_DIR, "client_data", "upload.csv")
CLIENT_DIRECTORIES = [os.path.join(DATA_DIR, "uploads", f"client_{n}") for n in range(1, 6)]
REPORT_FILE = os.path.join(DATA_DIR, "monitoring", "trigger_report.html")

# ── Step 1: setup ─────────────────────────────────────────────────────────────────────────────────────────────────────


def set_up_directories() -> list[str]:
    """Create the directories that the DAG uses, and a README for each client."""
    created: list[str] = []

    def make(directory: str) -> None:
        if os.path.isdir(directory):
            return
        make(os.path.dirname(directory))
        os.mkdir(directory)
        if directory.startswith(DATA_DIR + os.sep):
            created.append(directory)

    for directory in (DATA_DIR, os.path.dirname(UPLOAD_FILE), os.path.dirname(REPORT_FILE)):
        make(directory)
    for directory in CLIENT_DIRECTORIES:
        make(directory)
        readme = os.path.join(directory, "README.txt")
        try:
            with open(readme, "x", encoding="utf-8") as file:
                file.write("Upload CSV files (*.csv, UTF-8, the first row is the header) into this directory.\n")
        except FileExistsError:
            continue
        created.append(readme)
    return created


def clean_up_directories(created: list[str] | None) -> list[str]:
    """Remove what ``set_up_directories`` created, and nothing else."""

    def is_removed(path: str) -> bool:
        try:
            (os.rmdir if os.path.isdir(path) else os.unlink)(path)
        except OSError as error:
            log.info("Skipped %s: %s", path, error)
            return False
        return True

    return [path for path in reversed(created or []) if is_removed(path)]


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """Log that a task has taken a worker slot."""
    log.info("Task %s: this attempt has just taken a worker slot", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100

DIRECTORY_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="directory")


def describe(exception: BaseException) -> str:
    return f"{type(exception).__name__}: {exception}"


class KataTrigger(BaseTrigger):
    """What all triggers here have in common: ``serialize``, one event, no exception but the cancellation."""

    class_path: ClassVar[str]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = [name for name in inspect.signature(type(self).__init__).parameters if name != "self"]
        return self.class_path, {name: copy.deepcopy(getattr(self, name)) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        errors: dict[str, str] = {}
        try:
            payload = await self.wait(errors)
        except Exception as exception:
            self.log.warning("Unexpected exception in a trigger", exc_info=True)
            payload = self.error_payload("unexpected", describe(exception), errors)
        yield TriggerEvent(payload)

    @abstractmethod
    async def wait(self, errors: dict[str, str]) -> dict[str, Any]:
        """Return the event's payload; add what is excluded to ``errors``."""

    @staticmethod
    def error_payload(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
        return {"status": "error", "error_type": error_type, "message": message, "errors": dict(errors)}

    @staticmethod
    def require_positive(**numbers: float) -> None:
        for name, number in numbers.items():
            if not number > 0:
                raise ValueError(f"{name} must be above 0, not {number!r}")


def name_matches(name: str, pattern: str) -> bool:
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, pattern)


def list_files(directory: str, patterns: Sequence[str]) -> list[tuple[str, os.stat_result]]:
    """Return names and status of the matching files, by name. Blocks."""
    files = []
    for name in sorted(os.listdir(directory)):
        if any(name_matches(name, pattern) for pattern in patterns):
            try:
                status = os.stat(os.path.join(directory, name))
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                files.append((name, status))
    return files


@dataclass
class Found:
    """The files that one check of one directory found."""

    names: list[str] = field(default_factory=list)
    total: int = 0
    size: int = 0
    modified: str = ""

    @classmethod
    def of(cls, files: list[tuple[str, os.stat_result]]) -> Found:
        if not files:
            return cls()
        first = files[0][1]
        modified = datetime.fromtimestamp(first.st_mtime, timezone.utc).isoformat()
        return cls([name for name, _ in files[:MAX_LISTED_FILES]], len(files), first.st_size, modified)


Seen = dict[str, tuple[tuple[int, ...], float]]  # by file name: what it was like, and since when


@dataclass
class Watch:
    """What is known of one directory in one run."""

    rank: int
    directory: str
    due: float
    seen: Seen = field(default_factory=dict)
    failures: int = 0


@dataclass
class Report:
    """The outcome of one check; ``next_due`` is the time of the directory's next check."""

    watch: Watch
    due: float
    next_due: float = math.inf
    found: Found | None = None
    excluded: Exception | None = None
    unexpected: Exception | None = None


class DirectoryTrigger(KataTrigger):
    """Watch directories, each in an asyncio task of its own; the tasks report over a queue."""

    check_interval: float

    @abstractmethod
    def ordered_directories(self) -> list[str]:
        """Return the directories, highest priority first."""

    @abstractmethod
    def check(self, directory: str, seen: Seen) -> Found:
        """Check once; blocks."""

    def extra_fields(self, directory: str, filename: str) -> dict[str, Any]:
        return {}

    def pause_after_failure(self, failures: int) -> float | None:
        """Return the seconds until a failed check is repeated; None to exclude the directory."""
        return self.check_interval

    def success_payload(self, hits: Sequence[tuple[str, Found]], errors: dict[str, str]) -> dict[str, Any]:
        directory, first = hits[0]
        paths = [os.path.join(place, name) for place, found in hits for name in found.names]
        return {
            "status": "success",
            "directory": directory,
            "filename": first.names[0],
            "path": paths[0],
            "size": first.size,
            "modified": first.modified,
            "files": paths[:MAX_LISTED_FILES],
            "total_files": sum(found.total for _, found in hits),
            "errors": dict(errors),
            **self.extra_fields(directory, first.names[0]),
        }

    def exclude(self, directory: str, exception: Exception, errors: dict[str, str]) -> None:
        errors[directory] = describe(exception)
        self.log.warning("Directory %s is excluded: %s", directory, errors[directory])

    def all_excluded(self, errors: dict[str, str]) -> dict[str, Any]:
        listed = "; ".join(f"{directory} ({reason})" for directory, reason in sorted(errors.items()))
        return self.error_payload("directory_access", f"All directories are excluded: {listed}", errors)

    def check_once(self) -> dict[str, Any] | None:
        """Check all directories now, in this thread; None if there is no file yet."""
        errors: dict[str, str] = {}
        hits = []
        directories = self.ordered_directories()
        for directory in directories:
            try:
                found = self.check(directory, {})
            except (PermissionError, NotADirectoryError) as exception:
                self.exclude(directory, exception, errors)
            except OSError as exception:
                self.log.info("Directory %s cannot be read now: %s", directory, exception)
            else:
                if found.total:
                    hits.append((directory, found))
        if hits:
            return self.success_payload(hits, errors)
        return self.all_excluded(errors) if len(errors) == len(directories) else None

    async def wait(self, errors: dict[str, str]) -> dict[str, Any]:
        begin = get_running_loop().time()
        watches = [Watch(rank, path, begin) for rank, path in enumerate(self.ordered_directories())]
        reports: Queue[Report] = Queue()
        # Tokens of our own: hung checks hold no thread that anyio would lend to another trigger.
        limiter = anyio.CapacityLimiter(len(watches))
        tasks = [create_task(self.keep_checking(watch, reports, limiter)) for watch in watches]
        try:
            return await self.collect(watches, reports, errors)
        finally:
            for running in tasks:
                running.cancel()
            await gather(*tasks, return_exceptions=True)

    async def keep_checking(self, watch: Watch, reports: Queue[Report], limiter: anyio.CapacityLimiter) -> None:
        loop = get_running_loop()
        origin = watch.due
        while True:
            await sleep(watch.due - loop.time())
            report = Report(watch, watch.due)
            pause: float | None = None
            check = partial(self.check, watch.directory, watch.seen)
            try:
                report.found = await anyio.to_thread.run_sync(check, abandon_on_cancel=True, limiter=limiter)
            except FileNotFoundError:  # may be created later
                watch.seen.clear()
            except (PermissionError, NotADirectoryError) as exception:
                report.excluded = exception
            except OSError as exception:
                watch.seen.clear()
                watch.failures += 1
                pause = self.pause_after_failure(watch.failures)
                report.excluded = exception if pause is None else None
            except Exception as exception:
                report.unexpected = exception
            if report.excluded or report.unexpected:
                reports.put_nowait(report)
                return
            if pause is None and watch.failures:  # a success after a failure
                watch.failures, origin = 0, report.due
            # All watches keep the same beat, so that what they find in one round can be reported together.
            rounds = math.floor((loop.time() - origin) / self.check_interval) + 1
            watch.due = origin + rounds * self.check_interval if pause is None else loop.time() + pause
            report.next_due = watch.due
            reports.put_nowait(report)

    async def collect(self, watches: list[Watch], reports: Queue[Report], errors: dict[str, str]) -> dict[str, Any]:
        """Wait for the first files, and half an interval at most for the other directories of that round."""
        loop = get_running_loop()
        hits: dict[int, tuple[str, Found]] = {}
        due = [watch.due for watch in watches]
        current = deadline = math.inf
        while True:
            with anyio.move_on_after(None if deadline == math.inf else deadline - loop.time()) as patience:
                report = await reports.get()
            if patience.cancelled_caught:
                break
            watch = report.watch
            due[watch.rank] = report.next_due
            if report.unexpected:
                raise report.unexpected
            if report.excluded:
                self.exclude(watch.directory, report.excluded, errors)
                if len(errors) == len(watches):
                    return self.all_excluded(errors)
            elif report.found and report.found.total:
                hits[watch.rank] = (watch.directory, report.found)
                if deadline == math.inf:
                    current, deadline = report.due, loop.time() + self.check_interval / 2
            # A check that was due in an earlier round may hang, so nobody waits for it.
            if hits and not any(current - self.check_interval < each <= current for each in due):
                break
        return self.success_payload([hits[rank] for rank in sorted(hits)], errors)


class MultiDirectoryTrigger(DirectoryTrigger):
    """Watch several directories at once and fire as soon as any of them has a matching file."""

    class_path = "trigger_implementation_exercise.MultiDirectoryTrigger"

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        if isinstance(directories, str) or not directories:
            raise ValueError("directories must be a list of one or more paths")
        if not file_pattern:
            raise ValueError("file_pattern must not be empty")
        self.require_positive(check_interval=check_interval)
        self.directories = [os.fspath(directory) for directory in directories]
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def ordered_directories(self) -> list[str]:
        return list(dict.fromkeys(self.directories))

    def check(self, directory: str, seen: Seen) -> Found:
        return Found.of(list_files(directory, [self.file_pattern]))


# ── Step 4: the deferrable sensor ─────────────────────────────────────────────────────────────────────────────────────


class WaitFailed(AirflowException):
    """Signal that waiting ended without success. Given: raise it in Step 4, recognize it in Step 6."""

    def __init__(self, event: Any) -> None:
        details = event if isinstance(event, dict) else {}
        super().__init__(str(details.get("message") or f"The trigger sent neither success nor error: {event!r}"))
        self.error_type = str(details.get("error_type") or "unknown")


def require_success(event: Any) -> dict[str, Any]:
    if not isinstance(event, dict) or event.get("status") != "success":
        raise WaitFailed(event)
    return event


class MultiDirectorySensorAsync(BaseSensorOperator):
    """Wait for a file in any of several directories without holding a worker slot."""

    template_fields: Sequence[str] = ("directories", "file_pattern")

    def __init__(
        self, directories: list[str], file_pattern: str = "*.csv", deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.directories = directories
        self.file_pattern = file_pattern
        self.deferrable = deferrable
        self._first_check: datetime | None = None

    def _trigger(self) -> MultiDirectoryTrigger:
        return MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval)

    def _check(self) -> dict[str, Any] | None:
        payload = self._trigger().check_once()
        return payload and require_success(payload)

    @staticmethod
    def _result(payload: dict[str, Any], deferred: bool, since: datetime | None) -> dict[str, Any]:
        waited = None if since is None else max(0.0, (datetime.now(timezone.utc) - since).total_seconds())
        return {**payload, "deferred": deferred, "waited_seconds": waited}

    def execute(self, context: Context) -> dict[str, Any]:
        if not self.deferrable:
            return super().execute(context)
        started_at = datetime.now(timezone.utc)
        if payload := self._check():
            return self._result(payload, False, started_at)
        self.defer(
            trigger=self._trigger(),
            method_name="execute_complete",
            kwargs={"started_at": started_at.isoformat()},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        if self._first_check is None:
            # In mode reschedule the first check was made by another process; Airflow stores its time.
            earlier = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
            self._first_check = earlier or datetime.now(timezone.utc)
        if payload := self._check():
            return PokeReturnValue(True, self._result(payload, False, self._first_check))
        return PokeReturnValue(False)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, started_at: str | None = None
    ) -> dict[str, Any]:
        since = datetime.fromisoformat(started_at) if started_at else None
        return self._result(require_success(event), True, since)


# ── Step 5: process the files found ───────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"


class FileRejected(Exception):
    """A file is invalid: ``reason`` in one word, the text in more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def check_file(path: str) -> dict[str, Any]:
    """Return the entry of a valid file, or raise ``FileRejected``."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise FileRejected("unreadable", "not a regular file")
        if not status.st_size:
            raise FileRejected("empty", "no bytes")
        rows = None
        if path.endswith(".csv"):
            with open(path, encoding="utf-8", newline="") as file:
                rows = max(0, len(list(csv.reader(file))) - 1)
        else:
            open(path, "rb").close()
    except FileNotFoundError as error:
        raise FileRejected("missing", str(error)) from error
    except (OSError, ValueError, csv.Error) as error:
        raise FileRejected("unreadable", describe(error)) from error
    return {"path": path, "size": status.st_size, "rows": rows}


def process_trigger_results(**context: Any) -> dict[str, Any]:
    """Validate the files that ``monitor_client_uploads`` found."""
    found = context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID)
    if not isinstance(found, dict) or not isinstance(found.get("files"), list):
        raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is not the result of a sensor: {found!r}")
    valid: list[dict[str, Any]] = []
    invalid: list[dict[str, Any]] = []
    for path in found["files"]:
        try:
            entry = check_file(path)
        except FileRejected as rejection:
            invalid.append({"path": path, "reason": rejection.reason, "detail": str(rejection)})
            log.warning("File %s is invalid (%s): %s", path, rejection.reason, rejection)
        else:
            valid.append(entry)
            log.info("File %s is valid: %d bytes, %s rows", path, entry["size"], entry["rows"])
    keys = ("total_files", "waited_seconds")
    return {"valid": valid, "invalid": invalid, **{key: found.get(key) for key in keys}}


def read_airflow_api(path: str) -> dict[str, Any]:
    """Read from Airflow's REST API. Given."""
    connection = Connection.get(API_CONNECTION_ID)
    base_url = f"{connection.host}:{connection.port}" if connection.port else str(connection.host)
    login = {"username": connection.login, "password": connection.password} if connection.login else None
    with httpx.Client(base_url=base_url, timeout=5) as client:
        token = client.post("/auth/token", json=login) if login else client.get("/auth/token")
        bearer = token.raise_for_status().json()["access_token"]
        response = client.get(path, headers={"Authorization": f"Bearer {bearer}"})
        return response.raise_for_status().json()


def measure(name: str, read: Callable[[], Any], unavailable: dict[str, str]) -> Any:
    """Return ``read()``. If it raises or returns None, note why in ``unavailable[name]`` and return None. Given."""
    try:
        value = read()
    except Exception as error:
        unavailable[name] = f"{type(error).__name__}: {error}"
        return None
    if value is None:
        unavailable[name] = "no value"
    return value


def sensor_result(ti: Any) -> dict[str, Any]:
    found = ti.xcom_pull(task_ids=SENSOR_TASK_ID)
    return found if isinstance(found, dict) else {}


def saved_seconds(ti: Any) -> float | None:
    result = sensor_result(ti)
    waited = result.get("waited_seconds")
    return waited if waited is None or result.get("deferred") else 0.0


def monitor_resource_usage(**context: Any) -> dict[str, Any]:
    """Measure the resources that this DAG's waiting tasks use now."""
    ti = context["ti"]
    pool_keys = ("name", "slots", "occupied_slots", "deferred_slots")
    unavailable: dict[str, str] = {}
    sources: dict[str, Callable[[], Any]] = {
        "deferred_tasks": lambda: ti.get_ti_count(dag_id=ti.dag_id, states=["deferred"]),
        "running_tasks": lambda: ti.get_ti_count(dag_id=ti.dag_id, states=["running"]),
        "waited_seconds": lambda: sensor_result(ti).get("waited_seconds"),
        "saved_slot_seconds": lambda: saved_seconds(ti),
        "triggerer_status": lambda: read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"],
        "pools": lambda: [
            {key: pool[key] for key in pool_keys} for pool in read_airflow_api("/api/v2/pools")["pools"]
        ],
    }
    usage = {name: measure(name, source, unavailable) for name, source in sources.items()}
    usage |= {"unavailable": unavailable, "recommendations": recommend(usage)}
    log.info("Resource usage: %s", usage)
    return usage


def recommend(usage: dict[str, Any]) -> list[str]:
    advice = []
    saved = usage["saved_slot_seconds"]
    if usage["triggerer_status"] not in (None, "healthy"):
        advice.append(f"The triggerer is {usage['triggerer_status']}: start one, or deferred tasks never resume.")
    for pool in usage["pools"] or []:
        if 0 < pool["slots"] <= pool["occupied_slots"]:
            advice.append(f"Pool {pool['name']} is full: add slots, or defer more of the tasks that wait in it.")
    if saved:
        advice.append(f"Keep the sensor deferrable: a worker slot was free for {saved:.1f} seconds.")
    elif saved is not None:
        advice.append("Nothing was saved: deferring pays only if files arrive late.")
    return advice or ["Run the DAG again: how long the sensor waited is unknown."]


# ── Step 6: handle failures ───────────────────────────────────────────────────────────────────────────────────────────

ADVICE = {
    "timeout": "check whether the client delivers at all, then raise the sensor's timeout or clear the task",
    "directory_access": "check that the directories exist and that the triggerer's user may read them",
    "triggerer_failure": "read the triggerer's log; the module of the trigger must be importable there",
    "serialization": "pass only plain JSON to the trigger, to defer(kwargs=...) and to the event",
    "unknown": "read the task's log",
}


def cause_of(exception: BaseException | str) -> str:
    """Tell the cause from one exception alone."""
    if isinstance(exception, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    if isinstance(exception, (PermissionError, NotADirectoryError, FileNotFoundError)):
        return "directory_access"
    if isinstance(exception, WaitFailed) and exception.error_type == "directory_access":
        return "directory_access"
    if isinstance(exception, TaskDeferralError):
        return "triggerer_failure"
    return "serialization" if "serializ" in f"{type(exception).__name__} {exception}".lower() else "unknown"


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """Explain why a sensor failed."""
    exception, ti = context.get("exception"), context.get("ti")
    chain = [exception]
    while (link := getattr(chain[-1], "__cause__", None)) is not None and link not in chain:
        chain.append(link)
    causes = [cause_of(link) for link in chain if link is not None]
    cause = next((found for found in causes if found != "unknown"), "unknown")
    findings = {
        "task_id": ti.task_id if ti else None,
        "run_id": ti.run_id if ti else None,
        "cause": cause,
        "message": "" if exception is None else str(exception),
        "advice": ADVICE[cause],
    }
    log.error("Task %s has failed (%s): %s", findings["task_id"], cause, findings["advice"])
    return findings


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────

REPORT_TEMPLATE = jinja2.Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Trigger report</title>
<style>
  :root { color-scheme: light dark; }
  body { max-width: 42rem; margin: auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
  .figure { margin: 0; font-size: 3.5rem; font-weight: 700; line-height: 1.1; }
  .bar { height: 1rem; min-width: 2px; border-radius: 3px; background: #c2570c; }
  .bar.free { background: #2f9e44; }
</style>
{%- macro seconds(value) %}{{ "%.1f seconds"|format(value) if value is number else "unavailable" }}{% endmacro %}
{%- macro bar(name, value, kind) %}<p>{{ name }}: {{ seconds(value) }}</p>
<div class="bar {{ kind }}" style="width: {{ 100 * value / longest if value and longest else 0 }}%"></div>{% endmacro %}
{%- macro items(entries) %}<ul>{% for entry in entries or [] %}
<li>{{ entry.path or entry }}{{ ": %s. %s"|format(entry.reason, entry.detail) if entry.reason }}</li>
{%- else %}<li>{{ "unavailable" if entries is undefined else "none" }}</li>{% endfor %}</ul>{% endmacro %}
{%- set longest = comparison.traditional.slot_seconds if comparison.traditional %}
<h1>Trigger report</h1>
<p class="figure">{{ seconds(comparison.saved_slot_seconds) }}</p>
<p>of a worker slot saved by deferring. The sensor waited: {{ seconds(comparison.waited_seconds) }}.</p>
{{ bar("Slot time in poke mode", longest, "") }}
{{ bar("Slot time of this run", comparison.deferrable.slot_seconds if comparison.deferrable, "free") }}
<h2>Valid files</h2>{{ items(processed.valid) }}
<h2>Invalid files</h2>{{ items(processed.invalid) }}
<h2>Recommendations</h2>{{ items(usage.recommendations) }}
<p>Run {{ run_id }}. Triggerer: {{ usage.triggerer_status or "unavailable" }}.</p>
""")


def compare_approaches(**context: Any) -> dict[str, Any]:
    """Compare the slot time of this run's sensor with that of a sensor in ``poke`` mode."""
    ti = context["ti"]
    unavailable: dict[str, str] = {}

    def states() -> dict[str, int]:
        of_run = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        return Counter(state or "none" for state in of_run.values())

    waited = measure("waited_seconds", lambda: sensor_result(ti).get("waited_seconds"), unavailable)
    saved = measure("saved", lambda: saved_seconds(ti), {})
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": None if saved is None else waited - saved, "slots_for_100_waits": 0},
        "saved_slot_seconds": saved,
        "task_states": measure("task_states", lambda: dict(states()), unavailable),
        "unavailable": unavailable,
    }


def generate_trigger_report(**context: Any) -> dict[str, Any]:
    """Render ``REPORT_TEMPLATE`` into ``REPORT_FILE``."""
    ti = context["ti"]
    task_ids = {
        "processed": "process_trigger_results",
        "usage": "monitor_resource_usage",
        "comparison": "compare_approaches",
    }
    values = {name: ti.xcom_pull(task_ids=task_id) or {} for name, task_id in task_ids.items()}
    os.makedirs(os.path.dirname(REPORT_FILE), exist_ok=True)
    REPORT_TEMPLATE.stream(run_id=context["run_id"], **values).dump(REPORT_FILE, encoding="utf-8")
    files = {
        f"{kind}_files": [entry["path"] for entry in values["processed"].get(kind, ())] for kind in ("valid", "invalid")
    }
    return {"report_file": REPORT_FILE, **files}


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class AdvancedMultiDirectoryTrigger(DirectoryTrigger):
    """Watch directories for files that are complete."""

    class_path = "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger"

    def __init__(
        self,
        directories: dict[str, int],
        file_patterns: list[str],
        check_interval: float = 10,
        stable_seconds: float = 20,
        max_retries: int = 5,
        backoff_base: float = 1,
        backoff_cap: float = 60,
    ) -> None:
        super().__init__()
        if not directories:
            raise ValueError("directories must be a dict of one or more paths, each with its priority")
        if isinstance(file_patterns, str) or not file_patterns:
            raise ValueError("file_patterns must be a list of one or more patterns")
        self.require_positive(check_interval=check_interval, backoff_base=backoff_base, backoff_cap=backoff_cap)
        for name, number in {"stable_seconds": stable_seconds, "max_retries": max_retries}.items():
            if not number >= 0:
                raise ValueError(f"{name} must be 0 or more, not {number!r}")
        self.directories = dict(directories)
        self.file_patterns = list(file_patterns)
        self.check_interval = check_interval
        self.stable_seconds = stable_seconds
        self.max_retries = max_retries
        self.backoff_base = backoff_base
        self.backoff_cap = backoff_cap

    def ordered_directories(self) -> list[str]:
        return sorted(self.directories, key=lambda directory: (self.directories[directory], directory))

    def extra_fields(self, directory: str, filename: str) -> dict[str, Any]:
        pattern = next(pattern for pattern in self.file_patterns if name_matches(filename, pattern))
        return {"pattern": pattern, "priority": self.directories[directory]}

    def pause_after_failure(self, failures: int) -> float | None:
        if failures > self.max_retries:
            return None
        return min(self.backoff_base * 2.0 ** min(failures - 1, 1000), self.backoff_cap)

    def check(self, directory: str, seen: Seen) -> Found:
        files = list_files(directory, self.file_patterns)
        now, before = time.monotonic(), dict(seen)
        seen.clear()
        stable = []
        for name, status in files:
            version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            known, since = before.get(name, (version, now))
            seen[name] = (version, since if known == version else now)
            if now - seen[name][1] >= self.stable_seconds:
                stable.append((name, status))
        return Found.of(stable)


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def collect_trigger_metrics(**context: Any) -> dict[str, Any]:
    """Collect metrics about the two sensors of ``trigger_implementation_exercise``, over all its runs."""
    ti = context["ti"]
    unavailable: dict[str, str] = {}

    def waited_seconds(run_id: str) -> float | None:
        return ti.xcom_pull(task_ids=SENSOR_TASK_ID, dag_id=EXERCISE_DAG_ID, run_id=run_id)["waited_seconds"]

    def triggerers() -> list[int | None]:
        path = "/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100"
        triggers = [instance["trigger"] or {} for instance in read_airflow_api(path)["task_instances"]]
        return [trigger.get("triggerer_id") for trigger in triggers]

    def pools() -> dict[str, float]:
        return {
            pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0
            for pool in read_airflow_api("/api/v2/pools")["pools"]
        }

    states = measure("runs", lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID), unavailable)
    waits: Counter[str] = Counter()
    seconds: list[float] = []
    for run_id, of_run in (states or {}).items():
        waits.update(of_run[task_id] or "none" for task_id in WAITING_TASK_IDS if task_id in of_run)
        if of_run.get(SENSOR_TASK_ID) == "success":
            waited = measure(run_id, partial(waited_seconds, run_id), {})
            seconds += [] if waited is None else [waited]
    ended = waits["success"] + waits["failed"]
    metrics = {
        "runs": None if states is None else len(states),
        "waits": dict(waits),
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
        "triggers_running": measure(
            "triggers_running", lambda: sum(each is not None for each in triggerers()), unavailable
        ),
        "triggers_queued": measure("triggers_queued", lambda: triggerers().count(None), unavailable),
        "pool_utilization": measure("pool_utilization", pools, unavailable),
        "unavailable": unavailable,
    }
    log.info("Trigger metrics: %s", metrics)
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────

PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"
REQUEST_TIMEOUT = 5  # seconds


class AskingTrigger(KataTrigger):
    """Ask again and again until an answer ends the waiting."""

    check_interval: float

    async def wait(self, errors: dict[str, str]) -> dict[str, Any]:
        loop = get_running_loop()
        async with self.tool() as tool:
            while True:
                asked_at = loop.time()
                if payload := await self.ask(tool):
                    return payload
                await sleep(asked_at + self.check_interval - loop.time())

    @asynccontextmanager
    async def tool(self) -> AsyncIterator[Any]:
        """Provide what all questions of one run share."""
        yield None

    @abstractmethod
    async def ask(self, tool: Any) -> dict[str, Any] | None:
        """Ask once; return the payload, or None to ask again."""


class ApiTrigger(AskingTrigger):
    """Request ``url`` until the JSON object in the response has ``expected_status`` as its ``status``."""

    class_path = "trigger_implementation_exercise.ApiTrigger"

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        super().__init__()
        if not url:
            raise ValueError("url must not be empty")
        self.require_positive(check_interval=check_interval)
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval

    @asynccontextmanager
    async def tool(self) -> AsyncIterator[httpx.AsyncClient]:
        # A new client reads certificates from the disk.
        build = partial(httpx.AsyncClient, timeout=REQUEST_TIMEOUT, follow_redirects=True)
        async with await anyio.to_thread.run_sync(build, abandon_on_cancel=True) as client:
            yield client

    async def ask(self, tool: httpx.AsyncClient) -> dict[str, Any] | None:
        try:
            with anyio.fail_after(REQUEST_TIMEOUT):
                response = await tool.get(self.url)
            response.raise_for_status()
            answer = response.json()
        except httpx.UnsupportedProtocol:
            raise
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status in (408, 425, 429) or not 400 <= status < 500:
                return None
            reason = f"HTTP status {status} {error.response.reason_phrase}"
            return self.error_payload("api", f"{self.url} refuses: {reason}", {self.url: reason})
        except (httpx.RequestError, TimeoutError, ValueError) as error:
            self.log.info("%s has not answered: %r", self.url, error)
            return None
        if not isinstance(answer, dict) or answer.get("status") != self.expected_status:
            return None
        return {"status": "success", "url": self.url, "answer": answer}


class BusinessRuleTrigger(AskingTrigger):
    """Call a function until it returns something true."""

    class_path = "trigger_implementation_exercise.BusinessRuleTrigger"

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        super().__init__()
        if not isinstance(rule, str) or "." not in rule:
            raise ValueError(f"rule must be an import path, module.function, not {rule!r}")
        self.require_positive(check_interval=check_interval)
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)
        self.check_interval = check_interval

    async def ask(self, tool: None) -> dict[str, Any] | None:
        limiter = anyio.CapacityLimiter(1)
        agreed, problem = await anyio.to_thread.run_sync(self.call, abandon_on_cancel=True, limiter=limiter)
        if problem:
            return self.error_payload("rule", f"Rule {self.rule} failed: {problem}", {self.rule: problem})
        return {"status": "success", "rule": self.rule} if agreed else None

    def call(self) -> tuple[bool, str]:
        """Import and call the rule; blocks, never raises, not even what would end the process."""
        try:
            module, _, name = self.rule.rpartition(".")
            function = getattr(importlib.import_module(module), name)
            return bool(function(**copy.deepcopy(self.rule_kwargs or {}))), ""
        except BaseException as exception:
            return False, describe(exception)


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """Return whether at least ``minimum`` of the directories contain a file ``*.csv``."""

    def has_delivered(directory: str) -> bool:
        try:
            return bool(list_files(directory, ["*.csv"]))
        except OSError:
            return False

    return sum(map(has_delivered, directories)) >= minimum


class WaitForTrigger(BaseSensorOperator):
    """Defer with any trigger whose payload is a dict with a ``status``, and return the payload."""

    def __init__(self, trigger: BaseTrigger, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trigger = trigger

    def execute(self, context: Context) -> NoReturn:
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        return require_success(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

task_of = partial(task, multiple_outputs=False)


@dag_definition(
    dag_id="trigger_implementation_exercise",
    description="Waits for the uploads of clients without holding worker slots",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
)
def exercise() -> None:
    @setup
    @task_of(task_id="set_up_directories")
    def prepare() -> list[str]:
        return set_up_directories()

    @teardown
    @task_of(task_id="clean_up_directories")
    def tidy(created: list[str] | None) -> list[str]:
        return clean_up_directories(created)

    @task_of(task_id="process_trigger_results")
    def process(**context: Any) -> dict[str, Any]:
        return process_trigger_results(**context)

    @task_of(task_id="monitor_resource_usage")
    def monitor(**context: Any) -> dict[str, Any]:
        return monitor_resource_usage(**context)

    @task_of(task_id="compare_approaches")
    def compare(**context: Any) -> dict[str, Any]:
        return compare_approaches(**context)

    @task_of(task_id="generate_trigger_report")
    def report(**context: Any) -> dict[str, Any]:
        return generate_trigger_report(**context)

    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        poke_interval=30,
        timeout=600,
        deferrable=True,
        on_execute_callback=log_worker_slot,
        on_failure_callback=handle_trigger_failure,
        doc_md="""
        A sensor in poke mode holds a **worker slot** until the file arrives. This one defers: the *triggerer* waits,
        and the slot is free until there is something to do.
        """,
    )
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id="monitor_client_uploads",
        directories=CLIENT_DIRECTORIES,
        file_pattern="*.csv",
        poke_interval=30,
        timeout=600,
        on_failure_callback=handle_trigger_failure,
    )
    created = prepare()
    reported = report()
    created >> [wait_for_upload, monitor_client_uploads] >> process() >> [monitor(), compare()] >> reported
    reported >> tidy(created)


@dag_definition(
    dag_id="trigger_orchestration_challenge",
    description="Publishes when the data is there, the time has come, and the API or a rule agrees",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise"},
)
def orchestration() -> None:
    @task(trigger_rule="one_success")
    def approve() -> None:
        log.info("Approved")

    @task
    def publish() -> None:
        log.info("The data is published")

    published, approved = publish(), approve()
    rule = BusinessRuleTrigger(
        "trigger_implementation_exercise.enough_clients_delivered", {"directories": CLIENT_DIRECTORIES, "minimum": 3}
    )
    [
        WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), timeout=3600),
        WaitForTrigger(task_id="wait_for_rule", trigger=rule, timeout=3600),
    ] >> approved
    [
        MultiDirectorySensorAsync(task_id="wait_for_data", directories=CLIENT_DIRECTORIES, timeout=3600),
        DateTimeSensorAsync(
            task_id="wait_for_window",
            target_time="{{ (dag_run.run_after + macros.timedelta(minutes=1)).isoformat() }}",
        ),
        approved,
    ] >> published


dag = exercise()
orchestration_dag = orchestration()
