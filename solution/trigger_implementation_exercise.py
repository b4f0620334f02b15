"""
Exercise 4: triggers and deferrable operators.

A data processing company waits for the uploads of hundreds of clients. Its sensors hold a worker slot for every wait,
so the slots run out while nothing is done. Replace them: a task that waits hands a *trigger* to the triggerer, leaves
its slot, and comes back when there is something to do.

Work from top to bottom. Every docstring is a contract: the tests ask for what it says and for nothing else. Names,
arguments and task ids are fixed; helpers, further optional parameters and further keys in a result are yours to add.
All payloads, results and keyword arguments that cross a process are plain JSON: ``json.loads(json.dumps(x)) == x``.

The DAG ``trigger_implementation_exercise`` (at the end of the file, filled step by step):

* Step 1. Owner ``trigger-exercise``, start 2024-01-01, for every task 1 retry after 2 minutes, no schedule, no
  catch-up, a description, tags ``kata``, ``exercise-4``, ``triggers``. ``set_up_directories`` is a setup task,
  ``clean_up_directories`` its teardown, which is given what the set-up returned. The file is imported without a
  warning.
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
import contextvars
import csv
import fnmatch
import html
import importlib
import json
import logging
import math
import os
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from http.client import HTTPException
from queue import Empty, SimpleQueue
from stat import S_ISREG
from typing import Any, NamedTuple, NoReturn

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
except ImportError:  # Airflow 3.0 and 3.1 have them elsewhere
    from airflow.exceptions import (
        AirflowException,
        AirflowSensorTimeout,
        AirflowTaskTimeout,
        TaskDeferralError,
        TaskDeferralTimeout,
    )

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
    for directory in [os.path.dirname(UPLOAD_FILE), *CLIENT_DIRECTORIES, os.path.dirname(REPORT_FILE)]:
        made["directories"] += _make_directory(directory)
    for directory in CLIENT_DIRECTORIES:
        readme = os.path.join(directory, "README.txt")
        if not os.path.exists(readme):
            with open(readme, "w", encoding="utf-8") as file:
                file.write("Put your CSV files here: they are picked up within seconds.\n")
            made["files"].append(readme)
    log.info("Made %d directories and %d files below %s", len(made["directories"]), len(made["files"]), DATA_DIR)
    return made


def _make_directory(directory: str) -> list[str]:
    if os.path.isdir(directory):
        return []
    parents = _make_directory(os.path.dirname(directory))
    os.mkdir(directory)
    return [*parents, directory]


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what else lies there.
    What is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    created = created or {"directories": [], "files": []}
    removed = []
    for file in created["files"]:
        if os.path.isfile(file):
            os.remove(file)
            removed.append(file)
    for directory in reversed(created["directories"]):  # what lies inside comes before its parent
        if os.path.isdir(directory) and not os.listdir(directory):
            os.rmdir(directory)
            removed.append(directory)
    log.info("Removed %d of the paths that the set-up had made", len(removed))
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
    ti = context["ti"]
    log.info("%s takes a worker slot; once it defers, the slot is free until its trigger fires", ti.task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100


class _Look(NamedTuple):
    """What one look into one directory has seen."""

    names: list[str]  # the first MAX_LISTED_FILES that match, sorted
    total: int
    size: int  # of the first, in bytes
    modified: float  # of the first, in seconds since the epoch


def _look_into(listing: _Listing) -> _Look | None:
    """Look once, blocking; None where nothing matches. Raises OSError if the directory cannot be read."""
    files = [(name, stat) for name in listing.names() if (stat := _stat_file(listing.directory, name))]
    if not files:
        return None
    stat = files[0][1]
    return _Look([name for name, _ in files[:MAX_LISTED_FILES]], len(files), stat.st_size, stat.st_mtime)


def _stat_file(directory: str, name: str) -> os.stat_result | None:
    try:
        stat = os.stat(os.path.join(directory, name))
    except OSError:  # taken away since the listing, or a link that leads nowhere
        return None
    return stat if S_ISREG(stat.st_mode) else None


def _matching(names: Iterable[str], file_pattern: str) -> list[str]:
    # All at once, for a directory may hold thousands; where Airflow runs, `filter` matches as `fnmatchcase` does.
    return [name for name in fnmatch.filter(names, file_pattern) if file_pattern[0] == "." or name[0] != "."]


def _answer(look: Callable[[Any], Any], directory: Any) -> Any:
    """What the look returns, or the exception that it raises."""
    try:
        return look(directory)
    except Exception as error:
        return error


def _see(directory: str, answer: Any, errors: dict[str, str]) -> Any:
    """Take the answer of a look; only a directory that can never be read goes into ``errors``."""
    if not isinstance(answer, Exception):
        return answer
    if isinstance(answer, (PermissionError, NotADirectoryError)):
        errors[directory] = _reason(answer)
        log.warning("Leaving out %s, which cannot be read: %s", directory, errors[directory])
    elif not isinstance(answer, OSError):
        raise answer
    elif not isinstance(answer, FileNotFoundError):  # that may still be made
        log.warning("Could not look into %s, trying again later: %s", directory, _reason(answer))
    return None


def _reason(error: OSError) -> str:
    return f"{type(error).__name__}: {error.strerror or error}"


def _success_event(looks: dict[str, _Look], errors: dict[str, str]) -> dict[str, Any]:
    """``looks`` holds what was found, in the order in which the directories count."""
    files = [os.path.join(directory, name) for directory, look in looks.items() for name in look.names]
    directory, first = next(iter(looks.items()))
    return {
        "status": "success",
        "directory": directory,
        "filename": first.names[0],
        "path": files[0],
        "size": first.size,
        "modified": datetime.fromtimestamp(first.modified, tz=timezone.utc).isoformat(),
        "files": files[:MAX_LISTED_FILES],
        "total_files": sum(look.total for look in looks.values()),
        "errors": errors,
    }


def _error_event(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors}


def _no_directory_left(errors: dict[str, str]) -> dict[str, Any]:
    reasons = "; ".join(f"{directory}: {reason}" for directory, reason in errors.items())
    return _error_event("directory_access", f"No directory is left to watch. {reasons}", errors)


def _unexpected_error(error: Exception) -> dict[str, Any]:
    return _error_event("unexpected", f"{type(error).__name__}: {error}", {})


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
    may wait that long for a slow directory, no longer.

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

        :param directories: one or more paths, the most important first; a list or a tuple.
        :param file_pattern: a shell pattern for the file's name.
        :param check_interval: seconds between two looks, more than 0.
        :raises ValueError: if ``directories`` is empty, or a single ``str`` in place of a list, if ``file_pattern`` is
            empty, or if ``check_interval`` is not more than 0.
        """
        super().__init__()
        if isinstance(directories, str) or not directories:
            raise ValueError(f"directories must be a list of one or more paths, not {directories!r}")
        if not file_pattern:
            raise ValueError('file_pattern must not be empty; "*" matches every file')
        if check_interval <= 0:
            raise ValueError(f"check_interval must be more than 0 seconds, not {check_interval!r}")
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
        return (
            "trigger_implementation_exercise.MultiDirectoryTrigger",
            {
                "directories": self.directories,
                "file_pattern": self.file_pattern,
                "check_interval": self.check_interval,
            },
        )

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
        try:
            payload = await self._wait_for_file()
        except Exception as error:
            self.log.exception("Watching %s failed", self.directories)
            payload = _unexpected_error(error)
        yield TriggerEvent(payload)

    async def _wait_for_file(self) -> dict[str, Any]:
        now = asyncio.get_running_loop().time
        listings = {directory: _Listing(directory, [self.file_pattern]) for directory in self.directories}
        errors: dict[str, str] = {}
        with closing(_Lookout(lambda directory: _look_into(listings[directory]))) as lookout:
            while True:
                readable = [directory for directory in listings if directory not in errors]
                answers = await lookout.look_into(readable, self.check_interval)
                looks = {each: _see(each, answers[each], errors) for each in readable if each in answers}
                if found := {directory: look for directory, look in looks.items() if look}:
                    return _success_event(found, errors)
                if len(errors) == len(listings):
                    return _no_directory_left(errors)
                await asyncio.sleep(_next_look(lookout.began, self.check_interval) - now())


