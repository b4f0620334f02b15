"""Exercise 4: triggers and deferrable operators. Functions, async generators and one task group."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import fnmatch
import heapq
import importlib
import itertools
import logging
import math
import operator
import os
import stat
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, NoReturn, TypeVar

import anyio
import httpx
import jinja2
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import (
    DAG,
    BaseSensorOperator,
    Connection,
    Context,
    PokeReturnValue,
    TriggerRule,
    chain,
    setup,
    task,
    teardown,
)
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


def _made(path: str, make: Callable[[str], object]) -> list[str]:
    """Make what is missing; return it as a list of at most one path."""
    return [] if os.path.exists(path) else [make(path) or path]


def _make_readme(path: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write("Your CSV files belong in this directory.\n")


def _with_parents(directory: str) -> list[str]:
    """Return the directories from below ``DATA_DIR`` down to this one."""
    steps = os.path.relpath(directory, DATA_DIR).split(os.sep)
    return [os.path.join(DATA_DIR, *steps[: n + 1]) for n in range(len(steps))]


def set_up_directories() -> list[str]:
    """Create the directories that the DAG uses, and a README for each client."""
    os.makedirs(DATA_DIR, exist_ok=True)
    leaves = [os.path.dirname(UPLOAD_FILE), os.path.dirname(REPORT_FILE), *CLIENT_DIRECTORIES]
    directories = dict.fromkeys(itertools.chain.from_iterable(map(_with_parents, leaves)))
    readmes = (os.path.join(directory, "README.txt") for directory in CLIENT_DIRECTORIES)
    jobs = [*((directory, os.mkdir) for directory in directories), *((readme, _make_readme) for readme in readmes)]
    return list(itertools.chain.from_iterable(itertools.starmap(_made, jobs)))


def _is_removed(path: str) -> bool:
    with contextlib.suppress(OSError):
        (os.rmdir if os.path.isdir(path) else os.remove)(path)
        return True
    return False


def clean_up_directories(created: list[str] | None) -> list[str]:
    """Remove what ``set_up_directories`` created, and nothing else."""
    return list(filter(_is_removed, reversed(created or [])))


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """Log that a task has taken a worker slot."""
    log.info("%s has a worker slot now, try %s", context["ti"].task_id, context["ti"].try_number)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100

DIRECTORY_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="directory")

T = TypeVar("T")

EXCLUDING = (PermissionError, NotADirectoryError)

Seen = dict[str, tuple[tuple[int, ...], float]]  # by file name: its version, and since when it is that
Find = tuple[int, list[str], os.stat_result]  # how many files, the names of the first 100, and the status of the first
# By directory: since when it may hold a file, when its next check is due (None: never), what it holds, and the
# exception of the last check.
Report = tuple[float, "float | None", "Find | None", "Exception | None"]


def _worded(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _attempt(function: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """Call a function and return its result and its exception, one of which is None."""
    try:
        return function(), None
    except BaseException as error:
        return None, error


async def _off_loop(function: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """``_attempt`` in a thread."""
    return await asyncio.get_running_loop().run_in_executor(DIRECTORY_THREADS, _attempt, function)


def _error_payload(error_type: str, message: str, errors: Mapping[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": dict(errors)}


def _all_excluded(errors: Mapping[str, str]) -> dict[str, Any]:
    reasons = "; ".join(itertools.starmap("{}: {}".format, errors.items()))
    return _error_payload("directory_access", f"All directories are excluded. {reasons}", errors)


def _unexpected(error: BaseException, errors: Mapping[str, str]) -> dict[str, Any]:
    return _error_payload("unexpected", _worded(error), errors)


async def _event(payload: Awaitable[dict[str, Any]]) -> TriggerEvent:
    """Await a payload and make it an event; make an error event of any exception."""
    try:
        return TriggerEvent(await payload)
    except Exception as error:
        return TriggerEvent(_unexpected(error, {}))


def _demand(**demands: Any) -> None:
    """Raise ``ValueError`` for the first argument whose demand is not met."""
    for name in itertools.filterfalse(demands.get, demands):
        raise ValueError(f"{name} is invalid, see the docstring")


def _class_path(name: str) -> str:
    return f"trigger_implementation_exercise.{name}"


def _pattern_of(name: str, patterns: Iterable[str]) -> str | None:
    visible = (pattern for pattern in patterns if pattern.startswith(".") or not name.startswith("."))
    return next((pattern for pattern in visible if fnmatch.fnmatchcase(name, pattern)), None)


def _files(directory: str, patterns: Sequence[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the regular files that match with their status, in no order."""
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # a broken link, or removed
                if _pattern_of(entry.name, patterns) and stat.S_ISREG((status := entry.stat()).st_mode):
                    yield entry.name, status


