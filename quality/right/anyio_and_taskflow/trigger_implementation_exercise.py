"""Exercise 4: triggers and deferrable operators (solution A: anyio, one task per directory, a family of classes)."""

from __future__ import annotations

import base64
import copy
import csv
import errno
import fnmatch
import html
import importlib
import inspect
import json
import logging
import math
import os
import re
import stat
import tempfile
import threading
import time
import urllib.request
from abc import abstractmethod
from asyncio import Queue, Task, create_task, gather, get_running_loop, sleep
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, ClassVar, NoReturn

import anyio
import anyio.to_thread
import httpx
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

# ── Step 1: set-up ────────────────────────────────────────────────────────────────────────────────────────────────────

# The one setting: everything that the DAGs read or write lies below it.
DATA_DIR = os.path.abspath(os.environ.get("KATA_DATA_DIR") or os.path.join(tempfile.gettempdir(), "trigger_kata"))

UPLOAD_FILE = os.path.join(DATA_DIR, "client_data", "upload.csv")
CLIENT_DIRECTORIES = [os.path.join(DATA_DIR, "uploads", f"client_{n}") for n in range(1, 6)]
REPORT_FILE = os.path.join(DATA_DIR, "monitoring", "trigger_report.html")

README_TEXT = "Put your CSV files (*.csv, UTF-8, the first row a header) into this directory.\n"