# How the triggers look into directories. For a few waits ``asyncio.to_thread`` would do as well; this is for thousands
# in one triggerer. ``make bench`` measures what it costs, docs/measurements.md says what each part of it is worth.


class _Threads:
    """
    Daemon threads for what blocks: as few as keep up with it.

    The threads of ``asyncio.to_thread`` are few, and all that runs in the triggerer shares them: some dozen directories
    that hang would stop every trigger there, and with them the log through which Airflow itself passes on the events.
    Here what hangs keeps its own thread from others, and not the process from ending.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[tuple[Callable[[], None], float]] = deque()  # and when each was submitted
        self._free: list[SimpleQueue[Callable[[], None]]] = []  # the last is taken first, so that the others can end
        self._last_free = self._last_start = 0.0
        self._used_at_start = 0.0  # of the processor, in seconds

    def submit(self, call: Callable[[], None]) -> None:
        """Have it called when its turn comes; it must not raise."""
        with self._lock:
            self._calls.append((call, time.monotonic()))
            is_next = len(self._calls) == 1  # otherwise somebody has been woken already, and works all of them off
        if is_next and (self._free or not self._last_start):
            self.start(_see_what_there_is)

    def start(self, call: Callable[[], None]) -> None:
        """Have it called at once, by a new thread if none is free."""
        with self._lock:
            if self._free:
                self._free.pop().put(call)
                return
            self._last_start, self._used_at_start = time.monotonic(), time.process_time()
        threading.Thread(target=self._work, args=[call], daemon=True).start()

    def have_hung_for(self, seconds: float) -> bool:
        """Whether none was free or new all the time."""
        return time.monotonic() - max(self._last_free, self._last_start) > seconds

    def _has_use_for_one_more(self) -> bool:
        """Not where all wait for the processor, which has no more time for many; nor where one has just begun."""
        passed = time.monotonic() - self._last_start
        is_busy = time.process_time() - self._used_at_start > 0.7 * passed
        return not is_busy and (bool(self._free) or passed > _LATE_SECONDS)

    def _work(self, call: Callable[[], None] | None) -> None:
        inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        while call:
            call()
            del call  # and all that it holds, which may be long before the next one comes
            call = self._next(inbox)

    def _next(self, inbox: SimpleQueue[Callable[[], None]]) -> Callable[[], None] | None:
        """The next call; None if there was none for long, and others wait for it too."""
        while True:
            with self._lock:
                self._last_free = time.monotonic()
                if not self._calls:
                    self._free.append(inbox)
                    break
                call, since = self._calls.popleft()
            if self._last_free - since < _LATE_SECONDS or not self._has_use_for_one_more():
                return call
            self.start(call)  # one more, and not from the event loop: to start one takes its time
        while True:
            with suppress(Empty):
                return inbox.get(timeout=_IDLE_SECONDS)
            with self._lock:
                if inbox in self._free[:-1]:
                    self._free.remove(inbox)
                    return None


def _see_what_there_is() -> None:
    """All that a thread has to do that is woken."""


_IDLE_SECONDS = 10.0
_LATE_SECONDS = 0.1
_THREADS = _Threads()


def _in_thread(function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
    """As ``asyncio.to_thread``, but in one of ``_THREADS``, at once."""
    future: Future[Any] = Future()
    call = partial(contextvars.copy_context().run, function, *args)

    def answer() -> None:
        try:
            future.set_result(call())
        except StopIteration as error:  # which no future of asyncio takes
            future.set_exception(RuntimeError(repr(error)))
        except BaseException as error:
            future.set_exception(error)

    _THREADS.start(answer)
    return asyncio.wrap_future(future)


class _Lookout:
    """
    Looks into directories without blocking the event loop: in one thread, and if that hangs, in more for the rest.

    :param look: looks into one directory, blocking.
    :ivar began: when the last round began to look, in seconds on the event loop's clock.
    """

    def __init__(self, look: Callable[[str], Any]) -> None:
        self.began = 0.0
        self._look = look
        self._due: deque[str] = deque()
        self._silent: set[str] = set()  # those that are due, or have not answered yet
        self._answers: dict[str, Any] = {}

    async def look_into(self, directories: Iterable[str], interval: float) -> dict[str, Any]:
        """
        Look into each directory that is not being looked into since an earlier time.

        :param interval: seconds from one look to the next; the answers are waited for a little less.
        :return: what each look has returned, or the exception that it has raised; also of those that are late.
        """
        loop = asyncio.get_running_loop()
        asked = [directory for directory in directories if directory not in self._silent]
        answered = loop.create_future()

        def tell() -> None:
            if not answered.done() and self._answers.keys() >= set(asked):
                answered.set_result(None)

        def work() -> None:
            self.began = loop.time()
            self._work_off()
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(tell)

        self.began = loop.time()
        patience = self.began + 0.8 * interval
        if asked:
            self._silent.update(asked)
            self._due.extend(asked)
            _THREADS.submit(work)
        else:
            answered.set_result(None)
        whole = left = len(self._due)
        for more in (1, 2, 4, 8, 16, 32, 64):
            await asyncio.wait([answered], timeout=interval / 10)
            before, left = left, len(self._due)
            if not left:
                break
            has_begun = left < whole
            if left == before and (has_begun or _THREADS.have_hung_for(interval / 10)):
                for _ in range(min(more, left)):
                    _THREADS.start(work)
        await asyncio.wait([answered], timeout=patience - loop.time())
        answers = {directory: self._answers.pop(directory) for directory in list(self._answers)}
        self._silent.difference_update(answers)
        return answers

    def close(self) -> None:
        """Begin no other look."""
        self._due.clear()

    def _work_off(self) -> None:
        with suppress(IndexError):
            while True:
                directory = self._due.popleft()
                self._answers[directory] = _answer(self._look, directory)


def _next_look(last: float, interval: float) -> float:
    # All waits look at the same moments, a hundred in an interval: one that wakes the loop and a thread serves many.
    tick = interval / 100
    return math.ceil((last + interval) / tick) * tick


class _Listing:
    """
    The names in a directory that match any of the patterns, listed anew only if there may be others.

    To list takes the longer the more files there are; to ask the directory when it has last changed does not.

    :param file_patterns: as ``fnmatch.fnmatchcase`` takes them.
    """

    def __init__(self, directory: str, file_patterns: list[str]) -> None:
        self.directory = directory
        self._file_patterns = file_patterns
        self._version: tuple[int, ...] = ()
        self._since = 0.0  # when this version was seen first, in seconds
        self._is_final = False
        self._names: list[str] = []

    def names(self) -> list[str]:
        """Look once, blocking; in the order of the names. Raises OSError if the directory cannot be read."""
        stat = os.stat(self.directory)
        version = (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
        if version != self._version:
            self._version, self._since, self._is_final = version, time.monotonic(), False
        if not self._is_final:
            began = time.monotonic()
            names = os.listdir(self.directory)
            self._names = sorted({name for each in self._file_patterns for name in _matching(names, each)})
            # Two changes within a tick of the file system's clock look like one: so none may be that young.
            self._is_final = began - self._since > _COARSEST_CLOCK and _keeps_time_of_changes(stat.st_dev)
        return self._names


_COARSEST_CLOCK = 2.0  # seconds
# Others may not, such as those behind which there is an object store.
_TIME_KEEPERS = {"ext2", "ext3", "ext4", "nfs", "nfs4", "overlay", "tmpfs", "xfs"}


def _keeps_time_of_changes(device: int) -> bool:
    """Whether a directory on this device tells when something has come or gone."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            fields = next((each for line in mounts if (each := line.split())[2] == number), [])
    except OSError:  # not on Linux
        return False
    return bool(fields) and fields[fields.index("-") + 1] in _TIME_KEEPERS


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
        self.directories = directories
        self.file_pattern = file_pattern
        self.deferrable = deferrable
        self._started_at: datetime | None = None  # for poke, which runs in the process of execute

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
        started_at = self._started_at = datetime.now(timezone.utc)
        if not self.deferrable:
            return super().execute(context)
        if payload := self._look():
            return self._result(payload, started_at, deferred=False)
        self.log.info("No %s in %d directories yet: deferring", self.file_pattern, len(self.directories))
        self.defer(
            trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
            method_name="execute_complete",
            kwargs={"started_at": started_at.isoformat()},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        payload = self._look()
        if not payload:
            return PokeReturnValue(is_done=False)
        started_at = self._started_at
        if self.reschedule:  # each look is made by another process
            started_at = context["ti"].get_first_reschedule_date(context) or started_at
        return PokeReturnValue(is_done=True, xcom_value=self._result(payload, started_at, deferred=False))

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
        return self._result(event, datetime.fromisoformat(started_at) if started_at else None, deferred=True)

    def _look(self) -> dict[str, Any] | None:
        errors: dict[str, str] = {}
        looks = {
            directory: _see(directory, _answer(_look_into, _Listing(directory, [self.file_pattern])), errors)
            for directory in dict.fromkeys(self.directories)
        }
        if found := {directory: look for directory, look in looks.items() if look}:
            return _success_event(found, errors)
        if len(errors) == len(looks):
            raise WaitFailed(_no_directory_left(errors))
        return None

    def _result(self, payload: dict[str, Any], started_at: datetime | None, deferred: bool) -> dict[str, Any]:
        waited = (datetime.now(timezone.utc) - started_at).total_seconds() if started_at else None
        self.log.info("Found %s (deferred: %s, waited: %s seconds)", payload.get("path"), deferred, waited)
        return {**payload, "deferred": deferred, "waited_seconds": waited}


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


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
    files = result.get("files") if isinstance(result, dict) else None
    if not isinstance(files, list) or not all(isinstance(path, str) for path in files):
        raise AirflowException(
            f"The XCom of {SENSOR_TASK_ID} holds no list of files but {result!r}. Look at its log and XCom tab: "
            "did it succeed, and does execute_complete return the trigger's payload?"
        )
    valid, invalid = [], []
    for path in files:
        try:
            valid.append(_check_file(path))
            log.info("Valid: %s", valid[-1])
        except _InvalidFile as problem:
            invalid.append({"path": path, "reason": problem.reason, "detail": problem.detail})
            log.warning("Invalid: %s", invalid[-1])
    return {
        "valid": valid,
        "invalid": invalid,
        "total_files": result.get("total_files", len(files)),
        "waited_seconds": result.get("waited_seconds"),
    }


class _InvalidFile(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def _check_file(path: str) -> dict[str, Any]:
    try:
        size = os.path.getsize(path)
        if size == 0 and not os.path.isdir(path):
            raise _InvalidFile("empty", "The file has no bytes.")
        rows = _count_csv_rows(path) if path.lower().endswith(".csv") else _check_readable(path)
    except FileNotFoundError:
        raise _InvalidFile("missing", "The file was gone when it was to be processed.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _InvalidFile("unreadable", f"{type(error).__name__}: {error}") from error
    return {"path": path, "size": size, "rows": rows}


def _check_readable(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _count_csv_rows(path: str) -> int:
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        rows = (row for row in reader if row)
        header = next(rows, [])
        if not header or not all(name.strip() for name in header):
            _read_on(reader)
            raise _InvalidFile("no_header", f"The first row should name every column, but is {header!r}.")
        count = 0
        for row in rows:
            if len(row) != len(header):
                detail = f"Line {reader.line_num} has {len(row)} fields, the header {len(header)}."
                _read_on(reader)
                raise _InvalidFile("row_width", detail)
            count += 1
        return count


def _read_on(rows: Iterable[list[str]]) -> None:
    # To the end: that a file cannot be read comes before what is wrong in it.
    for _ in rows:
        pass


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
    result = _sensor_result(ti)

    def count(state: str) -> int:
        return ti.get_ti_count(dag_id=ti.dag_id, states=[state])

    usage = {
        "deferred_tasks": _measure("deferred_tasks", lambda: count("deferred"), unavailable),
        "running_tasks": _measure("running_tasks", lambda: count("running"), unavailable),
        "waited_seconds": _measure("waited_seconds", lambda: _waited_seconds(result), unavailable),
        "saved_slot_seconds": _measure("saved_slot_seconds", lambda: _saved_slot_seconds(result), unavailable),
        "triggerer_status": _measure("triggerer_status", _triggerer_status, unavailable),
        "pools": _measure("pools", _pools, unavailable),
        "unavailable": unavailable,
    }
    usage["recommendations"] = _recommendations(usage)
    log.info("Resource usage: %s", usage)
    return usage


class _Unavailable(Exception):
    pass


def _measure(name: str, read: Callable[[], Any], unavailable: dict[str, str]) -> Any:
    # A figure that cannot be had must not fail the workflow that it is about, whatever the reason.
    try:
        return read()
    except Exception as error:
        unavailable[name] = str(error) if isinstance(error, _Unavailable) else f"{type(error).__name__}: {error}"
        return None


def _sensor_result(ti: Any) -> dict[str, Any]:
    try:
        result = ti.xcom_pull(task_ids=SENSOR_TASK_ID)
    except Exception as error:  # no reason either to fail the workflow
        log.warning("The XCom of %s cannot be read: %s: %s", SENSOR_TASK_ID, type(error).__name__, error)
        return {}
    return result if isinstance(result, dict) else {}


def _waited_seconds(result: dict[str, Any]) -> float:
    waited = result.get("waited_seconds")
    if waited is None:
        raise _Unavailable(f"No XCom of {SENSOR_TASK_ID} that can be read says how long it waited.")
    return float(waited)


def _saved_slot_seconds(result: dict[str, Any]) -> float:
    waited = _waited_seconds(result)
    return waited if result.get("deferred") else 0.0


def _triggerer_status() -> str:
    status = read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]
    if status is None:
        raise _Unavailable("No triggerer has ever reported to this Airflow.")
    return status


def _pools() -> list[dict[str, Any]]:
    figures = ("name", "slots", "occupied_slots", "deferred_slots")
    return [{figure: pool[figure] for figure in figures} for pool in read_airflow_api("/api/v2/pools")["pools"]]


def _recommendations(usage: dict[str, Any]) -> list[str]:
    advice = []
    if usage["triggerer_status"] not in (None, "healthy"):
        advice.append("No triggerer is healthy: deferred tasks will wait for ever. Start one with `airflow triggerer`.")
    if usage["saved_slot_seconds"]:
        advice.append(f"Keep deferring: this wait left a slot free for {usage['saved_slot_seconds']:.0f} seconds.")
    elif usage["waited_seconds"] is not None:
        advice.append("The file was found by the worker: deferring saved nothing this time, and cost nothing.")
    return advice or ["Too little could be measured to advise anything; `unavailable` says what is missing."]


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────

_ADVICE = {
    "timeout": "Nothing came in time. Was the upload made, and is the sensor's timeout long enough?",
    "directory_access": "Check that the directories exist on the triggerer's machine and that its user may read them.",
    "triggerer_failure": "The trigger crashed or could not be loaded; the traceback is in this task's log. "
    "Can the triggerer import the trigger's class?",
    "serialization": "Arguments of triggers and of defer() must be plain JSON: no Path, datetime, client or context.",
    "unknown": "Read this task's log.",
}


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
        * ``"serialization"``: any other whose type's name or text speaks of serializing, in capitals or not, such as
          the ``TypeError`` "Cannot serialize object of type …";
        * ``"unknown"``: everything else, and nothing at all.
    """
    ti = _attempt(lambda: context["ti"])
    error = _attempt(lambda: context["exception"])
    cause = next((cause for cause in map(_cause, _chain(error)) if cause), "unknown")
    failure = {
        "task_id": _text(lambda: ti.task_id),
        "run_id": _text(lambda: ti.run_id),
        "cause": cause,
        "message": _text(lambda: error) or "",
        "advice": _ADVICE[cause],
    }
    one_line = " ".join(failure["message"].split())
    log.error("%s failed (%s): %s %s", failure["task_id"], cause, one_line, failure["advice"])
    return failure


def _chain(error: Any) -> Iterator[BaseException]:
    seen: set[int] = set()
    while isinstance(error, BaseException) and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _cause(error: BaseException) -> str | None:
    if isinstance(error, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    if isinstance(error, (PermissionError, NotADirectoryError, FileNotFoundError)):
        return "directory_access"
    if isinstance(error, WaitFailed) and error.error_type == "directory_access":
        return "directory_access"
    if isinstance(error, TaskDeferralError):
        return "triggerer_failure"
    if "serializ" in f"{type(error).__name__} {_text(lambda: error)}".lower():
        return "serialization"
    return None


def _attempt(read: Callable[[], Any]) -> Any:
    # Whatever reached the callback may be half gone; a callback that raises hides what it was called for.
    try:
        return read()
    except Exception:
        return None


def _text(read: Callable[[], Any]) -> str | None:
    value = _attempt(read)
    return None if value is None else _attempt(lambda: str(value))


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────

RACE_FILE = os.path.join(os.path.dirname(REPORT_FILE), "race.json")  # `make race` leaves it there


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
    result = _sensor_result(ti)
    waited = _measure("waited_seconds", lambda: _waited_seconds(result), unavailable)
    held = 0.0 if waited is not None and result.get("deferred") else waited
    comparison = {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": None if waited is None else waited - held,
        "task_states": _measure("task_states", lambda: _task_states(ti), unavailable),
        "unavailable": unavailable,
        "race": _race_beside(waited, held),
    }
    log.info("Traditional and deferrable waits compared: %s", comparison)
    return comparison


def _task_states(ti: Any) -> dict[str, int]:
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    return dict(Counter(state or "none" for state in states.values()))


def _race_beside(waited: float | None, held: float | None) -> str:
    """Set this run's wait beside many at once, if they have been measured on this machine."""
    try:
        with open(RACE_FILE, encoding="utf-8") as file:
            race = json.load(file)
        poke, deferrable = (_way_in_race(race["approaches"][way]) for way in ("poke", "deferrable"))
        many = f"{race['waits']} waits at once on {race['slots']} slots, measured on {race['date']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "Not measured on this machine yet: `make race` sets 100 waits of each kind beside each other."
    return f"{many}: as poke sensors they {poke}; deferred they {deferrable}. " + (
        "How long this run's wait took is not known."
        if waited is None
        else f"This run's one wait held a slot for {held:.0f} of its {waited:.0f} seconds."
    )


def _way_in_race(way: dict[str, Any]) -> str:
    ratio = way["ordinary_start_ratio"]
    other = "did not start" if ratio is None else f"started {ratio:.1f} times as late as on an idle Airflow"
    return f"held {way['most_slots_held_waiting']} slots while they waited, and another task {other}"


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
    processed = ti.xcom_pull(task_ids="process_trigger_results") or {}
    usage = ti.xcom_pull(task_ids="monitor_resource_usage") or {}
    comparison = ti.xcom_pull(task_ids="compare_approaches") or {}
    _write_whole(REPORT_FILE, _report_page(ti.run_id, processed, usage, comparison))
    log.info("Report written: %s", REPORT_FILE)
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in processed.get("valid", [])],
        "invalid_files": [file["path"] for file in processed.get("invalid", [])],
    }


def _write_whole(path: str, text: str) -> None:
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=directory)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        os.remove(draft)
        raise


