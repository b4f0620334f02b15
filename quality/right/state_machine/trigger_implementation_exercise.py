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
import copy
import csv
import fnmatch
import heapq
import importlib
import io
import json
import logging
import math
import os
import stat
import tempfile
import threading
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree

import httpx
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import DAG, BaseSensorOperator, Connection, Context, PokeReturnValue, TaskGroup
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
    made: list[str] = []
    for wanted in (Path(UPLOAD_FILE).parent, *map(Path, CLIENT_DIRECTORIES), Path(REPORT_FILE).parent):
        for directory in (*reversed(wanted.parents), wanted):
            if directory.is_dir():
                continue
            try:
                directory.mkdir()
            except FileExistsError:
                if not directory.is_dir():
                    raise
            else:
                made.append(str(directory))

    written: list[str] = []
    for directory in map(Path, CLIENT_DIRECTORIES):
        try:
            readme = (directory / "README.txt").open("x", encoding="utf-8")
        except FileExistsError:
            continue
        with readme:
            readme.write("Put your uploads here: CSV files in UTF-8, with a header in the first row.\n")
        written.append(readme.name)
    return {"directories": made, "files": written}


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what lies there. What
    is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    if created is None:
        return []
    steps = [(os.unlink, path) for path in created["files"]]
    steps += [(os.rmdir, path) for path in reversed(created["directories"])]
    removed: list[str] = []
    for remove, path in steps:
        try:
            remove(path)
        except FileNotFoundError:
            continue
        except OSError as error:  # a directory in which something else lies, above all
            log.info("%s stays: %s", path, error)
        else:
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
    log.info("%s is on a worker: it holds a worker slot from now on.", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100


@dataclass(frozen=True, order=True)
class _File:
    """A file that counts."""

    name: str
    directory: str
    size: int
    modified: float
    identity: tuple[int, ...]  # changes if the file changes, or another takes its name

    @property
    def path(self) -> str:
        return os.path.join(self.directory, self.name)


def _matches(name: str, pattern: str) -> bool:
    hidden = name.startswith(".") and not pattern.startswith(".")
    return not hidden and fnmatch.fnmatchcase(name, pattern)


def _files_in(directory: str, patterns: Sequence[str], is_over: Callable[[], bool] = lambda: False) -> list[_File]:
    """
    List the files that count, by name. Blocks.

    :param is_over: asked before each file; what is found is of no interest any more once it says so.
    """
    found = []
    for entry in Path(directory).iterdir():
        if is_over():
            break
        if not any(_matches(entry.name, pattern) for pattern in patterns):
            continue
        try:
            status = entry.stat()
        except OSError:  # a dead link, or gone again
            continue
        if stat.S_ISREG(status.st_mode):
            identity = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
            found.append(_File(entry.name, directory, status.st_size, status.st_mtime, identity))
    return sorted(found)


def _named_once(directories: Iterable[str]) -> list[str]:
    """Pass over a directory that was named before, also if it is written with another number of slashes."""
    named: dict[Path, str] = {}
    for directory in directories:
        named.setdefault(Path(directory), directory)
    return list(named.values())


def _words_for(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _success_payload(files: Sequence[_File], total: int, errors: dict[str, str]) -> dict[str, Any]:
    reported = files[0]
    return {
        "status": "success",
        "directory": reported.directory,
        "filename": reported.name,
        "path": reported.path,
        "size": reported.size,
        "modified": datetime.fromtimestamp(reported.modified, tz=timezone.utc).isoformat(),
        "files": [file.path for file in files[:MAX_LISTED_FILES]],
        "total_files": total,
        "errors": errors,
    }


def _error_payload(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors}


def _none_left_payload(errors: dict[str, str]) -> dict[str, Any]:
    listed = ", ".join(f"{directory}: {reason}" for directory, reason in errors.items())
    return _error_payload("directory_access", f"Not one of the directories can be read ({listed}).", errors)


def _unexpected_payload(error: Exception, errors: dict[str, str]) -> dict[str, Any]:
    return _error_payload("unexpected", _words_for(error), errors)


@dataclass(frozen=True)
class _Outcome:
    """What a call in a thread has come to. It is no exception: not all of those pass through a future unharmed."""

    value: Any = None
    error: BaseException | None = None

    @classmethod
    def of(cls, function: Callable[..., Any], *args: Any) -> _Outcome:
        try:
            return cls(value=function(*args))
        except BaseException as error:
            return cls(error=error)


class _Workers:
    """Threads of one run's own, so that one that hangs keeps no other trigger waiting."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="trigger")
        self._dismissed = threading.Event()
        self.are_dismissed = self._dismissed.is_set

    def start(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[_Outcome]:
        return asyncio.get_running_loop().run_in_executor(self._pool, _Outcome.of, function, *args)

    def dismiss(self) -> None:
        """Let all threads end; wait for none, it might hang."""
        self._dismissed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class _Terms:
    """How to watch."""

    patterns: list[str]
    interval: float
    stable_seconds: float = 0
    pause_after_failures: Callable[[int], float | None] | None = None  # None: the interval; its None: give up


@dataclass
class _Sighting:
    """What a look has come to: all files that match, each with the time since when it is as it is."""

    since: dict[str, tuple[tuple[int, ...], float]]
    listed: list[_File]  # the stable ones, cut to what a payload lists
    total: int


@dataclass
class _Watched:
    """The state of one directory."""

    directory: str
    terms: _Terms
    looks: int = 0
    started: float = 0
    due: float = 0
    failures: int = 0
    report_by: float = math.inf  # to wait longer for others would break the promise of two intervals
    left_out: str | None = None
    sighting: _Sighting = field(default_factory=lambda: _Sighting({}, [], 0))

    def look(self, clock: Callable[[], float], is_over: Callable[[], bool]) -> _Sighting:
        """Look into the directory. Blocks, runs in a thread: it changes nothing here."""
        began = clock()
        files = _files_in(self.directory, self.terms.patterns, is_over)
        ended = clock()
        since = {}
        stable = []
        for file in files:
            identity, seen = self.sighting.since.get(file.name, (None, ended))
            if identity != file.identity:
                seen = ended
            since[file.name] = (file.identity, seen)
            if began - seen >= self.terms.stable_seconds or self.terms.stable_seconds == 0:
                stable.append(file)
        return _Sighting(since, stable[:MAX_LISTED_FILES], len(stable))

    def begin(self, now: float) -> None:
        self.looks += 1
        self.started = now
        self.due = now + self.terms.interval

    def settle(self, outcome: _Outcome, now: float) -> None:
        """Move on to the next state after a look."""
        match outcome.error:
            case None:
                self.failures = 0
                self._see(outcome.value)
            case FileNotFoundError():  # it may still be made
                self.failures = 0
                self._see(_Sighting({}, [], 0))
            case PermissionError() | NotADirectoryError() as error:
                self._leave_out(error)
            case OSError() as error:
                self.failures += 1
                self._see(_Sighting(self.sighting.since, [], 0))  # nothing is known to be stable now
                if self.terms.pause_after_failures is not None:
                    pause = self.terms.pause_after_failures(self.failures)
                    if pause is None:
                        self._leave_out(error)
                    else:
                        self.due = now + pause
            case Exception() as error:
                raise error
            case error:
                raise RuntimeError(_words_for(error)) from error

    def _see(self, sighting: _Sighting) -> None:
        self.sighting = sighting
        if not sighting.total:
            self.report_by = math.inf
        elif self.report_by == math.inf:
            # A file may have come right after the look before, then one of its two intervals is over.
            intervals_left = 1.5 if self.looks == 1 else 0.5
            self.report_by = self.started + intervals_left * self.terms.interval

    def _leave_out(self, error: OSError) -> None:
        self.left_out = _words_for(error)
        self._see(_Sighting({}, [], 0))
        log.warning("The directory %s is not watched any more: %s", self.directory, self.left_out)


async def _watch(directories: Sequence[str], terms: _Terms) -> dict[str, Any]:
    """
    Watch directories, the most important first, to the end, and return the payload of the event.

    One coroutine does it all: it starts the looks that are due, sleeps until one ends or the next is due, and decides.
    """
    clock = asyncio.get_running_loop().time
    workers = _Workers(len(directories))
    watched = [_Watched(directory, terms) for directory in directories]
    schedule = [(clock(), index) for index in range(len(watched))]
    looking: dict[asyncio.Future[_Outcome], int] = {}
    try:
        while True:
            now = clock()
            while schedule and schedule[0][0] <= now:
                _, index = heapq.heappop(schedule)
                watched[index].begin(now)
                looking[workers.start(watched[index].look, clock, workers.are_dismissed)] = index

            report_by = min(one.report_by for one in watched)
            if report_by < math.inf and (not looking or now >= report_by):
                listed = [file for one in watched for file in one.sighting.listed]
                return _success_payload(listed, sum(one.sighting.total for one in watched), _left_out(watched))
            if not looking and not schedule:
                return _none_left_payload(_left_out(watched))

            wake_at = min(report_by, schedule[0][0] if schedule else math.inf)
            for future in await _first_of(looking, wake_at - now):
                index = looking.pop(future)
                watched[index].settle(future.result(), clock())
                if watched[index].left_out is None:
                    heapq.heappush(schedule, (watched[index].due, index))
    except Exception as error:
        log.exception("The watch over %s has failed", list(directories))
        return _unexpected_payload(error, _left_out(watched))
    finally:
        for future in looking:
            future.cancel()
        workers.dismiss()


async def _first_of(futures: Iterable[asyncio.Future[Any]], seconds: float) -> set[asyncio.Future[Any]]:
    """Sleep until one of the futures is done, at most for so many seconds; return those that are done."""
    pending = set(futures)
    if not pending:
        await asyncio.sleep(seconds)
        return pending
    timeout = None if seconds == math.inf else seconds
    done, _ = await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    return done


def _left_out(watched: Iterable[_Watched]) -> dict[str, str]:
    return {one.directory: one.left_out for one in watched if one.left_out is not None}


def _refuse(**conditions: bool) -> None:
    """Raise ``ValueError`` for arguments that do not hold what is asked of them."""
    broken = [name for name, holds in conditions.items() if not holds]
    if broken:
        raise ValueError(f"Not a possible value: {', '.join(broken)}")


def _is_list_of_some(value: Any) -> bool:
    return not isinstance(value, str) and len(value) > 0


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
        _refuse(
            directories=_is_list_of_some(directories),
            file_pattern=bool(file_pattern),
            check_interval=check_interval > 0,
        )
        self.directories = list(directories)
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, in another process.

        :return: the class path ``trigger_implementation_exercise.MultiDirectoryTrigger``, to the letter, and the
            keyword arguments of ``__init__``, all of them, under their own names, as plain JSON. To the letter, because
            Airflow loads a DAG file under a made-up module name, which ``__module__`` repeats and no triggerer can
            import. (The triggerer does not see the DAG folder either: this kata puts it on its ``PYTHONPATH``.)
        """
        kwargs = {
            "directories": list(self.directories),
            "file_pattern": self.file_pattern,
            "check_interval": self.check_interval,
        }
        return "trigger_implementation_exercise.MultiDirectoryTrigger", kwargs

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
        yield TriggerEvent(
            await _watch(_named_once(self.directories), _Terms([self.file_pattern], self.check_interval))
        )


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


def _seconds_since(moment: datetime | None) -> float | None:
    return moment and max(0.0, (datetime.now(timezone.utc) - moment).total_seconds())


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
        self.directories = directories
        self.file_pattern = file_pattern
        self.deferrable = deferrable
        self._waiting_since: datetime | None = None

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
        self._waiting_since = None
        if not self.deferrable:
            return super().execute(context)
        match self.poke(context):
            case PokeReturnValue(is_done=True, xcom_value=result):
                return result
            case _:
                self.defer(
                    trigger=MultiDirectoryTrigger(
                        directories=list(self.directories),
                        file_pattern=self.file_pattern,
                        check_interval=self.poke_interval,
                    ),
                    method_name=self.execute_complete.__name__,
                    kwargs={"started_at": self._waiting_since.isoformat()},
                    timeout=timedelta(seconds=self.timeout),
                )

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        self._waiting_since = self._waiting_since or self._first_reschedule(context) or datetime.now(timezone.utc)
        _refuse(directories=_is_list_of_some(self.directories), file_pattern=bool(self.file_pattern))
        files: list[_File] = []
        errors: dict[str, str] = {}
        directories = _named_once(self.directories)
        for directory in directories:
            try:
                files += _files_in(directory, [self.file_pattern])
            except (PermissionError, NotADirectoryError) as error:
                errors[directory] = _words_for(error)
            except OSError:  # passes, or is not there yet
                continue
        match files:
            case [] if len(errors) == len(directories):
                raise WaitFailed(_none_left_payload(errors))
            case []:
                return PokeReturnValue(is_done=False)
            case _:
                result = _success_payload(files, len(files), errors)
                result |= {"deferred": False, "waited_seconds": _seconds_since(self._waiting_since)}
                return PokeReturnValue(is_done=True, xcom_value=result)

    def _first_reschedule(self, context: Context) -> datetime | None:
        """Return when the first of several processes began that wait in turns, in the mode "reschedule"."""
        return context["ti"].get_first_reschedule_date(context) if self.reschedule and "ti" in context else None

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
        match event:
            case {"status": "success"}:
                since = datetime.fromisoformat(started_at) if started_at else None
                return {**event, "deferred": True, "waited_seconds": _seconds_since(since)}
            case _:
                raise WaitFailed(event)


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


def _is_figure(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _verdict_on_csv(lines: Iterable[str]) -> tuple[int, str, str]:
    """
    Read a CSV file to its end; return the number of rows below the header, and what is wrong with them, if anything.

    :raises csv.Error: if it is no CSV, which counts for more than anything else that is wrong.
    """
    reader = csv.reader(lines, strict=True)
    header: list[str] = []
    rows, reason, detail, line = 0, "", "", 1
    for row in reader:
        match row:
            case []:
                pass
            case _ if not header:
                header = row
                if any(not name.strip() for name in header):
                    reason, detail = "no_header", f"a name in the header is blank: {header}"
            case _:
                rows += 1
                if len(row) != len(header) and not reason:
                    reason, detail = "row_width", f"line {line}: {len(row)} fields in place of {len(header)}"
        line = reader.line_num + 1
    return (rows, reason, detail) if header else (0, "no_header", "there is no row")


def _read_lines(path: str) -> Iterable[str]:
    """Read a text; refuse NUL, as Python 3.10's CSV reader does."""
    text = Path(path).read_text(encoding="utf-8-sig")
    if "\0" in text:
        raise csv.Error("there is a NUL in it")
    # A field may be as long as the file. csv keeps its limit for the process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    return io.StringIO(text, newline="")


def _verdict_on(path: str) -> dict[str, Any]:
    """Check one file; return its entry in the list of valid or of invalid files: the latter has a reason."""

    def invalid(reason: str, detail: Any) -> dict[str, Any]:
        return {"path": path, "reason": reason, "detail": str(detail)}

    try:
        status = os.stat(path)
        match stat.S_IFMT(status.st_mode), status.st_size:
            case stat.S_IFREG, 0:
                return invalid("empty", "not one byte is in it")
            case stat.S_IFREG, size if path.lower().endswith(".csv"):
                rows, reason, detail = _verdict_on_csv(_read_lines(path))
                return invalid(reason, detail) if reason else {"path": path, "size": size, "rows": rows}
            case stat.S_IFREG, size:
                with open(path, "rb") as file:
                    file.read(1)
                return {"path": path, "size": size, "rows": None}
            case _:
                return invalid("unreadable", "a directory, or another thing that is no file")
    except (FileNotFoundError, NotADirectoryError) as error:
        return invalid("missing", error)
    except (OSError, ValueError, csv.Error) as error:
        return invalid("unreadable", _words_for(error))


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
        case {"files": list(files), "total_files": int(total), "waited_seconds": waited} if (
            all(isinstance(path, str) for path in files)
            and not isinstance(total, bool)
            and (waited is None or _is_figure(waited))
        ):
            verdicts = [_verdict_on(path) for path in files]
        case other:
            raise AirflowException(f"{SENSOR_TASK_ID} has left no result that can be processed: {other!r:.300}")
    for verdict in verdicts:
        log.info("%s: %s", verdict["path"], verdict.get("reason", "valid"))
    return {
        "valid": [verdict for verdict in verdicts if "reason" not in verdict],
        "invalid": [verdict for verdict in verdicts if "reason" in verdict],
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


def _try_to_get(unavailable: dict[str, str], names: str, get: Callable[[], Any]) -> Any:
    """Get a figure; if it cannot be had, return None and note the reason under each of the names."""
    try:
        return get()
    except Exception as error:
        unavailable.update(dict.fromkeys(names.split(), f"cannot be had: {_words_for(error)}"))
        return None


def _get_wait(ti: Any) -> tuple[float, bool]:
    """Return for how long the sensor waited, and if it was deferred."""
    match ti.xcom_pull(task_ids=SENSOR_TASK_ID):
        case {"waited_seconds": seconds, **rest} if _is_figure(seconds):
            return float(seconds), rest.get("deferred") is True
        case {"waited_seconds": None}:
            raise LookupError("the sensor does not know when it began to wait")
        case _:
            raise LookupError(f"{SENSOR_TASK_ID} has left no result")


def _get_pools() -> list[dict[str, Any]]:
    match read_airflow_api("/api/v2/pools"):
        case {"pools": [*pools]}:
            return [
                {
                    "name": str(pool["name"]),
                    "slots": int(pool["slots"]),
                    "occupied_slots": int(pool["occupied_slots"]),
                    "deferred_slots": int(pool["deferred_slots"]),
                }
                for pool in pools
            ]
        case answer:
            raise LookupError(f"the API answers without pools: {answer!r:.200}")


def _get_triggerer_status() -> str:
    match read_airflow_api("/api/v2/monitor/health"):
        case {"triggerer": {"status": str(status)}}:
            return status
        case answer:
            raise LookupError(f"the API answers without a triggerer's status: {answer!r:.200}")


def _recommendations(usage: dict[str, Any]) -> list[str]:
    full = [pool["name"] for pool in usage["pools"] or [] if 0 < pool["slots"] <= pool["occupied_slots"]]
    texts = []
    match usage:
        case {"triggerer_status": str(status)} if status != "healthy":
            texts.append(f"The triggerer is {status}: see to it first, no deferred task comes back without it.")
    match usage:
        case {"waited_seconds": None}:
            texts.append("The wait could not be measured, so whether deferring pays is not known.")
        case {"waited_seconds": waited, "saved_slot_seconds": 0} if waited > 0:
            texts.append(f"The wait took a worker slot for {waited:.1f} seconds; a deferred one would take none.")
        case {"saved_slot_seconds": saved} if saved > 0:
            texts.append(f"Deferring has freed a worker slot for {saved:.1f} seconds: stay with it.")
        case _:
            texts.append("The files were there at once: nothing is to be gained here.")
    if full:
        texts.append(f"No slot is free in {', '.join(full)}: tasks that come back from a wait will queue there.")
    return texts


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
    ti = context["ti"]
    unavailable: dict[str, str] = {}

    def count(state: str) -> int | None:
        return _try_to_get(
            unavailable, f"{state}_tasks", lambda: int(ti.get_ti_count(dag_id=ti.dag_id, states=[state]))
        )

    wait = _try_to_get(unavailable, "waited_seconds saved_slot_seconds", lambda: _get_wait(ti))
    seconds, deferred = wait or (None, False)
    usage = {
        "deferred_tasks": count("deferred"),
        "running_tasks": count("running"),
        "waited_seconds": seconds,
        "saved_slot_seconds": seconds if deferred or wait is None else 0.0,
        "triggerer_status": _try_to_get(unavailable, "triggerer_status", _get_triggerer_status),
        "pools": _try_to_get(unavailable, "pools", _get_pools),
    }
    usage |= {"unavailable": unavailable, "recommendations": _recommendations(usage)}
    log.info("Resource usage of the waits: %s", usage)
    return usage


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────


_ADVICE = {
    "timeout": "find out why nothing came, or allow a longer timeout",
    "directory_access": "give Airflow's user the right to read the directories",
    "triggerer_failure": "see the triggerer's log, whether it can import the trigger and what the trigger raised",
    "serialization": "pass only plain JSON to triggers, events and defer(kwargs=...)",
    "unknown": "read the log of the task",
}


def _safely(get: Callable[[], Any]) -> Any:
    """Get something out of what may be broken; None if it is."""
    try:
        return get()
    except Exception:
        return None


def _only_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _cause(error: Any) -> str:
    match error:
        case AirflowSensorTimeout() | TaskDeferralTimeout() | AirflowTaskTimeout():
            return "timeout"
        case WaitFailed(error_type="directory_access"):
            return "directory_access"
        case PermissionError() | NotADirectoryError() | FileNotFoundError():
            return "directory_access"
        case TaskDeferralError():
            return "triggerer_failure"
    speech = f"{type(error).__name__} {_safely(lambda: str(error))}".lower()
    if "serializ" in speech or "serialis" in speech:
        return "serialization"
    match getattr(error, "__cause__", None):
        case None:
            return "unknown"
        case deeper:
            return _cause(deeper)


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
    error = _safely(lambda: context["exception"])
    task_id = _only_text(_safely(lambda: context["ti"].task_id))
    run_id = _only_text(_safely(lambda: context["ti"].run_id))
    message = "" if error is None else _safely(lambda: str(error))
    cause = _safely(lambda: _cause(error)) or "unknown"  # a chain of causes may even be a circle
    log.error("Task %s failed, cause: %s. What to do: %s.", task_id, cause, _ADVICE[cause])
    return {
        "task_id": task_id,
        "run_id": run_id,
        "cause": cause,
        "message": f"{type(error).__name__} without a text" if message is None else message,
        "advice": _ADVICE[cause],
    }


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────


def _tally(states: Iterable[Any]) -> dict[str, int]:
    return dict(Counter("none" if state is None else str(state) for state in states))


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
    ti = context["ti"]
    unavailable: dict[str, str] = {}
    match _try_to_get(unavailable, "waited_seconds", lambda: _get_wait(ti)):
        case (waited, True):
            traditional, deferrable, saved = waited, 0.0, waited
        case (waited, False):
            traditional, deferrable, saved = waited, waited, 0.0
        case _:
            waited = traditional = deferrable = saved = None
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": traditional, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": deferrable, "slots_for_100_waits": 0},
        "saved_slot_seconds": saved,
        "task_states": _try_to_get(
            unavailable,
            "task_states",
            lambda: _tally(ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id].values()),
        ),
        "unavailable": unavailable,
    }


def _element(_tag: str, *content: Any, **attributes: Any) -> ElementTree.Element:
    """Make an element of a page out of texts, figures (None: "unavailable") and other elements."""
    made = ElementTree.Element(_tag, {name: str(value) for name, value in attributes.items()})
    for part in content:
        if isinstance(part, ElementTree.Element):
            made.append(part)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + _shown(part)
        else:
            made.text = (made.text or "") + _shown(part)
    return made


def _shown(value: Any) -> str:
    match value:
        case None:
            return "unavailable"
        case float():
            return f"{value:.3f}".rstrip("0").rstrip(".")
        case _:
            return str(value)


def _section(title: str, items: Sequence[Sequence[Any]] | None) -> ElementTree.Element:
    """Make a section with a list; None for one that is unavailable."""
    match items:
        case None:
            content = _element("p", None)
        case []:
            content = _element("p", "none")
        case _:
            content = _element("ul", *(_element("li", *item) for item in items))
    return _element("section", _element("h2", title), content)


def _picture(bars: dict[str, float | None]) -> ElementTree.Element:
    longest = max((seconds or 0 for seconds in bars.values()), default=0) or 1
    shapes = []
    for number, (name, seconds) in enumerate(bars.items()):
        top = 40 * number
        shapes += [
            _element("text", name, ": ", seconds, x=0, y=top + 14),
            _element("rect", x=0, y=top + 18, width=round(400 * (seconds or 0) / longest), height=14, fill="teal"),
        ]
    return _element("svg", *shapes, xmlns="http://www.w3.org/2000/svg", width=420, height=40 * len(bars))


def _at(xcom: Any, *keys: str) -> Any:
    """Follow keys into what a task has left; None if there is nothing of that kind."""
    for key in keys:
        match xcom:
            case dict():
                xcom = xcom.get(key)
            case _:
                return None
    return xcom


def _page(run_id: Any, processed: Any, usage: Any, comparison: Any) -> bytes:
    valid, invalid, advice = _at(processed, "valid"), _at(processed, "invalid"), _at(usage, "recommendations")
    slot_seconds = {way: _at(comparison, way, "slot_seconds") for way in ("traditional", "deferrable")}
    body = _element(
        "body",
        _element("h1", "What the triggers have done"),
        _element("p", "Run ", run_id),
        _section(
            "Valid files",
            valid and [(file["path"], " (", file.get("rows"), " rows, ", file.get("size"), " bytes)") for file in valid],
        ),
        _section(
            "Invalid files",
            invalid and [(file["path"], " — ", file.get("reason"), ": ", file.get("detail")) for file in invalid],
        ),
        _section(
            "Time",
            [
                ("Seconds waited: ", _at(comparison, "waited_seconds")),
                ("Slot seconds of a traditional sensor: ", slot_seconds["traditional"]),
                ("Slot seconds of the deferrable sensor: ", slot_seconds["deferrable"]),
                ("Slot seconds saved: ", _at(comparison, "saved_slot_seconds")),
                ("Deferred tasks: ", _at(usage, "deferred_tasks")),
                ("Running tasks: ", _at(usage, "running_tasks")),
                ("Status of the triggerer: ", _at(usage, "triggerer_status")),
            ],
        ),
        _picture(slot_seconds),
        _section("Recommendations", advice and [(sentence,) for sentence in advice]),
    )
    head = _element("head", _element("meta", charset="utf-8"), _element("title", "What the triggers have done"))
    page = ElementTree.tostring(_element("html", head, body, lang="en"), encoding="unicode", method="html")
    # A file's name may hold bytes that are no UTF-8.
    return f"<!DOCTYPE html>\n{page}\n".encode("utf-8", "backslashreplace")


def _put_in_place(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


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
    processed, usage, comparison = (
        ti.xcom_pull(task_ids=task_id)
        for task_id in ("process_trigger_results", "monitor_resource_usage", "compare_approaches")
    )
    _put_in_place(Path(REPORT_FILE), _page(ti.run_id, processed, usage, comparison))
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in _at(processed, "valid") or []],
        "invalid_files": [file["path"] for file in _at(processed, "invalid") or []],
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
        _refuse(
            directories=len(directories) > 0,
            file_patterns=_is_list_of_some(file_patterns),
            check_interval=check_interval > 0,
            stable_seconds=stable_seconds >= 0,
            max_retries=max_retries >= 0,
            backoff_base=backoff_base > 0,
            backoff_cap=backoff_cap > 0,
        )
        self._kwargs = {
            "directories": dict(directories),
            "file_patterns": list(file_patterns),
            "check_interval": check_interval,
            "stable_seconds": stable_seconds,
            "max_retries": max_retries,
            "backoff_base": backoff_base,
            "backoff_cap": backoff_cap,
        }

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, as ``MultiDirectoryTrigger.serialize`` does.

        :return: ``trigger_implementation_exercise.AdvancedMultiDirectoryTrigger`` and all arguments of ``__init__``.
        """
        return "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger", copy.deepcopy(self._kwargs)

    def _pause(self, failures: int) -> float | None:
        """Return for how long to leave a directory alone, None for ever."""
        if failures > self._kwargs["max_retries"]:
            return None
        factor = 2.0 ** min(failures - 1, 1000)  # a float goes no further
        return min(self._kwargs["backoff_base"] * factor, self._kwargs["backoff_cap"])

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payloads are those of ``MultiDirectoryTrigger``; the one for a file also holds ``pattern``, the first of
        ``file_patterns`` that the file matches, and ``priority``, that of its directory. ``files`` and ``total_files``
        are of the stable files.
        """
        priorities: dict[str, int] = self._kwargs["directories"]
        patterns: list[str] = self._kwargs["file_patterns"]
        by_priority = sorted(priorities, key=lambda directory: (priorities[directory], directory))
        terms = _Terms(patterns, self._kwargs["check_interval"], self._kwargs["stable_seconds"], self._pause)
        payload = await _watch(_named_once(by_priority), terms)
        match payload:
            case {"status": "success", "filename": name, "directory": directory}:
                matched = [pattern for pattern in patterns if _matches(name, pattern)]
                payload |= {"pattern": matched[0], "priority": priorities[directory]}
        yield TriggerEvent(payload)


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def _get_trigger_counts() -> tuple[int, int]:
    """Return how many deferred tasks a triggerer has, and has not, taken up."""
    answer = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")
    taken_up = [_at(instance, "trigger", "triggerer_id") is not None for instance in answer["task_instances"]]
    return sum(taken_up), len(taken_up) - sum(taken_up)


def _get_utilization() -> dict[str, float]:
    return {
        pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0 for pool in _get_pools()
    }


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
    ti = context["ti"]
    unavailable: dict[str, str] = {}
    runs = _try_to_get(unavailable, "runs", lambda: dict(ti.get_task_states(dag_id=EXERCISE_DAG_ID)))
    triggers = _try_to_get(unavailable, "triggers_running triggers_queued", _get_trigger_counts)

    waits: Counter[str] = Counter()
    seconds: list[float] = []
    for run_id, states in (runs or {}).items():
        waits.update(_tally(states[task_id] for task_id in WAITING_TASK_IDS if task_id in states))
        if states.get(SENSOR_TASK_ID) == "success":
            pull = {"task_ids": SENSOR_TASK_ID, "dag_id": EXERCISE_DAG_ID, "run_id": run_id}
            waited = _at(_safely(lambda pull=pull: ti.xcom_pull(**pull)), "waited_seconds")
            seconds += [float(waited)] if _is_figure(waited) else []
    ended = waits["success"] + waits["failed"]

    metrics = {
        "runs": None if runs is None else len(runs),
        "waits": {state: count for state, count in waits.items() if count},
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds) if seconds else None,
        "triggers_running": triggers and triggers[0],
        "triggers_queued": triggers and triggers[1],
        "pool_utilization": _try_to_get(unavailable, "pool_utilization", _get_utilization),
        "unavailable": unavailable,
    }
    log.info("Trigger metrics: %s", metrics)
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