def _aged(status: os.stat_result, before: tuple[tuple[int, ...], float] | None, now: float) -> tuple[Any, float]:
    """Return a file's version and since when it is that, given the same of the last check."""
    version = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
    return before if before and before[0] == version else (version, now)


def _check(
    directory: str, seen: Seen, patterns: Sequence[str], stable: float = 0, clock: Callable[[], float] = time.monotonic
) -> tuple[float, Seen, Find | None]:
    """Check once, blocking: when it began, what it saw, and what of that has not changed for ``stable`` seconds."""
    began = clock()
    aged = [(name, status, _aged(status, seen.get(name), clock())) for name, status in _files(directory, patterns)]
    ripe = [(name, status) for name, status, (_, since) in aged if clock() - since >= stable]
    first = heapq.nsmallest(MAX_LISTED_FILES, ripe, key=operator.itemgetter(0))
    find = (len(ripe), [name for name, _ in first], first[0][1]) if first else None
    return began, {name: age for name, _, age in aged}, find


def _find_payload(
    order: Iterable[str], finds: Mapping[str, Find | None], errors: Mapping[str, str]
) -> dict[str, Any] | None:
    """Make the payload of what was found, None if nothing was."""
    hits = [(directory, *find) for directory in order if (find := finds.get(directory))]
    if not hits:
        return None
    paths = (os.path.join(directory, name) for directory, _, names, _ in hits for name in names)
    directory, _, names, status = hits[0]
    return {
        "status": "success",
        "directory": directory,
        "filename": names[0],
        "path": os.path.join(directory, names[0]),
        "size": status.st_size,
        "modified": datetime.fromtimestamp(status.st_mtime, timezone.utc).isoformat(),
        "files": list(itertools.islice(paths, MAX_LISTED_FILES)),
        "total_files": sum(total for _, total, _, _ in hits),
        "errors": dict(errors),
    }


async def _reports(
    directory: str, check: Callable[..., Any], interval: float, retry_after: Callable[[int], float | None]
) -> AsyncIterator[tuple[str, Report]]:
    """Check one directory repeatedly, and report every check."""
    seen: Seen = {}
    failures, empty_since = 0, anyio.current_time()
    due: float | None = empty_since
    while due is not None:
        await anyio.sleep_until(due)
        began = anyio.current_time()
        result, error = await _off_loop(partial(check, directory, seen))
        if result:
            began, seen, find = result
            failures, due = 0, began + interval
        else:  # whatever could not be checked may have changed
            seen, find, failures = {}, None, failures + 1
            transient = isinstance(error, OSError) and not isinstance(error, EXCLUDING)
            delay = retry_after(failures) if transient else None
            due = None if delay is None else anyio.current_time() + delay
        empty_since = empty_since if find else began
        if due is None and isinstance(error, OSError):
            log.warning("%s is excluded: %s", directory, _worded(error))
        yield directory, (empty_since, due, find, error)


async def _forward(items: AsyncIterator[T], queue: asyncio.Queue[T]) -> None:
    async for item in items:
        queue.put_nowait(item)


def _errors(reports: Mapping[str, Report]) -> dict[str, str]:
    return {directory: _worded(error) for directory, (_, due, _, error) in reports.items() if due is None}


def _wait_until(order: Sequence[str], reports: Mapping[str, Report], interval: float, now: float) -> float:
    """Return until when to wait for another report before what is known is judged."""
    found = [empty_since for empty_since, _, find, _ in reports.values() if find]
    next_checks = [reports[directory][1] if directory in reports else now for directory in order]
    if not found:
        return now if all(due is None for due in next_checks) else math.inf
    behind = any(due is not None and due <= now + interval / 4 for due in next_checks)
    return min(found) + 1.75 * interval if behind else now