def _report_page(run_id: str, processed: dict[str, Any], usage: dict[str, Any], comparison: dict[str, Any]) -> str:
    traditional = comparison.get("traditional", {}).get("slot_seconds")
    deferrable = comparison.get("deferrable", {}).get("slot_seconds")
    figures = {
        "Seconds waited": comparison.get("waited_seconds"),
        "Slot seconds, traditional sensor": traditional,
        "Slot seconds, deferrable sensor": deferrable,
        "Deferred tasks of this DAG": usage.get("deferred_tasks"),
        "Running tasks of this DAG": usage.get("running_tasks"),
        "Triggerer": usage.get("triggerer_status"),
    }
    valid = [f"{file['path']} ({file['size']} bytes)" for file in processed.get("valid", [])]
    invalid = [f"{file['path']}: {file['reason']}. {file['detail']}" for file in processed.get("invalid", [])]
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Trigger report</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem;
}}</style></head> <body>
<h1>Trigger report</h1>
<p>Run {_escaped(run_id)}</p>
<h2>Valid files</h2>{_list(valid)}
<h2>Invalid files</h2>{_list(invalid)}
<h2>Worker slots</h2>{_list(f"{name}: {_figure(value)}" for name, value in figures.items())}
{_bars({"traditional": traditional, "deferrable": deferrable})}
<p>{_escaped(comparison.get("race", ""))}</p>
<h2>Recommendations</h2>{_list(usage.get("recommendations", []))}
</body>
</html>
"""


def _escaped(value: Any) -> str:
    return html.escape(str(value))


def _figure(value: Any) -> str:
    if value is None:
        return "unavailable"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_escaped(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else "<p>none, or unavailable</p>"


def _bars(slot_seconds: dict[str, float | None]) -> str:
    longest = max((seconds or 0 for seconds in slot_seconds.values()), default=0) or 1
    rows = []
    for row, (name, seconds) in enumerate(slot_seconds.items()):
        y, width = 30 * row, 300 * (seconds or 0) / longest
        rows.append(
            f'<text x="0" y="{y + 17}">{_escaped(name)}</text>'
            f'<rect x="110" y="{y + 4}" width="{width:.0f}" height="18" fill="#017cee"/>'
            f'<text x="{width + 116:.0f}" y="{y + 17}">{_figure(seconds)}</text>'
        )
    return f'<svg viewBox="0 0 500 60" role="img" aria-label="slot seconds">{"".join(rows)}</svg>'


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
        if not directories or not file_patterns:
            raise ValueError("directories and file_patterns must each name one or more")
        if isinstance(file_patterns, str):
            raise ValueError(f"file_patterns must be a list, not the single text {file_patterns!r}")
        if min(check_interval, backoff_base, backoff_cap) <= 0 or min(stable_seconds, max_retries) < 0:
            raise ValueError(
                "check_interval, backoff_base and backoff_cap must be more than 0, "
                "stable_seconds and max_retries not less than 0"
            )
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
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payloads are those of ``MultiDirectoryTrigger``; the one for a file also holds ``pattern``, the first of
        ``file_patterns`` that the file matches, and ``priority``, that of its directory. ``files`` and ``total_files``
        are of the stable files.
        """
        try:
            payload = await self._wait_for_stable_file()
        except Exception as error:
            self.log.exception("Watching %s failed", list(self.directories))
            payload = _unexpected_error(error)
        yield TriggerEvent(payload)

    async def _wait_for_stable_file(self) -> dict[str, Any]:
        now = asyncio.get_running_loop().time
        watched = {
            path: _WatchedDirectory(path, self.file_patterns) for path in sorted(self.directories, key=self._rank)
        }
        errors: dict[str, str] = {}
        with closing(_Lookout(lambda path: watched[path].list_files())) as lookout:
            while True:
                readable = {path: directory for path, directory in watched.items() if path not in errors}
                due = [path for path, directory in readable.items() if directory.next_look <= now()]
                answers = await lookout.look_into(due, self.check_interval)
                for path in due:
                    watched[path].next_look = _next_look(lookout.began, self.check_interval)
                for path in readable:
                    if path in answers:
                        self._take_in(watched[path], answers[path], now(), errors)
                stable = [
                    (path, name, version)
                    for path, directory in readable.items()
                    if path not in errors
                    for name, version in directory.stable_files(self.stable_seconds)
                ]
                if stable:
                    return self._event(stable, errors)
                if len(errors) == len(watched):
                    return _no_directory_left(errors)
                next_look = min(directory.next_look for path, directory in watched.items() if path not in errors)
                await asyncio.sleep(next_look - now())

    def _rank(self, path: str) -> tuple[int, str]:
        return self.directories[path], path

    def _take_in(self, directory: _WatchedDirectory, answer: Any, now: float, errors: dict[str, str]) -> None:
        """Take over what a look has seen, or that it has failed."""
        if isinstance(answer, FileNotFoundError):  # it may still be made
            directory.take_over({}, now)
        elif isinstance(answer, OSError):
            directory.failures += 1
            directory.next_look = now + self._backoff(directory.failures)
            if directory.failures > self.max_retries or isinstance(answer, (PermissionError, NotADirectoryError)):
                errors[directory.path] = _reason(answer)
                self.log.warning("Leaving out %s, which cannot be read: %s", directory.path, errors[directory.path])
        elif isinstance(answer, Exception):
            raise answer
        else:
            directory.take_over(answer, now)

    def _backoff(self, failures: int) -> float:
        exponent = min(failures - 1, 60)  # 2.0 ** 2000 is more than a float can hold
        return min(self.backoff_base * 2**exponent, self.backoff_cap)

    def _event(self, stable: list[tuple[str, str, _Version]], errors: dict[str, str]) -> dict[str, Any]:
        files = [os.path.join(directory, name) for directory, name, _ in stable]
        directory, filename, version = stable[0]
        return {
            "status": "success",
            "directory": directory,
            "filename": filename,
            "path": files[0],
            "size": version.size,
            "modified": datetime.fromtimestamp(version.modified_ns / 1e9, tz=timezone.utc).isoformat(),
            "files": files[:MAX_LISTED_FILES],
            "total_files": len(files),
            "errors": errors,
            "pattern": next(pattern for pattern in self.file_patterns if _matching([filename], pattern)),
            "priority": self.directories[directory],
        }


