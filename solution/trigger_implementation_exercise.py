"""
Exercise 4: triggers and deferrable operators.

Hundreds of clients upload files at any time. Today, one sensor per client holds a worker slot while it waits. When all
slots are taken, no other task can start.

Move the waiting out of the workers. A task that has to wait *defers*: it passes a *trigger*, a small asynchronous
object, to Airflow and frees its slot. The *triggerer*, a single process, runs hundreds of triggers on one event loop.
When the trigger fires an event, the task resumes in a new process.

Work from top to bottom. Every docstring is a contract: the checks test what it says and nothing else. So are the
comments of the DAGs at the end of the file, where each step adds its tasks. Do not change names, parameters or task
ids. You may add helpers, optional parameters and result keys. Data passed between processes (trigger arguments, events,
results) must survive ``json.loads(json.dumps(value))``; tuples may become lists. Importing the file causes no warnings.
"""

from __future__ import annotations

import asyncio
import csv
import fnmatch
import logging
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from importlib import import_module
from stat import S_ISREG
from typing import Any, NamedTuple, NoReturn

import httpx
import jinja2
import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import DAG, Asset, BaseSensorOperator, Connection, Context, PokeReturnValue
from airflow.triggers.base import BaseTrigger, TriggerEvent

try:
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowSensorTimeout,
        AirflowTaskTimeout,
        TaskDeferralError,
        TaskDeferralTimeout,
    )
except ImportError:  # Airflow 3.0 and 3.1
    from airflow.exceptions import (
        AirflowException,
        AirflowSensorTimeout,
        AirflowTaskTimeout,
        TaskDeferralError,
        TaskDeferralTimeout,
    )

log = logging.getLogger(__name__)

# The DAGs read and write only below this directory.
DATA_DIR = os.path.abspath(os.environ.get("KATA_DATA_DIR") or os.path.join(tempfile.gettempdir(), "trigger_kata"))
UPLOAD_FILE = os.path.join(DATA_DIR, "client_data", "upload.csv")
CLIENT_DIRECTORIES = [os.path.join(DATA_DIR, "uploads", f"client_{n}") for n in range(1, 6)]
REPORT_FILE = os.path.join(DATA_DIR, "monitoring", "trigger_report.html")

# ── Step 1: setup ─────────────────────────────────────────────────────────────────────────────────────────────────────


def set_up_directories() -> list[str]:
    """
    Create the directories that the DAG uses, and a README for each client.

    Create ``DATA_DIR``, the parent directories of ``UPLOAD_FILE`` and ``REPORT_FILE``, and all ``CLIENT_DIRECTORIES``.
    Each client directory gets a ``README.txt`` that tells the client what to upload. Leave existing paths unchanged.

    :return: absolute paths of the directories and files created below ``DATA_DIR`` (without it), in creation order.
    """
    created = []
    os.makedirs(DATA_DIR, exist_ok=True)
    for directory in [*map(os.path.dirname, [UPLOAD_FILE, REPORT_FILE, CLIENT_DIRECTORIES[0]]), *CLIENT_DIRECTORIES]:
        if not os.path.isdir(directory):
            os.mkdir(directory)
            created.append(directory)
    for readme in [os.path.join(directory, "README.txt") for directory in CLIENT_DIRECTORIES]:
        if not os.path.exists(readme):
            with open(readme, "w", encoding="utf-8") as file:
                file.write("Upload your CSV files here. They are processed within seconds.\n")
            created.append(readme)
    return created


