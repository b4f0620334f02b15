"""
Exercise 4: triggers and deferrable operators.

A data processing company waits for the uploads of hundreds of clients. Its sensors hold a worker slot for every wait,
so the slots run out while nothing is done. Replace them: a task that waits hands a *trigger* to the triggerer, leaves
its slot, and comes back when there is something to do.

Work from top to bottom. Every docstring is a contract: the tests ask for what it says and for nothing else. Names,
arguments and task ids are fixed; helpers, further optional parameters and further keys in a result are yours to add.
All payloads, results and keyword arguments that cross a process are plain JSON: ``json.loads(json.dumps(x)) == x``.

The DAG ``trigger_implementation_exercise`` (at the end of the file, filled step by step):

* Step 1. Owner ``trigger-exercise``, start 2024-01-01, 1 retry after 2 minutes, no schedule, no catch-up, a
  description, tags ``kata``, ``exercise-4``, ``triggers``. ``set_up_directories`` is a setup task,
  ``clean_up_directories`` its teardown, which is given what the set-up returned.
* Step 2. ``wait_for_upload``: a deferrable ``FileSensor`` for ``UPLOAD_FILE``. It looks at least every 30 seconds,
  gives up after 600, calls ``log_worker_slot`` whenever a worker takes it up, and says in its ``doc_md`` why it defers:
  the words "worker slot" and "triggerer" occur in it. (The sensor reads the Airflow connection ``fs_default``, which
  every way of running this kata defines.)
* Steps 4 and 6. ``monitor_client_uploads``: a deferrable ``MultiDirectorySensorAsync`` over ``CLIENT_DIRECTORIES`` for
  ``*.csv``, at least every 30 seconds, for 600 seconds. ``handle_trigger_failure`` is the failure callback of both
  sensors.
* Steps 5 and 7. ``process_trigger_results``, ``monitor_resource_usage``, ``compare_approaches`` and
  ``generate_trigger_report`` run the functions of the same names. The set-up comes before both sensors, both sensors
  before the processing, the processing before monitoring and comparison, these two before the report, and the clean-up
  last.

The DAG ``trigger_orchestration_challenge`` (Challenge 3) publishes when the data is there, the time has come, and
either the partner's API or a rule of our own has given leave:

* ``wait_for_data``: a deferrable ``MultiDirectorySensorAsync`` over ``CLIENT_DIRECTORIES``.
* ``wait_for_window``: a deferrable sensor of Airflow's own that waits for a moment with a ``DateTimeTrigger``. A run
  that is started by hand has no logical date, so the moment must not come from it.
* ``wait_for_api``: a ``WaitForTrigger`` with an ``ApiTrigger`` for ``PARTNER_API_URL``.
* ``wait_for_rule``: a ``WaitForTrigger`` with a ``BusinessRuleTrigger`` for ``enough_clients_delivered``.
* ``approve`` comes after ``wait_for_api`` and ``wait_for_rule`` and runs as soon as one of them has succeeded.
* ``publish`` comes after ``wait_for_data``, ``wait_for_window`` and ``approve`` and runs when all three have succeeded.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import csv
import fnmatch
import heapq
import html
import http.client
import importlib
import json
import logging
import math
import os
import re
import stat
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import PurePath
from typing import Any, NoReturn

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import DAG, BaseSensorOperator, Connection, Context, PokeReturnValue
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


def set_up_directories() -> dict[str, list[str]]:
    """
    Make the directories that the DAG works with and say what was made.

    Makes the directories of ``UPLOAD_FILE``, ``CLIENT_DIRECTORIES`` and ``REPORT_FILE``, with their parents, and in
    each client directory a file ``README.txt`` that tells a client what to put there. What exists already is left as it
    is, so a second call makes nothing and raises nothing.

    :return: absolute paths, ``{"directories": [...], "files": [...]}``: exactly what this call made, and of the
        directories a parent before what lies in it. ``DATA_DIR`` itself is among them if it had to be made.
    """
    made: dict[str, list[str]] = {"directories": [], "files": []}

    def attempt(kind: str, path: str, make: Callable[[str], Any]) -> None:
        with contextlib.suppress(FileExistsError):
            make(path)
            made[kind].append(path)

    def make_readme(path: str) -> None:
        with open(path, "x", encoding="utf-8") as file:
            file.write("Put your uploads here: CSV files in UTF-8, named *.csv, the first row a header.\n")

    for directory in map(os.path.abspath, [os.path.dirname(UPLOAD_FILE), *CLIENT_DIRECTORIES, os.path.dirname(REPORT_FILE)]):
        for path in [*reversed(PurePath(directory).parents), directory]:
            if not os.path.isdir(path):
                attempt("directories", str(path), os.mkdir)
    for directory in CLIENT_DIRECTORIES:
        attempt("files", os.path.join(os.path.abspath(directory), "README.txt"), make_readme)
    return made


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what lies there. What
    is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    removed = []
    for remove, paths in ((os.remove, (created or {}).get("files", [])), (os.rmdir, (created or {}).get("directories", [])[::-1])):
        for path in paths:
            with contextlib.suppress(OSError):  # gone already, or something else lies in it: both are as they should be
                remove(path)
                removed.append(path)
    return removed


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """
    Log that a worker slot is taken from now on: the ``on_execute_callback`` of ``wait_for_upload``.

    A sensor in poke mode is taken up once and keeps its slot until the file is there. A deferred one is taken up twice,
    for a moment each time; the log shows it.

    Logs one line at INFO that names the task's id and contains the words "worker slot".

    :param context: the task's context; the task instance is ``context["ti"]``.
    """
    log.info("Task %s takes a worker slot", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100


NEVER_READABLE = (PermissionError, NotADirectoryError)
Found = tuple[int, list[str], os.stat_result]  # how many files, the names of the first, the very first one's status
Seen = dict[str, tuple[tuple[int, ...], float]]  # by file name: what it looked like, and since when


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _error(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors}


def _no_access(errors: dict[str, str]) -> dict[str, Any]:
    return _error("directory_access", f"None of the directories can be read: {', '.join(errors)}", errors)


def _refuse_if(*problems: tuple[Any, str]) -> None:
    for wrong, message in problems:
        if wrong:
            raise ValueError(message)


def _serialize(trigger: BaseTrigger, *names: str) -> tuple[str, dict[str, Any]]:
    arguments = copy.deepcopy({name: getattr(trigger, name) for name in names})
    return f"trigger_implementation_exercise.{type(trigger).__name__}", arguments


def _spawn(work: Callable[[], Any], done: Callable[[Any, BaseException | None], Any]) -> None:
    """
    Call ``work`` in a thread and then, in the event loop, ``done(result, exception)``.

    The thread is one of its own, as hung disks would use up a pool, and a daemon, as they would hold up the exit.
    """
    loop = asyncio.get_running_loop()

    def target() -> None:
        try:
            outcome = work(), None
        except BaseException as error:
            outcome = None, error
        with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits any more
            loop.call_soon_threadsafe(done, *outcome)

    threading.Thread(target=contextvars.copy_context().run, args=(target,), daemon=True).start()


async def _ask(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Call ``work`` in a thread, return its result and its exception: one of them is None."""
    outcome = asyncio.get_running_loop().create_future()
    _spawn(work, lambda *result: outcome.done() or outcome.set_result(result))
    return await outcome