def set_up_directories() -> dict[str, list[str]]:
    """Make the directories that the DAG works with and say what was made."""
    directories: list[str] = []
    files: list[str] = []

    def make_directory(path: str) -> None:
        if os.path.isdir(path):
            return
        make_directory(os.path.dirname(path))
        try:
            os.mkdir(path)
        except FileExistsError:  # another run was faster
            return
        directories.append(path)

    for path in (os.path.dirname(UPLOAD_FILE), *CLIENT_DIRECTORIES, os.path.dirname(REPORT_FILE)):
        make_directory(os.path.abspath(path))
    for directory in CLIENT_DIRECTORIES:
        readme = os.path.join(os.path.abspath(directory), "README.txt")
        try:
            with open(readme, "x", encoding="utf-8") as file:
                file.write(README_TEXT)
        except FileExistsError:
            continue
        files.append(readme)
    return {"directories": directories, "files": files}


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """Remove what ``set_up_directories`` made, and nothing else."""
    removed: list[str] = []
    if not created:
        return removed
    our_files = set(created.get("files") or ())
    our_directories = set(created.get("directories") or ())
    candidates = our_directories | {os.path.dirname(path) for path in our_files}
    for directory in sorted(candidates, key=lambda path: (-path.count(os.sep), path)):  # the deepest first
        try:
            content = sorted(os.path.join(directory, name) for name in os.listdir(directory))
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not our_files.issuperset(content):
            continue  # something still lies in it
        for path in content:
            os.unlink(path)
        if directory in our_directories:
            try:
                os.rmdir(directory)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                for path in content:  # an upload came at this very moment: leave all as it was
                    with open(path, "x", encoding="utf-8") as file:
                        file.write(README_TEXT)
                continue
            content.append(directory)
        removed += content
    return removed


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """Log that a worker slot is taken from now on."""
    log.info("Task %s is taken up: it holds a worker slot from now on", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100


def describe_exception(exception: BaseException) -> str:
    """Give the exception's type and its text."""
    return f"{type(exception).__name__}: {exception}"


class KataTrigger(BaseTrigger):
    """What all triggers here have in common: ``serialize``, one event, no exception but the cancellation."""

    class_path: ClassVar[str]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give the literal class path and every argument of ``__init__``, each kept under its own name."""
        names = [name for name in inspect.signature(type(self).__init__).parameters if name != "self"]
        return self.class_path, {name: copy.deepcopy(getattr(self, name)) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield exactly one event, then end."""
        errors: dict[str, str] = {}
        try:
            payload = await self.wait(errors)
        except Exception as exception:
            self.log.warning("The trigger has met something unexpected", exc_info=True)
            payload = self.error_payload("unexpected", describe_exception(exception), errors)
        yield TriggerEvent(payload)

    @abstractmethod
    async def wait(self, errors: dict[str, str]) -> dict[str, Any]:
        """Give the event's payload; note in ``errors`` what had to be left out."""

    @staticmethod
    def error_payload(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
        return {"status": "error", "error_type": error_type, "message": message, "errors": dict(errors)}

    @staticmethod
    def require_positive(**numbers: float) -> None:
        for name, number in numbers.items():
            if not number > 0:
                raise ValueError(f"{name} must be more than 0, not {number!r}")


def name_matches(name: str, pattern: str) -> bool:
    """Say whether the name matches as in a shell."""
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, pattern)


def matching_names(directory: str, patterns: Sequence[str], stop: threading.Event) -> list[str]:
    """List the regular files and links to such that match, by name."""
    names = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if stop.is_set():
                return []
            if any(name_matches(entry.name, pattern) for pattern in patterns):
                try:
                    if entry.is_file():
                        names.append(entry.name)
                except OSError:
                    if not entry.is_symlink():  # a link to nowhere says nothing about this directory
                        raise
    return sorted(names)


def stat_regular(directory: str, name: str) -> os.stat_result | None:
    """Look at a file; None if it is gone or another kind of thing by now."""
    try:
        result = os.stat(os.path.join(directory, name))
    except FileNotFoundError:
        return None
    return result if stat.S_ISREG(result.st_mode) else None


@dataclass
class Look:
    """What one look into one directory has found."""

    names: list[str] = field(default_factory=list)
    total: int = 0
    size: int = 0
    modified: str = ""

    @classmethod
    def of(cls, names: list[str], first: os.stat_result) -> Look:
        modified = datetime.fromtimestamp(first.st_mtime, timezone.utc).isoformat()
        return cls(names[:MAX_LISTED_FILES], len(names), first.st_size, modified)


Seen = dict[str, tuple[tuple[int, ...], float]]


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
    """What has come of one look; ``next_due`` is when the directory is looked into again."""

    watch: Watch
    asked_at: float
    next_due: float
    look: Look | None = None
    left_out: Exception | None = None
    broken: Exception | None = None


class DirectoryTrigger(KataTrigger):
    """Watch directories, each in an asyncio task of its own; the tasks report over a queue."""

    check_interval: float

    @abstractmethod
    def ordered_directories(self) -> list[str]:
        """Give the directories, the most important first."""

    @abstractmethod
    def look_into(self, directory: str, seen: Seen, stop: threading.Event, asked_at: float) -> Look:
        """Look once; blocks. ``asked_at`` is the beat, which all directories share, on the monotonic clock."""

    def extra_fields(self, directory: str, filename: str) -> dict[str, Any]:
        """Give what the payload holds besides."""
        return {}

    def pause_after_failure(self, failures: int) -> float | None:
        """Give the seconds until a failed look is repeated; None if it is not."""
        return self.check_interval

    def success_payload(self, hits: Sequence[tuple[str, Look]], errors: dict[str, str]) -> dict[str, Any]:
        """Put together what the looks have found, the most important directory first."""
        directory, look = hits[0]
        files: list[str] = []
        for place, found in hits:
            files += [os.path.join(place, name) for name in found.names[: MAX_LISTED_FILES - len(files)]]
        return {
            "status": "success",
            "directory": directory,
            "filename": look.names[0],
            "path": files[0],
            "size": look.size,
            "modified": look.modified,
            "files": files,
            "total_files": sum(found.total for _, found in hits),
            "errors": dict(errors),
            **self.extra_fields(directory, look.names[0]),
        }

    def leave_out(self, directory: str, exception: Exception, errors: dict[str, str]) -> None:
        errors[directory] = describe_exception(exception)
        self.log.warning("Directory %s is left out: %s", directory, errors[directory])

    def no_directory_left(self, errors: dict[str, str]) -> dict[str, Any]:
        listed = "; ".join(f"{directory} ({reason})" for directory, reason in sorted(errors.items()))
        return self.error_payload("directory_access", f"No directory is left to watch: {listed}", errors)

    def look_once(self) -> dict[str, Any] | None:
        """Look into all directories now, in this thread; None if nothing is there yet."""
        errors: dict[str, str] = {}
        hits = []
        directories = self.ordered_directories()
        for directory in directories:
            try:
                look = self.look_into(directory, {}, threading.Event(), time.monotonic())
            except (PermissionError, NotADirectoryError) as exception:
                self.leave_out(directory, exception, errors)
            except OSError as exception:
                self.log.info("Directory %s cannot be read now: %s", directory, exception)
            else:
                if look.total:
                    hits.append((directory, look))
        if hits:
            return self.success_payload(hits, errors)
        return self.no_directory_left(errors) if len(errors) == len(directories) else None

    async def wait(self, errors: dict[str, str]) -> dict[str, Any]:
        begin = get_running_loop().time()
        watches = [Watch(rank, path, begin) for rank, path in enumerate(self.ordered_directories())]
        reports: Queue[Report] = Queue()
        # Looks that hang hold a thread each: they must be ours, not those of the other triggers.
        limiter = anyio.CapacityLimiter(len(watches))
        stop = threading.Event()
        tasks: list[Task[None]] = [create_task(self.watch(watch, reports, limiter, stop)) for watch in watches]
        try:
            return await self.collect(watches, reports, errors)
        finally:
            stop.set()
            for running in tasks:
                running.cancel()
            await gather(*tasks, return_exceptions=True)

    async def watch(
        self, watch: Watch, reports: Queue[Report], limiter: anyio.CapacityLimiter, stop: threading.Event
    ) -> None:
        """Look into one directory again and again, and report each look."""
        loop = get_running_loop()
        origin, tick = watch.due, 0
        while True:
            await sleep(watch.due - loop.time())
            report = Report(watch, watch.due, math.inf)
            pause: float | None = None
            try:
                look_now = partial(self.look_into, watch.directory, watch.seen, stop, watch.due)
                report.look = await anyio.to_thread.run_sync(look_now, abandon_on_cancel=True, limiter=limiter)
                recovered, watch.failures = watch.failures > 0, 0
            except FileNotFoundError:  # may still be made
                watch.seen.clear()
                recovered, watch.failures = watch.failures > 0, 0
            except (PermissionError, NotADirectoryError) as exception:
                report.left_out = exception
            except OSError as exception:
                watch.failures += 1
                pause = self.pause_after_failure(watch.failures)
                if pause is None:
                    report.left_out = exception
            except Exception as exception:
                report.broken = exception
            now = loop.time()
            if report.left_out or report.broken:
                reports.put_nowait(report)
                return
            if pause is not None:
                watch.due = now + pause
            else:
                if recovered:
                    origin, tick = watch.due, 0
                # All watches keep the same beat, so that what they find at one time can be compared.
                tick = max(tick + 1, math.ceil((now - origin) / self.check_interval))
                watch.due = origin + tick * self.check_interval
            report.next_due = watch.due
            reports.put_nowait(report)

    async def collect(self, watches: list[Watch], reports: Queue[Report], errors: dict[str, str]) -> dict[str, Any]:
        """Wait for the first hit, and a little for the directories that are looked into at the same time."""
        loop = get_running_loop()
        hits: dict[int, tuple[str, Look]] = {}
        asked: list[float] = [watch.due for watch in watches]
        beat = deadline = math.inf
        while True:
            with anyio.move_on_after(None if deadline == math.inf else deadline - loop.time()) as patience:
                report = await reports.get()
            if patience.cancelled_caught:
                break
            watch = report.watch
            asked[watch.rank] = report.next_due
            if report.broken:
                raise report.broken
            if report.left_out:
                self.leave_out(watch.directory, report.left_out, errors)
                if len(errors) == len(watches):
                    return self.no_directory_left(errors)
            elif report.look and report.look.total:
                hits[watch.rank] = (watch.directory, report.look)
                if deadline == math.inf:
                    beat, deadline = report.asked_at, loop.time() + self.check_interval / 2
            # A look that has been under way since an earlier beat may hang, so it is not waited for.
            if hits and not any(beat - self.check_interval < due <= beat for due in asked):
                break
        return self.success_payload([hits[rank] for rank in sorted(hits)], errors)


class MultiDirectoryTrigger(DirectoryTrigger):
    """Watch several directories at once and fire when a file that matches is in any of them."""

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

    def look_into(self, directory: str, seen: Seen, stop: threading.Event, asked_at: float) -> Look:
        names = matching_names(directory, [self.file_pattern], stop)
        trouble: OSError | None = None
        for position, name in enumerate(names):
            try:
                if first := stat_regular(directory, name):
                    return Look.of(names[position:], first)
            except OSError as error:  # one bad file does not hide the good ones
                trouble = error
        if trouble:
            raise trouble
        return Look()


# ── Step 4: the deferrable sensor ─────────────────────────────────────────────────────────────────────────────────────


class WaitFailed(AirflowException):
    """
    A wait has ended without what was waited for. Given, complete: raise it in Step 4, recognise it in Step 6.

    :param event: what the trigger sent in place of a success: an error event, or anything else.
    :ivar error_type: the ``error_type`` of an error event, otherwise ``"unknown"``.
    """

    def __init__(self, event: Any) -> None:
        details = event if isinstance(event, dict) else {}
        super().__init__(str(details.get("message") or f"The trigger sent neither success nor error: {event!r}"))
        self.error_type = str(details.get("error_type") or "unknown")


def require_success(event: Any) -> dict[str, Any]:
    """Give the payload of a success; raise for everything else."""
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
        self._first_look: datetime | None = None

    def _trigger(self) -> MultiDirectoryTrigger:
        # Sensors may have an interval of 0, triggers must not: they would never let the others in.
        return MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval or 1)

    def _look(self) -> dict[str, Any] | None:
        payload = self._trigger().look_once()
        return payload and require_success(payload)

    @staticmethod
    def _result(payload: dict[str, Any], deferred: bool, since: datetime | None) -> dict[str, Any]:
        waited = None
        if since is not None:
            waited = max(0.0, (datetime.now(timezone.utc) - since).total_seconds())
        return {**payload, "deferred": deferred, "waited_seconds": waited}

    def execute(self, context: Context) -> dict[str, Any]:
        self._first_look = None
        if not self.deferrable:
            return super().execute(context)
        started_at = datetime.now(timezone.utc)
        if payload := self._look():
            return self._result(payload, False, started_at)
        self.defer(
            trigger=self._trigger(),
            method_name="execute_complete",
            kwargs={"started_at": started_at.isoformat()},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        if self._first_look is None:
            # In mode reschedule the first look was in another process; Airflow has kept its time.
            earlier = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
            self._first_look = earlier or datetime.now(timezone.utc)
        if payload := self._look():
            return PokeReturnValue(True, self._result(payload, False, self._first_look))
        return PokeReturnValue(False)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, started_at: str | None = None
    ) -> dict[str, Any]:
        since = datetime.fromisoformat(started_at) if started_at else None
        return self._result(require_success(event), True, since)


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


