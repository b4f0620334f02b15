"""Exercise 4: triggers and deferrable operators. A daemon thread of its own for each directory."""

from __future__ import annotations

import asyncio
import copy
import csv
import fnmatch
import http.client
import importlib
import json
import logging
import os
import queue
import stat
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from datetime import time as daytime
from typing import Any, NamedTuple, NoReturn

import httpx
import jinja2
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time import TimeSensor
from airflow.sdk import DAG, BaseSensorOperator, Connection, Context, PokeReturnValue, TriggerRule, chain
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
    os.makedirs(DATA_DIR, exist_ok=True)
    created = []
    for client in CLIENT_DIRECTORIES:
        created += _make_directories(client)
        readme = os.path.join(client, "README.txt")
        if not os.path.lexists(readme):
            with open(readme, "w") as file:
                print("Please upload CSV files only.", file=file)
            created.append(readme)
    for path in (UPLOAD_FILE, REPORT_FILE):
        created += _make_directories(os.path.dirname(path))
    return created


def _make_directories(path: str) -> list[str]:
    missing = []
    while not os.path.isdir(path):
        missing.insert(0, path)
        path = os.path.dirname(path)
    for directory in missing:
        os.mkdir(directory)
    return missing


def clean_up_directories(created: list[str] | None) -> list[str]:
    """Remove what ``set_up_directories`` created, and nothing else."""
    removed = []
    while created:
        *created, path = created
        try:
            os.remove(path) if not os.path.isdir(path) else os.rmdir(path)
        except FileNotFoundError:
            log.info("%s is missing", path)
        except OSError as error:
            log.info("%s stays: %s", path, error)
        else:
            removed.append(path)
    return removed


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """Log that a task has taken a worker slot."""
    print_to_log = logging.getLogger("airflow.task").info
    print_to_log("a worker slot is taken by %s", context["task_instance"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100

DIRECTORY_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="directory")


class Outcome(NamedTuple):
    """A job's value or error, and when the job began on the clock of the event loop."""

    started: float
    value: Any = None
    error: BaseException | None = None


class Scout:
    """A daemon thread for a job that may block or hang. It does the job once per request, never twice at a time."""

    def __init__(self, name: str, job: Callable[[], Any], report: Callable[[Outcome], None]) -> None:
        self.busy = False
        self._loop = asyncio.get_running_loop()
        self._job = job
        self._report = report
        self._requests: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._dismissed = False
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def ask(self) -> None:
        self.busy = True
        self._requests.put(True)

    def dismiss(self) -> None:
        self._dismissed = True
        self._requests.put(False)

    def _serve(self) -> None:
        while self._requests.get() and not self._dismissed:
            started = self._loop.time()
            try:
                outcome = Outcome(started, value=self._job())
            except BaseException as error:  # even a SystemExit: somebody waits for an answer
                outcome = Outcome(started, error=error)
            try:
                self._loop.call_soon_threadsafe(self._deliver, outcome)
            except RuntimeError:  # the loop was closed while the job hung
                return

    def _deliver(self, outcome: Outcome) -> None:
        self.busy = False
        if not self._dismissed:
            self._report(outcome)


class FoundFile(NamedTuple):
    """A file that counts, as one check saw it."""

    name: str
    pattern: str
    size: int
    modified_ns: int
    identity: tuple[int, int]


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))


def list_files(directory: str, patterns: Sequence[str]) -> list[FoundFile]:
    """Check a directory once. Blocks."""
    found = []
    try:
        entries = os.scandir(directory)
    except FileNotFoundError:
        return []
    with entries:
        for entry in entries:
            pattern = next((pattern for pattern in patterns if _matches(entry.name, pattern)), None)
            if pattern is None:
                continue
            try:
                status = entry.stat()
            except OSError:  # a broken link, or removed
                continue
            if stat.S_ISREG(status.st_mode):
                identity = (status.st_dev, status.st_ino)
                found.append(FoundFile(entry.name, pattern, status.st_size, status.st_mtime_ns, identity))
    return sorted(found)


@dataclass
class Post:
    """One directory under watch, and what is known of it."""

    directory: str
    job: Callable[[], list[FoundFile]]
    scout: Scout | None = None
    due: float = 0.0
    last_check: float = float("-inf")  # start of the last check that has finished
    last_absence: float = 0.0  # start of the last check that found nothing
    failures: int = 0  # in a row
    files: Sequence[FoundFile] = ()

    @property
    def busy(self) -> bool:
        return self.scout is not None and self.scout.busy