def _parse_object(content: bytes) -> dict[str, Any] | None:
    """Parse a JSON object, None for everything else. Blocks for as long as the text is."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    try:
        match json.loads(content, parse_constant=refuse):
            case dict() as answer:
                return answer
            case _:
                return None
    except (ValueError, RecursionError):
        return None


async def _ask_again_and_again(
    ask: Callable[[], Awaitable[dict[str, Any] | None]], interval: float
) -> dict[str, Any]:
    """Await ``ask()`` every ``interval`` seconds, or as often as it can answer, until it returns a payload."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + interval
        payload = await ask()
        if payload is not None:
            return payload
        await asyncio.sleep(max(0.0, due - clock()))


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
        _refuse(url=bool(url), check_interval=check_interval > 0)
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        kwargs = {"url": self.url, "expected_status": self.expected_status, "check_interval": self.check_interval}
        return "trigger_implementation_exercise.ApiTrigger", kwargs

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
        workers = _Workers(1)
        client: httpx.AsyncClient | None = None
        try:
            # To make a client is to read this machine's certificates.
            made = await workers.start(lambda: httpx.AsyncClient(timeout=API_TIMEOUT, follow_redirects=True))
            client = made.value
            if client is None:
                raise RuntimeError(f"no HTTP client: {made.error}")
            payload = await _ask_again_and_again(lambda: self._ask(client, workers), self.check_interval)
        except Exception as error:
            payload = _unexpected_payload(error, {})
        finally:
            workers.dismiss()
            if client is not None:
                await client.aclose()
        yield TriggerEvent(payload)

    async def _ask(self, client: httpx.AsyncClient, workers: _Workers) -> dict[str, Any] | None:
        """Ask once; return the event's payload if there is one to send."""
        request = asyncio.ensure_future(client.get(self.url))
        try:
            await asyncio.wait([request], timeout=API_TIMEOUT)
            if not request.done():
                return None
            response = request.result()
        except httpx.UnsupportedProtocol:
            raise
        except httpx.RequestError:
            return None
        finally:
            request.cancel()
            await asyncio.wait([request])
        match response.status_code // 100:
            case 4:
                reason = f"HTTP status {response.status_code}"
                return _error_payload("api", f"{self.url} answers with {reason}", {self.url: reason})
            case 5 | 6 | 7 | 8 | 9:
                return None
        match (await workers.start(_parse_object, response.content)).value:
            case {"status": self.expected_status} as answer:
                return {"status": "success", "url": self.url, "answer": answer}
        return None