def clean_up_directories(created: list[str] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` created, and nothing else.

    Go through ``created`` in reverse order. Remove each file, and each directory that is empty by then. Skip missing
    paths and non-empty directories, such as those with a client's upload.

    :param created: what ``set_up_directories`` returned, or None if there is no XCom.
    :return: the paths that were removed, in the order of removal.
    """
    removed = []
    for path in reversed(created or []):
        if os.path.isfile(path):
            os.remove(path)
        elif os.path.isdir(path) and not os.listdir(path):
            os.rmdir(path)
        else:
            continue
        removed.append(path)
    return removed


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """
    Log that a task has taken a worker slot: the ``on_execute_callback`` of ``wait_for_upload``.

    Log one line at INFO that contains the task id and the words "worker slot". A sensor in ``poke`` mode takes a slot
    once and keeps it. A deferrable sensor takes a slot once or twice, briefly each time.

    :param context: the task's context; ``context["ti"]`` is the task instance.
    """
    log.info("%s has taken a worker slot", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100

# Given. Threads for file access. asyncio's default executor has only CPU count + 4 threads, which everything in the
# triggerer shares, and a hung network drive blocks a thread until the drive responds.
DIRECTORY_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="directory")

# The design below is one executor call per directory and round. Where it ends, on 2 cores (docs/measurements.md):
# 1,000 triggers of five directories every 5 seconds are fine, also if a listing takes 20 ms. With 1,000 files in each
# directory, the listings take more than a core, and files are reported late: use a longer interval or more triggerers.
# Once 64 directories hang, no other directory is checked. For more on one triggerer, see lab/scaled_trigger.py.


class _File(NamedTuple):
    directory: str
    name: str
    path: str
    stat: os.stat_result


def _list_files(directory: str, *file_patterns: str) -> list[_File]:
    """Return the files that match any pattern, sorted by name. Blocks. Raises OSError if the listing fails."""
    files = []
    for name in sorted(_matching(os.listdir(directory), *file_patterns)):
        path = os.path.join(directory, name)
        with suppress(OSError):  # removed since the listing, or a broken link
            stat = os.stat(path)
            if S_ISREG(stat.st_mode):
                files.append(_File(directory, name, path, stat))
    return files


def _matching(names: Iterable[str], *file_patterns: str) -> set[str]:
    # Wherever Airflow runs, fnmatch.filter matches as fnmatchcase does, but compiles the pattern once.
    return {each for p in file_patterns for each in fnmatch.filter(names, p) if p[0] == "." or each[0] != "."}


def _result_of(check: Callable[[], list[_File]], directory: str, errors: dict[str, str]) -> list[_File]:
    """Return the files that a check found. Add the directory to ``errors`` if it can never be read."""
    try:
        return check()
    except FileNotFoundError:  # the directory may still be created
        return []
    except OSError as error:
        if isinstance(error, (PermissionError, NotADirectoryError)):
            errors[directory] = _reason(error)
        log.warning("Cannot check %s: %s", directory, _reason(error))
        return []


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _payload(files: list[_File], errors: dict[str, str], directories: Iterable[str]) -> dict[str, Any] | None:
    """Return the event's payload once there are files or all directories are excluded, None before that."""
    if files:
        first = files[0]
        return {
            "status": "success",
            "directory": first.directory,
            "filename": first.name,
            "path": first.path,
            "size": first.stat.st_size,
            "modified": datetime.fromtimestamp(first.stat.st_mtime, tz=timezone.utc).isoformat(),
            "files": [file.path for file in files[:MAX_LISTED_FILES]],
            "total_files": len(files),
            "errors": errors,
        }
    if errors.keys() >= set(directories):
        return _error_payload("directory_access", f"All directories are excluded: {errors}", errors)
    return None


def _error_payload(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors}


class MultiDirectoryTrigger(BaseTrigger):
    """
    Watch several directories at once and fire as soon as any of them has a matching file.

    *Matching files.* A regular file, or a symbolic link to one, directly inside a directory, whose name matches
    ``file_pattern`` (``fnmatch.fnmatchcase``). Hidden files match only if the pattern also starts with a dot. Existing
    files count. An entry that cannot be inspected, or disappears during the check, does not count.

    *Timing.* Check every directory immediately, then about every ``check_interval`` seconds. Fire no later than two
    intervals after a file appears, even if other directories are slow or never respond, as long as
    ``DIRECTORY_THREADS`` has a free thread. Do not check a directory again until its previous check has finished.

    *Directories.* A missing directory may be created later: keep watching it. Exclude a directory permanently if it
    cannot be read (``PermissionError``, ``NotADirectoryError``): log one warning with its path and list it in
    ``errors``. Any other ``OSError`` is transient: retry at the next check.

    *A good neighbor.* Hundreds of triggers share one event loop, so never block it: run file access and long
    computations in ``DIRECTORY_THREADS``. When cancelled, stop immediately and let the ``CancelledError`` propagate.
    Afterwards, no asyncio task is left and, once a check under way has returned, no open file. Never modify the file
    system, even on cancellation: a triggerer restart also cancels triggers. Instances share only ``DIRECTORY_THREADS``.
    """

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        """
        Validate and store the arguments, nothing else.

        No file or network access, no Airflow connection or variable, no clock, no event loop object such as a lock.

        :param directories: one or more paths, highest priority first.
        :param file_pattern: a shell-style wildcard for file names.
        :param check_interval: seconds between checks, above 0.
        :raises ValueError: if ``directories`` is empty or a ``str``, ``file_pattern`` is empty, or ``check_interval``
            is not above 0. (This happens in the worker, before deferring. In the triggerer it would stop the process.)
        """
        super().__init__()
        if isinstance(directories, str) or not directories:
            raise ValueError(f"directories must be a list of one or more paths, not {directories!r}")
        if not file_pattern or check_interval <= 0:
            raise ValueError(f"empty file_pattern, or check_interval not above 0: {file_pattern!r}, {check_interval!r}")
        self.directories = list(directories)
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Tell the triggerer how to re-create this trigger in another process.

        :return: the class path ``trigger_implementation_exercise.MultiDirectoryTrigger`` as a literal string, and a
            dict of all ``__init__`` arguments: the same before, during and after ``run()``. Do not build the path from
            ``__module__``: Airflow loads DAG files under generated module names, which the triggerer cannot import.
            (The DAG folder is not on its import path either; the kata adds it to ``PYTHONPATH``.)
        """
        return (
            "trigger_implementation_exercise.MultiDirectoryTrigger",
            {"directories": self.directories, "file_pattern": self.file_pattern, "check_interval": self.check_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then return. Only ``CancelledError`` may propagate from this method.

        Payload when files are found::

            {"status": "success", "directory": str, "filename": str, "path": str, "size": int, "modified": str,
             "files": [str, ...], "total_files": int, "errors": {directory: reason}}

        Report the files of all directories: give slower ones up to 0.1 seconds to respond. Sort them in the order of
        ``directories``, then by name; list each path once. Describe the first one: ``directory`` as written in
        ``directories``, ``path`` (``directory`` and ``filename`` joined), ``size`` in bytes, ``modified`` in ISO 8601,
        in UTC, ending in ``+00:00``. ``files`` lists the first 100 paths; ``total_files`` counts all. ``errors`` lists
        the excluded directories. Do not add a timestamp or event id.

        Payload when all directories are excluded, or on an unexpected exception::

            {"status": "error", "error_type": "directory_access" | "unexpected", "message": str, "errors": {...}}

        ``message`` says what happened; for an unexpected exception, its type and text.
        """
        try:
            payload = await self._wait_for_files()
        except Exception as error:
            self.log.exception("Watching %s failed", self.directories)
            payload = _error_payload("unexpected", _reason(error), {})
        yield TriggerEvent(payload)

    async def _wait_for_files(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        directories = list(dict.fromkeys(self.directories))
        checks: dict[str, asyncio.Future[list[_File]]] = {}  # under way
        errors: dict[str, str] = {}
        try:
            while True:
                next_round = loop.time() + self.check_interval
                for path in directories:
                    if path not in checks and path not in errors:
                        checks[path] = loop.run_in_executor(DIRECTORY_THREADS, _list_files, path, self.file_pattern)
                # Half an interval at most: the result of a slow or hung directory counts in a later round.
                await asyncio.wait(checks.values(), timeout=self.check_interval / 2)
                done = [path for path in directories if path in checks and checks[path].done()]
                files = [file for path in done for file in _result_of(checks.pop(path).result, path, errors)]
                if payload := _payload(files, errors, directories):
                    return payload
                await asyncio.sleep(next_round - loop.time())
        finally:
            for check in checks.values():
                check.cancel()  # a hung one keeps its thread


# ── Step 4: the deferrable sensor ─────────────────────────────────────────────────────────────────────────────────────


class WaitFailed(AirflowException):
    """
    Signal that waiting ended without success. Given: raise it in Step 4, recognize it in Step 6.

    :param event: the error event, or what arrived instead of a success event.
    :ivar error_type: the event's ``error_type``, or ``"unknown"`` if it has none.
    """

    def __init__(self, event: Any) -> None:
        details = event if isinstance(event, dict) else {}
        super().__init__(str(details.get("message") or f"The trigger sent neither success nor error: {event!r}"))
        self.error_type = str(details.get("error_type") or "unknown")


class MultiDirectorySensorAsync(BaseSensorOperator):
    """
    Wait for a file in any of several directories without holding a worker slot.

    In every mode, its result (XCom) is the success payload of ``MultiDirectoryTrigger`` plus

    * ``deferred``: True if the task deferred, False if a worker found the file;
    * ``waited_seconds``: float, seconds from the first check to the result; None if the time of the first check is
      unknown, as it may be in ``reschedule`` mode.

    ``directories`` and ``file_pattern`` are template fields. The sensor supports dynamic task mapping:
    ``MultiDirectorySensorAsync.partial(...).expand(directories=[["/data/one"], ["/data/two"]])``.
    """

    template_fields: Sequence[str] = ("directories", "file_pattern")

    def __init__(
        self, directories: list[str], file_pattern: str = "*.csv", deferrable: bool = True, **kwargs: Any
    ) -> None:
        """
        Store the arguments.

        :param directories: one or more paths, highest priority first.
        :param file_pattern: a shell-style wildcard for file names.
        :param deferrable: True to wait in the triggerer; False to wait in a worker, in ``poke`` or ``reschedule`` mode,
            as existing DAGs do.
        :param kwargs: passed to ``BaseSensorOperator``: ``timeout``, ``poke_interval``, ``mode``, ``soft_fail`` …
        """
        super().__init__(**kwargs)
        self.directories = directories
        self.file_pattern = file_pattern
        self.deferrable = deferrable
        self._started_at: float | None = None  # set in poke mode: there, one process does all checks

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Check once. If there is no matching file, defer.

        Defer with a ``MultiDirectoryTrigger`` that checks every ``poke_interval`` seconds; resume in
        ``execute_complete``. Pass the sensor's ``timeout`` to ``defer``: Airflow does not do it. Changes to ``self``
        are lost on deferral: pass what ``execute_complete`` needs in ``defer(kwargs=...)`` or as an XCom.
        With ``deferrable=False``, let ``BaseSensorOperator.execute`` do the waiting; it calls ``poke``.

        :return: the result, if a matching file was found.
        :raises WaitFailed: if all directories are excluded.
        """
        started_at = time.time()
        if not self.deferrable:
            self._started_at = None if self.reschedule else started_at
            return super().execute(context)
        if payload := self._check():
            return self._result(payload, started_at, deferred=False)
        trigger = MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval)
        timeout = timedelta(seconds=self.timeout)
        self.defer(trigger=trigger, method_name="execute_complete", kwargs={"started_at": started_at}, timeout=timeout)

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Check once, for ``deferrable=False``.

        :return: ``is_done`` tells whether a matching file was found; if so, ``xcom_value`` is the result.
        :raises WaitFailed: if all directories are excluded.
        """
        if payload := self._check():
            return PokeReturnValue(is_done=True, xcom_value=self._result(payload, self._started_at, deferred=False))
        return PokeReturnValue(is_done=False)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, started_at: Any = None
    ) -> dict[str, Any]:
        """
        Resume after the trigger has fired. (After a timeout or trigger crash, Airflow fails the task instead.)

        :param event: the event's payload.
        :param started_at: the value passed by ``execute``; may be missing. You may rename this parameter.
        :return: the result.
        :raises WaitFailed: if the event is missing or empty, or its status is not ``"success"``.
        """
        if not event or event.get("status") != "success":
            raise WaitFailed(event)
        return self._result(event, started_at, deferred=True)

    def _check(self) -> dict[str, Any] | None:
        files, errors = [], {}
        for directory in dict.fromkeys(self.directories):
            files += _result_of(partial(_list_files, directory, self.file_pattern), directory, errors)
        payload = _payload(files, errors, self.directories)
        if payload and payload["status"] == "error":
            raise WaitFailed(payload)
        return payload

    def _result(self, payload: dict[str, Any], started_at: float | None, deferred: bool) -> dict[str, Any]:
        waited = None if started_at is None else time.time() - started_at
        return {**payload, "deferred": deferred, "waited_seconds": waited}


# ── Step 5: process the files found ───────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"


def process_trigger_results(**context: Any) -> dict[str, Any]:
    """
    Validate the files that ``monitor_client_uploads`` found.

    Pull the sensor's result from XCom and validate each of its ``files``. Log one line per file, at INFO or above, with
    its path and the outcome. An invalid file does not fail the task.

    A file is valid if it is not empty and can be read. A ``.csv`` file is read as UTF-8 with ``csv.reader``; its first
    row is the header.

    :return: ``{"valid": [{"path": str, "size": int, "rows": int | None}, ...], "invalid": [{"path": str, "reason": str,
        "detail": str}, ...], "total_files": int, "waited_seconds": float | None}``, both lists in the order of
        ``files``. ``size`` is in bytes. ``rows`` counts the rows below the header; None if the file is not ``.csv``.
        ``reason`` is ``"missing"``, ``"empty"`` (no bytes) or ``"unreadable"`` (cannot be opened, is not a regular
        file, or is not UTF-8 CSV); ``detail`` explains it. ``total_files`` and ``waited_seconds`` are the sensor's.
    :raises AirflowException: if the XCom is not a dict with a list ``files``; the text contains the sensor's task id.
    """
    result = context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID)
    if not isinstance(result, dict) or not isinstance(result.get("files"), list):
        raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is no result of the sensor: {result!r}")
    entries = [_validate(path) for path in result["files"]]
    for entry in entries:
        log.info("%s: %s", entry["path"], entry.get("reason", "valid"))
    return {
        "valid": [entry for entry in entries if "reason" not in entry],
        "invalid": [entry for entry in entries if "reason" in entry],
        "total_files": result.get("total_files"),
        "waited_seconds": result.get("waited_seconds"),
    }


def _validate(path: str) -> dict[str, Any]:
    """Return the file's entry in ``valid`` or ``invalid``."""
    try:
        size = os.path.getsize(path)
        if not os.path.isfile(path):
            raise OSError("not a regular file")
        with open(path, encoding="utf-8", newline="") as file:
            rows = sum(1 for _ in csv.reader(file)) - 1 if path.endswith(".csv") else None
    except FileNotFoundError as error:
        return {"path": path, "reason": "missing", "detail": _reason(error)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return {"path": path, "reason": "unreadable", "detail": _reason(error)}
    if size == 0:
        return {"path": path, "reason": "empty", "detail": "The file has no bytes."}
    return {"path": path, "size": size, "rows": rows}


def read_airflow_api(path: str) -> dict[str, Any]:
    """
    Read from Airflow's REST API. Given.

    The connection ``airflow_api`` has the host with scheme, the port and, if the API requires them, login and password.

    :param path: for example ``/api/v2/pools``.
    :return: the JSON object in the response.
    :raises Exception: if the connection is missing, or the API is unreachable, fails, or stalls for 5 seconds.
    """
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


def monitor_resource_usage(**context: Any) -> dict[str, Any]:
    """
    Measure the resources that this DAG's waiting tasks use now. If a value is unavailable, report None.

    Use the task instance and ``read_airflow_api``. An error in either must not fail the task. Log the result at INFO.

    :return: a dict with

        * ``deferred_tasks``, ``running_tasks``: int, number of this DAG's task instances in that state, in all runs
          (``ti.get_ti_count``);
        * ``waited_seconds``: float, from the sensor's XCom;
        * ``saved_slot_seconds``: float, ``waited_seconds`` if the sensor deferred, 0 if it did not; None if
          ``waited_seconds`` is None;
        * ``triggerer_status``: str, ``triggerer.status`` from ``/api/v2/monitor/health``;
        * ``pools``: list of ``{"name", "slots", "occupied_slots", "deferred_slots"}`` from ``/api/v2/pools``;
        * ``unavailable``: ``{name: reason}`` for each value above that is None;
        * ``recommendations``: list of one or more sentences based on these values. They say that nothing was saved only
          if ``saved_slot_seconds`` is 0.
    """
    ti = context["ti"]
    unavailable: dict[str, str] = {}

    count = partial(ti.get_ti_count, dag_id=ti.dag_id)
    waited, saved = measure("waited_seconds", lambda: _waiting_time(ti), unavailable) or (None, None)
    usage = {
        "deferred_tasks": measure("deferred_tasks", lambda: count(states=["deferred"]), unavailable),
        "running_tasks": measure("running_tasks", lambda: count(states=["running"]), unavailable),
        "waited_seconds": waited,
        "saved_slot_seconds": measure("saved_slot_seconds", lambda: saved, unavailable),
        "triggerer_status": measure("triggerer_status", _triggerer_status, unavailable),
        "pools": measure("pools", _pools, unavailable),
        "unavailable": unavailable,
        "recommendations": [_recommendation(saved)],
    }
    log.info("Resource usage: %s", usage)
    return usage


def _waiting_time(ti: Any) -> tuple[float, float]:
    """Return the seconds that the sensor waited, and for how many of them it held no worker slot."""
    result = ti.xcom_pull(task_ids=SENSOR_TASK_ID)
    waited = result.get("waited_seconds") if isinstance(result, dict) else None
    if waited is None:
        raise ValueError(f"the XCom of {SENSOR_TASK_ID} has no waited_seconds")
    return waited, waited if result.get("deferred") else 0.0


def _triggerer_status() -> str | None:
    return read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]


def _pools() -> list[dict[str, Any]]:
    keys = ("name", "slots", "occupied_slots", "deferred_slots")
    return [{key: pool[key] for key in keys} for pool in read_airflow_api("/api/v2/pools")["pools"]]


def _recommendation(saved: float | None) -> str:
    if saved is None:
        return "Find out why the waiting time is unknown: `unavailable` has the reason."
    if saved == 0:
        return "Deferring saved nothing this time: the sensor did not defer."
    return f"Keep deferring: a worker slot was free for {saved:.0f} seconds while the sensor waited."


# ── Step 6: handle failures ───────────────────────────────────────────────────────────────────────────────────────────

_ADVICE = {
    "timeout": "No file arrived in time. Ask the client, or raise the sensor's timeout.",
    "directory_access": "Check that the directories exist and that the user of the triggerer can read them.",
    "triggerer_failure": "Read the trigger's traceback above. Check that the triggerer can import the trigger.",
    "serialization": "Pass plain JSON only to the trigger and to defer(kwargs=...).",
    "unknown": "Read the log of this task.",
}


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """
    Explain why a sensor failed: the ``on_failure_callback`` of both sensors. Never raise.

    Log exactly one record, at ERROR, with the task id, the cause and the advice.

    :param context: ``context["exception"]`` may be missing, None or a ``str``; ``context["ti"]`` may be missing.
    :return: ``{"task_id": str | None, "run_id": str | None, "cause": str, "message": str, "advice": str}``.
        ``message`` is the exception's text, or ``""`` without an exception. ``cause`` is the first of the following
        that applies to the exception. If only ``"unknown"`` applies, try ``__cause__``, and so on:

        * ``"timeout"``: ``AirflowSensorTimeout``, ``TaskDeferralTimeout``, ``AirflowTaskTimeout``;
        * ``"directory_access"``: ``PermissionError``, ``NotADirectoryError``, ``FileNotFoundError``, and ``WaitFailed``
          with this ``error_type``;
        * ``"triggerer_failure"``: ``TaskDeferralError`` (the trigger crashed or could not be loaded);
        * ``"serialization"``: any other exception, or a ``str``, whose type name or text contains "serializ"
          (case-insensitive);
        * ``"unknown"``: everything else.
    """
    ti, exception = context.get("ti"), context.get("exception")
    cause, error = "unknown", exception
    while error is not None and cause == "unknown":
        cause, error = _cause(error), getattr(error, "__cause__", None)
    failure = {
        "task_id": getattr(ti, "task_id", None),
        "run_id": getattr(ti, "run_id", None),
        "cause": cause,
        "message": "" if exception is None else str(exception),
        "advice": _ADVICE[cause],
    }
    log.error("%(task_id)s failed, cause: %(cause)s. %(advice)s", failure)
    return failure


def _cause(error: BaseException | str) -> str:
    if isinstance(error, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    excluded = isinstance(error, WaitFailed) and error.error_type == "directory_access"
    if excluded or isinstance(error, (PermissionError, NotADirectoryError, FileNotFoundError)):
        return "directory_access"
    if isinstance(error, TaskDeferralError):
        return "triggerer_failure"
    return "serialization" if "serializ" in f"{type(error).__name__} {error}".lower() else "unknown"


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────

# Given. For its variables, see generate_trigger_report.
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
    """
    Compare the slot time of this run's sensor with that of a sensor in ``poke`` mode. Never guess.

    :return: a dict with

        * ``waited_seconds``: float | None, from the sensor's XCom;
        * ``traditional``: ``{"slot_seconds": waited_seconds, "slots_for_100_waits": 100}``;
        * ``deferrable``: ``{"slot_seconds": float | None, "slots_for_100_waits": 0}``: ``slot_seconds`` is 0 if the
          sensor deferred, ``waited_seconds`` if it did not, None if ``waited_seconds`` is None;
        * ``saved_slot_seconds``: ``traditional`` minus ``deferrable`` slot seconds, None if unknown;
        * ``task_states``: ``{state: int}``, this run's task count per state (``ti.get_task_states``), "none" for no
          state; or None;
        * ``unavailable``: ``{name: reason}`` for ``waited_seconds`` and ``task_states``, if None.
    """
    ti = context["ti"]
    unavailable: dict[str, str] = {}

    def count_states() -> dict[str, int]:
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        return dict(Counter(state or "none" for state in states.values()))

    waited, saved = measure("waited_seconds", lambda: _waiting_time(ti), unavailable) or (None, None)
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": None if waited is None else waited - saved, "slots_for_100_waits": 0},
        "saved_slot_seconds": saved,
        "task_states": measure("task_states", count_states, unavailable),
        "unavailable": unavailable,
    }


def generate_trigger_report(**context: Any) -> dict[str, Any]:
    """
    Render ``REPORT_TEMPLATE`` into ``REPORT_FILE``.

    Pass it ``run_id``, ``processed``, ``usage`` and ``comparison``: the run id and the XComs of
    ``process_trigger_results``, ``monitor_resource_usage`` and ``compare_approaches``, with ``{}`` for a missing XCom.
    Create its directory if needed.

    :return: ``{"report_file": str, "valid_files": [str, ...], "invalid_files": [str, ...]}``; all values are paths.
    """
    ti = context["ti"]
    task_ids = ("process_trigger_results", "monitor_resource_usage", "compare_approaches")
    processed, usage, comparison = (ti.xcom_pull(task_ids=task_id) or {} for task_id in task_ids)
    page = REPORT_TEMPLATE.render(run_id=ti.run_id, processed=processed, usage=usage, comparison=comparison)
    os.makedirs(os.path.dirname(REPORT_FILE), exist_ok=True)
    with open(REPORT_FILE, "w", encoding="utf-8") as file:
        file.write(page)
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in processed.get("valid", [])],
        "invalid_files": [file["path"] for file in processed.get("invalid", [])],
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class AdvancedMultiDirectoryTrigger(BaseTrigger):
    """
    Watch directories for files that are complete: like ``MultiDirectoryTrigger``, except for the following.

    *Stable files.* A file counts once its size, modification time and inode have stayed the same for
    ``stable_seconds``, measured from the first check that saw them. If the file changes, or disappears and returns,
    start over; so does a re-created trigger. With ``stable_seconds`` 0, a file counts at the first check that sees it.
    Fire no later than two intervals after a file becomes stable.

    *Priority.* Report the stable file in the directory with the lowest number; between equal numbers, order by
    directory path, then by file name. Never delay a stable file because of an unstable file with a higher priority.
    A file matches if its name matches any of ``file_patterns``.

    *Backoff.* After the nth transient error of a directory in a row, check it again after
    ``min(backoff_base * 2 ** (n - 1), backoff_cap)`` seconds, even if that is less than ``check_interval``, and start
    the stability of its files over. A successful check resets n; a missing directory counts as a successful check that
    found nothing. After ``max_retries`` failed retries in a row, exclude the directory like one that cannot be read.
    Meanwhile, check the other directories as usual.
    """

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
        """
        Validate and store the arguments, nothing else.

        :param directories: one or more paths, each with its priority; 1 comes before 2.
        :param file_patterns: one or more shell-style wildcards for file names.
        :param check_interval: seconds between checks, above 0.
        :param stable_seconds: seconds without a change, 0 or more.
        :param max_retries: number of retries in a row before a directory is excluded, 0 or more.
        :param backoff_base: seconds before the first retry, above 0.
        :param backoff_cap: maximum seconds before a retry, above 0.
        :raises ValueError: if ``directories`` or ``file_patterns`` is empty, ``file_patterns`` is a ``str``, or a
            number is out of its range.
        """
        super().__init__()
        if not directories or not file_patterns or isinstance(file_patterns, str):
            raise ValueError(f"one or more directories and a list of patterns: {directories!r}, {file_patterns!r}")
        if min(check_interval, backoff_base, backoff_cap) <= 0 or min(stable_seconds, max_retries) < 0:
            raise ValueError("the interval and the backoff must be above 0, the other numbers 0 or more")
        self.directories = dict(directories)
        self.file_patterns = list(file_patterns)
        self.check_interval = check_interval
        self.stable_seconds = stable_seconds
        self.max_retries = max_retries
        self.backoff_base = backoff_base
        self.backoff_cap = backoff_cap

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return ``trigger_implementation_exercise.AdvancedMultiDirectoryTrigger`` and all ``__init__`` arguments."""
        names = ["directories", "file_patterns", "check_interval", "stable_seconds"]
        names += ["max_retries", "backoff_base", "backoff_cap"]
        arguments = {name: getattr(self, name) for name in names}
        return "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then return.

        The payloads are those of ``MultiDirectoryTrigger``, about the stable files only. The success payload also has
        ``pattern``, the first of ``file_patterns`` that the file matches, and ``priority``, that of its directory.
        """
        try:
            payload = await self._wait_for_stable_files()
        except Exception as error:
            self.log.exception("Watching %s failed", list(self.directories))
            payload = _error_payload("unexpected", _reason(error), {})
        yield TriggerEvent(payload)

    async def _wait_for_stable_files(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        ranked = sorted(self.directories, key=lambda path: (self.directories[path], path))
        watched = {path: _Watched() for path in ranked}
        checks: dict[str, asyncio.Future[list[_File]]] = {}  # under way
        errors: dict[str, str] = {}
        try:
            while True:
                due = [path for path in ranked if path not in checks and watched[path].next_check <= loop.time()]
                for path in due:
                    watched[path].next_check = loop.time() + self.check_interval
                    checks[path] = loop.run_in_executor(DIRECTORY_THREADS, _list_files, path, *self.file_patterns)
                if due:
                    await asyncio.wait([checks[path] for path in due], timeout=self.check_interval / 2)
                for path in [path for path in ranked if path in checks and checks[path].done()]:
                    self._record(checks.pop(path).result, path, watched[path], errors)
                stable = [file for path in ranked for file in watched[path].stable]
                if payload := _payload(stable, errors, ranked):
                    return {**payload, **self._details(stable)}
                next_checks = [watched[path].next_check for path in ranked if path not in checks]
                await asyncio.sleep(min(next_checks, default=loop.time() + self.check_interval) - loop.time())
        finally:
            for check in checks.values():
                check.cancel()

    def _record(self, check: Callable[[], list[_File]], path: str, watched: _Watched, errors: dict[str, str]) -> None:
        """Record what a check found, or that it failed."""
        now, files = asyncio.get_running_loop().time(), []
        try:
            files, watched.failures = check(), 0
        except FileNotFoundError:  # the directory may still be created
            watched.failures = 0
        except OSError as error:
            watched.failures += 1
            watched.next_check = now + min(self.backoff_base * 2.0 ** min(watched.failures - 1, 60), self.backoff_cap)
            if watched.failures > self.max_retries or isinstance(error, (PermissionError, NotADirectoryError)):
                errors[path], watched.next_check = _reason(error), math.inf
                self.log.warning("Excluding %s permanently: %s", path, errors[path])
        watched.since = {_version(file): watched.since.get(_version(file), now) for file in files}
        watched.stable = [file for file in files if now - watched.since[_version(file)] >= self.stable_seconds]

    def _details(self, stable: list[_File]) -> dict[str, Any]:
        patterns = [each for file in stable[:1] for each in self.file_patterns if _matching([file.name], each)]
        return {"pattern": patterns[0], "priority": self.directories[stable[0].directory]} if stable else {}


@dataclass
class _Watched:
    """What is known about a directory. Times are in seconds on the event loop's clock."""

    next_check: float = 0
    failures: int = 0  # in a row
    since: dict[tuple[str, int, int, int], float] = field(default_factory=dict)  # first check that saw this version
    stable: list[_File] = field(default_factory=list)


def _version(file: _File) -> tuple[str, int, int, int]:
    """Return what changes when the file is written or replaced."""
    return file.name, file.stat.st_size, file.stat.st_mtime_ns, file.stat.st_ino


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def collect_trigger_metrics(**context: Any) -> dict[str, Any]:
    """
    Collect metrics about the two sensors of ``trigger_implementation_exercise``, over all its runs.

    Use ``ti.get_task_states(dag_id=...)``, which returns ``{run_id: {task_id: state}}``, the XComs
    (``ti.xcom_pull(task_ids=..., dag_id=..., run_id=...)``) and ``read_airflow_api``. An error in any of them must not
    fail the task. The task may belong to another DAG. Log the metrics at INFO.

    :return: a dict with

        * ``runs``: int, number of runs;
        * ``waits``: ``{state: int}``, number of the sensors' task instances per state, "none" for no state; empty if
          the states are unavailable. A run that has no such task is not counted here;
        * ``success_rate``, ``failure_rate``: float from 0 to 1, share of ``success`` and of ``failed`` in the waits
          that ended in one of the two; None if there are none;
        * ``average_wait_seconds``, ``longest_wait_seconds``: float, over the runs whose ``monitor_client_uploads``
          succeeded and whose ``waited_seconds`` is known; None if there are none;
        * ``triggers_running``, ``triggers_queued``: int, number of deferred tasks of all DAGs that a triggerer runs,
          and that none runs because ``trigger`` or ``trigger.triggerer_id`` is null; from ``task_instances`` in
          ``/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100``;
        * ``pool_utilization``: ``{pool: float}``, ``occupied_slots / slots`` from ``/api/v2/pools``; 0 for a pool with
          no slots or with unlimited slots (-1);
        * ``unavailable``: ``{name: reason}`` for ``runs``, ``triggers_running``, ``triggers_queued`` and
          ``pool_utilization``, if None.
    """
    ti = context["ti"]
    unavailable: dict[str, str] = {}
    runs = measure("runs", lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID), unavailable)
    states = [(run_id, task_id, state) for run_id, tasks in (runs or {}).items() for task_id, state in tasks.items()]
    waits = Counter(state or "none" for _, task_id, state in states if task_id in WAITING_TASK_IDS)
    ended = waits["success"] + waits["failed"]
    succeeded = [run_id for run_id, task_id, state in states if (task_id, state) == (SENSOR_TASK_ID, "success")]
    waited = [seconds for run_id in succeeded if (seconds := _waited_in_run(ti, run_id)) is not None]
    metrics = {
        "runs": None if runs is None else len(runs),
        "waits": dict(waits),
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(waited) / len(waited) if waited else None,
        "longest_wait_seconds": max(waited, default=None),
        "triggers_running": measure("triggers_running", lambda: _count_triggers(assigned=True), unavailable),
        "triggers_queued": measure("triggers_queued", lambda: _count_triggers(assigned=False), unavailable),
        "pool_utilization": measure("pool_utilization", _pool_utilization, unavailable),
        "unavailable": unavailable,
    }
    log.info("Trigger metrics: %s", metrics)
    return metrics


def _waited_in_run(ti: Any, run_id: str) -> float | None:
    pull = partial(ti.xcom_pull, task_ids=SENSOR_TASK_ID, dag_id=EXERCISE_DAG_ID, run_id=run_id)
    return measure(run_id, lambda: pull()["waited_seconds"], unavailable={})


def _count_triggers(assigned: bool) -> int:
    tasks = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")["task_instances"]
    triggerers = [(task["trigger"] or {}).get("triggerer_id") for task in tasks]
    return sum((triggerer is not None) == assigned for triggerer in triggerers)


def _pool_utilization() -> dict[str, float]:
    pools = read_airflow_api("/api/v2/pools")["pools"]
    return {pool["name"]: max(pool["occupied_slots"] / pool["slots"], 0.0) if pool["slots"] else 0.0 for pool in pools}


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────

PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


class ApiTrigger(BaseTrigger):
    """
    Request ``url`` until the JSON object in the response has ``expected_status`` as its ``status``.

    Like ``MultiDirectoryTrigger``, be a good neighbor, yield one event, and let only ``CancelledError`` propagate.
    """

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        """
        Validate and store the arguments, nothing else.

        :param check_interval: seconds between requests, above 0.
        :raises ValueError: if ``url`` is empty or ``check_interval`` is not above 0.
        """
        super().__init__()
        if not url or check_interval <= 0:
            raise ValueError(f"empty url, or check_interval not above 0: {url!r}, {check_interval!r}")
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return ``trigger_implementation_exercise.ApiTrigger`` and all ``__init__`` arguments."""
        return (
            "trigger_implementation_exercise.ApiTrigger",
            {"url": self.url, "expected_status": self.expected_status, "check_interval": self.check_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Send a GET request immediately, then about every ``check_interval`` seconds. Follow redirects.

        When the response has the expected status, the payload is ``{"status": "success", "url": str, "answer": {...}}``
        with the JSON object as ``answer``.

        An HTTP status from 400 to 499 is permanent, except 408, 425 and 429. The payload is then ``{"status": "error",
        "error_type": "api", "message": str, "errors": {url: reason}}``. On an unexpected exception, such as an invalid
        URL, the ``error_type`` is ``"unexpected"``. Everything else is transient, including another ``status``, a body
        that is not a JSON object, the HTTP statuses 408, 425, 429 and 500 to 599, all connection errors (refused,
        reset, unknown host), and a request that takes more than 5 seconds in all.
        """
        try:
            payload = await self._wait_for_status()
        except Exception as error:
            self.log.exception("Requesting %s failed", self.url)
            payload = _error_payload("unexpected", _reason(error), {self.url: _reason(error)})
        yield TriggerEvent(payload)

    async def _wait_for_status(self) -> dict[str, Any]:
        # In a thread: a new client reads the certificates of the machine.
        async with await asyncio.to_thread(httpx.AsyncClient, follow_redirects=True) as client:
            while True:
                try:
                    response = await asyncio.wait_for(client.get(self.url), timeout=5)
                    if response.is_client_error and response.status_code not in (408, 425, 429):
                        reason = f"HTTP status {response.status_code}"
                        return _error_payload("api", f"{self.url} responded with {reason}", {self.url: reason})
                    answer = response.raise_for_status().json()
                    if isinstance(answer, dict) and answer.get("status") == self.expected_status:
                        return {"status": "success", "url": self.url, "answer": answer}
                except httpx.UnsupportedProtocol:  # an invalid URL stays invalid
                    raise
                except (httpx.HTTPError, asyncio.TimeoutError, ValueError) as error:
                    self.log.warning("Requesting %s failed, retrying: %s", self.url, _reason(error))
                await asyncio.sleep(self.check_interval)


class BusinessRuleTrigger(BaseTrigger):
    """
    Call a function until it returns something true.

    A function cannot be serialized, but its import path can. The function may block. Like ``MultiDirectoryTrigger``, be
    a good neighbor, yield one event, and let only ``CancelledError`` propagate.
    """

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        """
        Validate and store the arguments, nothing else.

        :param rule: the import path of the function, ``module.function``. Do not import it here.
        :param rule_kwargs: the function's keyword arguments; None for none.
        :param check_interval: seconds between calls, above 0.
        :raises ValueError: if ``rule`` is not a ``str`` that contains a dot, or ``check_interval`` is not above 0.
        """
        super().__init__()
        if not isinstance(rule, str) or "." not in rule or check_interval <= 0:
            raise ValueError(f"no import path, or check_interval not above 0: {rule!r}, {check_interval!r}")
        self.rule = rule
        self.rule_kwargs = rule_kwargs
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return ``trigger_implementation_exercise.BusinessRuleTrigger`` and all ``__init__`` arguments."""
        return (
            "trigger_implementation_exercise.BusinessRuleTrigger",
            {"rule": self.rule, "rule_kwargs": self.rule_kwargs, "check_interval": self.check_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Call the function immediately, then about every ``check_interval`` seconds.

        When it returns something true, the payload is ``{"status": "success", "rule": str}``. If the function cannot be
        imported, raises or exits, the payload is ``{"status": "error", "error_type": "rule", "message": str, "errors":
        {rule: reason}}``; both ``message`` and the reason contain the exception's type and text.
        """
        loop = asyncio.get_running_loop()
        call = partial(_call_rule, self.rule, self.rule_kwargs or {})
        while not (payload := await loop.run_in_executor(DIRECTORY_THREADS, call)):
            await asyncio.sleep(self.check_interval)
        yield TriggerEvent(payload)


def _call_rule(rule: str, rule_kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Return the event's payload, or None as long as the rule does not agree. Blocks."""
    module, _, function = rule.rpartition(".")
    try:
        agreed = getattr(import_module(module), function)(**rule_kwargs)
        return {"status": "success", "rule": rule} if agreed else None
    except BaseException as error:  # whatever it raises, also sys.exit(), must not end the triggerer
        return _error_payload("rule", f"The rule {rule} failed: {_reason(error)}", {rule: _reason(error)})


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Return whether at least ``minimum`` of the directories contain a file ``*.csv``. A rule for ``BusinessRuleTrigger``.

    :param directories: one directory per client; one that is missing or cannot be read contains no file.
    """
    delivered = [each for each in directories if _result_of(partial(_list_files, each, "*.csv"), each, errors={})]
    return len(delivered) >= minimum


class WaitForTrigger(BaseSensorOperator):
    """Defer with any trigger whose payload is a dict with a ``status``, and return the payload."""

    def __init__(self, trigger: BaseTrigger, **kwargs: Any) -> None:
        """Store the trigger. ``kwargs`` are for ``BaseSensorOperator``."""
        super().__init__(**kwargs)
        self.trigger = trigger

    def execute(self, context: Context) -> NoReturn:
        """Defer with the trigger and the sensor's ``timeout``; resume in ``execute_complete``."""
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the payload. Raise ``WaitFailed`` if it is missing or empty, or its status is not ``"success"``."""
        if not event or event.get("status") != "success":
            raise WaitFailed(event)
        return event


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────
# The comments below are contracts, too.

with DAG(
    # Step 1. Owner ``trigger-exercise``, start date 2024-01-01, no schedule, no catchup, a description, the tags
    # ``kata``, ``exercise-4`` and ``triggers``. Every task has 1 retry after 2 minutes.
    dag_id="trigger_implementation_exercise",
    description="Exercise 4: wait for files without holding worker slots",
    schedule=None,
    catchup=False,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
) as dag:
    # Step 1. ``set_up_directories`` is a setup task. ``clean_up_directories`` is its teardown and receives its result.
    set_up = PythonOperator(task_id="set_up_directories", python_callable=set_up_directories)
    clean_up = PythonOperator(
        task_id="clean_up_directories", python_callable=clean_up_directories, op_args=[set_up.output]
    ).as_teardown(setups=set_up)

    # Step 2. ``wait_for_upload`` is a deferrable ``FileSensor`` for ``UPLOAD_FILE``. It checks every 30 seconds or more
    # often, times out after 600 seconds, and calls ``log_worker_slot`` each time a worker starts or resumes it. Its
    # ``doc_md`` says why it defers, using "worker slot" and "triggerer". (The connection ``fs_default`` exists.)
    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        deferrable=True,
        poke_interval=10,
        timeout=600,
        on_execute_callback=log_worker_slot,
        on_failure_callback=handle_trigger_failure,
        doc_md="Holds no worker slot while it waits: the triggerer checks for the file, and for hundreds of others.",
    )

    # Step 4. ``monitor_client_uploads`` is a deferrable ``MultiDirectorySensorAsync`` for ``*.csv`` in
    # ``CLIENT_DIRECTORIES``. It checks every 30 seconds or more often and times out after 600 seconds.
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id=SENSOR_TASK_ID,
        directories=CLIENT_DIRECTORIES,
        poke_interval=10,
        timeout=600,
        on_failure_callback=handle_trigger_failure,
    )

    # Step 5. The tasks ``process_trigger_results`` and ``monitor_resource_usage`` call the functions of the same name.
    process = PythonOperator(task_id="process_trigger_results", python_callable=process_trigger_results)
    monitor = PythonOperator(task_id="monitor_resource_usage", python_callable=monitor_resource_usage)

    # Step 6. ``handle_trigger_failure`` is the ``on_failure_callback`` of both sensors above.

    # Step 7. The tasks ``compare_approaches`` and ``generate_trigger_report`` call the functions of the same name.
    # Order: setup; both sensors in parallel; processing; monitoring and comparison in parallel; report; teardown.
    compare = PythonOperator(task_id="compare_approaches", python_callable=compare_approaches)
    report = PythonOperator(task_id="generate_trigger_report", python_callable=generate_trigger_report)
    set_up >> [wait_for_upload, monitor_client_uploads] >> process >> [monitor, compare] >> report >> clean_up

# Challenge 3. Publish once the data has arrived, the time window has opened, and the partner's API or our rule agrees.
# * ``wait_for_data``: a deferrable ``MultiDirectorySensorAsync`` for ``CLIENT_DIRECTORIES``.
# * ``wait_for_window``: any deferrable time sensor of Airflow. Do not use the logical date: manual runs may have none.
# * ``wait_for_api``: a ``WaitForTrigger`` with an ``ApiTrigger`` for ``PARTNER_API_URL``.
# * ``wait_for_rule``: a ``WaitForTrigger`` with a ``BusinessRuleTrigger`` for ``enough_clients_delivered``.
# * ``approve`` runs as soon as ``wait_for_api`` or ``wait_for_rule`` has succeeded.
# * ``publish`` runs when ``wait_for_data``, ``wait_for_window`` and ``approve`` have all succeeded.
with DAG(
    dag_id="trigger_orchestration_challenge",
    description="Challenge 3: four kinds of triggers in one workflow",
    schedule=None,
    catchup=False,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    default_args={"owner": "trigger-exercise", "on_failure_callback": handle_trigger_failure},
    tags=["kata", "exercise-4", "triggers"],
) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(task_id="wait_for_data", directories=CLIENT_DIRECTORIES, timeout=3600)
    wait_for_window = TimeDeltaSensor(task_id="wait_for_window", delta=timedelta(minutes=1), deferrable=True)
    wait_for_api = WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), timeout=3600)
    rule = "trigger_implementation_exercise.enough_clients_delivered"
    rule_trigger = BusinessRuleTrigger(rule, {"directories": CLIENT_DIRECTORIES, "minimum": 3})
    wait_for_rule = WaitForTrigger(task_id="wait_for_rule", trigger=rule_trigger, timeout=3600)
    approve = EmptyOperator(task_id="approve", trigger_rule="one_success")
    publish = EmptyOperator(task_id="publish", outlets=[Asset("client_uploads")])
    metrics = PythonOperator(task_id="collect_trigger_metrics", python_callable=collect_trigger_metrics)

    [wait_for_api, wait_for_rule] >> approve
    [wait_for_data, wait_for_window, approve] >> publish >> metrics