class Watch:
    """Checks several directories, each at its own pace in its own thread, until there is something to report."""

    def __init__(
        self, posts: list[Post], interval: float, pause_after_failure: Callable[[int], float | None] | None = None
    ) -> None:
        self.posts = posts
        self.errors: dict[str, str] = {}
        self._interval = interval
        self._pause_after_failure = pause_after_failure or (lambda failures: interval)
        self._news = asyncio.Event()
        self._unexpected: BaseException | None = None
        self._loop = asyncio.get_running_loop()

    async def until_found(self) -> dict[str, Any]:
        """Watch until there is something to report; return the payload."""
        now = self._loop.time()
        scouts = []
        try:
            for post in self.posts:
                post.due = post.last_absence = now
                post.scout = Scout(
                    f"scout of {post.directory}", post.job, lambda outcome, post=post: self._note(post, outcome)
                )
                scouts.append(post.scout)
            while self.posts:
                await self._something_new()
                if self._unexpected is not None:
                    raise RuntimeError(describe(self._unexpected)) from self._unexpected
                if self._is_complete():
                    return success_payload(self.posts, self.errors)
            return error_payload("directory_access", f"All directories are excluded: {self.errors}", self.errors)
        finally:
            for scout in scouts:
                scout.dismiss()

    async def _something_new(self) -> None:
        """Send out the scouts that are due, then wait for one that returns, or for the next time to act."""
        now = self._loop.time()
        for post in self.posts:
            if not post.busy and post.due <= now:
                post.scout.ask()
        times = [post.due for post in self.posts if not post.busy]
        times += [self._deadline(post) for post in self.posts if post.files]
        self._news.clear()
        alarm = self._loop.call_at(min(times), self._news.set) if times else None
        try:
            await self._news.wait()
        finally:
            if alarm is not None:
                alarm.cancel()

    def _deadline(self, post: Post) -> float:
        return post.last_absence + 1.5 * self._interval

    def _is_complete(self) -> bool:
        found = [post for post in self.posts if post.files]
        if not found:
            return False
        earliest = min(found, key=self._deadline)
        deadline = self._deadline(earliest)
        fresh = earliest.last_check - self._interval / 2
        return self._loop.time() >= deadline or not any(
            post.last_check < fresh and (post.busy or post.due < deadline) for post in self.posts
        )

    def _note(self, post: Post, outcome: Outcome) -> None:
        self._news.set()
        post.last_check = outcome.started
        post.due = outcome.started + self._interval
        error = outcome.error
        if error is None:
            post.failures = 0
            post.files = outcome.value
            if not post.files:
                post.last_absence = outcome.started
        elif isinstance(error, OSError):
            post.files = ()
            post.failures += 1
            pause = self._pause_after_failure(post.failures)
            if pause is None or isinstance(error, (PermissionError, NotADirectoryError)):
                self.posts.remove(post)
                self.errors[post.directory] = describe(error)
                log.warning("%s is excluded: %s", post.directory, self.errors[post.directory])
            else:
                post.due = self._loop.time() + pause
        else:
            self._unexpected = error


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def success_payload(posts: Sequence[Post], errors: dict[str, str]) -> dict[str, Any]:
    first = next(post for post in posts if post.files)
    file = first.files[0]
    modified = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=file.modified_ns // 1000)
    paths = [os.path.join(post.directory, each.name) for post in posts for each in post.files[:MAX_LISTED_FILES]]
    return {
        "status": "success",
        "directory": first.directory,
        "filename": file.name,
        "path": os.path.join(first.directory, file.name),
        "size": file.size,
        "modified": modified.isoformat(),
        "files": paths[:MAX_LISTED_FILES],
        "total_files": sum(len(post.files) for post in posts),
        "errors": errors,
    }


def error_payload(error_type: str, message: str, errors: dict[str, str] | None = None) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors or {}}