class _Version(NamedTuple):
    """What changes when a file is written or replaced."""

    size: int
    modified_ns: int
    inode: int


@dataclass
class _SeenFile:
    version: _Version
    unchanged_since: float  # on the event loop's clock, in seconds


class _WatchedDirectory:
    def __init__(self, path: str, file_patterns: list[str]) -> None:
        self.path = path
        self.next_look = 0.0  # on the event loop's clock, in seconds
        self.last_look = 0.0  # the last good one
        self.failures = 0  # in a row
        self.files: dict[str, _SeenFile] = {}
        self._listing = _Listing(path, file_patterns)

    def list_files(self) -> dict[str, _Version]:
        """Look once, blocking. Raises OSError if the directory cannot be read."""
        stats = ((name, _stat_file(self.path, name)) for name in self._listing.names())
        return {name: _Version(stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats if stat}

    def take_over(self, seen: dict[str, _Version], now: float) -> None:
        self.failures = 0
        self.last_look = now
        self.files = {
            name: known if (known := self.files.get(name)) and known.version == version else _SeenFile(version, now)
            for name, version in seen.items()
        }

    def stable_files(self, seconds: float) -> list[tuple[str, _Version]]:
        # Up to the last look, not up to now: while a directory cannot be read, nobody knows what its files do.
        return [
            (name, file.version)
            for name, file in sorted(self.files.items())
            if self.last_look - file.unchanged_since >= seconds
        ]


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
    ti = context["ti"]
    unavailable: dict[str, str] = {}
    runs = _measure("runs", lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID), unavailable)
    states = [(run_id, task_id, states.get(task_id)) for run_id, states in (runs or {}).items() for task_id in states]
    waits = Counter(state or "none" for _, task_id, state in states if task_id in WAITING_TASK_IDS)
    ended = waits["success"] + waits["failed"]
    succeeded_runs = [run_id for run_id, task_id, state in states if (task_id, state) == (SENSOR_TASK_ID, "success")]
    waited = [seconds for run_id in succeeded_runs if (seconds := _waited_in_run(ti, run_id)) is not None]
    metrics = {
        "runs": None if runs is None else len(runs),
        "waits": dict(waits),
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(waited) / len(waited) if waited else None,
        "longest_wait_seconds": max(waited, default=None),
        "triggers_running": _measure("triggers_running", lambda: _count_triggers(taken_up=True), unavailable),
        "triggers_queued": _measure("triggers_queued", lambda: _count_triggers(taken_up=False), unavailable),
        "pool_utilization": _measure("pool_utilization", _pool_utilization, unavailable),
        "unavailable": unavailable,
    }
    log.info("Trigger metrics: %s", metrics)
    return metrics