def _agrees(rule: str, rule_kwargs: dict[str, Any] | None) -> bool:
    """Import a rule and ask it. Blocks."""
    module, _, function = rule.rpartition(".")
    agree = getattr(importlib.import_module(module), function)
    return bool(agree(**copy.deepcopy(rule_kwargs or {})))


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
        _refuse(rule=isinstance(rule, str) and "." in rule, check_interval=check_interval > 0)
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        kwargs = {
            "rule": self.rule,
            "rule_kwargs": copy.deepcopy(self.rule_kwargs),
            "check_interval": self.check_interval,
        }
        return "trigger_implementation_exercise.BusinessRuleTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end.

        It asks at once and then about every ``check_interval`` seconds. ``{"status": "success", "rule": str}`` when the
        rule returns something true. A rule that cannot be imported, or that raises, is broken: ``{"status": "error",
        "error_type": "rule", "message": str, "errors": {rule: reason}}``, the exception with its type and its text in
        both.
        """
        workers = _Workers(1)
        try:
            payload = await _ask_again_and_again(lambda: self._ask(workers), self.check_interval)
        except Exception as error:
            payload = _unexpected_payload(error, {})
        finally:
            workers.dismiss()
        yield TriggerEvent(payload)

    async def _ask(self, workers: _Workers) -> dict[str, Any] | None:
        """Ask once; return the event's payload if there is one to send."""
        match await workers.start(_agrees, self.rule, self.rule_kwargs):
            case _Outcome(error=None, value=True):
                return {"status": "success", "rule": self.rule}
            case _Outcome(error=None):
                return None
            case _Outcome(error=error):
                reason = _words_for(error)
                return _error_payload("rule", f"{self.rule} is broken: {reason}", {self.rule: reason})


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``.

    :param directories: one directory a client.
    :param minimum: how many clients are enough.
    :return: True if at least ``minimum`` of the directories hold a file ``*.csv``. One that is missing or cannot be
        read holds none.
    """
    delivered = 0
    for directory in directories:
        try:
            delivered += bool(_files_in(directory, ["*.csv"]))
        except OSError:
            continue
    return delivered >= minimum


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
        self.defer(
            trigger=self.trigger,
            method_name=self.execute_complete.__name__,
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Go on when the trigger has fired.

        :return: the event's payload.
        :raises AirflowException: as ``MultiDirectorySensorAsync.execute_complete`` does.
        """
        match event:
            case {"status": "success"}:
                return event
            case _:
                raise WaitFailed(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

FIRST_DAY = datetime(2024, 1, 1, tzinfo=timezone.utc)
PATIENCE = {"poke_interval": 30, "timeout": 600}

with DAG(
    dag_id=EXERCISE_DAG_ID,
    description="Wait for uploads in the triggerer, check them, and report what it took",
    schedule=None,
    start_date=FIRST_DAY,
    catchup=False,
    default_args={
        "owner": "trigger-exercise",
        "retries": 1,
        "retry_delay": timedelta(minutes=2),
    },
    tags=["kata", "exercise-4", "triggers"],
) as dag:
    set_up = PythonOperator(task_id="set_up_directories", python_callable=set_up_directories).as_setup()
    clean_up = PythonOperator(
        task_id="clean_up_directories", python_callable=clean_up_directories, op_args=[set_up.output]
    ).as_teardown(setups=set_up)

    waits = [
        FileSensor(
            task_id="wait_for_upload",
            filepath=UPLOAD_FILE,
            deferrable=True,
            on_execute_callback=log_worker_slot,
            on_failure_callback=handle_trigger_failure,
            doc_md="""\
            A sensor in poke mode keeps its worker slot until the file is there, and does nothing with it.
            This one defers: it hands its wait to the triggerer, which holds hundreds of waits in one process,
            and takes up a worker slot again when there is something to do.
            """,
            **PATIENCE,
        ),
        MultiDirectorySensorAsync(
            task_id=SENSOR_TASK_ID,
            directories=CLIENT_DIRECTORIES,
            file_pattern="*.csv",
            on_failure_callback=handle_trigger_failure,
            **PATIENCE,
        ),
    ]
    process = PythonOperator(task_id="process_trigger_results", python_callable=process_trigger_results)
    with TaskGroup("evaluation", prefix_group_id=False) as evaluation:
        for function in (monitor_resource_usage, compare_approaches):
            PythonOperator(task_id=function.__name__, python_callable=function)
    report = PythonOperator(task_id="generate_trigger_report", python_callable=generate_trigger_report)

    set_up >> waits >> process >> evaluation >> report >> clean_up

with DAG(
    dag_id="trigger_orchestration_challenge", schedule=None, start_date=FIRST_DAY, catchup=False
) as orchestration_dag:
    leave = [
        WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), timeout=600),
        WaitForTrigger(
            task_id="wait_for_rule",
            trigger=BusinessRuleTrigger(
                rule="trigger_implementation_exercise.enough_clients_delivered",
                rule_kwargs={"directories": CLIENT_DIRECTORIES, "minimum": 1},
            ),
            timeout=600,
        ),
    ]
    approve = PythonOperator(
        task_id="approve", python_callable=lambda: log.info("Leave is given."), trigger_rule="one_success"
    )
    conditions = [
        MultiDirectorySensorAsync(task_id="wait_for_data", directories=CLIENT_DIRECTORIES, **PATIENCE),
        DateTimeSensorAsync(
            task_id="wait_for_window",
            # Half a minute from when a worker takes this up: a run by hand has no logical date to count from.
            target_time="{{ (macros.datetime.now().astimezone() + macros.timedelta(seconds=30)).isoformat() }}",
        ),
        approve,
    ]
    publish = PythonOperator(task_id="publish", python_callable=lambda: log.info("Published."))

    leave >> approve
    conditions >> publish
