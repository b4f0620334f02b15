"""Exercise 4: triggers and deferrable operators, in as few lines as they can be read in."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import logging
import math
import os
import pkgutil
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from fnmatch import translate
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import httpx
import jinja2
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time_delta import WaitSensor
from airflow.sdk import DAG, BaseSensorOperator, Connection, Context, PokeReturnValue, setup, task, teardown
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
    leaves = map(Path, [os.path.dirname(UPLOAD_FILE), os.path.dirname(REPORT_FILE), *CLIENT_DIRECTORIES])
    parents = dict.fromkeys(each for leaf in leaves for each in [*leaf.parents[::-1], leaf])
    missing = [each for each in parents if not each.is_dir()]
    [each.mkdir() for each in missing]
    readmes = [each for d in CLIENT_DIRECTORIES if not (each := Path(d, "README.txt")).exists()]
    [each.write_text("CSV files only, please.") for each in readmes]
    return [str(each) for each in [*missing, *readmes] if Path(DATA_DIR) in each.parents]


def clean_up_directories(created: list[str] | None) -> list[str]:
    """Remove what ``set_up_directories`` created, and nothing else."""
    removed = []
    for path in reversed(created or []):
        with contextlib.suppress(OSError):
            os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
            removed.append(path)
    return removed


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """Log that a task has taken a worker slot."""
    log.info(f"{context['ti'].task_id} is in a worker slot")


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100

DIRECTORY_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="directory")

EXCLUDED = (PermissionError, NotADirectoryError)
Files = list[tuple[str, os.stat_result]]


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _error(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors}


def _refuse_if(*problems: tuple[Any, str]) -> None:
    for wrong, message in problems:
        if wrong:
            raise ValueError(message)


def _serialize(trigger: BaseTrigger, *names: str) -> tuple[str, dict[str, Any]]:
    arguments = {name: getattr(trigger, name) for name in names}
    return f"trigger_implementation_exercise.{type(trigger).__name__}", arguments


async def _in_thread(work: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(DIRECTORY_THREADS, work, *args)


async def _guarded(payload: Awaitable[dict[str, Any]]) -> TriggerEvent:
    try:
        return TriggerEvent(await payload)
    except Exception as error:
        log.exception("The trigger ends with an error")
        return TriggerEvent(_error("unexpected", _text(error), {}))


def _regex(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(p) if p[0] == "." else r"(?!\.)" + translate(p) for p in patterns))


def _check(directory: str, patterns: Iterable[str]) -> Files:
    """Return the files that match, by name."""
    regex, files = _regex(patterns), []
    for entry in Path(directory).iterdir():
        with contextlib.suppress(OSError):  # removed, or a broken link
            if regex.match(entry.name) and entry.is_file():
                files.append((entry.name, entry.stat()))
    return sorted(files)


def _success(order: Iterable[str], found: dict[str, Files], errors: dict[str, str]) -> dict[str, Any]:
    hits = [(directory, *file) for directory in order for file in found.get(directory, [])]
    directory, filename, status = hits[0]
    return {
        "status": "success",
        "directory": directory,
        "filename": filename,
        "path": os.path.join(directory, filename),
        "size": status.st_size,
        "modified": datetime.fromtimestamp(status.st_mtime, timezone.utc).isoformat(),
        "files": [os.path.join(d, name) for d, name, _ in hits[:MAX_LISTED_FILES]],
        "total_files": len(hits),
        "errors": errors,
    }


Sift = Callable[[str, Files], Files]


async def _watch(
    order: list[str],
    patterns: list[str],
    interval: float,
    sift: Sift = lambda directory, files: files,
    retry_after: Callable[[int], float | None] | None = None,
) -> dict[str, Any]:
    """Watch directories, highest priority first, until one holds a file: the payload of both directory triggers."""
    loop, results = asyncio.get_running_loop(), asyncio.Queue()
    last_empty, failures = dict.fromkeys(order, loop.time()), Counter()
    found, errors, timers, checks = {}, {}, {}, {}

    def start(directory: str) -> None:
        timers.pop(directory, None)
        checks[directory] = loop.run_in_executor(DIRECTORY_THREADS, work, directory)
        checks[directory].add_done_callback(lambda check, began=loop.time(): results.put_nowait((directory, began, check)))

    def work(directory: str) -> Files:
        return sift(directory, _check(directory, patterns))

    try:
        [start(directory) for directory in order]
        while len(errors) < len(order):
            latest = min((last_empty[d] for d in found), default=math.inf) + 1.5 * interval
            soon = any(timer.when() < loop.time() + interval / 4 for timer in timers.values())
            if found and (loop.time() >= latest or not (checks or soon)):
                return _success(order, found, errors)
            with contextlib.suppress(asyncio.TimeoutError):
                patience = latest - loop.time() if found else None
                directory, began, check = await asyncio.wait_for(results.get(), patience)
                del checks[directory]
                files, due = [], began + interval
                try:
                    files, failures[directory] = check.result(), 0
                except FileNotFoundError:
                    failures[directory] = len(sift(directory, []))
                except OSError as error:
                    sift(directory, [])
                    failures[directory] += 1
                    pause = retry_after(failures[directory]) if retry_after else interval
                    due = loop.time() + (pause or 0)
                    if isinstance(error, EXCLUDED) or pause is None:
                        errors[directory] = _text(error)
                        log.warning("%s is excluded: %s", directory, errors[directory])
                found.pop(directory, None)
                if files:
                    found[directory] = files
                else:
                    last_empty[directory] = began
                if directory not in errors:
                    timers[directory] = loop.call_at(due, start, directory)
        return _error("directory_access", f"All directories are excluded: {', '.join(errors)}", errors)
    finally:
        [each.cancel() for each in [*timers.values(), *checks.values()]]


class MultiDirectoryTrigger(BaseTrigger):
    """Watch several directories at once and fire as soon as any of them has a matching file."""

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        _refuse_if(
            (not directories or isinstance(directories, str), "directories: one or more paths in a list"),
            (not file_pattern, "file_pattern: a wildcard"),
            (not check_interval > 0, "check_interval: above 0 seconds"),
        )
        self.directories, self.file_pattern, self.check_interval = directories, file_pattern, check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return _serialize(self, "directories", "file_pattern", "check_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield await _guarded(_watch([*dict.fromkeys(self.directories)], [self.file_pattern], self.check_interval))


# ── Step 4: the deferrable sensor ─────────────────────────────────────────────────────────────────────────────────────


class WaitFailed(AirflowException):
    """Signal that waiting ended without success. Given: raise it in Step 4, recognize it in Step 6."""

    def __init__(self, event: Any) -> None:
        details = event if isinstance(event, dict) else {}
        super().__init__(str(details.get("message") or f"The trigger sent neither success nor error: {event!r}"))
        self.error_type = str(details.get("error_type") or "unknown")


def _success_of(event: Any) -> dict[str, Any]:
    if not event or event.get("status") != "success":
        raise WaitFailed(event)
    return event


class MultiDirectorySensorAsync(BaseSensorOperator):
    """Wait for a file in any of several directories without holding a worker slot."""

    template_fields: Sequence[str] = ("directories", "file_pattern")
    started_at: float | None = None

    def __init__(
        self, directories: list[str], file_pattern: str = "*.csv", deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.directories, self.file_pattern, self.deferrable = directories, file_pattern, deferrable

    def execute(self, context: Context) -> dict[str, Any]:
        self.started_at = time.time()
        if not self.deferrable:
            return super().execute(context)
        if checked := self.poke(context):
            return checked.xcom_value
        trigger = MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval)
        since, timeout = {"started_at": self.started_at}, timedelta(seconds=self.timeout)
        self.defer(trigger=trigger, method_name="execute_complete", kwargs=since, timeout=timeout)

    def poke(self, context: Context) -> PokeReturnValue:
        order, found, errors = list(dict.fromkeys(self.directories)), {}, {}
        for directory in order:
            try:
                found[directory] = _check(directory, [self.file_pattern])
            except EXCLUDED as error:
                errors[directory] = _text(error)
                log.warning("%s is excluded: %s", directory, errors[directory])
            except OSError as error:
                log.info("%s: %s", directory, error)
        if len(errors) == len(order):
            raise WaitFailed(_error("directory_access", f"All directories are excluded: {errors}", errors))
        if not any(found.values()):
            return PokeReturnValue(False)
        # In reschedule mode each process knows the start of its own check only.
        started_at = None if self.reschedule and not self.deferrable else self.started_at
        waited = started_at and time.time() - started_at
        return PokeReturnValue(True, {**_success(order, found, errors), "deferred": False, "waited_seconds": waited})

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, started_at: float | None = None
    ) -> dict[str, Any]:
        return {**_success_of(event), "deferred": True, "waited_seconds": started_at and time.time() - started_at}


# ── Step 5: process the files found ───────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"


def _file(path: str) -> dict[str, Any]:
    try:
        if Path(path).stat() and not Path(path).is_file():
            raise OSError("no regular file")
        if not (content := Path(path).read_bytes()):
            return {"path": path, "reason": "empty", "detail": "0 bytes"}
        rows = len([*csv.reader(content.decode("utf-8").splitlines(True))]) - 1 if path.endswith(".csv") else None
        return {"path": path, "size": len(content), "rows": rows}
    except FileNotFoundError as error:
        return {"path": path, "reason": "missing", "detail": _text(error)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return {"path": path, "reason": "unreadable", "detail": _text(error)}


def process_trigger_results(ti: Any, **context: Any) -> dict[str, Any]:
    """Validate the files that ``monitor_client_uploads`` found."""
    result = ti.xcom_pull(SENSOR_TASK_ID)
    if not (isinstance(result, dict) and isinstance(result.get("files"), list)):
        raise AirflowException(f"{SENSOR_TASK_ID}: {result!r} has no list of files")
    kinds = {"valid": [], "invalid": []}
    for file in map(_file, result["files"]):
        kinds["invalid" if "reason" in file else "valid"].append(file)
        log.info("%s: %s", file["path"], file.get("reason", "valid"))
    return {**kinds, "total_files": result["total_files"], "waited_seconds": result["waited_seconds"]}


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


def _saved(ti: Any) -> float | None:
    result = ti.xcom_pull(task_ids=SENSOR_TASK_ID)
    return result["waited_seconds"] if result["deferred"] or result["waited_seconds"] is None else 0.0


def monitor_resource_usage(ti: Any, **context: Any) -> dict[str, Any]:
    """Measure the resources that this DAG's waiting tasks use now."""
    usage, unavailable = {}, {}
    for name, read in {
        "deferred_tasks": lambda: ti.get_ti_count(dag_id=ti.dag_id, states=["deferred"]),
        "running_tasks": lambda: ti.get_ti_count(dag_id=ti.dag_id, states=["running"]),
        "waited_seconds": lambda: ti.xcom_pull(task_ids=SENSOR_TASK_ID)["waited_seconds"],
        "saved_slot_seconds": lambda: _saved(ti),
        "triggerer_status": lambda: read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"],
        "pools": lambda: read_airflow_api("/api/v2/pools")["pools"],  # each has more keys than asked for
    }.items():
        usage[name] = measure(name, read, unavailable)
    saved = usage["saved_slot_seconds"]
    known = f"This run saved {saved:.1f} slot seconds." if saved else "This run saved nothing."
    advice = known if saved is not None else "It is unknown what this run saved."
    log.info(f"{usage} {unavailable} {advice}")
    return {**usage, "unavailable": unavailable, "recommendations": [advice]}