def _waited_in_run(ti: Any, run_id: str) -> float | None:
    result = _attempt(lambda: ti.xcom_pull(task_ids=SENSOR_TASK_ID, dag_id=EXERCISE_DAG_ID, run_id=run_id))
    return result.get("waited_seconds") if isinstance(result, dict) else None


def _count_triggers(taken_up: bool) -> int:
    answer = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")
    triggers = [instance["trigger"] for instance in answer["task_instances"] if instance["trigger"]]
    return sum((trigger["triggerer_id"] is not None) == taken_up for trigger in triggers)


def _pool_utilization() -> dict[str, float]:
    return {
        pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0
        for pool in read_airflow_api("/api/v2/pools")["pools"]
    }


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


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
        if check_interval <= 0:
            raise ValueError(f"check_interval must be more than 0 seconds, not {check_interval!r}")
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        return (
            "trigger_implementation_exercise.ApiTrigger",
            {"url": self.url, "expected_status": self.expected_status, "check_interval": self.check_interval},
        )

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
        try:
            payload = await self._wait_for_status()
        except Exception as error:
            self.log.exception("Asking %s failed", self.url)
            payload = _unexpected_error(error)
        yield TriggerEvent(payload)

    async def _wait_for_status(self) -> dict[str, Any]:
        while True:
            try:
                answer = await _in_thread(_request, self.url, {})
            except urllib.error.HTTPError as error:
                if 400 <= error.code < 500:
                    return _error_event("api", f"{self.url} answered: {error}", {self.url: str(error)})
                self.log.warning("%s answered %s, asking again", self.url, error)
            except (OSError, HTTPException, json.JSONDecodeError, UnicodeDecodeError) as error:
                self.log.warning("%s gave no answer, asking again: %s", self.url, error)
            else:
                if isinstance(answer, dict) and answer.get("status") == self.expected_status:
                    return {"status": "success", "url": self.url, "answer": answer}
            await asyncio.sleep(self.check_interval)


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
            raise ValueError(f"rule must be an import path such as 'module.function', not {rule!r}")
        if check_interval <= 0:
            raise ValueError(f"check_interval must be more than 0 seconds, not {check_interval!r}")
        self.rule = rule
        self.rule_kwargs = rule_kwargs
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        return (
            "trigger_implementation_exercise.BusinessRuleTrigger",
            {"rule": self.rule, "rule_kwargs": self.rule_kwargs, "check_interval": self.check_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end.

        It asks at once and then about every ``check_interval`` seconds. ``{"status": "success", "rule": str}`` when the
        rule returns something true. A rule that cannot be imported, or that raises, is broken: ``{"status": "error",
        "error_type": "rule", "message": str, "errors": {rule: reason}}``, the exception with its type and its text in
        both.
        """
        try:
            while not await _in_thread(_ask, self.rule, self.rule_kwargs or {}):
                await asyncio.sleep(self.check_interval)
        except (Exception, SystemExit) as error:  # a rule that exits must not take the triggerer with it
            self.log.exception("The rule %s is broken", self.rule)
            reason = f"{type(error).__name__}: {error}"
            yield TriggerEvent(_error_event("rule", f"The rule {self.rule} is broken: {reason}", {self.rule: reason}))
        else:
            yield TriggerEvent({"status": "success", "rule": self.rule})


def _ask(rule: str, rule_kwargs: dict[str, Any]) -> Any:
    module, _, function = rule.rpartition(".")
    return getattr(importlib.import_module(module), function)(**rule_kwargs)


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``.

    :param directories: one directory a client.
    :param minimum: how many clients are enough.
    :return: True if at least ``minimum`` of the directories hold a file ``*.csv``. One that is missing or cannot be
        read holds none.
    """
    return sum(_has_csv(directory) for directory in directories) >= minimum


def _has_csv(directory: str) -> bool:
    try:
        return _look_into(_Listing(directory, ["*.csv"])) is not None
    except OSError:
        return False


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
    dag_id="trigger_implementation_exercise",
    description="Exercise 4: file waits that hold no worker slot",
    schedule=None,
    catchup=False,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
    doc_md=__doc__,
) as dag:
    # Step 1
    set_up = PythonOperator(task_id="set_up_directories", python_callable=set_up_directories)
    clean_up = PythonOperator(
        task_id="clean_up_directories",
        python_callable=clean_up_directories,
        op_kwargs={"created": set_up.output},
    )

    # Step 2
    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        deferrable=True,
        poke_interval=10,
        timeout=600,
        on_execute_callback=log_worker_slot,
        on_failure_callback=handle_trigger_failure,
        doc_md="Waits for the daily upload. It defers: in poke mode it would hold a worker slot until the file is "
        "there. Deferred, it holds none. The triggerer looks every 10 seconds, for hundreds of such waits in one "
        "process, and the task takes a worker slot again when there is something to do.",
    )

    # Steps 4 and 6
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id=SENSOR_TASK_ID,
        directories=CLIENT_DIRECTORIES,
        file_pattern="*.csv",
        poke_interval=10,
        timeout=600,
        on_failure_callback=handle_trigger_failure,
        doc_md="Waits for the first CSV file of any client. One trigger in the triggerer watches all directories; "
        "no worker slot is held meanwhile.",
    )

    # Steps 5 and 7
    process = PythonOperator(task_id="process_trigger_results", python_callable=process_trigger_results)
    monitor = PythonOperator(task_id="monitor_resource_usage", python_callable=monitor_resource_usage)
    compare = PythonOperator(task_id="compare_approaches", python_callable=compare_approaches)
    report = PythonOperator(task_id="generate_trigger_report", python_callable=generate_trigger_report)

    set_up >> [wait_for_upload, monitor_client_uploads] >> process >> [monitor, compare] >> report
    report >> clean_up.as_teardown(setups=set_up)

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
    wait_for_api = WaitForTrigger(
        task_id="wait_for_api",
        trigger=ApiTrigger(PARTNER_API_URL),
        timeout=3600,
    )
    wait_for_rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            "trigger_implementation_exercise.enough_clients_delivered",
            {"directories": CLIENT_DIRECTORIES, "minimum": 3},
        ),
        timeout=3600,
    )
    approve = EmptyOperator(task_id="approve", trigger_rule="one_success")
    publish = EmptyOperator(task_id="publish", outlets=[Asset("client_uploads")])
    metrics = PythonOperator(task_id="collect_trigger_metrics", python_callable=collect_trigger_metrics)

    [wait_for_api, wait_for_rule] >> approve
    [wait_for_data, wait_for_window, approve] >> publish >> metrics