def check_above_zero(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be above 0, not {number!r}")


class MultiDirectoryTrigger(BaseTrigger):
    """Watch several directories at once and fire as soon as any of them has a matching file."""

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        if isinstance(directories, str) or not directories:
            raise ValueError(f"directories must be a list of one or more paths, not {directories!r}")
        if not file_pattern:
            raise ValueError("file_pattern must not be empty")
        check_above_zero(check_interval=check_interval)
        self.directories = list(directories)
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("directories", "file_pattern", "check_interval")
        return "trigger_implementation_exercise.MultiDirectoryTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        def job(directory: str) -> Callable[[], list[FoundFile]]:
            return lambda: list_files(directory, [self.file_pattern])

        posts = [Post(directory, job(directory)) for directory in dict.fromkeys(self.directories)]
        watch = Watch(posts, self.check_interval)
        try:
            payload = await watch.until_found()
        except Exception as error:
            payload = error_payload("unexpected", describe(error), watch.errors)
        yield TriggerEvent(payload)


# ── Step 4: the deferrable sensor ─────────────────────────────────────────────────────────────────────────────────────


class WaitFailed(AirflowException):
    """Signal that waiting ended without success. Given: raise it in Step 4, recognize it in Step 6."""

    def __init__(self, event: Any) -> None:
        details = event if isinstance(event, dict) else {}
        super().__init__(str(details.get("message") or f"The trigger sent neither success nor error: {event!r}"))
        self.error_type = str(details.get("error_type") or "unknown")


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

    def execute(self, context: Context) -> dict[str, Any]:
        if not self.deferrable:
            result = super().execute(context)
            if self.reschedule:
                result["waited_seconds"] = None
            return result
        if result := self.poke(context).xcom_value:
            return result
        self.defer(
            trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
            method_name="execute_complete",
            kwargs={"started_at": self._first_check},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        now = time.time()
        self._first_check = getattr(self, "_first_check", now)
        posts, errors = [], {}
        for directory in dict.fromkeys(self.directories):
            post = Post(directory, lambda: [])
            posts.append(post)
            try:
                post.files = list_files(directory, [self.file_pattern])
            except (PermissionError, NotADirectoryError) as error:
                log.warning("%s is excluded: %s", directory, error)
                errors[directory] = describe(error)
            except OSError as error:
                log.info("%s cannot be checked now: %s", directory, error)
        if len(errors) == len(posts):
            raise WaitFailed(error_payload("directory_access", f"All directories are excluded: {errors}", errors))
        if not any(post.files for post in posts):
            return PokeReturnValue(False)
        extra = {"deferred": False, "waited_seconds": time.time() - self._first_check}
        return PokeReturnValue(True, success_payload(posts, errors) | extra)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, started_at: float | None = None
    ) -> dict[str, Any]:
        if not event or event.get("status") != "success":
            raise WaitFailed(event)
        event["deferred"] = True
        event["waited_seconds"] = None if started_at is None else time.time() - started_at
        return event


# ── Step 5: process the files found ───────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"


def read_file(path: str) -> tuple[int, int | None]:
    """Return the size and the rows of a file. Raises LookupError if it is empty."""
    with open(path, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("no regular file")
        content = file.read()
    if not content:
        raise LookupError("no bytes")
    if os.path.splitext(path)[1] != ".csv":
        return len(content), None
    header, *rows = csv.reader(content.decode().splitlines(keepends=True))
    return len(content), len(rows)


def process_trigger_results(**context: Any) -> dict[str, Any]:
    """Validate the files that ``monitor_client_uploads`` found."""
    found = context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID, key="return_value")
    try:
        paths = [*found["files"]] if isinstance(found["files"], list) else None
    except (TypeError, KeyError):
        paths = None
    if paths is None:
        raise AirflowException(f"{SENSOR_TASK_ID} has left no dict with a list of files: {found!r}")
    results: dict[str, Any] = {"valid": [], "invalid": []}
    for path in paths:
        try:
            if os.path.exists(path) and not os.path.isfile(path):
                raise OSError("no regular file")  # a pipe would block
            size, rows = read_file(path)
        except (OSError, ValueError, LookupError, csv.Error) as error:
            reasons = {FileNotFoundError: "missing", LookupError: "empty"}
            reason = reasons.get(type(error), "unreadable")
            results["invalid"].append({"path": path, "reason": reason, "detail": describe(error)})
            log.warning("invalid, %s: %s", reason, path)
        else:
            results["valid"].append({"path": path, "size": size, "rows": rows})
            log.info("valid, %s rows: %s", rows, path)
    return results | {key: found.get(key) for key in ("total_files", "waited_seconds")}


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


def monitor_resource_usage(*, ti: Any, **context: Any) -> dict[str, Any]:
    """Measure the resources that this DAG's waiting tasks use now."""
    unavailable: dict[str, str] = {}
    usage: dict[str, Any] = {}

    def add(name: str, read: Callable[[], Any]) -> None:
        usage[name] = measure(name, read, unavailable)

    sensor = measure("sensor", lambda: dict(ti.xcom_pull(task_ids=SENSOR_TASK_ID)), {}) or {}
    waited = sensor.get("waited_seconds")
    add("deferred_tasks", lambda: ti.get_ti_count(dag_id=ti.dag_id, states=["deferred"]))
    add("running_tasks", lambda: ti.get_ti_count(dag_id=ti.dag_id, states=["running"]))
    add("waited_seconds", lambda: waited)
    add("saved_slot_seconds", lambda: 0.0 if waited is not None and not sensor.get("deferred") else waited)
    add("triggerer_status", lambda: read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"])
    add("pools", lambda: [_pool(pool) for pool in read_airflow_api("/api/v2/pools")["pools"]])
    usage["unavailable"] = unavailable
    usage["recommendations"] = [_recommendation(usage["saved_slot_seconds"])]
    log.info("Resource usage: %s", json.dumps(usage))
    return usage


def _pool(pool: dict[str, Any]) -> dict[str, Any]:
    return {key: pool[key] for key in ("name", "slots", "occupied_slots", "deferred_slots")}


def _recommendation(saved: float | None) -> str:
    if saved is None:
        return "Wait for a run whose waiting time is known before you change anything."
    if saved > 0:
        return f"Let more sensors defer: this one left its worker slot free for {saved:.1f} seconds."
    return "Nothing was saved. Use deferrable=True if clients upload late."


# ── Step 6: handle failures ───────────────────────────────────────────────────────────────────────────────────────────

CAUSES: list[tuple[str, tuple[type[BaseException], ...], str]] = [
    (
        "timeout",
        (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout),
        "Ask the client whether the upload is late. If it always is, raise the timeout.",
    ),
    (
        "directory_access",
        (PermissionError, NotADirectoryError, FileNotFoundError),
        "Correct the paths or their permissions for the user of the triggerer.",
    ),
    ("triggerer_failure", (TaskDeferralError,), "Read the log of the triggerer."),
    ("serialization", (), "Pass plain JSON to the trigger."),
    ("unknown", (), "Read the log of the task."),
]
ADVICE = {cause: advice for cause, _, advice in CAUSES}


def _cause(error: Any) -> str:
    for cause, types, _ in CAUSES:
        if isinstance(error, types):
            return cause
        if isinstance(error, WaitFailed) and error.error_type == cause == "directory_access":
            return cause
    words = f"{type(error).__name__}: {error}"
    return "serialization" if "serializ" in words.casefold() else "unknown"


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """Explain why a sensor failed."""
    error = context.get("exception")
    result = {
        "task_id": context["ti"].task_id if context.get("ti") else None,
        "run_id": context["ti"].run_id if context.get("ti") else None,
        "cause": "unknown",
        "message": str(error) if error is not None else "",
    }
    while error is not None and result["cause"] == "unknown":
        result["cause"] = _cause(error)
        error = error.__cause__ if isinstance(error, BaseException) else None
    result["advice"] = ADVICE[result["cause"]]
    logging.getLogger("airflow.task").error("%(task_id)s failed: %(cause)s. %(advice)s", result)
    return result


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


def compare_approaches(*, ti: Any, **context: Any) -> dict[str, Any]:
    """Compare the slot time of this run's sensor with that of a sensor in ``poke`` mode."""
    unavailable: dict[str, str] = {}
    states = measure("task_states", lambda: ti.get_task_states(ti.dag_id, run_ids=[ti.run_id])[ti.run_id], unavailable)
    result = measure("waited_seconds", lambda: dict(ti.xcom_pull(task_ids=SENSOR_TASK_ID)), unavailable) or {}
    waited = measure("waited_seconds", lambda: result.get("waited_seconds"), unavailable)
    held = 0.0 if waited is not None and result["deferred"] else waited
    counts = None if states is None else dict(Counter(state or "none" for state in states.values()))
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": None if waited is None else waited - held,
        "task_states": counts,
        "unavailable": unavailable,
    }


def generate_trigger_report(*, ti: Any, run_id: str = "", **context: Any) -> dict[str, Any]:
    """Render ``REPORT_TEMPLATE`` into ``REPORT_FILE``."""
    xcoms = {}
    for name, task_id in (
        ("processed", "process_trigger_results"),
        ("usage", "monitor_resource_usage"),
        ("comparison", "compare_approaches"),
    ):
        xcoms[name] = ti.xcom_pull(task_ids=task_id, default={}) or {}
    page = REPORT_TEMPLATE.render({"run_id": ti.run_id, **xcoms})
    os.makedirs(os.path.dirname(REPORT_FILE), exist_ok=True)
    with open(REPORT_FILE, "wb") as file:
        file.write(page.encode())
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in xcoms["processed"].get("valid", [])],
        "invalid_files": [file["path"] for file in xcoms["processed"].get("invalid", [])],
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class StableCheck:
    """The checks of one directory, each of which knows what the ones before have seen."""

    def __init__(self, directory: str, patterns: list[str], stable_seconds: float) -> None:
        self.directory = directory
        self._patterns = patterns
        self._stable_seconds = stable_seconds
        self._unchanged_since: dict[FoundFile, float] = {}

    def __call__(self) -> list[FoundFile]:
        before, self._unchanged_since = self._unchanged_since, {}  # forgotten if this check fails
        now = time.monotonic()
        files = list_files(self.directory, self._patterns)
        self._unchanged_since = {file: before.get(file, time.monotonic()) for file in files}
        return [file for file, since in self._unchanged_since.items() if now - since >= self._stable_seconds or not self._stable_seconds]