# ── Step 6: handle failures ───────────────────────────────────────────────────────────────────────────────────────────

CAUSES = {
    "timeout": (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout),
    "directory_access": (PermissionError, NotADirectoryError, FileNotFoundError),
    "triggerer_failure": TaskDeferralError,
    "serialization": (),
    "unknown": (),
}
ADVICE = defaultdict(lambda: "Read the log.", timeout="Wait longer.", directory_access="Correct the permissions.")


def _cause(error: Any) -> str:
    if isinstance(error, WaitFailed):
        return error.error_type if error.error_type == "directory_access" else _by_text(error)
    return next((cause for cause, types in CAUSES.items() if isinstance(error, types)), None) or _by_text(error)


def _by_text(error: Any) -> str:
    return "serialization" if re.search("serializ", f"{type(error).__name__} {error}", re.IGNORECASE) else "unknown"


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """Explain why a sensor failed."""
    ti, error = context.get("ti"), context.get("exception")
    chain = [error] if error is not None else []
    while chain and (cause := getattr(chain[-1], "__cause__", None)):
        chain.append(cause)
    cause = next((cause for cause in map(_cause, chain) if cause != "unknown"), "unknown")
    ids = {key: getattr(ti, key, None) for key in ("task_id", "run_id")}
    log.error(f"{ids['task_id']}: {cause}. {ADVICE[cause]}")
    return {**ids, "cause": cause, "message": "" if error is None else str(error), "advice": ADVICE[cause]}


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