async def _guarded(payload: Awaitable[dict[str, Any]], errors: dict[str, str] | None = None) -> TriggerEvent:
    """Make an event of a payload, an error event if there is none because of something unexpected."""
    try:
        return TriggerEvent(await payload)
    except Exception as error:
        log.exception("The trigger ends with an error")
        return TriggerEvent(_error("unexpected", _text(error), errors or {}))


def _match(name: str, patterns: Iterable[str]) -> str | None:
    visible = (p for p in patterns if p.startswith(".") or not name.startswith("."))
    return next((p for p in visible if fnmatch.fnmatchcase(name, p)), None)


def _distinct(directories: Iterable[str]) -> list[str]:
    named: dict[PurePath, str] = {}
    for directory in directories:
        named.setdefault(PurePath(directory), directory)
    return list(named.values())


def _look(
    directory: str,
    patterns: Iterable[str],
    seen: Seen | None = None,
    stable: float = 0,
    clock: Callable[[], float] = time.monotonic,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[float, Seen, Found | None]:
    """Look into a directory once: when the look began, what matches, and what of it has been ``stable`` long enough."""
    began, before, now_seen, ripe = clock(), seen or {}, {}, []
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            if stopped():
                break
            if _match(entry.name, patterns) is None:
                continue
            try:
                status = entry.stat()
            except OSError:  # a dead link, or gone again
                continue
            if stat.S_ISREG(status.st_mode):
                now, looks = clock(), (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
                known, since = before.get(entry.name, (None, now))
                now_seen[entry.name] = looks, (since := since if known == looks else now)
                if now - since >= stable:
                    ripe.append((entry.name, status))
    first = heapq.nsmallest(MAX_LISTED_FILES, ripe)  # unlike sorted() it lets other threads have the interpreter
    return began, now_seen, (len(ripe), [name for name, _ in first], first[0][1]) if ripe else None


def _success(order: Iterable[str], found: dict[str, Found], errors: dict[str, str]) -> dict[str, Any]:
    hits = [(directory, *found[directory]) for directory in order if directory in found]
    directory, _, (filename, *_), status = hits[0]
    return {
        "status": "success",
        "directory": directory,
        "filename": filename,
        "path": os.path.join(directory, filename),
        "size": status.st_size,
        "modified": datetime.fromtimestamp(status.st_mtime, timezone.utc).isoformat(),
        "files": [os.path.join(d, name) for d, _, names, _ in hits for name in names][:MAX_LISTED_FILES],
        "total_files": sum(total for _, total, *_ in hits),
        "errors": errors,
    }


async def _watch(
    order: list[str],
    patterns: list[str],
    interval: float,
    errors: dict[str, str],
    stable: float = 0,
    retry_after: Callable[[int], float | None] | None = None,
) -> dict[str, Any]:
    """
    Watch directories, most important first, until one holds a file: the payload of both directory triggers.

    Every look has a thread, which reports through ``news``; this coroutine alone says who looks when. Once there is a
    file it gives the other directories the time to report too, so that the order decides and not the disks' speed: for
    a directory at work or soon due it waits until 1.75 intervals after the earliest moment the file can be from.

    :param errors: filled with the directories that are left out, and why.
    :param retry_after: seconds until a look that failed for the n-th time in a row is repeated, None for never.
    """
    loop, news, stop = asyncio.get_running_loop(), asyncio.Queue(), threading.Event()
    clear = dict.fromkeys(order, loop.time())  # when the last look began that found nothing
    due, seen, found, failures = dict(clear), {}, {}, Counter()
    looking: set[str] = set()
    try:
        while due:
            now = loop.time()
            for directory in [d for d, moment in due.items() if moment <= now and d not in looking]:
                looking.add(directory)
                look = partial(_look, directory, patterns, seen.get(directory), stable, loop.time, stop.is_set)
                _spawn(look, lambda *outcome, of=directory: news.put_nowait((of, *outcome)))
            latest = min((clear[d] for d in found), default=math.inf) + 1.75 * interval
            if found and (now >= latest or min(due.values()) > now + interval / 4):
                return _success(order, found, errors)

            wake_up = min(latest, *(due[d] for d in due if d not in looking), math.inf)
            alarm = loop.call_at(wake_up, news.put_nowait, None) if wake_up < math.inf else None
            try:
                report = await news.get()
            finally:
                if alarm:
                    alarm.cancel()
            if not report:
                continue

            directory, result, error = report
            looking.remove(directory)
            hit = found.pop(directory, None)
            if not error:
                began, seen[directory], hit = result
                failures[directory], due_next = 0, began + interval
            elif isinstance(error, OSError):
                failures[directory] += 1
                began, hit, due_next = due[directory], None, None
                seen.pop(directory, None)
                if not isinstance(error, NEVER_READABLE):
                    wait = retry_after(failures[directory]) if retry_after else interval
                    due_next = None if wait is None else loop.time() + wait
            else:
                raise error
            if hit:
                found[directory] = hit
            else:
                clear[directory] = began
            if due_next is None:
                errors[directory] = _text(error)
                log.warning("%s is not watched any more: %s", directory, errors[directory])
                del due[directory]
            else:
                due[directory] = due_next
        return _no_access(errors)
    finally:
        stop.set()


class MultiDirectoryTrigger(BaseTrigger):
    """
    Watch several directories at once and fire when a file that matches is in any of them.

    ``MultiDirectoryTrigger(directories, file_pattern="*.csv", check_interval=10)``, by position or by keyword.

    *What counts.* A regular file, or a link to one, directly in a directory, whose name matches ``file_pattern`` as
    ``fnmatch.fnmatchcase`` says, but a leading dot only by a dot. It counts whether it was there before or comes later.
    What cannot be looked at (a dead link, a file that is gone again) does not count. A directory named twice counts
    once.

    *When.* Each directory is looked into at once and then about every ``check_interval`` seconds, never more often, and
    a file is reported at the latest two intervals after it appeared, also if another directory is slow or hangs. It
    may wait that long for a slow directory that comes first in order, no longer.

    *Directories.* One that does not exist may still be made, so it is watched on. One that is there but can never be
    read (``PermissionError``, ``NotADirectoryError``) is left out for good, logged once as a warning that names it, and
    reported in ``errors``. Any other ``OSError`` passes: it is tried again with the next look, for ever.

    *Good manners.* The event loop is shared by all triggers of the process: nothing here blocks it, neither files nor
    sleep nor calculation, so what blocks goes to a thread. No directory has more than one thread at a time. Cancelling
    ends ``run()`` at once and leaves no task or open file behind, and no thread at work but one that hangs itself.
    Files and directories are only ever looked at. Two instances share nothing, and ``serialize()`` gives the same
    before, during and after a run: a trigger may be moved to another triggerer at any time.
    """

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        """
        Keep the arguments; no look at the file system, no work.

        :param directories: one or more paths, the most important first.
        :param file_pattern: a shell pattern for the file's name.
        :param check_interval: seconds between two looks, more than 0.
        :raises ValueError: if ``directories`` is empty, or a single ``str`` in place of a list, if ``file_pattern`` is
            empty, or if ``check_interval`` is not more than 0.
        """
        super().__init__()
        _refuse_if(
            (not directories or isinstance(directories, str), "directories: one or more paths in a list"),
            (not file_pattern, "file_pattern: a shell pattern"),
            (not check_interval > 0, "check_interval: more than 0 seconds"),
        )
        self.directories, self.file_pattern, self.check_interval = list(directories), file_pattern, check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, in another process.

        :return: the class path ``trigger_implementation_exercise.MultiDirectoryTrigger``, to the letter, and the
            keyword arguments of ``__init__``, all of them, under their own names, as plain JSON. To the letter, because
            Airflow loads a DAG file under a made-up module name, which ``__module__`` repeats and no triggerer can
            import. (The triggerer does not see the DAG folder either: this kata puts it on its ``PYTHONPATH``.)
        """
        return _serialize(self, "directories", "file_pattern", "check_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payload for a file is::

            {"status": "success", "directory": str, "filename": str, "path": str, "size": int, "modified": str,
             "files": [str, ...], "total_files": int, "errors": {directory: reason}}

        The file reported is the first in the order of ``directories``, then by name. ``directory`` is written as in
        ``directories`` and ``path`` is that joined with ``filename``. ``size`` is in bytes; ``modified`` is the time of
        the last change in ISO 8601 with the offset ``+00:00``. ``files`` are the paths of all that match, in the same
        order, cut after 100; ``total_files`` counts them all. ``errors`` names every directory that was left out.

        If no directory is left to watch, or if anything unexpected is raised::

            {"status": "error", "error_type": str, "message": str, "errors": {directory: reason}}

        ``error_type`` is ``"directory_access"`` if no directory is left, otherwise ``"unexpected"``; ``message`` says
        what happened, an unexpected exception with its type and its text.

        The payload depends on the files alone: two runs over the same files yield equal events, so it holds no time of
        its own and no identifier.
        """
        errors: dict[str, str] = {}
        watch = _watch(_distinct(self.directories), [self.file_pattern], self.check_interval, errors)
        yield await _guarded(watch, errors)


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


class MultiDirectorySensorAsync(BaseSensorOperator):
    """
    Wait for a file in any of several directories without holding a worker slot.

    All ways of waiting end with the same result, the XCom of the task: the payload that ``MultiDirectoryTrigger``
    yields for a file, and with it

    * ``deferred``: True if the task was deferred, False if the file was found by the worker;
    * ``waited_seconds``: seconds, a float, from the first look to the result; None if the first look's time is not
      known because ``execute_complete`` was called with nothing but context and event, as ``dag.test()`` does on
      Airflow 3.3.2.

    ``directories`` and ``file_pattern`` are template fields, and the sensor can be mapped over clients with
    ``.partial(...).expand(directories=[["/data/one"], ["/data/two"]])``.
    """

    template_fields: Sequence[str] = ("directories", "file_pattern")

    def __init__(
        self, directories: list[str], file_pattern: str = "*.csv", deferrable: bool = True, **kwargs: Any
    ) -> None:
        """
        Keep the arguments.

        :param directories: one or more paths, the most important first (templated).
        :param file_pattern: a shell pattern for the file's name (templated).
        :param deferrable: True to wait in the triggerer; False to wait in the worker as sensors always did, in both
            modes of ``BaseSensorOperator``, so that existing workflows go on working.
        :param kwargs: what ``BaseSensorOperator`` takes: ``timeout``, ``poke_interval`` (more than 0 to defer),
            ``mode``, ``soft_fail``, …
        """
        super().__init__(**kwargs)
        self.directories, self.file_pattern, self.deferrable = directories, file_pattern, deferrable
        self._first_look: datetime | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Look once; if nothing is there, defer.

        The look saves the way through the triggerer when the file is there already. The task then defers to a
        ``MultiDirectoryTrigger`` that looks every ``poke_interval`` seconds, gives up after the sensor's own
        ``timeout`` (``defer`` must be told: Airflow does not apply it by itself), and goes on in ``execute_complete``,
        which is also given what it needs to know of the first look. After a deferral nothing set on ``self`` here is
        left: the task goes on in another process.

        With ``deferrable=False`` it never defers: ``BaseSensorOperator.execute`` calls ``poke`` and the result is the
        same.

        :return: the result described at the class.
        :raises AirflowException: if not one of the directories can ever be read, as the trigger would report.
        """
        now = datetime.now(timezone.utc)
        if not self.deferrable:
            self._first_look = (self.reschedule and context["ti"].get_first_reschedule_date(context)) or now
            return super().execute(context)
        if payload := self._look_once():
            return self._result(payload, deferred=False, since=now)
        self.defer(
            trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
            method_name="execute_complete",
            kwargs={"started_at": now.isoformat()},
            timeout=timedelta(seconds=self.timeout),
        )

    @staticmethod
    def _result(payload: dict[str, Any], deferred: bool, since: datetime | None) -> dict[str, Any]:
        waited = None if since is None else max(0.0, (datetime.now(timezone.utc) - since).total_seconds())
        return {**payload, "deferred": deferred, "waited_seconds": waited}

    def _look_once(self) -> dict[str, Any] | None:
        found, errors = {}, {}
        for directory in (order := _distinct(self.directories)):
            try:
                found[directory] = _look(directory, [self.file_pattern])[2]
            except NEVER_READABLE as error:
                errors[directory] = _text(error)
            except OSError as error:
                self.log.info("%s cannot be read at the moment: %s", directory, error)
        if len(errors) == len(order):
            raise WaitFailed(_no_access(errors))
        hits = {directory: hit for directory, hit in found.items() if hit}
        return _success(order, hits, errors) if hits else None

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        self._first_look = self._first_look or datetime.now(timezone.utc)
        payload = self._look_once()
        return PokeReturnValue(bool(payload), payload and self._result(payload, deferred=False, since=self._first_look))

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, started_at: str | None = None
    ) -> dict[str, Any]:
        """
        Go on when the trigger has fired. A timeout or a crashed trigger never comes here: Airflow fails the task
        itself.

        :param event: the payload that the trigger yielded.
        :param started_at: yours to change: whatever ``execute`` handed over with ``defer(kwargs=...)``. Optional.
        :return: the result described at the class.
        :raises AirflowException: for an error event (its ``message`` is in the exception's text), for any other status,
            and for an event that is empty or missing. Airflow then skips the task by itself if ``soft_fail`` is set.
        """
        if not isinstance(event, dict) or event.get("status") != "success":
            raise WaitFailed(event)
        return self._result(event, deferred=True, since=datetime.fromisoformat(started_at) if started_at else None)


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check(path: str) -> dict[str, Any]:
    """Say of a file what ``process_trigger_results`` says of it; one that is no good has a ``reason``."""
    bad = lambda reason, detail: {"path": path, "reason": reason, "detail": str(detail)}  # noqa: E731
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return bad("unreadable", "not a regular file")
        if not status.st_size:
            return bad("empty", "the file has no bytes")
        good = {"path": path, "size": status.st_size, "rows": None}
        if not path.lower().endswith(".csv"):
            with open(path, "rb") as file:
                file.read(1)
            return good
        header, rows, fault, line = None, 0, None, 1
        with open(path, encoding="utf-8-sig", newline="") as file:
            # To the end, whatever a row is like: a file that cannot be read as a whole is unreadable first of all.
            for row in (reader := csv.reader(file, strict=True)):
                if header is None:
                    header = row or None
                elif row:
                    rows += 1
                    if len(row) != len(header) and not fault:
                        fault = f"line {line} has {len(row)} fields, the header has {len(header)}"
                if any("\0" in field for field in row):  # which csv itself refuses only up to Python 3.10
                    raise csv.Error("a NUL byte")
                line = reader.line_num + 1
        if not header or not all(map(str.strip, header)):
            return bad("no_header", f"a name in the header is blank: {header}" if header else "there is no row")
        return bad("row_width", fault) if fault else {**good, "rows": rows}
    except (FileNotFoundError, NotADirectoryError) as error:
        return bad("missing", error)
    except (OSError, ValueError, csv.Error) as error:
        return bad("unreadable", _text(error))


def process_trigger_results(**context: Any) -> dict[str, Any]:
    """
    Check the files that ``monitor_client_uploads`` found, and pass on what is good.

    Takes the sensor's result from the XCom of the task ``monitor_client_uploads``, looks at each path in its ``files``,
    and logs a line at INFO or above for each that names the path and says what came of it. A file that is no good does
    not fail the task. A file's name ends in ``.csv``, in any case, if it is to be read as CSV: UTF-8, with or without a
    byte order mark, the first row a header. Empty lines are passed over.

    :param context: the task's context; the task instance is ``context["ti"]``.
    :return: ``{"valid": [{"path": str, "size": int, "rows": int | None}], "invalid": [{"path": str, "reason": str,
        "detail": str}], "total_files": int, "waited_seconds": float | None}``. ``size`` is in bytes; ``rows`` counts
        the rows below the header, None for what is not CSV; ``total_files`` and ``waited_seconds`` are the sensor's.
        Both lists are in the order of ``files``. ``reason`` is the first that holds of ``missing``, ``empty`` (no
        bytes), ``unreadable`` (also a directory, and bytes that are not UTF-8 CSV), ``no_header`` (no row at all, or a
        header with a blank name) and ``row_width`` (a row with more or fewer fields than the header); ``detail`` says
        more in words, for ``row_width`` with the number of the line.
    :raises AirflowException: if the XCom is missing or has not the form of the sensor's result; the text names
        ``monitor_client_uploads``.
    """
    match context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID):
        case {"files": [*files], "total_files": int(total), "waited_seconds": waited} if (
            all(isinstance(path, str) for path in files) and (waited is None or _number(waited))
        ):
            pass
        case other:
            raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is not the sensor's result: {other!r:.200}")
    csv.field_size_limit(sys.maxsize)  # a long field is a field
    checked = [_check(path) for path in files]
    for file in checked:
        log.info("%s: %s", file["path"], f"{file['reason']}, {file['detail']}" if "reason" in file else "valid")
    return {
        "valid": [file for file in checked if "reason" not in file],
        "invalid": [file for file in checked if "reason" in file],
        "total_files": total,
        "waited_seconds": waited,
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


def _try(read: Callable[[], Any], missing: dict[str, str], *names: str) -> Any:
    """Return what ``read`` returns; if it raises, None, and ``missing`` says for each of the names why."""
    try:
        return read()
    except Exception as error:
        missing.update(dict.fromkeys(names, _text(error)))
        return None


def _typed(kind: type, value: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{kind.__name__} expected, not {value!r:.200}")
    return value


def _wait_of(ti: Any, **where: Any) -> tuple[float, float]:
    """Return for how long the sensor waited, and for how long it held a worker slot as it did."""
    result = ti.xcom_pull(task_ids=SENSOR_TASK_ID, **where)
    if not isinstance(result, dict) or not _number(waited := result.get("waited_seconds")):
        raise LookupError(f"the XCom of {SENSOR_TASK_ID} does not say how long it waited")
    return float(waited), 0.0 if result.get("deferred") else float(waited)


def monitor_resource_usage(**context: Any) -> dict[str, Any]:
    """
    Measure what the waits of this DAG hold at this moment. Everything is measured; what cannot be had is None.

    Tasks of Airflow 3 have no access to the database. Two sources are left: the task instance (``ti.get_ti_count``),
    and the REST API through ``read_airflow_api``, if somebody has made the connection. Neither may fail the task. The
    measurement is also logged, at INFO.

    :param context: the task's context; the task instance is ``context["ti"]``.
    :return: a dict with

        * ``deferred_tasks``, ``running_tasks``: int, task instances of this DAG in that state, over all its runs, from
          the task instance;
        * ``waited_seconds``: float, from the XCom of ``monitor_client_uploads``;
        * ``saved_slot_seconds``: float, the seconds for which the wait held no worker slot: ``waited_seconds`` if the
          sensor was deferred, otherwise 0; None if ``waited_seconds`` is;
        * ``triggerer_status``: str, ``triggerer.status`` of ``/api/v2/monitor/health``;
        * ``pools``: list of ``{"name", "slots", "occupied_slots", "deferred_slots"}``, from ``/api/v2/pools``;
        * ``unavailable``: for each of the above that is None, its name and why, in words;
        * ``recommendations``: one or more sentences that follow from the figures.
    """
    ti, missing = context["ti"], {}
    count = lambda state: _typed(int, ti.get_ti_count(dag_id=ti.dag_id, states=[state]))  # noqa: E731
    deferred = _try(lambda: count("deferred"), missing, "deferred_tasks")
    running = _try(lambda: count("running"), missing, "running_tasks")
    waited, held = _try(lambda: _wait_of(ti), missing, "waited_seconds", "saved_slot_seconds") or (None, None)
    health = lambda: _typed(str, read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"])  # noqa: E731
    triggerer = _try(health, missing, "triggerer_status")
    slots = ("slots", "occupied_slots", "deferred_slots")
    read_pools = lambda: [  # noqa: E731
        {"name": _typed(str, pool["name"]), **{key: _typed(int, pool[key]) for key in slots}}
        for pool in read_airflow_api("/api/v2/pools")["pools"]
    ]
    pools = _try(read_pools, missing, "pools")
    saved = None if waited is None else waited - held
    full = [pool["name"] for pool in pools or [] if 0 < pool["slots"] <= pool["occupied_slots"]]
    advice = {
        f"The triggerer is {triggerer}: see to it, deferred tasks do not go on without it.": triggerer not in (None, "healthy"),
        f"No slot is left in {', '.join(full)}: a task whose trigger has fired waits there for one.": full,
        f"{deferred} task(s) wait without a worker slot: keep these waits deferred.": deferred,
        f"The wait held no worker slot for {saved} seconds: keep it deferred.": saved,
        f"The wait held a worker slot for {held} seconds: let the sensor defer.": held,
        f"Not available: {', '.join(missing)}. Mend that before you decide anything.": missing,
    }
    usage = {
        "deferred_tasks": deferred,
        "running_tasks": running,
        "waited_seconds": waited,
        "saved_slot_seconds": saved,
        "triggerer_status": triggerer,
        "pools": pools,
        "unavailable": missing,
        "recommendations": [text for text, applies in advice.items() if applies] or ["All is well: change nothing."],
    }
    log.info("Resource usage: %s", usage)
    return usage


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────


ADVICE = {
    "timeout": "Ask the client for the upload, or give the sensor a longer timeout.",
    "directory_access": "Make the directory readable for the triggerer and the workers, then clear the task.",
    "triggerer_failure": "Read the triggerer's log, and see that it can import the trigger from its PYTHONPATH.",
    "serialization": "Give the trigger and defer() nothing but plain JSON.",
    "unknown": "Read the task's log.",
}


def _cause(error: Any) -> str:
    if isinstance(error, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    if isinstance(error, (*NEVER_READABLE, FileNotFoundError)) or (
        isinstance(error, WaitFailed) and error.error_type == "directory_access"
    ):
        return "directory_access"
    if isinstance(error, TaskDeferralError):
        return "triggerer_failure"
    speaks_of_it = re.search("seriali[sz]", f"{type(error).__name__} {_safe(lambda: str(error))}", re.IGNORECASE)
    return "serialization" if speaks_of_it else "unknown"


def _safe(read: Callable[[], Any]) -> str | None:
    """Return the text that ``read`` returns, None if it does not."""
    text = _try(read, {})
    return str(text) if isinstance(text, str) else None


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """
    Say what failed, why, and what to do: the failure callback of both sensors.

    Never raises, whatever is missing from ``context`` or broken in it: the exception may be absent, None or a text (so
    it is when the scheduler fails the task), and so may be the task instance.

    Logs exactly one line at ERROR with the task's id, the cause, and what to do.

    :param context: the task's context; ``context["exception"]`` is what ended the task, ``context["ti"]`` the task
        instance.
    :return: ``{"task_id": str | None, "run_id": str | None, "cause": str, "message": str, "advice": str}``, all plain
        JSON. ``message`` is the text of the exception. ``cause`` is, for the exception or else for what it was raised
        from (``__cause__``, down the whole chain):

        * ``"timeout"``: ``AirflowSensorTimeout``, ``TaskDeferralTimeout`` or ``AirflowTaskTimeout``;
        * ``"directory_access"``: what ``MultiDirectorySensorAsync`` raises when no directory is left,
          ``PermissionError``, ``NotADirectoryError``, ``FileNotFoundError``;
        * ``"triggerer_failure"``: ``TaskDeferralError``, by which Airflow says that the trigger crashed or was not
          loaded;
        * ``"serialization"``: any other whose type's name or text speaks of serializing, such as the ``TypeError``
          "cannot serialize object of type …";
        * ``"unknown"``: everything else, and nothing at all.
    """
    chain: list[Any] = []
    error = _try(lambda: context["exception"], {})
    while error is not None and not any(error is link for link in chain):
        chain.append(error)
        error = getattr(error, "__cause__", None)
    cause = next((cause for link in chain if (cause := _cause(link)) != "unknown"), "unknown")
    task_id = _safe(lambda: context["ti"].task_id)
    log.error("Task %s failed, cause: %s. %s", task_id, cause, ADVICE[cause])
    return {
        "task_id": task_id,
        "run_id": _safe(lambda: context["ti"].run_id) or _safe(lambda: context["run_id"]),
        "cause": cause,
        "message": (_safe(lambda: str(chain[0])) or "") if chain else "",
        "advice": ADVICE[cause],
    }


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────


def compare_approaches(**context: Any) -> dict[str, Any]:
    """
    Set the wait of this run beside what a traditional sensor would have held. Nothing is invented.

    :param context: the task's context; the task instance is ``context["ti"]``.
    :return: a dict with

        * ``waited_seconds``: float | None, from the XCom of ``monitor_client_uploads``;
        * ``traditional``: ``{"slot_seconds": float | None, "slots_for_100_waits": 100}``: in poke mode a wait holds a
          slot from beginning to end;
        * ``deferrable``: ``{"slot_seconds": float | None, "slots_for_100_waits": 0}``: 0 slot seconds while it waits if
          the sensor was deferred, the same as traditional if it was not;
        * ``saved_slot_seconds``: float | None, the difference of the two; all three are None if ``waited_seconds`` is;
        * ``task_states``: how many tasks of this run are in each state, ``{state: int}``, from ``ti.get_task_states``,
          or None; a task without a state yet counts as ``"none"``;
        * ``unavailable``: for each of ``waited_seconds`` and ``task_states`` that is None, its name and why, in words.
    """
    ti, missing = context["ti"], {}
    waited, held = _try(lambda: _wait_of(ti), missing, "waited_seconds") or (None, None)
    count = lambda: Counter(  # noqa: E731
        str(state or "none") for state in ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id].values()
    )
    states = _try(count, missing, "task_states")
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": None if waited is None else waited - held,
        "task_states": None if states is None else dict(states),
        "unavailable": missing,
    }


def generate_trigger_report(**context: Any) -> dict[str, Any]:
    """
    Write what this run has shown into ``REPORT_FILE``: one HTML page that needs nothing else.

    Takes the XComs of ``process_trigger_results``, ``monitor_resource_usage`` and ``compare_approaches``. The page
    names the path of every valid and every invalid file, the latter with their reason; the seconds waited and the slot
    seconds of both approaches, with a picture (``<svg>`` or ``<img>``); the recommendations; the run's id. Where a
    figure is None or an XCom is missing it says "unavailable". All text that comes from outside is escaped: a file may
    be called ``<b>.csv``. The page is in place whole or not at all, whoever reads at that moment, and no other file is
    left beside it. Its directory is made if it is not there.

    :param context: the task's context; the task instance is ``context["ti"]``.
    :return: ``{"report_file": str, "valid_files": [str, ...], "invalid_files": [str, ...]}``: the page's path, and the
        paths of the files; empty lists if the XCom of ``process_trigger_results`` is missing.
    """
    ti = context["ti"]
    found, usage, compared = (
        xcom if isinstance(xcom := ti.xcom_pull(task_ids=task_id), dict) else {}
        for task_id in ("process_trigger_results", "monitor_resource_usage", "compare_approaches")
    )
    show = lambda value: "unavailable" if value is None else html.escape(str(value))  # noqa: E731
    items = lambda lines: f"<ul>{''.join(f'<li>{line}</li>' for line in lines) or '<li>none</li>'}</ul>"  # noqa: E731
    valid, invalid = found.get("valid", []), found.get("invalid", [])
    waited = compared.get("waited_seconds")
    held = {name: (compared.get(name) or {}).get("slot_seconds") for name in ("traditional", "deferrable")}
    most = max([seconds for seconds in held.values() if seconds] or [1])
    bars = "".join(
        f'<text x="0" y="{y + 14}">{name}</text><rect x="100" y="{y}" width="{300 * (seconds or 0) / most:.0f}" height="18"/>'
        f'<text x="410" y="{y + 14}">{show(seconds)}</text>'
        for y, (name, seconds) in zip((0, 26), held.items())
    )
    page = f"""<!DOCTYPE html>
    <html lang="en">
    <head><meta charset="utf-8"><title>Trigger report</title>
    <style>body {{ font-family: sans-serif; margin: 2em }} rect {{ fill: steelblue }}</style></head>
    <body>
    <h1>Trigger report</h1>
    <p>Run {show(ti.run_id)}</p>
    <h2>Valid files</h2>
    {items(f"{show(file['path'])} ({show(file.get('size'))} bytes)" for file in valid) if found else "<p>unavailable</p>"}
    <h2>Invalid files</h2>
    {items(f"{show(file['path'])}: {show(file.get('reason'))}, {show(file.get('detail'))}" for file in invalid) if found else "<p>unavailable</p>"}
    <h2>The wait</h2>
    <p>Seconds waited: {show(waited)}. Slot seconds, traditional: {show(held["traditional"])},
    deferrable: {show(held["deferrable"])}, saved: {show(compared.get("saved_slot_seconds"))}.</p>
    <svg width="600" height="50" role="img" aria-label="Slot seconds of both approaches">{bars}</svg>
    <h2>Resources</h2>
    <p>Deferred tasks: {show(usage.get("deferred_tasks"))}, running tasks: {show(usage.get("running_tasks"))},
    triggerer: {show(usage.get("triggerer_status"))}</p>
    <h2>Recommendations</h2>
    {items(map(show, usage["recommendations"])) if usage.get("recommendations") else "<p>unavailable</p>"}
    </body>
    </html>
    """
    os.makedirs(os.path.dirname(REPORT_FILE), exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=os.path.dirname(REPORT_FILE), prefix=".", suffix=".tmp")
    try:
        with open(descriptor, "w", encoding="utf-8", errors="xmlcharrefreplace") as file:
            file.write(page)
        os.chmod(draft, 0o644)  # mkstemp() lets nobody else read it
        os.replace(draft, REPORT_FILE)
    except BaseException:
        os.remove(draft)
        raise
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in valid],
        "invalid_files": [file["path"] for file in invalid],
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class AdvancedMultiDirectoryTrigger(BaseTrigger):
    """
    ``MultiDirectoryTrigger`` for files that are still being written, directories that matter more, and disks that fail.

    What is said of ``MultiDirectoryTrigger`` holds here too: what counts as a file, directories that are missing or
    cannot be read, one event and the end, error events, no blocking, cancellation, no state shared. Different are:

    *Stable files.* A file counts once its size, its modification time and its identity (it may be replaced by another
    of the same name) have stayed as they are for ``stable_seconds``, counted from the first look that saw them so. What
    has changed, or vanished and come back, begins anew, so a file that never stops growing never counts. With 0 a file
    counts at first sight. It is reported at the latest two intervals after it has become stable. A trigger that is
    rebuilt elsewhere begins anew with all files.

    *Priority.* Of the files that are stable at a look, the one in the directory with the lowest number is reported, in
    directories of the same number by the directory's path, then by the file's name. A stable file never waits for an
    unstable one in a directory that matters more.

    *Several patterns.* A file counts if its name matches any of ``file_patterns``.

    *Backoff.* A directory whose look raises an ``OSError`` that may pass is looked into again after
    ``min(backoff_base * 2 ** (n - 1), backoff_cap)`` seconds, n being the number of its failures in a row. One good
    look resets n and the directory is looked into every ``check_interval`` again. A missing directory is no failure.
    When ``max_retries`` repetitions in a row have failed too, it is left out like one that can never be read. The other
    directories keep their pace meanwhile. What could not be looked at is not known to be stable.
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
        Keep the arguments; no look at the file system, no work.

        :param directories: one or more paths, each with its priority; 1 comes before 2.
        :param file_patterns: one or more shell patterns for the file's name.
        :param check_interval: seconds between two looks, more than 0.
        :param stable_seconds: seconds for which a file must not change, 0 or more.
        :param max_retries: how often in a row a failed look is repeated before the directory is left out, 0 or more.
        :param backoff_base: seconds before the first repetition, more than 0.
        :param backoff_cap: the most seconds before any repetition, more than 0.
        :raises ValueError: if ``directories`` or ``file_patterns`` is empty, if ``file_patterns`` is a single ``str``,
            or if a number is out of its range.
        """
        super().__init__()
        _refuse_if(
            (not directories, "directories: one or more paths with their priorities"),
            (not file_patterns or isinstance(file_patterns, str), "file_patterns: one or more patterns in a list"),
            (
                not all(number > 0 for number in (check_interval, backoff_base, backoff_cap)),
                "check_interval, backoff_base, backoff_cap: more than 0",
            ),
            (not all(number >= 0 for number in (stable_seconds, max_retries)), "stable_seconds, max_retries: 0 or more"),
        )
        self.directories, self.file_patterns = dict(directories), list(file_patterns)
        self.check_interval, self.stable_seconds = check_interval, stable_seconds
        self.max_retries, self.backoff_base, self.backoff_cap = max_retries, backoff_base, backoff_cap

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, as ``MultiDirectoryTrigger.serialize`` does.

        :return: ``trigger_implementation_exercise.AdvancedMultiDirectoryTrigger`` and all arguments of ``__init__``.
        """
        return _serialize(
            self,
            "directories",
            "file_patterns",
            "check_interval",
            "stable_seconds",
            "max_retries",
            "backoff_base",
            "backoff_cap",
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payloads are those of ``MultiDirectoryTrigger``; the one for a file also holds ``pattern``, the first of
        ``file_patterns`` that the file matches, and ``priority``, that of its directory. ``files`` and ``total_files``
        are of the stable files.
        """
        errors: dict[str, str] = {}
        yield await _guarded(self._watch(errors), errors)

    async def _watch(self, errors: dict[str, str]) -> dict[str, Any]:
        order = _distinct(sorted(self.directories, key=lambda directory: (self.directories[directory], directory)))
        payload = await _watch(
            order, self.file_patterns, self.check_interval, errors, self.stable_seconds, self._retry_after
        )
        if payload["status"] != "success":
            return payload
        found_by = {"pattern": _match(payload["filename"], self.file_patterns)}
        return {**payload, **found_by, "priority": self.directories[payload["directory"]]}

    def _retry_after(self, failures: int) -> float | None:
        if failures > self.max_retries:
            return None
        return min(self.backoff_base * 2.0 ** min(failures - 1, 1000), self.backoff_cap)  # 2.0 ** 1024 is too much


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def collect_trigger_metrics(**context: Any) -> dict[str, Any]:
    """
    Collect how the two sensors of ``trigger_implementation_exercise`` have done over all its runs.

    Sources are ``ti.get_task_states(dag_id=...)``, which without run ids returns ``{run_id: {task_id: state}}`` for all
    runs; the XComs of ``monitor_client_uploads``, run by run (``ti.xcom_pull(task_ids=..., dag_id=..., run_id=...)``);
    and the REST API through ``read_airflow_api``. None of them may fail the task. The metrics are also logged, at INFO.

    :param context: the task's context; the task instance is ``context["ti"]``. The task may belong to another DAG.
    :return: a dict with

        * ``runs``: int, or None if the states cannot be had;
        * ``waits``: ``{state: int}``, the task instances of the two sensors by state, those without a state as
          ``"none"``; empty if the states cannot be had;
        * ``success_rate``, ``failure_rate``: float from 0 to 1, of the waits that have ended in ``success`` or
          ``failed``; None if there are none;
        * ``average_wait_seconds``, ``longest_wait_seconds``: float, over the runs whose ``monitor_client_uploads``
          succeeded and whose ``waited_seconds`` is known; None if there are none;
        * ``triggers_running``, ``triggers_queued``: int, the deferred task instances of all DAGs that a triggerer has,
          and has not, taken up: from ``/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100``, the largest
          page that the API gives by default (a list ``task_instances``; of each, ``trigger.triggerer_id`` is null until
          a triggerer has it), or None;
        * ``pool_utilization``: ``{pool: float}``, ``occupied_slots / slots`` from ``/api/v2/pools``, 0 for a pool
          without slots and for one of unlimited slots (-1), or None;
        * ``unavailable``: for each of ``runs``, ``triggers_running``, ``triggers_queued`` and ``pool_utilization`` that
          is None, its name and why, in words.
    """
    ti, missing = context["ti"], {}

    def read_states() -> dict[str, dict[str, str]]:
        runs = ti.get_task_states(dag_id=EXERCISE_DAG_ID)
        return {
            run_id: {task_id: str(tasks[task_id] or "none") for task_id in WAITING_TASK_IDS if task_id in tasks}
            for run_id, tasks in runs.items()
        }

    def read_triggers() -> tuple[int, int]:
        path = "/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100"
        taken = [(task["trigger"] or {}).get("triggerer_id") is not None for task in read_airflow_api(path)["task_instances"]]
        return sum(taken), len(taken) - sum(taken)

    def read_pools() -> dict[str, float]:
        pools = read_airflow_api("/api/v2/pools")["pools"]
        return {pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0 for pool in pools}

    states = _try(read_states, missing, "runs")
    waits = Counter(state for tasks in (states or {}).values() for state in tasks.values())
    ended = waits["success"] + waits["failed"]
    known = [
        wait[0]
        for run_id, tasks in (states or {}).items()
        if tasks.get(SENSOR_TASK_ID) == "success"
        and (wait := _try(partial(_wait_of, ti, dag_id=EXERCISE_DAG_ID, run_id=run_id), {}))
    ]
    running, queued = _try(read_triggers, missing, "triggers_running", "triggers_queued") or (None, None)
    metrics = {
        "runs": None if states is None else len(states),
        "waits": {state: number for state, number in waits.items() if number},
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(known) / len(known) if known else None,
        "longest_wait_seconds": max(known, default=None),
        "triggers_running": running,
        "triggers_queued": queued,
        "pool_utilization": _try(read_pools, missing, "pool_utilization"),
        "unavailable": missing,
    }
    log.info("Trigger metrics: %s", metrics)
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


async def _every(interval: float, ask: Callable[[], Awaitable[dict[str, Any] | None]]) -> dict[str, Any]:
    """Ask at once and then every ``interval`` seconds until there is something to report."""
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        if answer := await ask():
            return answer
        await asyncio.sleep(max(0, began + interval - clock()))
def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


class ApiTrigger(BaseTrigger):
    """
    Ask an HTTP service again and again, and fire when it says what is hoped for.

    It obeys the rules of ``MultiDirectoryTrigger``: the loop is not blocked, one event and the end, no exception but
    the cancellation, nothing left behind.
    """

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        """
        Keep the arguments; no request, no work.

        :param url: answers a GET with a JSON object that has a ``status``.
        :param expected_status: the ``status`` that is waited for.
        :param check_interval: seconds between two requests, more than 0.
        :raises ValueError: if ``url`` is empty or ``check_interval`` not more than 0.
        """
        super().__init__()
        _refuse_if((not url, "url: an address"), (not check_interval > 0, "check_interval: more than 0 seconds"))
        self.url, self.expected_status, self.check_interval = url, expected_status, check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        return _serialize(self, "url", "expected_status", "check_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end.

        It asks at once and then about every ``check_interval`` seconds. ``{"status": "success", "url": str, "answer":
        {...}}`` when the answer's ``status`` is the expected one. An answer with an HTTP status from 400 to 499 will
        not get better: ``{"status": "error", "error_type": "api", "message": str, "errors": {url: reason}}``. Another
        ``status``, an HTTP status from 500 on, an answer that is no JSON object, a refused connection and a request
        that gets no answer within 5 seconds may pass: it asks again at the next interval. Anything unexpected: an error
        event as of ``MultiDirectoryTrigger``.
        """
        yield await _guarded(_every(self.check_interval, self._ask))

    def _get(self) -> bytes:
        if not self.url.lower().startswith(("http://", "https://")):
            raise ValueError(f"Not an HTTP address: {self.url}")
        with urllib.request.urlopen(self.url, timeout=API_TIMEOUT) as response:
            return response.read()

    async def _ask(self) -> dict[str, Any] | None:
        try:
            body, error = await asyncio.wait_for(_ask(self._get), API_TIMEOUT)
        except asyncio.TimeoutError:  # a server that goes on sending never lets the socket's own timeout come
            return None
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            if 400 <= error.code < 500:
                return _error("api", f"{self.url} refuses: {_text(error)}", {self.url: _text(error)})
        if isinstance(error, (OSError, http.client.HTTPException)) and not isinstance(error, http.client.InvalidURL):
            return None
        if error:
            raise error
        answer, _ = await _ask(partial(json.loads, body, parse_constant=_no_json))
        if isinstance(answer, dict) and answer.get("status") == self.expected_status:
            return {"status": "success", "url": self.url, "answer": answer}
        return None


class BusinessRuleTrigger(BaseTrigger):
    """
    Ask a function of your own again and again, and fire when it agrees.

    A function cannot travel to the triggerer, its import path can. The rule may block, so it runs in a thread. It obeys
    the rules of ``MultiDirectoryTrigger``: one event and the end, no exception but the cancellation, nothing left
    behind.
    """

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        """
        Keep the arguments; the rule is not imported yet, no work.

        :param rule: the import path of a plain function, ``module.function``; the module is on the ``PYTHONPATH``.
        :param rule_kwargs: the function's keyword arguments, plain JSON; None for none.
        :param check_interval: seconds between two questions, more than 0.
        :raises ValueError: if ``rule`` is not a text with a dot in it, or ``check_interval`` not more than 0.
        """
        super().__init__()
        _refuse_if(
            (not isinstance(rule, str) or "." not in rule, "rule: the import path of a function, module.function"),
            (not check_interval > 0, "check_interval: more than 0 seconds"),
        )
        self.rule, self.rule_kwargs, self.check_interval = rule, copy.deepcopy(rule_kwargs), check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        return _serialize(self, "rule", "rule_kwargs", "check_interval")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end.

        It asks at once and then about every ``check_interval`` seconds. ``{"status": "success", "rule": str}`` when the
        rule returns something true. A rule that cannot be imported, or that raises, is broken: ``{"status": "error",
        "error_type": "rule", "message": str, "errors": {rule: reason}}``, the exception with its type and its text in
        both.
        """
        yield await _guarded(_every(self.check_interval, self._ask))

    def _agrees(self) -> bool:
        module, _, name = self.rule.rpartition(".")
        rule = getattr(importlib.import_module(module), name)
        return bool(rule(**copy.deepcopy(self.rule_kwargs or {})))

    async def _ask(self) -> dict[str, Any] | None:
        agrees, error = await _ask(self._agrees)
        if error:
            return _error("rule", f"The rule {self.rule} is broken: {_text(error)}", {self.rule: _text(error)})
        return {"status": "success", "rule": self.rule} if agrees else None


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``.

    :param directories: one directory a client.
    :param minimum: how many clients are enough.
    :return: True if at least ``minimum`` of the directories hold a file ``*.csv``. One that is missing or cannot be
        read holds none.
    """
    def delivered(directory: str) -> bool:
        with contextlib.suppress(OSError):
            return _look(directory, ["*.csv"])[2] is not None
        return False

    return sum(map(delivered, _distinct(directories))) >= minimum


class WaitForTrigger(BaseSensorOperator):
    """Defer to any trigger whose events have a ``status``, and return what it found."""

    def __init__(self, trigger: BaseTrigger, **kwargs: Any) -> None:
        """
        Keep the trigger.

        :param trigger: ``ApiTrigger``, ``BusinessRuleTrigger``, or another whose payload is a dict with a ``status``.
        :param kwargs: what ``BaseSensorOperator`` takes.
        """
        super().__init__(**kwargs)
        self.trigger = trigger

    def execute(self, context: Context) -> NoReturn:
        """Defer to the trigger, with the sensor's own ``timeout``, to go on in ``execute_complete``."""
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Go on when the trigger has fired.

        :return: the event's payload.
        :raises AirflowException: as ``MultiDirectorySensorAsync.execute_complete`` does.
        """
        if not isinstance(event, dict) or event.get("status") != "success":
            raise WaitFailed(event)
        return event


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

with DAG(
    dag_id=EXERCISE_DAG_ID,
    description="Waits for the uploads of clients without holding worker slots.",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
) as dag:

    def _task(function: Callable[..., Any], **kwargs: Any) -> PythonOperator:
        return PythonOperator(task_id=function.__name__, python_callable=function, **kwargs)

    waiting = {"poke_interval": 30, "timeout": 600, "deferrable": True, "on_failure_callback": handle_trigger_failure}
    set_up = _task(set_up_directories).as_setup()
    sensors = [
        FileSensor(
            task_id="wait_for_upload",
            filepath=UPLOAD_FILE,
            on_execute_callback=log_worker_slot,
            doc_md="Defers: in poke mode it would hold a worker slot for up to ten minutes and do nothing with it, "
            "whereas the triggerer waits for thousands of files in one process.",
            **waiting,
        ),
        MultiDirectorySensorAsync(
            task_id="monitor_client_uploads", directories=CLIENT_DIRECTORIES, file_pattern="*.csv", **waiting
        ),
    ]
    findings = [_task(monitor_resource_usage), _task(compare_approaches)]
    clean_up = _task(clean_up_directories, op_args=[set_up.output]).as_teardown(setups=set_up)
    set_up >> sensors >> _task(process_trigger_results) >> findings >> _task(generate_trigger_report) >> clean_up

with DAG(dag_id="trigger_orchestration_challenge", schedule=None) as orchestration_dag:
    rule = BusinessRuleTrigger(
        "trigger_implementation_exercise.enough_clients_delivered", {"directories": CLIENT_DIRECTORIES, "minimum": 3}
    )
    data = MultiDirectorySensorAsync(task_id="wait_for_data", directories=CLIENT_DIRECTORIES, timeout=3600)
    window = DateTimeSensorAsync(
        task_id="wait_for_window", target_time="{{ dag_run.run_after + macros.timedelta(minutes=1) }}"
    )
    leave = [
        WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), timeout=3600),
        WaitForTrigger(task_id="wait_for_rule", trigger=rule, timeout=3600),
    ]
    approve = leave >> EmptyOperator(task_id="approve", trigger_rule="one_success")
    [data, window, approve] >> EmptyOperator(task_id="publish")