class FileRejected(Exception):
    """A file is no good: ``reason`` in one word, the text in more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def numbered_rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """Give the rows of a CSV file that are not empty, each with the number of the line where it begins."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        line = 1
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1


def count_rows(path: str) -> int:
    """Count the rows below the header, or reject the file."""
    header: list[str] | None = None
    count = 0
    problem: FileRejected | None = None
    for line, row in numbered_rows(path):  # to the end: what cannot be read comes before what is wrong in it
        if header is None:
            header = row
            if any(not name.strip() for name in header):
                problem = FileRejected("no_header", f"the header in line {line} has a blank name: {header}")
            continue
        count += 1
        if len(row) != len(header) and problem is None:
            problem = FileRejected("row_width", f"line {line} has {len(row)} fields, the header {len(header)}")
    if header is None:
        raise FileRejected("no_header", "there is no row at all")
    if problem:
        raise problem
    return count


def check_file(path: str) -> dict[str, Any]:
    """Give the entry of a good file, or raise ``FileRejected``."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise FileRejected("unreadable", "it is not a regular file")
        if not status.st_size:
            raise FileRejected("empty", "it has no bytes")
        if path.lower().endswith(".csv"):
            rows: int | None = count_rows(path)
        else:
            rows = None
            with open(path, "rb") as file:
                file.read(1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileRejected("missing", str(error)) from error
    except (OSError, ValueError, csv.Error) as error:
        raise FileRejected("unreadable", describe_exception(error)) from error
    return {"path": path, "size": status.st_size, "rows": rows}


def process_trigger_results(**context: Any) -> dict[str, Any]:
    """Check the files that ``monitor_client_uploads`` found, and pass on what is good."""
    found = context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID)
    if not (
        isinstance(found, dict)
        and isinstance(found.get("files"), list)
        and all(isinstance(path, str) for path in found["files"])
        and isinstance(found.get("total_files"), int)
        and (found.get("waited_seconds") is None or is_number(found["waited_seconds"]))
    ):
        raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is not the result of its sensor: {found!r}")
    valid: list[dict[str, Any]] = []
    invalid: list[dict[str, Any]] = []
    for path in found["files"]:
        try:
            entry = check_file(path)
        except FileRejected as rejection:
            invalid.append({"path": path, "reason": rejection.reason, "detail": str(rejection)})
            log.warning("File %s is no good (%s): %s", path, rejection.reason, rejection)
        else:
            valid.append(entry)
            log.info("File %s is good: %d bytes, %s rows", path, entry["size"], entry["rows"])
    return {
        "valid": valid,
        "invalid": invalid,
        "total_files": found["total_files"],
        "waited_seconds": found.get("waited_seconds"),
    }


def read_airflow_api(path: str) -> dict[str, Any]:
    """
    Read from Airflow's REST API. Given, complete: it is not what this exercise is about.

    The Airflow connection ``airflow_api`` says where the API is (host with scheme, port) and, unless it is open to all,
    who asks (login, password). A task has no access of its own to the public API.

    :param path: path and query, such as ``/api/v2/pools``.
    :return: the answer's JSON object.
    :raises AirflowNotFoundException: if there is no such connection.
    :raises OSError: if the API cannot be reached, refuses (401 …), or does not answer within 5 seconds.
    :raises ValueError: if the answer is not JSON.
    """
    connection = Connection.get(API_CONNECTION_ID)
    scheme, _, host = (connection.host or "localhost").rpartition("://")
    base_url = f"{scheme or 'http'}://{host}" + (f":{connection.port}" if connection.port else "")
    login = None
    if connection.login:
        login = json.dumps({"username": connection.login, "password": connection.password}).encode()
    token = _request(f"{base_url}/auth/token", {"Content-Type": "application/json"}, login)["access_token"]
    return _request(base_url + path, {"Authorization": f"Bearer {token}"})


def _request(url: str, headers: dict[str, str], data: bytes | None = None) -> dict[str, Any]:
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=API_TIMEOUT) as response:
        return json.load(response)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Measurement:
    """Figures, and for those that cannot be had the reason why."""

    def __init__(self) -> None:
        self.unavailable: dict[str, str] = {}

    def take(self, names: Sequence[str], measure: Callable[[], Any]) -> Any:
        try:
            return measure()
        except Exception as exception:
            for name in names:
                self.unavailable[name] = describe_exception(exception)
            return None


def sensor_result(ti: Any) -> dict[str, Any]:
    """Give the result of the sensor, or say why not."""
    found = ti.xcom_pull(task_ids=SENSOR_TASK_ID)
    if not isinstance(found, dict):
        raise LookupError(f"there is no result of {SENSOR_TASK_ID}")
    return found


def measured_wait(ti: Any) -> float:
    """Give the seconds that the sensor has waited, or say why not."""
    waited = sensor_result(ti).get("waited_seconds")
    if not is_number(waited):
        raise LookupError(f"the result of {SENSOR_TASK_ID} does not say how long it waited")
    return float(waited)


def was_deferred(ti: Any) -> bool:
    return sensor_result(ti).get("deferred") is True


def monitor_resource_usage(**context: Any) -> dict[str, Any]:
    """Measure what the waits of this DAG hold at this moment."""
    ti = context["ti"]
    measurement = Measurement()

    def count(state: str) -> Callable[[], int]:
        return lambda: int(ti.get_ti_count(dag_id=ti.dag_id, states=[state]))

    def pools() -> list[dict[str, Any]]:
        keys = ("name", "slots", "occupied_slots", "deferred_slots")
        return [{key: pool[key] for key in keys} for pool in read_airflow_api("/api/v2/pools")["pools"]]

    def triggerer_status() -> str:
        status = read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]
        if not isinstance(status, str):
            raise LookupError("the API knows of no triggerer")
        return status

    usage: dict[str, Any] = {
        "deferred_tasks": measurement.take(["deferred_tasks"], count("deferred")),
        "running_tasks": measurement.take(["running_tasks"], count("running")),
        "waited_seconds": measurement.take(["waited_seconds"], lambda: measured_wait(ti)),
        "saved_slot_seconds": measurement.take(
            ["saved_slot_seconds"], lambda: measured_wait(ti) if was_deferred(ti) else 0.0
        ),
        "triggerer_status": measurement.take(["triggerer_status"], triggerer_status),
        "pools": measurement.take(["pools"], pools),
        "unavailable": measurement.unavailable,
    }
    usage["recommendations"] = recommend(usage)
    log.info("Resource usage: %s", json.dumps(usage))
    return usage


def recommend(usage: dict[str, Any]) -> list[str]:
    """Say what follows from the figures."""
    advice = []
    saved = usage["saved_slot_seconds"]
    if usage["triggerer_status"] not in (None, "healthy"):
        advice.append(f"The triggerer is {usage['triggerer_status']}: start one, or deferred tasks never go on.")
    for pool in usage["pools"] or []:
        if 0 < pool["slots"] <= pool["occupied_slots"]:
            advice.append(f"Pool {pool['name']} is full: add slots, or defer more of what waits in it.")
    if saved:
        advice.append(f"Keep the sensor deferrable: it has left a worker slot to others for {saved:.1f} seconds.")
    elif saved is not None:
        advice.append("The wait has saved no worker slot: deferring pays only where files come late.")
    if usage["triggerer_status"] is None:
        advice.append(f"Make the connection {API_CONNECTION_ID} to see the triggerer and the pools too.")
    return advice or ["Let the sensor run once more: how long it waited is not known."]


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────

ADVICE = {
    "timeout": "check whether the client delivers at all, then raise the sensor's timeout or clear the task",
    "directory_access": "check that the directories exist and that the triggerer's user may read them",
    "triggerer_failure": "read the triggerer's log; the module of the trigger must be importable there",
    "serialization": "hand only plain JSON to the trigger, to defer(kwargs=...) and to the event",
    "unknown": "read the task's log",
}


def cause_of(exception: BaseException) -> str:
    """Tell the cause by one exception alone."""
    if isinstance(exception, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    if isinstance(exception, (PermissionError, NotADirectoryError, FileNotFoundError)):
        return "directory_access"
    if isinstance(exception, WaitFailed) and exception.error_type == "directory_access":
        return "directory_access"
    if isinstance(exception, TaskDeferralError):
        return "triggerer_failure"
    return "serialization" if speaks_of_serializing(f"{type(exception).__name__} {text_of(exception)}") else "unknown"


def speaks_of_serializing(text: str) -> bool:
    return re.search("seriali[sz]", text, re.IGNORECASE) is not None


def text_of(thing: Any) -> str:
    try:
        return "" if thing is None else str(thing)
    except Exception:
        return type(thing).__name__


def attribute(thing: Any, *names: str) -> str | None:
    """Follow names through keys or attributes; None if the way breaks or does not end at a text."""
    for name in names:
        try:
            thing = thing[name] if hasattr(thing, "__getitem__") else getattr(thing, name)
        except Exception:
            return None
    return str(thing) if isinstance(thing, str) else None


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """Say what failed, why, and what to do."""
    try:
        exception = context.get("exception")
    except Exception:
        exception = None
    cause = "unknown"
    if isinstance(exception, BaseException):
        chain: list[BaseException] = []
        link: BaseException | None = exception
        while link is not None and not any(link is seen for seen in chain):
            chain.append(link)
            link = link.__cause__
        cause = next((found for found in map(cause_of, chain) if found != "unknown"), "unknown")
    elif speaks_of_serializing(text_of(exception)):
        cause = "serialization"
    findings = {
        "task_id": attribute(context, "ti", "task_id") or attribute(context, "task", "task_id"),
        "run_id": attribute(context, "ti", "run_id") or attribute(context, "run_id"),
        "cause": cause,
        "message": text_of(exception),
        "advice": ADVICE[cause],
    }
    flat = " ".join(findings["message"].split())
    log.error("Task %s has failed (%s): %s; %s", findings["task_id"], cause, flat or "no message", findings["advice"])
    return findings


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────


def compare_approaches(**context: Any) -> dict[str, Any]:
    """Set the wait of this run beside what a traditional sensor would have held."""
    ti = context["ti"]
    measurement = Measurement()

    def states() -> dict[str, int]:
        of_run = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        return dict(Counter(str(state or "none") for state in of_run.values()))

    waited = measurement.take(["waited_seconds"], lambda: measured_wait(ti))
    deferred = Measurement().take([], lambda: was_deferred(ti))
    held = 0.0 if deferred and waited is not None else waited
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": None if waited is None or held is None else waited - held,
        "task_states": measurement.take(["task_states"], states),
        "unavailable": measurement.unavailable,
    }


def get(thing: Any, *keys: str) -> Any:
    """Follow keys through nested dicts; None if the way breaks."""
    for key in keys:
        thing = thing.get(key) if isinstance(thing, dict) else None
    return thing


def entries(thing: Any, key: str) -> list[Any]:
    value = get(thing, key)
    return value if isinstance(value, list) else []


def picture(bars: dict[str, float | None]) -> str:
    """Draw the bars as an image that lies within the page."""
    most = max([seconds for seconds in bars.values() if seconds], default=1.0)
    parts = []
    for number, (name, seconds) in enumerate(bars.items()):
        y = 10 + 40 * number
        label = "unavailable" if seconds is None else f"{seconds:.1f} s"
        parts.append(f'<rect x="120" y="{y}" width="{260 * (seconds or 0) / most:.1f}" height="24" fill="#36c"/>')
        parts.append(f'<text x="5" y="{y + 17}">{name}</text><text x="390" y="{y + 17}">{label}</text>')
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="500" height="90" font-size="14">{"".join(parts)}</svg>'
    return f'<img alt="slot seconds" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'


def listing(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>" if lines else "<p>none</p>"


def seconds_text(value: Any) -> str:
    return f"{value:.1f} s" if is_number(value) else "unavailable"


def write_atomically(path: str, text: str) -> None:
    """Put a file in place whole or not at all, with the permissions that any new file gets."""
    directory = os.path.dirname(os.path.abspath(path))
    os.makedirs(directory, exist_ok=True)
    draft = os.path.join(directory, f".{os.path.basename(path)}.{os.getpid()}.{threading.get_ident()}.{time.time_ns()}")
    try:
        with open(draft, "xb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        if os.path.lexists(draft):
            os.unlink(draft)
        raise


def generate_trigger_report(**context: Any) -> dict[str, Any]:
    """Write what this run has shown into ``REPORT_FILE``."""
    ti = context["ti"]
    pulls = {
        task_id: Measurement().take([], partial(ti.xcom_pull, task_ids=task_id))
        for task_id in ("process_trigger_results", "monitor_resource_usage", "compare_approaches")
    }
    processed, usage, comparison = pulls.values()
    valid = [str(entry["path"]) for entry in entries(processed, "valid")]
    invalid = [str(entry["path"]) for entry in entries(processed, "invalid")]
    reasons = [
        f"{entry['path']}: {entry.get('reason')} ({entry.get('detail')})" for entry in entries(processed, "invalid")
    ]
    missing = "<p>unavailable</p>"
    bars = {
        name: get(comparison, name, "slot_seconds") if is_number(get(comparison, name, "slot_seconds")) else None
        for name in ("traditional", "deferrable")
    }
    sections = {
        "Valid files": listing(valid) if isinstance(processed, dict) else missing,
        "Invalid files": listing(reasons) if isinstance(processed, dict) else missing,
        "Waited": f"<p>{seconds_text(get(comparison, 'waited_seconds'))}</p>",
        "Worker slots held": "".join(f"<p>{name}: {seconds_text(value)}</p>" for name, value in bars.items())
        + picture(bars),
        "Recommendations": listing([str(line) for line in entries(usage, "recommendations")])
        if isinstance(usage, dict)
        else missing,
    }
    run_id = attribute(ti, "run_id") or attribute(context, "run_id") or "unavailable"
    body = "".join(f"<h2>{title}</h2>{content}" for title, content in sections.items())
    page = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Trigger report</title></head>'
        f"<body><h1>Trigger report</h1><p>Run {html.escape(run_id)}</p>{body}</body></html>\n"
    )
    write_atomically(REPORT_FILE, page)
    return {"report_file": REPORT_FILE, "valid_files": valid, "invalid_files": invalid}


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class AdvancedMultiDirectoryTrigger(DirectoryTrigger):
    """``MultiDirectoryTrigger`` with stable files, priorities, several patterns and backoff."""

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
        if not directories or not isinstance(directories, dict):
            raise ValueError("directories must be a dict of one or more paths, each with its priority")
        if isinstance(file_patterns, str) or not file_patterns or not all(file_patterns):
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

    def look_into(self, directory: str, seen: Seen, stop: threading.Event, asked_at: float) -> Look:
        now_seen: Seen = {}
        stable: list[str] = []
        first: os.stat_result | None = None
        trouble: OSError | None = None
        for name in matching_names(directory, self.file_patterns, stop):
            if stop.is_set():
                return Look()
            try:
                status = stat_regular(directory, name)
            except OSError as error:
                trouble = error
                continue
            if status is None:
                continue
            signature = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            before, since = seen.get(name, (None, 0.0))
            if before != signature:
                # Counted from beat to beat, so that it is no matter of luck which of two files is stable first; the
                # file may not have been looked at before a little after the beat.
                since = max(time.monotonic(), asked_at + self.check_interval / 8)
            now_seen[name] = (signature, since)
            if not self.stable_seconds or asked_at - since >= self.stable_seconds:
                first = first or status
                stable.append(name)
        if trouble and not now_seen:
            raise trouble
        seen.clear()
        seen.update(now_seen)
        return Look.of(stable, first) if first else Look()


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def collect_trigger_metrics(**context: Any) -> dict[str, Any]:
    """Collect how the two sensors of ``trigger_implementation_exercise`` have done over all its runs."""
    ti = context["ti"]
    measurement = Measurement()

    def states_of_runs() -> dict[str, dict[str, str | None]]:
        states = ti.get_task_states(dag_id=EXERCISE_DAG_ID)
        return {run_id: {task_id: of_run[task_id] for task_id in of_run} for run_id, of_run in states.items()}

    def wait_of_run(run_id: str) -> float | None:
        found = ti.xcom_pull(task_ids=SENSOR_TASK_ID, dag_id=EXERCISE_DAG_ID, run_id=run_id)
        waited = get(found, "waited_seconds")
        return float(waited) if is_number(waited) else None

    def triggers() -> tuple[int, int]:
        path = "/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=1000"
        owners = [get(instance, "trigger", "triggerer_id") for instance in read_airflow_api(path)["task_instances"]]
        return sum(owner is not None for owner in owners), sum(owner is None for owner in owners)

    def pools() -> dict[str, float]:
        return {
            pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0
            for pool in read_airflow_api("/api/v2/pools")["pools"]
        }

    states = measurement.take(["runs"], states_of_runs)
    known = states or {}
    waits = Counter(
        str(of_run[task_id] or "none") for of_run in known.values() for task_id in WAITING_TASK_IDS if task_id in of_run
    )
    ended = waits["success"] + waits["failed"]
    pulled = [
        Measurement().take([], partial(wait_of_run, run_id))
        for run_id, of_run in known.items()
        if of_run.get(SENSOR_TASK_ID) == "success"
    ]
    seconds = [waited for waited in pulled if waited is not None]
    running, queued = measurement.take(["triggers_running", "triggers_queued"], triggers) or (None, None)
    metrics = {
        "runs": None if states is None else len(states),
        "waits": {state: number for state, number in waits.items() if number},
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
        "triggers_running": running,
        "triggers_queued": queued,
        "pool_utilization": measurement.take(["pool_utilization"], pools),
        "unavailable": measurement.unavailable,
    }
    log.info("Trigger metrics: %s", json.dumps(metrics))
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"
REQUEST_TIMEOUT = 5  # seconds


class AskingTrigger(KataTrigger):
    """Ask again and again until there is an answer that ends the wait."""

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
        """Give what all questions of one run share."""
        yield None

    @abstractmethod
    async def ask(self, tool: Any) -> dict[str, Any] | None:
        """Ask once; the payload, or None to ask again."""


class ApiTrigger(AskingTrigger):
    """Ask an HTTP service again and again, and fire when it says what is hoped for."""

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
        # Making a client reads certificates from the disk.
        build = partial(httpx.AsyncClient, timeout=REQUEST_TIMEOUT, follow_redirects=True)
        async with await anyio.to_thread.run_sync(build, abandon_on_cancel=True) as client:
            yield client

    async def ask(self, tool: httpx.AsyncClient) -> dict[str, Any] | None:
        try:
            with anyio.fail_after(REQUEST_TIMEOUT):
                response = await tool.get(self.url)
        except httpx.UnsupportedProtocol:
            raise
        except (httpx.RequestError, TimeoutError) as exception:
            self.log.debug("%s has not answered: %r", self.url, exception)
            return None
        if 400 <= response.status_code < 500:
            reason = f"HTTP status {response.status_code} {response.reason_phrase}"
            return self.error_payload("api", f"{self.url} refuses: {reason}", {self.url: reason})
        if response.status_code >= 500:
            return None
        answer = await anyio.to_thread.run_sync(self.parse, response.content, abandon_on_cancel=True)
        if not isinstance(answer, dict) or answer.get("status") != self.expected_status:
            return None
        return {"status": "success", "url": self.url, "answer": answer}

    @staticmethod
    def parse(content: bytes) -> Any:
        def refuse(constant: str) -> NoReturn:
            raise ValueError(f"{constant} is not JSON")

        try:
            return json.loads(content, parse_constant=refuse)
        except ValueError:
            return None


class BusinessRuleTrigger(AskingTrigger):
    """Ask a function of your own again and again, and fire when it agrees."""

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
        agreed, problem = await anyio.to_thread.run_sync(
            self.ask_rule, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1)
        )
        if problem:
            return self.error_payload("rule", f"Rule {self.rule} is broken: {problem}", {self.rule: problem})
        return {"status": "success", "rule": self.rule} if agreed else None

    def ask_rule(self) -> tuple[bool, str]:
        """Import and ask the rule; blocks, never raises, not even what would end the process."""
        try:
            module, _, name = self.rule.rpartition(".")
            verdict = getattr(importlib.import_module(module), name)(**copy.deepcopy(self.rule_kwargs or {}))
            if inspect.iscoroutine(verdict):
                verdict.close()
                raise TypeError("the rule is a coroutine function")
            return bool(verdict), ""
        except BaseException as exception:
            return False, describe_exception(exception)


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``."""

    def has_delivered(directory: str) -> bool:
        try:
            return bool(matching_names(directory, ["*.csv"], threading.Event()))
        except OSError:
            return False

    return sum(map(has_delivered, directories)) >= minimum


class WaitForTrigger(BaseSensorOperator):
    """Defer to any trigger whose events have a ``status``, and return what it found."""

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
    def prepare() -> dict[str, list[str]]:
        return set_up_directories()

    @teardown
    @task_of(task_id="clean_up_directories")
    def tidy(created: dict[str, list[str]] | None) -> list[str]:
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
        A sensor that pokes holds a **worker slot** until the file is there. This one defers: the *triggerer* waits, the
        worker slot is free meanwhile, and is taken again only when there is something to do.
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
    description="Publishes when the data is there, the time has come, and the API or a rule has given leave",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise"},
    tags=["kata", "exercise-4", "triggers"],
)
def orchestration() -> None:
    @task(trigger_rule="one_success")
    def approve() -> None:
        log.info("Leave was given")

    @task
    def publish() -> None:
        log.info("The data is published")

    published, approved = publish(), approve()
    [
        WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), timeout=3600),
        WaitForTrigger(
            task_id="wait_for_rule",
            trigger=BusinessRuleTrigger(
                "trigger_implementation_exercise.enough_clients_delivered",
                {"directories": CLIENT_DIRECTORIES, "minimum": 3},
            ),
            timeout=3600,
        ),
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