async def _watch(
    order: Sequence[str],
    patterns: Sequence[str],
    interval: float,
    stable: float,
    retry_after: Callable[[int], float | None],
) -> dict[str, Any]:
    """Watch directories, the most important first, until there is something to report: the payload."""
    clock = asyncio.get_running_loop().time
    check = partial(_check, patterns=patterns, stable=stable, clock=clock)
    queue: asyncio.Queue[tuple[str, Report]] = asyncio.Queue()
    reports: dict[str, Report] = {}
    broken: Exception | None = None
    async with anyio.create_task_group() as group:
        for directory in order:
            group.start_soon(_forward, _reports(directory, check, interval, retry_after), queue)
        while not broken and (patience := _wait_until(order, reports, interval, now := clock()) - now) > 0:
            with anyio.move_on_after(patience):
                directory, report = await queue.get()
                reports[directory] = report
                broken = None if report[3] is None or isinstance(report[3], OSError) else report[3]
        group.cancel_scope.cancel()
    if broken:
        return _unexpected(broken, _errors({d: report for d, report in reports.items() if report[3] is not broken}))
    errors = _errors(reports)
    finds = {directory: find for directory, (_, _, find, _) in reports.items()}
    return _find_payload(order, finds, errors) or _all_excluded(errors)


class MultiDirectoryTrigger(BaseTrigger):
    """Watch several directories at once and fire as soon as any of them has a matching file."""

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        _demand(
            directories=directories and not isinstance(directories, str),
            file_pattern=file_pattern,
            check_interval=check_interval > 0,
        )
        self.directories = tuple(directories)
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return _class_path("MultiDirectoryTrigger"), {
            "directories": self.directories,
            "file_pattern": self.file_pattern,
            "check_interval": self.check_interval,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        order, interval = list(dict.fromkeys(self.directories)), self.check_interval
        yield await _event(_watch(order, [self.file_pattern], interval, stable=0, retry_after=lambda failures: interval))


# ── Step 4: the deferrable sensor ─────────────────────────────────────────────────────────────────────────────────────


class WaitFailed(AirflowException):
    """Signal that waiting ended without success. Given: raise it in Step 4, recognize it in Step 6."""

    def __init__(self, event: Any) -> None:
        details = event if isinstance(event, dict) else {}
        super().__init__(str(details.get("message") or f"The trigger sent neither success nor error: {event!r}"))
        self.error_type = str(details.get("error_type") or "unknown")


def _check_everywhere(directories: Sequence[str], file_pattern: str) -> dict[str, Any] | None:
    """Check all directories once, in the worker."""
    order = list(dict.fromkeys(directories))
    checks = {directory: _attempt(partial(_check, directory, {}, [file_pattern])) for directory in order}
    for error in (error for _, error in checks.values() if error and not isinstance(error, OSError)):
        raise error
    errors = {directory: _worded(error) for directory, (_, error) in checks.items() if isinstance(error, EXCLUDING)}
    if len(errors) == len(order):
        raise WaitFailed(_all_excluded(errors))
    return _find_payload(order, {directory: check[2] for directory, (check, _) in checks.items() if check}, errors)


def _sensor_result(payload: dict[str, Any], *, deferred: bool, started_at: float | None) -> dict[str, Any]:
    waited = None if started_at is None else time.time() - started_at
    return {**payload, "deferred": deferred, "waited_seconds": waited}


def _success_of(event: Any) -> dict[str, Any]:
    """Return an event's payload if it is a success, raise ``WaitFailed`` for everything else."""
    match event:
        case {"status": "success"}:
            return event
    raise WaitFailed(event)


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
        self._started_at: float | None = None  # known if one worker does all the waiting

    def execute(self, context: Context) -> dict[str, Any]:
        now = time.time()
        if not self.deferrable:
            self._started_at = now if self.mode == "poke" else None
            return super().execute(context)
        if payload := _check_everywhere(self.directories, self.file_pattern):
            return _sensor_result(payload, deferred=False, started_at=now)
        self.defer(
            trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
            method_name=self.execute_complete.__name__,
            kwargs={"started_at": now},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        payload = _check_everywhere(self.directories, self.file_pattern)
        result = payload and _sensor_result(payload, deferred=False, started_at=self._started_at)
        return PokeReturnValue(payload is not None, result)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, started_at: float | None = None
    ) -> dict[str, Any]:
        return _sensor_result(_success_of(event), deferred=True, started_at=started_at)


# ── Step 5: process the files found ───────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"


def _rows_below_the_header(path: str) -> int:
    with open(path, encoding="utf-8", newline="") as file:
        return sum(1 for _ in itertools.islice(csv.reader(file), 1, None))


def _readable(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _validated(path: str) -> dict[str, Any]:
    """Return the entry of a file: with a reason if it is invalid."""

    def invalid(reason: str, detail: Any) -> dict[str, Any]:
        return {"path": path, "reason": reason, "detail": str(detail)}

    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return invalid("unreadable", f"mode {stat.filemode(status.st_mode)}: no regular file")
        if status.st_size == 0:
            return invalid("empty", "the file has no bytes")
        rows = (_rows_below_the_header if path.endswith(".csv") else _readable)(path)
    except FileNotFoundError as error:
        return invalid("missing", error)
    except (OSError, ValueError, csv.Error) as error:
        return invalid("unreadable", _worded(error))
    return {"path": path, "size": status.st_size, "rows": rows}


def process_trigger_results(**context: Any) -> dict[str, Any]:
    """Validate the files that ``monitor_client_uploads`` found."""
    match context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID):
        case {"files": list(files), "total_files": total_files, "waited_seconds": waited}:
            entries = list(map(_validated, files))
        case other:
            raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is not the result of the sensor: {other!r}")
    for entry in entries:
        level = logging.WARNING if "reason" in entry else logging.INFO
        log.log(level, "%s: %s", entry["path"], entry.get("reason", "valid"))
    return {
        "valid": [entry for entry in entries if "reason" not in entry],
        "invalid": [entry for entry in entries if "reason" in entry],
        "total_files": total_files,
        "waited_seconds": waited,
    }


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


def _measured(sources: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Return the values of all sources, and ``unavailable``."""
    unavailable: dict[str, str] = {}
    return {**{name: measure(name, read, unavailable) for name, read in sources.items()}, "unavailable": unavailable}


def _waited(ti: Any, **where: Any) -> tuple[float, float]:
    """Return the seconds that the sensor waited, and for how many of them a slot was free."""
    match ti.xcom_pull(task_ids=SENSOR_TASK_ID, **where):
        case {"waited_seconds": float(seconds) | int(seconds)} as result:
            return seconds, seconds * bool(result.get("deferred"))
    raise LookupError(f"the XCom of {SENSOR_TASK_ID} does not tell how long it waited")


def _triggerer_status() -> str:
    match read_airflow_api("/api/v2/monitor/health"):
        case {"triggerer": {"status": str(status)}}:
            return status
    raise LookupError("no triggerer ever ran")


def _pools() -> list[dict[str, Any]]:
    keys = ("name", "slots", "occupied_slots", "deferred_slots")
    return [dict(zip(keys, operator.itemgetter(*keys)(pool))) for pool in read_airflow_api("/api/v2/pools")["pools"]]


def _recommendations(figures: Mapping[str, Any]) -> Iterator[str]:
    match figures["triggerer_status"]:
        case None | "healthy":
            pass
        case status:
            yield f"The triggerer is {status}: bring it up, or no deferred task resumes."
    for pool in figures["pools"] or []:
        if 0 < pool["slots"] <= pool["occupied_slots"]:
            yield f"The pool {pool['name']} is full: give it more slots, or resumed tasks queue for one."
    match figures["saved_slot_seconds"]:
        case None:
            yield f"Find out why {', '.join(figures['unavailable'])} cannot be measured."
        case 0:
            yield "Nothing was saved: a sensor that finds its file at once need not defer."
        case saved:
            yield f"Keep deferring tasks that wait like this one: it left a slot free for {saved:.0f} seconds."


def monitor_resource_usage(**context: Any) -> dict[str, Any]:
    """Measure the resources that this DAG's waiting tasks use now."""
    ti = context["ti"]
    figures = _measured({
        "deferred_tasks": lambda: ti.get_ti_count(dag_id=ti.dag_id, states=["deferred"]),
        "running_tasks": lambda: ti.get_ti_count(dag_id=ti.dag_id, states=["running"]),
        "waited_seconds": lambda: _waited(ti)[0],
        "saved_slot_seconds": lambda: _waited(ti)[1],
        "triggerer_status": _triggerer_status,
        "pools": _pools,
    })
    usage = {**figures, "recommendations": list(_recommendations(figures))}
    log.info("Resource usage: %s", usage)
    return usage


# ── Step 6: handle failures ───────────────────────────────────────────────────────────────────────────────────────────

ADVICE = {
    "timeout": "ask the client where the upload is, or raise the sensor's timeout, and clear the task",
    "directory_access": "give the triggerer and the workers access to the directories, and clear the task",
    "triggerer_failure": "find the trigger in the triggerer's log, and check that its module can be imported there",
    "serialization": "pass only plain JSON to the trigger and to defer()",
    "unknown": "read the log of the task",
}


def _chain(error: Any) -> Iterator[Any]:
    """Yield an exception, the one that it was raised from, and so on."""
    while error is not None:
        yield error
        error = getattr(error, "__cause__", None)


def _cause_of(error: Any) -> str:
    match error:
        case AirflowSensorTimeout() | TaskDeferralTimeout() | AirflowTaskTimeout():
            return "timeout"
        case PermissionError() | NotADirectoryError() | FileNotFoundError():
            return "directory_access"
        case WaitFailed(error_type="directory_access"):
            return "directory_access"
        case TaskDeferralError():
            return "triggerer_failure"
        case _ if "serializ" in f"{type(error).__name__} {error}".lower():
            return "serialization"
    return "unknown"


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """Explain why a sensor failed."""
    ti, error = map(context.get, ("ti", "exception"))
    cause = next((cause for cause in map(_cause_of, _chain(error)) if cause != "unknown"), "unknown")
    task_id, run_id = (getattr(ti, name, None) for name in ("task_id", "run_id"))
    log.error("%s has failed. Cause: %s. Advice: %s.", task_id, cause, ADVICE[cause])
    message = "" if error is None else str(error)
    return {"task_id": task_id, "run_id": run_id, "cause": cause, "message": message, "advice": ADVICE[cause]}


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


def _states_of_run(ti: Any) -> dict[str, int]:
    return Counter(state or "none" for run in ti.get_task_states(ti.dag_id, run_ids=[ti.run_id]).values() for state in run.values())


def compare_approaches(**context: Any) -> dict[str, Any]:
    """Compare the slot time of this run's sensor with that of a sensor in ``poke`` mode."""
    ti = context["ti"]
    figures = _measured({"waited_seconds": lambda: _waited(ti)[0], "task_states": lambda: dict(_states_of_run(ti))})
    (waited, saved), _ = _attempt(lambda: _waited(ti)) if figures["waited_seconds"] is not None else ((None, None), None)
    held = None if waited is None else waited - saved
    return {
        **figures,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": saved,
    }


def generate_trigger_report(**context: Any) -> dict[str, Any]:
    """Render ``REPORT_TEMPLATE`` into ``REPORT_FILE``."""
    ti = context["ti"]
    task_ids = ("process_trigger_results", "monitor_resource_usage", "compare_approaches")
    processed, usage, comparison = (xcom or {} for xcom in map(lambda task_id: ti.xcom_pull(task_ids=task_id), task_ids))
    os.makedirs(os.path.dirname(REPORT_FILE), exist_ok=True)
    with open(REPORT_FILE, "w", encoding="utf-8") as file:
        file.writelines(
            REPORT_TEMPLATE.generate(run_id=ti.run_id, processed=processed, usage=usage, comparison=comparison)
        )
    paths = {kind: [entry["path"] for entry in processed.get(kind, [])] for kind in ("valid", "invalid")}
    return {"report_file": REPORT_FILE, "valid_files": paths["valid"], "invalid_files": paths["invalid"]}


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


def _backoff(failures: int, max_retries: int, base: float, cap: float) -> float | None:
    """Return the seconds before the next retry, None after the last."""
    doublings = min(failures - 1, 1000)  # 2.0 ** 1024 is more than a float holds
    return None if failures > max_retries else min(base * 2.0**doublings, cap)


async def _with_details(
    payload: Awaitable[dict[str, Any]], patterns: Sequence[str], priorities: Mapping[str, int]
) -> dict[str, Any]:
    """Add pattern and priority to the payload of a success."""
    match await payload:
        case {"status": "success", "directory": directory, "filename": name} as success:
            return {**success, "pattern": _pattern_of(name, patterns), "priority": priorities[directory]}
        case error:
            return error


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
        _demand(
            directories=directories,
            file_patterns=file_patterns and not isinstance(file_patterns, str),
            check_interval=check_interval > 0,
            stable_seconds=stable_seconds >= 0,
            max_retries=max_retries >= 0,
            backoff_base=backoff_base > 0,
            backoff_cap=backoff_cap > 0,
        )
        self.arguments = {
            "directories": dict(directories),
            "file_patterns": list(file_patterns),
            "check_interval": check_interval,
            "stable_seconds": stable_seconds,
            "max_retries": max_retries,
            "backoff_base": backoff_base,
            "backoff_cap": backoff_cap,
        }

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return _class_path("AdvancedMultiDirectoryTrigger"), {**self.arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        priorities, patterns, interval, stable, *backoff = self.arguments.values()
        order = sorted(priorities, key=lambda directory: (priorities[directory], directory))
        retry_after = partial(_backoff, **dict(zip(("max_retries", "base", "cap"), backoff)))
        yield await _event(_with_details(_watch(order, patterns, interval, stable, retry_after), patterns, priorities))


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def _triggerers() -> list[int | None]:
    answer = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")
    return [(instance["trigger"] or {}).get("triggerer_id") for instance in answer["task_instances"]]


def _pool_utilization() -> dict[str, float]:
    return {pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0 for pool in _pools()}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def collect_trigger_metrics(**context: Any) -> dict[str, Any]:
    """Collect metrics about the two sensors of ``trigger_implementation_exercise``, over all its runs."""
    ti = context["ti"]
    figures = _measured({
        "runs": lambda: ti.get_task_states(EXERCISE_DAG_ID),
        "triggers_running": lambda: sum(each is not None for each in _triggerers()),
        "triggers_queued": lambda: _triggerers().count(None),
        "pool_utilization": _pool_utilization,
    })
    runs = figures["runs"] or {}
    waits = Counter(state or "none" for run in runs.values() for name, state in run.items() if name in WAITING_TASK_IDS)
    ended = waits["success"] + waits["failed"]
    succeeded = (run_id for run_id, tasks in runs.items() if tasks.get(SENSOR_TASK_ID) == "success")
    pulls = [_attempt(partial(_waited, ti, dag_id=EXERCISE_DAG_ID, run_id=run_id))[0] for run_id in succeeded]
    seconds = [waited for waited, _ in filter(None, pulls)]
    metrics = {
        **figures,
        "runs": None if figures["runs"] is None else len(runs),
        "waits": dict(+waits),
        "success_rate": _share(waits["success"], ended),
        "failure_rate": _share(waits["failed"], ended),
        "average_wait_seconds": statistics.fmean(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
    }
    log.info("Trigger metrics: %s", metrics)
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────

PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


async def _answers(ask: Callable[[], Coroutine[Any, Any, T]], interval: float) -> AsyncIterator[T]:
    """Ask immediately and then every ``interval`` seconds, and yield every answer."""
    while True:
        began = anyio.current_time()
        yield await ask()
        await anyio.sleep_until(began + interval)


async def _first(payloads: AsyncIterator[dict[str, Any] | None]) -> dict[str, Any]:
    """Return the first payload that is not None."""
    async with contextlib.aclosing(payloads):
        async for payload in payloads:
            if payload is not None:
                return payload
    raise AssertionError("the answers never end")


async def _ask_api(client: httpx.AsyncClient, url: str, expected_status: str) -> dict[str, Any] | None:
    """Ask once; None if it is worth asking again."""
    try:
        with anyio.fail_after(5):  # in all: httpx's own timeout starts over with every byte
            response = await client.get(url)
    except httpx.UnsupportedProtocol:
        raise
    except (httpx.RequestError, TimeoutError):
        return None
    if response.is_client_error and response.status_code not in (408, 425, 429):
        reason = f"HTTP status {response.status_code} {response.reason_phrase}"
        return _error_payload("api", f"{url} refuses: {reason}", {url: reason})
    match response.is_success, *_attempt(response.json):
        case True, {"status": status} as answer, None if status == expected_status:
            return {"status": "success", "url": url, "answer": answer}
    return None


async def _wait_for_api(url: str, expected_status: str, interval: float) -> dict[str, Any]:
    client, error = await _off_loop(partial(httpx.AsyncClient, timeout=None, follow_redirects=True))
    if client is None:
        raise error
    async with client:
        return await _first(_answers(partial(_ask_api, client, url, expected_status), interval))


class ApiTrigger(BaseTrigger):
    """Request ``url`` until the JSON object in the response has ``expected_status`` as its ``status``."""

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        super().__init__()
        _demand(url=url, check_interval=check_interval > 0)
        self.arguments = {"url": url, "expected_status": expected_status, "check_interval": check_interval}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return _class_path("ApiTrigger"), {**self.arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield await _event(_wait_for_api(*self.arguments.values()))


def _agrees(rule: str, rule_kwargs: Mapping[str, Any]) -> bool:
    """Import the rule and call it."""
    module, _, name = rule.rpartition(".")
    return bool(getattr(importlib.import_module(module), name)(**rule_kwargs))


async def _ask_rule(rule: str, rule_kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Ask once; None if the rule does not agree."""
    match await _off_loop(partial(_agrees, rule, rule_kwargs)):
        case True, None:
            return {"status": "success", "rule": rule}
        case False, None:
            return None
        case _, error:
            return _error_payload("rule", f"The rule {rule} failed. {_worded(error)}", {rule: _worded(error)})


class BusinessRuleTrigger(BaseTrigger):
    """Call a function until it returns something true."""

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        super().__init__()
        _demand(rule=isinstance(rule, str) and "." in rule, check_interval=check_interval > 0)
        self.arguments = {"rule": rule, "rule_kwargs": rule_kwargs, "check_interval": check_interval}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return _class_path("BusinessRuleTrigger"), {**self.arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        rule, rule_kwargs, interval = self.arguments.values()
        yield await _event(_first(_answers(partial(_ask_rule, rule, rule_kwargs or {}), interval)))


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """Return whether at least ``minimum`` of the directories contain a file ``*.csv``."""
    found = (_attempt(partial(next, _files(directory, ["*.csv"]), None))[0] for directory in directories)
    return sum(file is not None for file in found) >= minimum


class WaitForTrigger(BaseSensorOperator):
    """Defer with any trigger whose payload is a dict with a ``status``, and return the payload."""

    def __init__(self, trigger: BaseTrigger, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trigger = trigger

    def execute(self, context: Context) -> NoReturn:
        method_name = self.execute_complete.__name__
        self.defer(trigger=self.trigger, method_name=method_name, timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        return _success_of(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

WHY_DEFER = """
A client may take ten minutes to upload its file. In poke mode this sensor would hold a worker slot all that time.
Deferred, it frees the slot, and the triggerer waits for all clients in one process.
"""

with DAG(
    dag_id=EXERCISE_DAG_ID,
    description="Wait for clients' uploads in the triggerer, validate them, and report what that saves.",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
) as dag:
    created = setup(set_up_directories)()

    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        poke_interval=30,
        timeout=600,
        deferrable=True,
        on_execute_callback=log_worker_slot,
        on_failure_callback=handle_trigger_failure,
        doc_md=WHY_DEFER,
    )
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id=SENSOR_TASK_ID,
        directories=CLIENT_DIRECTORIES,
        file_pattern="*.csv",
        poke_interval=30,
        timeout=600,
        on_failure_callback=handle_trigger_failure,
    )

    chain(
        created,
        [wait_for_upload, monitor_client_uploads],
        task(process_trigger_results)(),
        [task(monitor_resource_usage)(), task(compare_approaches)()],
        task(generate_trigger_report)(),
        teardown(clean_up_directories)(created),
    )

with DAG(dag_id="trigger_orchestration_challenge", schedule=None) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(
        task_id="wait_for_data", directories=CLIENT_DIRECTORIES, poke_interval=30, timeout=3600
    )
    wait_for_window = DateTimeSensorAsync(
        task_id="wait_for_window", target_time="{{ (dag_run.run_after + macros.timedelta(minutes=2)).isoformat() }}"
    )
    wait_for_api = WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), timeout=3600)
    wait_for_rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            rule=_class_path(enough_clients_delivered.__name__),
            rule_kwargs={"directories": CLIENT_DIRECTORIES, "minimum": 3},
        ),
        timeout=3600,
    )
    approve = EmptyOperator(task_id="approve", trigger_rule=TriggerRule.ONE_SUCCESS)
    publish = EmptyOperator(task_id="publish")

    chain([wait_for_api, wait_for_rule], approve, publish)
    chain([wait_for_data, wait_for_window], publish)