class AdvancedMultiDirectoryTrigger(BaseTrigger):
    """Watch directories for files that are complete."""

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
        if isinstance(file_patterns, str) or not file_patterns or not directories:
            raise ValueError("one or more directories, and a list of one or more patterns")
        check_above_zero(check_interval=check_interval, backoff_base=backoff_base, backoff_cap=backoff_cap)
        if stable_seconds < 0 or max_retries < 0:
            raise ValueError("stable_seconds and max_retries must be 0 or more")
        self.directories = directories
        self.file_patterns = file_patterns
        self.check_interval = check_interval
        self.stable_seconds = stable_seconds
        self.max_retries = max_retries
        self.backoff_base = backoff_base
        self.backoff_cap = backoff_cap

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger",
            {
                "directories": self.directories,
                "file_patterns": self.file_patterns,
                "check_interval": self.check_interval,
                "stable_seconds": self.stable_seconds,
                "max_retries": self.max_retries,
                "backoff_base": self.backoff_base,
                "backoff_cap": self.backoff_cap,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        ordered = [directory for _, directory in sorted((rank, each) for each, rank in self.directories.items())]
        checks = [StableCheck(directory, self.file_patterns, self.stable_seconds) for directory in ordered]
        watch = Watch([Post(check.directory, check) for check in checks], self.check_interval, self._pause_after)
        try:
            payload = await watch.until_found()
            for post in watch.posts:
                if post.files and payload["status"] == "success":
                    payload |= {"pattern": post.files[0].pattern, "priority": self.directories[post.directory]}
                    break
        except Exception as error:
            payload = error_payload("unexpected", describe(error), watch.errors)
        yield TriggerEvent(payload)

    def _pause_after(self, failures: int) -> float | None:
        if failures > self.max_retries:
            return None
        return min(self.backoff_base * 2.0 ** min(failures - 1, 1000), self.backoff_cap)


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def collect_trigger_metrics(*, ti: Any, **context: Any) -> dict[str, Any]:
    """Collect metrics about the two sensors of ``trigger_implementation_exercise``, over all its runs."""
    unavailable: dict[str, str] = {}
    states = measure("runs", lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID), unavailable)
    waits: dict[str, int] = {}
    seconds = []
    for run_id, of_run in (states or {}).items():
        for task_id in set(of_run) & set(WAITING_TASK_IDS):
            state = of_run[task_id] or "none"
            waits[state] = waits.get(state, 0) + 1
        if of_run.get(SENSOR_TASK_ID) == "success":
            try:
                xcom = ti.xcom_pull(task_ids=SENSOR_TASK_ID, dag_id=EXERCISE_DAG_ID, run_id=run_id)
                seconds.append(float(xcom["waited_seconds"]))
            except Exception as error:
                log.info("The waiting time of %s is unknown: %s", run_id, error)
    succeeded, failed = waits.get("success", 0), waits.get("failed", 0)
    ended = succeeded + failed

    def triggers(running: bool) -> int:
        path = "/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100"
        count = 0
        for instance in read_airflow_api(path)["task_instances"]:
            trigger = instance.get("trigger") or {"triggerer_id": None}
            count += (trigger["triggerer_id"] is not None) is running
        return count

    def pools() -> dict[str, float]:
        used = {}
        for pool in read_airflow_api("/api/v2/pools")["pools"]:
            used[pool["name"]] = pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0
        return used

    metrics = {
        "runs": None if states is None else len(states),
        "waits": waits,
        "success_rate": succeeded / ended if ended else None,
        "failure_rate": failed / ended if ended else None,
        "average_wait_seconds": sum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds) if seconds else None,
        "triggers_running": measure("triggers_running", lambda: triggers(True), unavailable),
        "triggers_queued": measure("triggers_queued", lambda: triggers(False), unavailable),
        "pool_utilization": measure("pool_utilization", pools, unavailable),
        "unavailable": unavailable,
    }
    log.info("Trigger metrics: %s", json.dumps(metrics))
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────

PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


class PartnerRefuses(Exception):
    """The partner's API has responded with a permanent HTTP status."""


class Inquiry:
    """Asks an HTTP service whether its status is the expected one, from a thread, without httpx."""

    TIMEOUT = 5.0  # seconds, for the whole request
    TRANSIENT = (408, 425, 429)

    def __init__(self, url: str, expected_status: str) -> None:
        self._request = urllib.request.Request(url, headers={"Accept": "application/json"})
        if self._request.type not in ("http", "https"):
            raise ValueError(f"not a URL of an HTTP service: {url!r}")
        self._expected_status = expected_status

    def __call__(self) -> dict[str, Any] | None:
        """Ask once."""
        try:
            answer = json.loads(self._body())
        except urllib.error.HTTPError as error:
            if 400 <= error.code < 500 and error.code not in self.TRANSIENT:
                raise PartnerRefuses(f"HTTP status {error.code} {error.reason}") from None
            return None
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.info("%s has not answered: %s", self._request.full_url, describe(error))
            return None
        return answer if isinstance(answer, dict) and answer.get("status") == self._expected_status else None

    def _body(self) -> bytes:
        deadline = time.monotonic() + self.TIMEOUT
        body = b""
        with urllib.request.urlopen(self._request, timeout=self.TIMEOUT) as response:
            while chunk := response.read1(65536):
                body += chunk
                if time.monotonic() > deadline:
                    raise TimeoutError("the whole response takes too long")
        return body


