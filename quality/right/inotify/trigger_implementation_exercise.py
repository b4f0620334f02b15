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
import ctypes
import errno
import fnmatch
import html
import importlib
import json
import logging
import math
import os
import re
import stat
import string
import struct
import sys
import tempfile
import threading
import urllib.request
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import Any, NamedTuple, NoReturn

import anyio
import httpx
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
    def make_directory(path: str) -> None:
        if not os.path.isdir(path):
            make_directory(os.path.dirname(path))
            with contextlib.suppress(FileExistsError):  # somebody was quicker, so it is theirs
                os.mkdir(path)
                created["directories"].append(path)

    created: dict[str, list[str]] = {"directories": [], "files": []}
    for directory in [os.path.dirname(UPLOAD_FILE), *CLIENT_DIRECTORIES, os.path.dirname(REPORT_FILE)]:
        make_directory(directory)
    for directory in CLIENT_DIRECTORIES:
        readme = os.path.join(directory, "README.txt")
        with contextlib.suppress(FileExistsError), open(readme, "x", encoding="utf-8") as file:
            created["files"].append(readme)
            file.write("Put your uploads here as CSV files: UTF-8, the first row a header, names that end in .csv.\n")
    return created


# Gone already, not empty, or replaced by something of another kind that we did not make.
_NOT_OURS_TO_REMOVE = {errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what lies there. What
    is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    created = created or {}
    removed = []
    for remove, paths in (
        (os.unlink, created.get("files", [])),
        (os.rmdir, sorted(created.get("directories", []), key=len, reverse=True)),  # children before their parents
    ):
        for path in paths:
            try:
                remove(path)
            except OSError as error:
                if error.errno not in _NOT_OURS_TO_REMOVE:
                    raise
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
    log.info("The task %s takes up a worker slot", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100
# Triggers are rebuilt by class path. It is written out, because `__module__` is a made-up name in a DAG file.
_MODULE = "trigger_implementation_exercise"


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its __str__ is broken
        return type(error).__name__


def _error_payload(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors}


async def _or_error(payload: Awaitable[dict[str, Any]], errors: dict[str, str] | None = None) -> dict[str, Any]:
    try:
        return await payload
    except Exception as error:
        return _error_payload("unexpected", _describe(error), errors or {})


# Threads: of our own, not those of `asyncio.to_thread`. That pool is small and belongs to the whole triggerer, so a few
# hanging directories would exhaust it for everybody. And they are daemons: one that hangs keeps no process alive.


class _Outcome(NamedTuple):
    """What came of a call in a thread. An exception is a value: SystemExit must not be raised in the event loop."""

    value: Any
    error: BaseException | None


def _start_thread(work: Callable[[], Any], deliver: Callable[[_Outcome], None]) -> None:
    """Do ``work`` in a thread, then call ``deliver`` in the event loop."""
    loop = asyncio.get_running_loop()

    def body() -> None:
        try:
            outcome = _Outcome(work(), None)
        except BaseException as error:
            outcome = _Outcome(None, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed, nobody waits any more
            loop.call_soon_threadsafe(deliver, outcome)

    threading.Thread(target=contextvars.copy_context().run, args=(body,), daemon=True).start()


async def _in_thread(work: Callable[[], Any]) -> _Outcome:
    """Do ``work`` in a thread and wait for it; a cancellation does not wait."""
    future: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
    _start_thread(work, lambda outcome: None if future.done() else future.set_result(outcome))
    return await future


async def _sleep_until(moment: float) -> None:
    loop = asyncio.get_running_loop()
    while (seconds := moment - loop.time()) > 0:
        await asyncio.sleep(seconds)


# Looking: these functions block. The triggers call them in a thread, the sensor in the worker.


def _first_match(name: str, patterns: Iterable[str]) -> str | None:
    for pattern in patterns:
        if fnmatch.fnmatchcase(name, pattern) and (not name.startswith(".") or pattern.startswith(".")):
            return pattern
    return None


def _scan(
    directory: str, patterns: Sequence[str], stopped: threading.Event | None = None
) -> list[tuple[str, os.stat_result]]:
    """All files that count, by name. Raises OSError if the directory cannot be read."""
    files = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if stopped is not None and stopped.is_set():
                break
            if _first_match(entry.name, patterns) is None:
                continue
            try:
                status = os.stat(entry.path)
            except OSError:  # a dead link, or gone again
                continue
            if stat.S_ISREG(status.st_mode):
                files.append((entry.name, status))
    return sorted(files, key=lambda file: file[0])


@dataclass(frozen=True)
class _Finding:
    """What a look into a directory found, in a size that does not depend on how many files there are."""

    first: dict[str, Any] = field(default_factory=dict)
    paths: Sequence[str] = ()
    total: int = 0
    settles: float = math.inf  # when the next file becomes stable, if nothing changes


def _finding(directory: str, files: Sequence[tuple[str, os.stat_result]], settles: float = math.inf) -> _Finding:
    if not files:
        return _Finding(settles=settles)
    name, status = files[0]
    first = {
        "directory": directory,
        "filename": name,
        "path": os.path.join(directory, name),
        "size": status.st_size,
        "modified": datetime.fromtimestamp(status.st_mtime, timezone.utc).isoformat(),
    }
    paths = [os.path.join(directory, name) for name, _ in files[:MAX_LISTED_FILES]]
    return _Finding(first, paths, len(files), settles)


def _file_payload(findings: Iterable[_Finding], errors: dict[str, str]) -> dict[str, Any]:
    findings = [finding for finding in findings if finding.total]
    return {
        "status": "success",
        **findings[0].first,
        "files": list(islice(chain.from_iterable(finding.paths for finding in findings), MAX_LISTED_FILES)),
        "total_files": sum(finding.total for finding in findings),
        "errors": errors,
    }


def _no_directory_left(errors: dict[str, str]) -> dict[str, Any]:
    reasons = "; ".join(f"{directory}: {reason}" for directory, reason in errors.items())
    return _error_payload("directory_access", f"No directory is left to watch: {reasons}", errors)


def _distinct(directories: Iterable[str]) -> list[str]:
    """Every directory once, as it was written first."""
    spellings: dict[PurePath, str] = {}
    for directory in directories:
        spellings.setdefault(PurePath(directory), directory)
    return list(spellings.values())


def _check_directories(directories: Any, file_pattern: Any) -> None:
    if isinstance(directories, str) or not directories:
        raise ValueError(f"directories must be a list of one or more paths, not {directories!r}")
    if not file_pattern:
        raise ValueError("file_pattern must not be empty")


def _check_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:  # also refuses NaN
            raise ValueError(f"{name} must be more than 0, not {number!r}")


class _Notifier:
    """
    The kernel's word that something has changed in a directory (inotify).

    It is a hint and no more. Network file systems say nothing, other systems have no inotify, and the number of
    instances per user is limited (often to 128, fewer than there may be triggers). Without it we poll.
    """

    _CHANGES = 0x0004 | 0x0008 | 0x0080 | 0x0100  # IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE
    _ONLY_DIRECTORIES = 0x01000000
    _IGNORED = 0x8000  # the directory is gone, and the watch with it
    _EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC) if self._libc else -1

    def start_reading(self, on_change: Callable[[int, bool], None]) -> None:
        """Have ``on_change(watch, still_watched)`` called in the event loop; watch -1 means any."""
        if self._fd >= 0:
            asyncio.get_running_loop().add_reader(self._fd, self._read, on_change)

    def stop_reading(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)

    def watch(self, directory: str) -> int | None:
        """Watch a directory from now on, once however often it is said. Blocks as any look at a path does."""
        if self._fd < 0:
            return None
        watch = self._libc.inotify_add_watch(
            self._fd, os.fsencode(directory), self._CHANGES | self._ONLY_DIRECTORIES
        )
        return watch if watch >= 0 else None

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _read(self, on_change: Callable[[int, bool], None]) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        offset = 0
        while offset < len(data):
            watch, mask, _, length = self._EVENT.unpack_from(data, offset)
            on_change(watch, not mask & self._IGNORED)
            offset += self._EVENT.size + length


@dataclass
class _Place:
    """A directory under watch. It belongs to the event loop, or to its thread while ``looking``."""

    path: str
    due: float = -math.inf  # no look before
    started: float = -math.inf  # the last look
    looking: bool = False
    changed: bool = False  # the kernel says so
    watch: int | None = None  # the kernel would say so
    finding: _Finding = _Finding()
    failures: int = 0
    sightings: dict[str, tuple[tuple[int, ...], float]] = field(default_factory=dict)  # name: what it was, since when


class _Watch:
    """
    Look into directories until there is something to report. A reactor: it starts threads and sleeps, has no tasks.

    A directory is due one interval after its last look began. A directory of which the kernel reports a change is
    looked into as soon as it is due, one without news a little later, in case the news comes just now; where no news
    can be had, polling goes on as if there were no kernel to ask.

    Intervals, counted from the beginning of the look that found something first: up to PATIENCE the others are waited
    for, of those not at work only such as are due within SOON. With LULL this makes less than two intervals.
    """

    LULL = 0.1
    SOON = 0.25
    PATIENCE = 0.75

    def __init__(self, directories: Sequence[str], patterns: Sequence[str], interval: float, log: Any) -> None:
        self._order = directories
        self._places = {directory: _Place(directory) for directory in directories}
        self._patterns = patterns
        self._interval = interval
        self._log = log
        self.errors: dict[str, str] = {}
        self._crash: BaseException | None = None
        self._stopped = threading.Event()

    async def payload(self) -> dict[str, Any]:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._notifier = _Notifier()
        try:
            self._notifier.start_reading(self._on_change)
            while True:
                self._start_looks()
                payload = self._verdict()
                if payload is not None:
                    break
                await self._sleep()
            self._notifier.stop_reading()
            await _in_thread(self._notifier.close)  # takes the kernel some milliseconds
            return payload
        finally:
            self._stopped.set()
            self._notifier.stop_reading()
            self._notifier.close()

    # In the thread of a place

    def _look(self, place: _Place) -> _Finding:
        place.watch = self._notifier.watch(place.path)  # before the look, so that nothing falls between the two
        return self._examine(place, _scan(place.path, self._patterns, self._stopped))

    def _examine(self, place: _Place, files: list[tuple[str, os.stat_result]]) -> _Finding:
        return _finding(place.path, files)

    # In the event loop

    def _start_looks(self) -> None:
        now, found_at = self._loop.time(), self._found_at()
        for place in self._places.values():
            if not place.looking and self._next_look(place, found_at) <= now:
                place.looking, place.changed, place.started = True, False, now
                _start_thread(partial(self._look, place), partial(self._looked, place))

    def _next_look(self, place: _Place, found_at: float) -> float:
        is_quiet = place.watch is not None and not place.changed and found_at == math.inf
        return place.due + self.LULL * self._interval if is_quiet else place.due

    def _found_at(self) -> float:
        return min((place.started for place in self._places.values() if place.finding.total), default=math.inf)

    def _looked(self, place: _Place, outcome: _Outcome) -> None:
        if self._stopped.is_set():
            return
        place.looking = False
        place.due = place.started + self._interval
        place.finding = outcome.value or _Finding()
        if outcome.error is None:
            place.failures = 0
            if place.finding.settles <= place.due + self.LULL * self._interval:
                place.due = max(place.due, place.finding.settles)
        elif isinstance(outcome.error, FileNotFoundError):
            place.failures = 0
            place.sightings = {}
        elif isinstance(outcome.error, (PermissionError, NotADirectoryError)):
            self._leave_out(place, outcome.error)
        elif isinstance(outcome.error, OSError):
            place.failures += 1
            self._failed(place, outcome.error)
        else:
            self._crash = outcome.error
        self._wake.set()

    def _failed(self, place: _Place, error: OSError) -> None:
        """A failure that may pass: the place stays due as usual."""

    def _leave_out(self, place: _Place, error: OSError) -> None:
        del self._places[place.path]
        self.errors[place.path] = _describe(error)
        self._log.warning("The directory %s is left out: %s", place.path, _describe(error))

    def _on_change(self, watch: int, still_watched: bool) -> None:
        for place in self._places.values():
            if watch in (place.watch, -1):
                place.changed = True
                if not still_watched:
                    place.watch = None
        self._wake.set()

    def _verdict(self) -> dict[str, Any] | None:
        errors = {directory: self.errors[directory] for directory in self._order if directory in self.errors}
        if self._crash is not None:
            return _error_payload("unexpected", _describe(self._crash), errors)
        if not self._places:
            return _no_directory_left(errors)
        found_at = self._found_at()
        if found_at == math.inf or self._is_worth_waiting(found_at):
            return None
        return _file_payload((place.finding for place in self._places.values()), errors)

    def _is_worth_waiting(self, found_at: float) -> bool:
        soon = found_at + self.SOON * self._interval
        return self._loop.time() < found_at + self.PATIENCE * self._interval and any(
            place.looking or place.due <= soon for place in self._places.values()
        )

    async def _sleep(self) -> None:
        """Sleep until a look ends, the kernel reports a change, or there is something to do."""
        found_at = self._found_at()
        moments = [self._next_look(place, found_at) for place in self._places.values() if not place.looking]
        moments.append(found_at + self.PATIENCE * self._interval)
        timer = self._loop.call_at(min(moments), self._wake.set) if min(moments) < math.inf else None
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._wake.clear()


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
        _check_directories(directories, file_pattern)
        _check_positive(check_interval=check_interval)
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
        return f"{_MODULE}.MultiDirectoryTrigger", {
            "directories": list(self.directories),
            "file_pattern": self.file_pattern,
            "check_interval": self.check_interval,
        }

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
        watch = _Watch(_distinct(self.directories), [self.file_pattern], self.check_interval, self.log)
        yield TriggerEvent(await _or_error(watch.payload(), watch.errors))


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


def _look_once(directories: Sequence[str], file_pattern: str) -> dict[str, Any] | None:
    """Look into all directories, in the worker: the payload for a file, or None if there is none yet."""
    _check_directories(directories, file_pattern)
    directories = _distinct(directories)
    findings, errors = [], {}
    for directory in directories:
        try:
            findings.append(_finding(directory, _scan(directory, [file_pattern])))
        except (PermissionError, NotADirectoryError) as error:
            errors[directory] = _describe(error)
            log.warning("The directory %s cannot be read: %s", directory, errors[directory])
        except OSError as error:  # missing, or failing: that may pass
            log.info("Nothing to be seen in %s for now: %s", directory, error)
    if len(errors) == len(directories):
        raise WaitFailed(_no_directory_left(errors))
    return _file_payload(findings, errors) if any(finding.total for finding in findings) else None


def _seconds_since(moment: datetime) -> float:
    return max(0.0, (datetime.now(timezone.utc) - moment).total_seconds())  # the clocks of two machines may differ


def _require_success(event: Any) -> dict[str, Any]:
    if not isinstance(event, dict) or event.get("status") != "success":
        raise WaitFailed(event)
    return event


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
        self._first_look: datetime | None = None  # of a wait in the worker

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
        self._first_look = None
        if not self.deferrable:
            return super().execute(context)

        now = datetime.now(timezone.utc)
        payload = _look_once(self.directories, self.file_pattern)
        if payload is not None:
            return {**payload, "deferred": False, "waited_seconds": _seconds_since(now)}
        self.defer(
            trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
            method_name="execute_complete",
            kwargs={"started_at": now.isoformat()},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        if self._first_look is None:
            # In reschedule mode every look is a process of its own, and Airflow remembers the first.
            remembered = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
            self._first_look = remembered or datetime.now(timezone.utc)
        payload = _look_once(self.directories, self.file_pattern)
        if payload is None:
            return PokeReturnValue(is_done=False)
        result = {**payload, "deferred": False, "waited_seconds": _seconds_since(self._first_look)}
        return PokeReturnValue(is_done=True, xcom_value=result)

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
        payload = _require_success(event)
        waited = None if started_at is None else _seconds_since(datetime.fromisoformat(started_at))
        return {**payload, "deferred": True, "waited_seconds": waited}


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


class _BadFile(Exception):
    """A file is no good: ``reason`` in one word, ``detail`` in several."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def _check_file(path: str) -> dict[str, Any]:
    """Describe a good file, or raise _BadFile."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise _BadFile("unreadable", "This is not a regular file.")
        if status.st_size == 0:
            raise _BadFile("empty", "The file has no bytes.")
        if path.lower().endswith(".csv"):
            rows = _count_rows(path)
        else:
            rows = None
            with open(path, "rb") as file:
                file.read(1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _BadFile("missing", _describe(error)) from error
    except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8, or no path at all
        raise _BadFile("unreadable", _describe(error)) from error
    return {"path": path, "size": status.st_size, "rows": rows}


def _count_rows(path: str) -> int:
    """Count the rows below the header. Reads to the end in any case: that it is no CSV at all weighs more."""
    header: list[str] | None = None
    wrong_row = None
    rows = 0
    with open(path, encoding="utf-8-sig", newline="") as file:
        csv.field_size_limit(sys.maxsize)  # a long field is no error
        reader = csv.reader(file, strict=True)
        line = 1  # on which the next row begins
        for row in reader:
            if row and header is None:
                header = row
            elif row:
                rows += 1
                if len(row) != len(header) and wrong_row is None:
                    wrong_row = f"Line {line} has {len(row)} fields, the header has {len(header)}."
            line = reader.line_num + 1
    if header is None:
        raise _BadFile("no_header", "There is no row at all.")
    if not all(name.strip() for name in header):
        raise _BadFile("no_header", f"A name in the header is blank: {header}")
    if wrong_row is not None:
        raise _BadFile("row_width", wrong_row)
    return rows


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _has_form_of_result(result: Any) -> bool:
    if not isinstance(result, dict) or not {"files", "total_files", "waited_seconds"} <= result.keys():
        return False
    return (
        isinstance(result["files"], list)
        and all(isinstance(path, str) for path in result["files"])
        and isinstance(result["total_files"], int)
        and (result["waited_seconds"] is None or _is_number(result["waited_seconds"]))
    )


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
    result = context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID)
    if not _has_form_of_result(result):
        raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is not what the sensor returns: {result!r:.200}")
    valid, invalid = [], []
    for path in result["files"]:
        try:
            valid.append(_check_file(path))
        except _BadFile as bad:
            invalid.append({"path": path, "reason": bad.reason, "detail": bad.detail})
            log.warning("%s is no good (%s): %s", path, bad.reason, bad.detail)
        else:
            log.info("%s is good, rows: %s", path, valid[-1]["rows"])
    return {
        "valid": valid,
        "invalid": invalid,
        "total_files": result["total_files"],
        "waited_seconds": result["waited_seconds"],
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


class _Gauge:
    """Reads figures from sources that may fail: what cannot be had is None, and ``unavailable`` says why."""

    def __init__(self) -> None:
        self.unavailable: dict[str, str] = {}

    def read(self, name: str, source: Callable[[], Any]) -> Any:
        try:
            value = source()
        except Exception as error:
            self.unavailable[name] = _describe(error)
            return None
        if value is None:
            self.unavailable[name] = "The source has no value for it."
        return value


def _pull(context: dict[str, Any], task_id: str) -> dict[str, Any]:
    """Another task's result, to read or to fail with words."""
    result = context["ti"].xcom_pull(task_ids=task_id)
    if not isinstance(result, dict):
        raise LookupError(f"The task {task_id} has left no result.")
    return result


def _waited_seconds(result: dict[str, Any]) -> float:
    waited = result.get("waited_seconds")
    if not _is_number(waited):
        raise LookupError("The time of the sensor's first look is not known.")
    return float(waited)


def _state_name(state: Any) -> str:
    return "none" if state is None else str(getattr(state, "value", state))


def _recommend(usage: dict[str, Any]) -> list[str]:
    advice = []
    if usage["saved_slot_seconds"]:
        advice.append(f"Keep the sensor deferrable: it has saved {usage['saved_slot_seconds']:.1f} slot seconds.")
    elif usage["waited_seconds"]:
        advice.append("The wait held a worker slot all the time: make the sensor deferrable.")
    elif usage["waited_seconds"] == 0:
        advice.append("There was nothing to wait for, so deferring saves nothing here.")
    if usage["triggerer_status"] not in (None, "healthy"):
        advice.append(f"The triggerer is {usage['triggerer_status']}: without it deferred tasks wait for ever.")
    if usage["triggerer_status"] is None:
        advice.append(f"Define the connection {API_CONNECTION_ID} to see how the triggerer is.")
    for pool in usage["pools"] or []:
        if 0 < pool["slots"] <= pool["occupied_slots"]:
            advice.append(f"The pool {pool['name']} is full: a deferred task cannot come back until a slot is free.")
    if usage["deferred_tasks"]:
        advice.append(f"{usage['deferred_tasks']} tasks are deferred: see that the triggerers have capacity for them.")
    return advice or ["Nothing needs to be changed."]


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
    gauge = _Gauge()

    def count(state: str) -> int:
        ti = context["ti"]
        return int(ti.get_ti_count(dag_id=ti.dag_id, states=[state]))

    def saved() -> float:
        result = _pull(context, SENSOR_TASK_ID)
        return _waited_seconds(result) if result.get("deferred") else 0.0 * _waited_seconds(result)

    def pools() -> list[dict[str, Any]]:
        keys = ("name", "slots", "occupied_slots", "deferred_slots")
        return [{key: pool[key] for key in keys} for pool in read_airflow_api("/api/v2/pools")["pools"]]

    usage: dict[str, Any] = {
        "deferred_tasks": gauge.read("deferred_tasks", lambda: count("deferred")),
        "running_tasks": gauge.read("running_tasks", lambda: count("running")),
        "waited_seconds": gauge.read("waited_seconds", lambda: _waited_seconds(_pull(context, SENSOR_TASK_ID))),
        "saved_slot_seconds": gauge.read("saved_slot_seconds", saved),
        "triggerer_status": gauge.read(
            "triggerer_status", lambda: read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]
        ),
        "pools": gauge.read("pools", pools),
        "unavailable": gauge.unavailable,
    }
    usage["recommendations"] = _recommend(usage)
    log.info("Resource usage: %s", json.dumps(usage))
    return usage


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────


_ADVICE = {
    "timeout": "Ask whether the client has delivered; raise the sensor's timeout if the upload takes longer.",
    "directory_access": "Check that the directories exist and that Airflow may read them.",
    "triggerer_failure": "Read the triggerer's log; check that it runs and that the DAG folder is on its PYTHONPATH.",
    "serialization": "Hand over nothing but plain JSON: in the trigger's arguments, its events and XComs.",
    "unknown": "Read the log of the task and of the triggerer.",
}


def _cause(exception: Any) -> str:
    if isinstance(exception, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    if isinstance(exception, (PermissionError, NotADirectoryError, FileNotFoundError)):
        return "directory_access"
    if isinstance(exception, WaitFailed) and exception.error_type == "directory_access":
        return "directory_access"
    if isinstance(exception, TaskDeferralError):
        return "triggerer_failure"
    if re.search("seriali[sz]", f"{type(exception).__name__} {_text(exception)}", re.IGNORECASE):
        return "serialization"
    return "unknown"


def _with_causes(exception: Any) -> list[Any]:
    links: list[Any] = []
    while exception is not None and not any(exception is link for link in links):
        links.append(exception)
        exception = getattr(exception, "__cause__", None)
    return links


def _text(value: Any) -> str:
    try:
        return "" if value is None else str(value)
    except Exception:
        return type(value).__name__


def _text_at(root: Any, *names: str) -> str | None:
    """Follow keys or attributes as far as they go: a text, or None if there is none."""
    for name in names:
        try:
            root = root[name] if isinstance(root, dict) else getattr(root, name)
        except Exception:
            return None
    return root if isinstance(root, str) else None


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
    exception = context.get("exception") if isinstance(context, dict) else None
    try:
        causes = [_cause(link) for link in _with_causes(exception)]
    except Exception:  # an exception so broken that it cannot even be looked at
        causes = []
    cause = next((cause for cause in causes if cause != "unknown"), "unknown")
    findings = {
        "task_id": _text_at(context, "ti", "task_id") or _text_at(context, "task", "task_id"),
        "run_id": _text_at(context, "ti", "run_id") or _text_at(context, "run_id"),
        "cause": cause,
        "message": _text(exception),
        "advice": _ADVICE[cause],
    }
    with contextlib.suppress(Exception):
        message = " ".join(findings["message"].split())
        log.error("Task %s failed (%s: %s). What to do: %s", findings["task_id"], cause, message, findings["advice"])
    return findings


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
    gauge = _Gauge()

    def wait() -> tuple[float, bool]:
        result = _pull(context, SENSOR_TASK_ID)
        return _waited_seconds(result), bool(result.get("deferred"))

    waited, deferred = gauge.read("waited_seconds", wait) or (None, False)
    held = 0.0 if deferred else waited

    def task_states() -> dict[str, int]:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        return dict(Counter(map(_state_name, states.values())))

    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": None if waited is None else waited - held,
        "task_states": gauge.read("task_states", task_states),
        "unavailable": gauge.unavailable,
    }


_PAGE = string.Template("""\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Trigger report</title>
<style>body { font-family: sans-serif; margin: 2em } td, th { padding: 0 1em 0 0; text-align: left }</style></head>
<body>
<h1>Trigger report</h1>
<p>Run: $run_id</p>
<h2>Files</h2>
<h3>Valid</h3>$valid
<h3>Invalid</h3>$invalid
<h2>The wait</h2>
$figures
$picture
<h2>Recommendations</h2>$recommendations
</body>
</html>
""")


def _say(value: Any) -> str:
    """Anything as HTML."""
    if value is None:
        return "unavailable"
    return html.escape(f"{value:.3f}" if isinstance(value, float) else str(value))


def _html_list(items: Any) -> str:
    if items is None:
        return "<p>unavailable</p>"
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>" if items else "<p>none</p>"


def _html_table(rows: dict[str, Any]) -> str:
    cells = "".join(f"<tr><th>{_say(name)}</th><td>{_say(value)}</td></tr>\n" for name, value in rows.items())
    return f"<table>\n{cells}</table>"


def _html_bars(rows: dict[str, float | None]) -> str:
    longest = max((seconds for seconds in rows.values() if seconds), default=1)
    bars = []
    for number, (name, seconds) in enumerate(rows.items()):
        y, width = 10 + 30 * number, 300 * (seconds or 0) / longest
        bars.append(f'<text x="0" y="{y + 14}">{_say(name)}: {_say(seconds)}</text>')
        bars.append(f'<rect x="220" y="{y}" width="{width:.1f}" height="20" fill="steelblue"/>')
    return f'<svg width="540" height="{20 + 30 * len(rows)}" role="img">{"".join(bars)}</svg>'


def _write_whole(path: str, text: str) -> None:
    """Put a text file in its place in one step: readers see the old one or the new one, whole."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = Path(f"{path}.{uuid.uuid4().hex}")
    try:
        # A file's name need not be UTF-8, and Python then writes it with lone surrogates.
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(draft, path)
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
    def result_of(task_id: str) -> dict[str, Any] | None:
        return _Gauge().read(task_id, lambda: _pull(context, task_id))

    files = result_of("process_trigger_results")
    usage = result_of("monitor_resource_usage") or {}
    comparison = result_of("compare_approaches") or {}
    valid = files["valid"] if files else []
    invalid = files["invalid"] if files else []
    slot_seconds = {
        "traditional": (comparison.get("traditional") or {}).get("slot_seconds"),
        "deferrable": (comparison.get("deferrable") or {}).get("slot_seconds"),
    }
    recommendations = usage.get("recommendations")
    page = _PAGE.substitute(
        run_id=_say(_text_at(context, "ti", "run_id") or _text_at(context, "run_id")),
        valid=_html_list(files and [f"{_say(file['path'])} (rows: {_say(file['rows'])})" for file in valid]),
        invalid=_html_list(
            files and [f"{_say(file['path'])}: {_say(file['reason'])}, {_say(file['detail'])}" for file in invalid]
        ),
        figures=_html_table(
            {
                "Seconds waited": comparison.get("waited_seconds"),
                "Slot seconds, traditional": slot_seconds["traditional"],
                "Slot seconds, deferrable": slot_seconds["deferrable"],
                "Slot seconds saved": comparison.get("saved_slot_seconds"),
                "Deferred tasks": usage.get("deferred_tasks"),
                "Running tasks": usage.get("running_tasks"),
                "Triggerer": usage.get("triggerer_status"),
            }
        ),
        picture=_html_bars(slot_seconds),
        recommendations=_html_list(recommendations and [_say(sentence) for sentence in recommendations]),
    )
    _write_whole(REPORT_FILE, page)
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in valid],
        "invalid_files": [file["path"] for file in invalid],
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class _PatientWatch(_Watch):
    """A watch that reports stable files only, and backs off from directories that fail."""

    def __init__(self, trigger: AdvancedMultiDirectoryTrigger) -> None:
        priorities = trigger.directories
        directories = _distinct(sorted(priorities, key=lambda directory: (priorities[directory], directory)))
        super().__init__(directories, trigger.file_patterns, trigger.check_interval, trigger.log)
        self._trigger = trigger

    def _examine(self, place: _Place, files: list[tuple[str, os.stat_result]]) -> _Finding:
        # A file is known to be as it is from the end of the look that saw it first, to the beginning of the last one.
        now, wait = self._loop.time(), self._trigger.stable_seconds
        sightings, stable, settles = {}, [], math.inf
        for name, status in files:
            version = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
            known_version, since = place.sightings.get(name, (None, now))
            if known_version != version:
                since = now
            sightings[name] = (version, since)
            if wait == 0 or since + wait <= place.started:
                stable.append((name, status))
            else:
                settles = min(settles, since + wait)
        place.sightings = sightings
        finding = _finding(place.path, stable, settles)
        if stable:
            finding.first["pattern"] = _first_match(stable[0][0], self._patterns)
            finding.first["priority"] = self._trigger.directories[place.path]
        return finding

    def _failed(self, place: _Place, error: OSError) -> None:
        place.sightings = {}  # who knows what happens to the files meanwhile
        if place.failures > self._trigger.max_retries:
            self._leave_out(place, error)
            return
        doublings = min(place.failures - 1, 1000)  # a float has no room for many more
        pause = min(self._trigger.backoff_base * 2**doublings, self._trigger.backoff_cap)
        place.due = self._loop.time() + pause
        place.watch = None  # news does not change when to repeat


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
        if not directories:
            raise ValueError("directories must name one or more paths")
        if isinstance(file_patterns, str) or not file_patterns:
            raise ValueError(f"file_patterns must be a list of one or more patterns, not {file_patterns!r}")
        _check_positive(check_interval=check_interval, backoff_base=backoff_base, backoff_cap=backoff_cap)
        if not (stable_seconds >= 0 and max_retries >= 0):
            raise ValueError("stable_seconds and max_retries must not be less than 0")
        self.directories = dict(directories)
        self.file_patterns = list(file_patterns)
        self.check_interval = check_interval
        self.stable_seconds = stable_seconds
        self.max_retries = max_retries
        self.backoff_base = backoff_base
        self.backoff_cap = backoff_cap

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, as ``MultiDirectoryTrigger.serialize`` does.

        :return: ``trigger_implementation_exercise.AdvancedMultiDirectoryTrigger`` and all arguments of ``__init__``.
        """
        return f"{_MODULE}.AdvancedMultiDirectoryTrigger", {
            "directories": dict(self.directories),
            "file_patterns": list(self.file_patterns),
            "check_interval": self.check_interval,
            "stable_seconds": self.stable_seconds,
            "max_retries": self.max_retries,
            "backoff_base": self.backoff_base,
            "backoff_cap": self.backoff_cap,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payloads are those of ``MultiDirectoryTrigger``; the one for a file also holds ``pattern``, the first of
        ``file_patterns`` that the file matches, and ``priority``, that of its directory. ``files`` and ``total_files``
        are of the stable files.
        """
        watch = _PatientWatch(self)
        yield TriggerEvent(await _or_error(watch.payload(), watch.errors))


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
    gauge = _Gauge()
    ti = context.get("ti")
    states = gauge.read("runs", lambda: dict(ti.get_task_states(dag_id=EXERCISE_DAG_ID)))
    waits: Counter[str] = Counter()
    waited = []
    for run_id, tasks in (states or {}).items():
        waits.update(_state_name(tasks[task_id]) for task_id in WAITING_TASK_IDS if task_id in tasks)
        if _state_name(tasks.get(SENSOR_TASK_ID)) == "success":
            with contextlib.suppress(Exception):  # a run without a figure does not count
                result = ti.xcom_pull(task_ids=SENSOR_TASK_ID, dag_id=EXERCISE_DAG_ID, run_id=run_id)
                waited.append(_waited_seconds(result))

    def is_taken_up() -> list[bool]:
        answer = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")
        triggers = [instance["trigger"] or {} for instance in answer["task_instances"]]
        return [trigger.get("triggerer_id") is not None for trigger in triggers]

    def pool_utilization() -> dict[str, float]:
        pools = read_airflow_api("/api/v2/pools")["pools"]
        return {
            pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0 for pool in pools
        }

    taken_up = gauge.read("triggers_running", is_taken_up)
    if taken_up is None:
        gauge.unavailable["triggers_queued"] = gauge.unavailable["triggers_running"]
    ended = waits["success"] + waits["failed"]
    metrics = {
        "runs": None if states is None else len(states),
        "waits": {state: count for state, count in waits.items() if count},
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(waited) / len(waited) if waited else None,
        "longest_wait_seconds": max(waited, default=None),
        "triggers_running": None if taken_up is None else taken_up.count(True),
        "triggers_queued": None if taken_up is None else taken_up.count(False),
        "pool_utilization": gauge.read("pool_utilization", pool_utilization),
        "unavailable": gauge.unavailable,
    }
    log.info("Trigger metrics: %s", json.dumps(metrics))
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


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
        if not url:
            raise ValueError("url must not be empty")
        _check_positive(check_interval=check_interval)
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        return f"{_MODULE}.ApiTrigger", {
            "url": self.url,
            "expected_status": self.expected_status,
            "check_interval": self.check_interval,
        }

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
        yield TriggerEvent(await _or_error(self._ask_until_ready()))

    async def _ask_until_ready(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        # Made in a thread, because a client reads the certificates of the system from their files.
        client, error = await _in_thread(partial(httpx.AsyncClient, timeout=None, follow_redirects=True))
        if error is not None:
            return _error_payload("unexpected", _describe(error), {})
        async with client:
            while True:
                next_time = loop.time() + self.check_interval
                payload = await self._ask(client)
                if payload is not None:
                    return payload
                await _sleep_until(next_time)

    async def _ask(self, client: httpx.AsyncClient) -> dict[str, Any] | None:
        """Ask once: the payload, or None if asking again may help."""
        response = None
        try:
            with anyio.move_on_after(API_TIMEOUT):
                response = await client.get(self.url)
        except httpx.UnsupportedProtocol:  # not what may pass: the URL is wrong
            raise
        except httpx.RequestError as error:
            self.log.info("No answer from %s: %s", self.url, _describe(error))
        if response is None or response.is_server_error:
            return None
        if response.is_client_error:
            reason = f"HTTP status {response.status_code} {response.reason_phrase}"
            return _error_payload("api", f"{self.url} refuses: {reason}", {self.url: reason})
        answer, _ = await _in_thread(partial(json.loads, response.content, parse_constant=_refuse_constant))
        if not isinstance(answer, dict) or answer.get("status") != self.expected_status:
            return None
        return {"status": "success", "url": self.url, "answer": answer}


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
        if not isinstance(rule, str) or "." not in rule:
            raise ValueError(f"rule must be an import path, module.function, not {rule!r}")
        _check_positive(check_interval=check_interval)
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        return f"{_MODULE}.BusinessRuleTrigger", {
            "rule": self.rule,
            "rule_kwargs": copy.deepcopy(self.rule_kwargs),
            "check_interval": self.check_interval,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end.

        It asks at once and then about every ``check_interval`` seconds. ``{"status": "success", "rule": str}`` when the
        rule returns something true. A rule that cannot be imported, or that raises, is broken: ``{"status": "error",
        "error_type": "rule", "message": str, "errors": {rule: reason}}``, the exception with its type and its text in
        both.
        """
        yield TriggerEvent(await _or_error(self._ask_until_true()))

    async def _ask_until_true(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        while True:
            next_time = loop.time() + self.check_interval
            agrees, error = await _in_thread(self._ask)
            if error is not None:
                reason = _describe(error)
                return _error_payload("rule", f"The rule {self.rule} is broken: {reason}", {self.rule: reason})
            if agrees:
                return {"status": "success", "rule": self.rule}
            await _sleep_until(next_time)

    def _ask(self) -> bool:
        module, _, name = self.rule.rpartition(".")
        rule = getattr(importlib.import_module(module), name)
        return bool(rule(**copy.deepcopy(self.rule_kwargs or {})))  # it may change what it is given


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``.

    :param directories: one directory a client.
    :param minimum: how many clients are enough.
    :return: True if at least ``minimum`` of the directories hold a file ``*.csv``. One that is missing or cannot be
        read holds none.
    """
    def has_delivered(directory: str) -> bool:
        with contextlib.suppress(OSError):
            return bool(_scan(directory, ["*.csv"]))
        return False

    return sum(map(has_delivered, directories)) >= minimum


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
        return _require_success(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

with DAG(
    dag_id="trigger_implementation_exercise",
    description="Waits for the uploads of many clients in the triggerer, and shows what that saves.",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    catchup=False,
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
) as dag:
    created = setup(set_up_directories)()

    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        deferrable=True,
        poke_interval=30,
        timeout=600,
        on_execute_callback=log_worker_slot,
        on_failure_callback=handle_trigger_failure,
        doc_md=(
            "Waits for the upload. It **defers**: while nothing is there, the wait is a coroutine in the triggerer, "
            "among hundreds of others, and holds no worker slot. A worker is needed twice for a moment only, to begin "
            "and to end."
        ),
    )
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id=SENSOR_TASK_ID,
        directories=CLIENT_DIRECTORIES,
        file_pattern="*.csv",
        poke_interval=30,
        timeout=600,
        on_failure_callback=handle_trigger_failure,
    )
    processed = task(process_trigger_results)()
    measured = task(monitor_resource_usage)()
    compared = task(compare_approaches)()
    reported = task(generate_trigger_report)()
    cleaned_up = teardown(clean_up_directories)(created)

    created >> [wait_for_upload, monitor_client_uploads] >> processed
    processed >> [measured, compared] >> reported >> cleaned_up

with DAG(dag_id="trigger_orchestration_challenge", schedule=None) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(
        task_id="wait_for_data", directories=CLIENT_DIRECTORIES, poke_interval=30, timeout=3600
    )
    # When a run may begin is known of every run, by hand or not; a logical date is not.
    wait_for_window = DateTimeSensorAsync(
        task_id="wait_for_window",
        target_time="{{ (dag_run.run_after + macros.timedelta(minutes=1)).isoformat() }}",
    )
    wait_for_api = WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), timeout=3600)
    wait_for_rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            f"{_MODULE}.enough_clients_delivered", {"directories": CLIENT_DIRECTORIES, "minimum": 3}
        ),
        timeout=3600,
    )
    approve = EmptyOperator(task_id="approve", trigger_rule=TriggerRule.ONE_SUCCESS)
    publish = EmptyOperator(task_id="publish", trigger_rule=TriggerRule.ALL_SUCCESS)

    [wait_for_api, wait_for_rule] >> approve
    [wait_for_data, wait_for_window, approve] >> publish