def compare_approaches(ti: Any, **context: Any) -> dict[str, Any]:
    """Compare the slot time of this run's sensor with that of a sensor in ``poke`` mode."""
    unavailable = {}
    waited = measure("waited_seconds", lambda: ti.xcom_pull(SENSOR_TASK_ID)["waited_seconds"], unavailable)
    saved = None if waited is None else _saved(ti)
    states = measure("task_states", lambda: [*ti.get_task_states(ti.dag_id)[ti.run_id].values()], unavailable)
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": None if waited is None else waited - saved, "slots_for_100_waits": 0},
        "saved_slot_seconds": saved,
        "task_states": None if states is None else {str(s or "none"): states.count(s) for s in states},
        "unavailable": unavailable,
    }


def generate_trigger_report(ti: Any, run_id: str, **context: Any) -> dict[str, Any]:
    """Render ``REPORT_TEMPLATE`` into ``REPORT_FILE``."""
    names = {"processed": "process_trigger_results", "usage": "monitor_resource_usage", "comparison": "compare_approaches"}
    xcoms = {name: ti.xcom_pull(task_id) or {} for name, task_id in names.items()}
    Path(REPORT_FILE).parent.mkdir(parents=True, exist_ok=True)
    Path(REPORT_FILE).write_text(REPORT_TEMPLATE.render(run_id=run_id, **xcoms), "utf-8")
    valid, invalid = ([file["path"] for file in xcoms["processed"].get(kind, [])] for kind in ("valid", "invalid"))
    return {"report_file": REPORT_FILE, "valid_files": valid, "invalid_files": invalid}


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


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
        _refuse_if(
            (not directories, "directories: one or more paths with their priorities"),
            (not file_patterns or isinstance(file_patterns, str), "file_patterns: one or more wildcards in a list"),
            (not min(check_interval, backoff_base, backoff_cap) > 0, "the interval and the backoff: above 0 seconds"),
            (not min(stable_seconds, max_retries) >= 0, "stable_seconds and max_retries: 0 or more"),
        )
        self.directories, self.file_patterns, self.check_interval = directories, file_patterns, check_interval
        self.stable_seconds, self.max_retries = stable_seconds, max_retries
        self.backoff_base, self.backoff_cap = backoff_base, backoff_cap

    def serialize(self) -> tuple[str, dict[str, Any]]:
        watch = ("directories", "file_patterns", "check_interval", "stable_seconds")
        return _serialize(self, *watch, "max_retries", "backoff_base", "backoff_cap")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield await _guarded(self._payload())

    async def _payload(self) -> dict[str, Any]:
        order = sorted(self.directories, key=lambda directory: (self.directories[directory], directory))
        clock, since = asyncio.get_running_loop().time, defaultdict(dict)

        def ripe(directory: str, files: Files) -> Files:
            now = clock()
            versions = {(name, s.st_size, s.st_mtime_ns, s.st_ino): (name, s) for name, s in files}
            since[directory] = {version: since[directory].get(version, now) for version in versions}
            return [versions[version] for version, first in since[directory].items() if now - first >= self.stable_seconds]

        def retry_after(failures: int) -> float | None:
            pause = min(self.backoff_base * 2.0 ** min(failures - 1, 99), self.backoff_cap)
            return None if failures > self.max_retries else pause

        payload = await _watch(order, self.file_patterns, self.check_interval, ripe, retry_after)
        if payload["status"] == "success":
            payload["pattern"] = next(p for p in self.file_patterns if _regex([p]).match(payload["filename"]))
            payload["priority"] = self.directories[payload["directory"]]
        return payload


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def collect_trigger_metrics(ti: Any, **context: Any) -> dict[str, Any]:
    """Collect metrics about the two sensors of ``trigger_implementation_exercise``, over all its runs."""
    unavailable: dict[str, str] = {}

    def seconds_of(run_id: str) -> float | None:
        return ti.xcom_pull(task_ids=SENSOR_TASK_ID, dag_id=EXERCISE_DAG_ID, run_id=run_id)["waited_seconds"]

    def owners() -> list[int | None]:
        found = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")["task_instances"]
        return [each["trigger"] and each["trigger"]["triggerer_id"] for each in found]

    def pools() -> dict[str, float]:
        found = read_airflow_api("/api/v2/pools")["pools"]
        return {pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0 for pool in found}

    runs = measure("runs", lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID), unavailable)
    waits = Counter(s or "none" for run in (runs or {}).values() for t, s in run.items() if t in WAITING_TASK_IDS)
    ended = waits["success"] + waits["failed"]
    done = [run_id for run_id, run in (runs or {}).items() if run.get(SENSOR_TASK_ID) == "success"]
    seconds = [each for run_id in done if (each := measure(run_id, partial(seconds_of, run_id), {})) is not None]
    metrics = {
        "runs": None if runs is None else len(runs),
        "waits": dict(waits),
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
        "triggers_running": measure("triggers_running", lambda: len([*filter(None, owners())]), unavailable),
        "triggers_queued": measure("triggers_queued", lambda: owners().count(None), unavailable),
        "pool_utilization": measure("pool_utilization", pools, unavailable),
        "unavailable": unavailable,
    }
    log.info(f"{metrics}")
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────

PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


async def _until(ask: Callable[[], Awaitable[dict[str, Any] | None]], interval: float) -> dict[str, Any]:
    while not (payload := await ask()):
        await asyncio.sleep(interval)
    return payload


class ApiTrigger(BaseTrigger):
    """Request ``url`` until the JSON object in the response has ``expected_status`` as its ``status``."""

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        super().__init__()
        _refuse_if((not url, "url: not empty"), (not check_interval > 0, "check_interval: above 0 seconds"))
        self.url, self.expected_status, self.check_interval = url, expected_status, check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return _serialize(self, "url", "expected_status", "check_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield await _guarded(_until(self._ask, self.check_interval))

    async def _ask(self) -> dict[str, Any] | None:
        # A client for each request, made and closed in a thread: it reads the certificates of the machine.
        client = await _in_thread(partial(httpx.AsyncClient, timeout=5, follow_redirects=True))
        try:
            response = await asyncio.wait_for(client.get(self.url), 5)
            answer = response.raise_for_status().json()
            done = isinstance(answer, dict) and answer.get("status") == self.expected_status
            return {"status": "success", "url": self.url, "answer": answer} if done else None
        except httpx.HTTPStatusError as error:
            if (code := error.response.status_code) in (408, 425, 429) or not 400 <= code <= 499:
                return None
            return _error("api", f"{self.url} responded with {code}", {self.url: f"HTTP status {code}"})
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise
        except (httpx.HTTPError, asyncio.TimeoutError, ValueError):
            return None
        finally:
            await client.aclose()


class BusinessRuleTrigger(BaseTrigger):
    """Call a function until it returns something true."""

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        super().__init__()
        _refuse_if(
            (not isinstance(rule, str) or "." not in rule, "rule: module.function"),
            (not check_interval > 0, "check_interval: above 0 seconds"),
        )
        self.rule, self.rule_kwargs, self.check_interval = rule, rule_kwargs or {}, check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return _serialize(self, "rule", "rule_kwargs", "check_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield await _guarded(_until(partial(_in_thread, self._ask), self.check_interval))

    def _ask(self) -> dict[str, Any] | None:
        try:
            return {"status": "success", "rule": self.rule} if pkgutil.resolve_name(self.rule)(**self.rule_kwargs) else None
        except BaseException as error:  # even a SystemExit
            return _error("rule", f"{self.rule}: {_text(error)}", {self.rule: _text(error)})


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """Return whether at least ``minimum`` of the directories contain a file ``*.csv``."""

    def delivered(directory: str) -> bool:
        with contextlib.suppress(OSError):
            return bool(_check(directory, ["*.csv"]))
        return False

    return sum(map(delivered, directories)) >= minimum


class WaitForTrigger(BaseSensorOperator):
    """Defer with any trigger whose payload is a dict with a ``status``, and return the payload."""

    def __init__(self, trigger: BaseTrigger, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trigger = trigger

    def execute(self, context: Context) -> NoReturn:
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        return _success_of(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

with DAG(
    EXERCISE_DAG_ID,
    description="Clients upload, triggers wait",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
) as dag:
    wait = {"timeout": 600, "poke_interval": 30, "on_failure_callback": handle_trigger_failure}
    sensors = [
        FileSensor(
            task_id="wait_for_upload",
            filepath=UPLOAD_FILE,
            deferrable=True,
            on_execute_callback=log_worker_slot,
            doc_md="Frees its worker slot while the triggerer waits.",
            **wait,
        ),
        MultiDirectorySensorAsync(task_id=SENSOR_TASK_ID, directories=CLIENT_DIRECTORIES, **wait),
    ]
    process, monitor, compare, report = (
        task(each)()
        for each in (process_trigger_results, monitor_resource_usage, compare_approaches, generate_trigger_report)
    )
    created = setup(set_up_directories)()
    created >> sensors >> process >> [monitor, compare] >> report >> teardown(clean_up_directories)(created)

with DAG("trigger_orchestration_challenge", schedule=None) as orchestration_dag:
    data = MultiDirectorySensorAsync(task_id="wait_for_data", directories=CLIENT_DIRECTORIES)
    window = WaitSensor(task_id="wait_for_window", time_to_wait=timedelta(minutes=1), deferrable=True)
    api = WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL))
    rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            "trigger_implementation_exercise.enough_clients_delivered",
            {"directories": CLIENT_DIRECTORIES, "minimum": 3},
        ),
    )
    approve = [api, rule] >> EmptyOperator(task_id="approve", trigger_rule="one_success")
    [data, window, approve] >> EmptyOperator(task_id="publish")