async def ask_until_true(job: Callable[[], Any], check_interval: float) -> Outcome:
    """Have a thread do a job, immediately and then about every ``check_interval`` seconds."""
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    scout = Scout("scout", job, outcomes.put_nowait)
    try:
        while True:
            scout.ask()
            outcome = await outcomes.get()
            if outcome.value or outcome.error is not None:
                return outcome
            await asyncio.sleep(check_interval)
    finally:
        scout.dismiss()


class ApiTrigger(BaseTrigger):
    """Request ``url`` until the JSON object in the response has ``expected_status`` as its ``status``."""

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        super().__init__()
        if not url:
            raise ValueError("url must not be empty")
        check_above_zero(check_interval=check_interval)
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "trigger_implementation_exercise.ApiTrigger",
            {"url": self.url, "expected_status": self.expected_status, "check_interval": self.check_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            outcome = await ask_until_true(Inquiry(self.url, self.expected_status), self.check_interval)
        except Exception as error:
            outcome = Outcome(0, error=error)
        if outcome.error is None:
            payload = {"status": "success", "url": self.url, "answer": outcome.value}
        elif isinstance(outcome.error, PartnerRefuses):
            payload = error_payload("api", f"{self.url}: {outcome.error}", {self.url: str(outcome.error)})
        else:
            payload = error_payload("unexpected", describe(outcome.error))
        yield TriggerEvent(payload)


class BusinessRuleTrigger(BaseTrigger):
    """Call a function until it returns something true."""

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        super().__init__()
        if not isinstance(rule, str) or "." not in rule:
            raise ValueError(f"rule must be an import path, module.function, not {rule!r}")
        check_above_zero(check_interval=check_interval)
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "trigger_implementation_exercise.BusinessRuleTrigger",
            {"rule": self.rule, "rule_kwargs": copy.deepcopy(self.rule_kwargs), "check_interval": self.check_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        outcome = await ask_until_true(self._ask, self.check_interval)
        if outcome.error is None:
            payload = {"status": "success", "rule": self.rule}
        else:
            reason = describe(outcome.error)
            payload = error_payload("rule", f"The rule {self.rule} failed: {reason}", {self.rule: reason})
        yield TriggerEvent(payload)

    def _ask(self) -> bool:
        module, _, function = self.rule.rpartition(".")
        rule = getattr(importlib.import_module(module), function)
        return bool(rule(**copy.deepcopy(self.rule_kwargs or {})))


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """Return whether at least ``minimum`` of the directories contain a file ``*.csv``."""
    delivered = 0
    for directory in directories:
        try:
            delivered += 1 if list_files(directory, ["*.csv"]) else 0
        except OSError:
            continue
    return delivered >= minimum


class WaitForTrigger(BaseSensorOperator):
    """Defer with any trigger whose payload is a dict with a ``status``, and return the payload."""

    def __init__(self, trigger: BaseTrigger, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trigger = trigger

    def execute(self, context: Context) -> NoReturn:
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        if not event or event.get("status") != "success":
            raise WaitFailed(event)
        return event


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

with DAG(
    dag_id="trigger_implementation_exercise",
    description="Waits for the uploads of the clients without holding worker slots, and reports what that saves.",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": 120},
    tags=["kata", "exercise-4", "triggers"],
) as dag:
    set_up = PythonOperator(task_id="set_up_directories", python_callable=set_up_directories).as_setup()
    clean_up = PythonOperator(
        task_id="clean_up_directories",
        python_callable=clean_up_directories,
        op_kwargs={"created": set_up.output},
    ).as_teardown(setups=set_up)

    sensor_args = {
        "poke_interval": timedelta(seconds=30),
        "timeout": timedelta(minutes=10),
        "on_failure_callback": handle_trigger_failure,
    }
    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        fs_conn_id="fs_default",
        deferrable=True,
        on_execute_callback=log_worker_slot,
        doc_md="""
An upload may take minutes or hours. In poke mode this sensor would hold a **worker slot** for all that time. It defers
instead: the **triggerer** waits for it, together with hundreds of others, in a single process.
""",
        **sensor_args,
    )
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id=SENSOR_TASK_ID, directories=CLIENT_DIRECTORIES, file_pattern="*.csv", **sensor_args
    )

    process, monitor, compare, report = (
        PythonOperator(task_id=function.__name__, python_callable=function)
        for function in (process_trigger_results, monitor_resource_usage, compare_approaches, generate_trigger_report)
    )

    chain(set_up, [wait_for_upload, monitor_client_uploads], process, [monitor, compare], report, clean_up)

with DAG(
    dag_id="trigger_orchestration_challenge",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(
        task_id="wait_for_data", directories=CLIENT_DIRECTORIES, poke_interval=30, timeout=600
    )
    wait_for_window = TimeSensor(task_id="wait_for_window", target_time=daytime(6, 30), deferrable=True)
    wait_for_api = WaitForTrigger(
        task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL, check_interval=10), timeout=600
    )
    wait_for_rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            "trigger_implementation_exercise.enough_clients_delivered",
            {"directories": CLIENT_DIRECTORIES, "minimum": 3},
            check_interval=10,
        ),
        timeout=600,
    )
    approve = EmptyOperator(task_id="approve", trigger_rule=TriggerRule.ONE_SUCCESS)
    publish = EmptyOperator(task_id="publish")

    [wait_for_api, wait_for_rule] >> approve
    [wait_for_data, wait_for_window, approve] >> publish
