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
import copy
import csv
import fnmatch
import heapq
import html
import importlib
import itertools
import json
import logging
import math
import operator
import os
import stat
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path, PurePath
from typing import Any, NoReturn, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
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

# ── Step 1: set-up ────────────────────────────────────────────────────────────────────────────────────────────────────

# The one setting: everything that the DAGs read or write lies below it.
DATA_DIR = os.path.abspath(os.environ.get("KATA_DATA_DIR") or os.path.join(tempfile.gettempdir(), "trigger_kata"))

UPLOAD_FILE = os.path.join(DATA_DIR, "client_data", "upload.csv")
CLIENT_DIRECTORIES = [os.path.join(DATA_DIR, "uploads", f"client_{n}") for n in range(1, 6)]
REPORT_FILE = os.path.join(DATA_DIR, "monitoring", "trigger_report.html")


README = """\
Put your uploads into this directory.

One CSV file (*.csv) for each delivery: UTF-8, the first row a header, every row as wide as the header.
"""


def _missing(path: Path) -> list[Path]:
    """Return what does not exist of a path and its parents, a parent before what lies in it."""
    return list(itertools.takewhile(lambda part: not part.exists(), (path, *path.parents)))[::-1]


def _done(action: Callable[[], Any], *passed_over: type[OSError]) -> bool:
    """Say whether an action was done: not if it raises one of the exceptions that are passed over."""
    try:
        action()
    except passed_over:
        return False
    return True


def _write_new(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def set_up_directories() -> dict[str, list[str]]:
    """
    Make the directories that the DAG works with and say what was made.

    Makes the directories of ``UPLOAD_FILE``, ``CLIENT_DIRECTORIES`` and ``REPORT_FILE``, with their parents, and in
    each client directory a file ``README.txt`` that tells a client what to put there. What exists already is left as it
    is, so a second call makes nothing and raises nothing.

    :return: absolute paths, ``{"directories": [...], "files": [...]}``: exactly what this call made, and of the
        directories a parent before what lies in it. ``DATA_DIR`` itself is among them if it had to be made.
    """
    clients = [Path(directory).absolute() for directory in CLIENT_DIRECTORIES]
    wanted = [Path(UPLOAD_FILE).absolute().parent, *clients, Path(REPORT_FILE).absolute().parent]
    return {
        "directories": [
            str(path) for directory in wanted for path in _missing(directory) if _done(path.mkdir, FileExistsError)
        ],
        "files": [
            str(path)
            for path in (client / "README.txt" for client in clients)
            if _done(partial(_write_new, path, README), FileExistsError)
        ],
    }


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what lies there. What
    is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    made = created or {"files": [], "directories": []}
    removals = itertools.chain(
        zip(made["files"], itertools.repeat(os.remove)),
        zip(reversed(made["directories"]), itertools.repeat(os.rmdir)),
    )
    # An OSError says that it is gone, or that something else lies in it or in its place: both stay as they are.
    return [path for path, remove in removals if _done(partial(remove, path), OSError)]


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """
    Log that a worker slot is taken from now on: the ``on_execute_callback`` of ``wait_for_upload``.

    A sensor in poke mode is taken up once and keeps its slot until the file is there. A deferred one is taken up twice,
    for a moment each time; the log shows it.

    Logs one line at INFO that names the task's id and contains the words "worker slot".

    :param context: the task's context; the task instance is ``context["ti"]``.
    """
    log.info("%s takes up a worker slot.", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100


T = TypeVar("T")

NEVER_READABLE = (PermissionError, NotADirectoryError)

Seen = dict[str, tuple[tuple[int, ...], float]]  # of each file: its size, time and identity, and since when they are so
Find = tuple[int, list[str], os.stat_result]  # how many files, the names of the first 100, and what the first is like
Look = tuple[float, Seen, "Find | None"]  # when it began, what it saw, and what of that counts
# Of a directory: since when it may hold a file, when it is looked into next (None: never again), what it holds, and
# the exception of the last look.
Report = tuple[float, "float | None", "Find | None", "Exception | None"]


def _worded(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _attempt(function: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """Call a function and return its result and its exception, one of which is None."""
    try:
        return function(), None
    except BaseException as error:
        return None, error


async def _off_loop(function: Callable[[], T], limiter: anyio.CapacityLimiter) -> tuple[T | None, BaseException | None]:
    """``_attempt`` in a thread, which is left alone if it hangs. The limiter keeps clear of the pool of all others."""
    try:
        return await anyio.to_thread.run_sync(_attempt, function, abandon_on_cancel=True, limiter=limiter)
    except Exception as error:  # no thread could be had
        return None, error


def _error_payload(error_type: str, message: str, errors: Mapping[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": dict(errors)}


def _no_directory_left(errors: Mapping[str, str]) -> dict[str, Any]:
    reasons = "; ".join(itertools.starmap("{}: {}".format, errors.items()))
    return _error_payload("directory_access", f"No directory is left to watch. {reasons}", errors)


def _unexpected(error: BaseException, errors: Mapping[str, str]) -> dict[str, Any]:
    return _error_payload("unexpected", _worded(error), errors)


async def _event(payload: Awaitable[dict[str, Any]]) -> TriggerEvent:
    """Await a payload and make it an event, and an error event of any exception."""
    try:
        return TriggerEvent(await payload)
    except Exception as error:
        return TriggerEvent(_unexpected(error, {}))


def _demand(**demands: Any) -> None:
    """Raise ``ValueError`` for the first argument whose demand is not met."""
    for name in itertools.filterfalse(demands.get, demands):
        raise ValueError(f"{name} is not what it has to be, see the docstring")


def _class_path(name: str) -> str:
    return f"trigger_implementation_exercise.{name}"


def _once_each(directories: Sequence[str]) -> list[str]:
    """Drop directories that are named again; a trailing slash does not make another one."""
    named = [(PurePath(directory), directory) for directory in directories]
    first = dict(reversed(named))
    return [first[path] for path in dict.fromkeys(path for path, _ in named)]


def _pattern_of(name: str, patterns: Iterable[str]) -> str | None:
    return next(
        (
            pattern
            for pattern in patterns
            if fnmatch.fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))
        ),
        None,
    )


def _files(directory: str, patterns: Sequence[str], tick: Callable[[], Any]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the regular files that match with their status, in no order; ``tick`` is called for every entry."""
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                tick()
                if _pattern_of(entry.name, patterns) is None:
                    continue
                with contextlib.suppress(OSError):  # a dead link, or gone again
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        yield entry.name, status
    except FileNotFoundError:  # the directory may still be made
        return


def _aged(status: os.stat_result, before: tuple[tuple[int, ...], float] | None, now: float) -> tuple[Any, float]:
    """Say what a file is like and since when, given the same of the last look."""
    likeness = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
    return before if before and before[0] == likeness else (likeness, now)


def _look(
    directory: str,
    seen: Seen,
    patterns: Sequence[str],
    stable: float = 0,
    clock: Callable[[], float] = time.monotonic,
    tick: Callable[[], Any] = lambda: None,
) -> Look:
    """Look once: what counts is what has been as it is for ``stable`` seconds. For a thread: it blocks."""
    began = clock()
    aged = [
        (name, status, now, _aged(status, seen.get(name), now))
        for name, status in _files(directory, patterns, tick)
        for now in (clock(),)
    ]
    ripe = [(name, status) for name, status, now, (_, since) in aged if now - since >= stable]
    # Not sorted(): that holds the interpreter until it is done, with all threads.
    first = heapq.nsmallest(MAX_LISTED_FILES, ripe, key=operator.itemgetter(0))
    find = (len(ripe), [name for name, _ in first], first[0][1]) if first else None
    return began, {name: age for name, _, _, age in aged}, find


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
    directory: str,
    look: Callable[[str, Seen], Look],
    interval: float,
    retry_after: Callable[[int], float | None],
) -> AsyncIterator[tuple[str, Report]]:
    """
    Look into one directory again and again, and report every look.

    :param retry_after: the seconds after which a look is repeated that has failed for the n-th time in a row, or None.
    """
    limiter = anyio.CapacityLimiter(1)
    seen: Seen = {}
    failures, empty_since = 0, anyio.current_time()
    due: float | None = empty_since
    while due is not None:
        await anyio.sleep_until(due)
        began = anyio.current_time()
        result, error = await _off_loop(partial(look, directory, seen), limiter)
        if result:
            began, seen, find = result
            failures, due = 0, began + interval
        else:  # what could not be looked at is not known to have stayed as it was
            seen, find, failures = {}, None, failures + 1
            passes = isinstance(error, OSError) and not isinstance(error, NEVER_READABLE)
            delay = retry_after(failures) if passes else None
            due = None if delay is None else anyio.current_time() + delay
        empty_since = empty_since if find else began
        if due is None and isinstance(error, OSError):
            log.warning("%s is left out: %s", directory, _worded(error))
        yield directory, (empty_since, due, find, error)


async def _forward(items: AsyncIterator[T], queue: asyncio.Queue[T]) -> None:
    async for item in items:
        queue.put_nowait(item)


def _errors(reports: Mapping[str, Report]) -> dict[str, str]:
    return {directory: _worded(error) for directory, (_, due, _, error) in reports.items() if due is None}


def _wait_until(order: Sequence[str], reports: Mapping[str, Report], interval: float, now: float) -> float:
    """
    Say until when to wait for another report before what is known is to be judged.

    With nothing found: for ever. Otherwise the directories that are being looked into, or are about to be, may still
    report, so that the order of the directories decides and not their speed; at the longest until shortly before two
    intervals have passed since the moment at which the file may have appeared.
    """
    found = [empty_since for empty_since, _, find, _ in reports.values() if find]
    next_looks = [reports[directory][1] if directory in reports else now for directory in order]
    if not found:
        return now if all(due is None for due in next_looks) else math.inf
    behind = any(due is not None and due <= now + interval / 4 for due in next_looks)
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
    look = partial(_look, patterns=patterns, stable=stable, clock=clock, tick=anyio.from_thread.check_cancelled)
    queue: asyncio.Queue[tuple[str, Report]] = asyncio.Queue()
    reports: dict[str, Report] = {}
    broken: Exception | None = None
    async with anyio.create_task_group() as group:
        for directory in order:
            group.start_soon(_forward, _reports(directory, look, interval, retry_after), queue)
        while not broken and (patience := _wait_until(order, reports, interval, now := clock()) - now) > 0:
            with anyio.move_on_after(patience):
                directory, report = await queue.get()
                reports[directory] = report
                broken = None if report[3] is None or isinstance(report[3], OSError) else report[3]
        group.cancel_scope.cancel()
    if broken:
        return _unexpected(broken, _errors({d: report for d, report in reports.items() if report[3] is not broken}))
    errors = _errors(reports)
    found = await _off_loop(
        partial(_find_payload, order, {d: find for d, (_, _, find, _) in reports.items()}, errors),
        anyio.CapacityLimiter(1),
    )
    return found[0] or (_unexpected(found[1], errors) if found[1] else _no_directory_left(errors))


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
        _demand(
            directories=directories and not isinstance(directories, str),
            file_pattern=file_pattern,
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
        return _class_path("MultiDirectoryTrigger"), {
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
        order, interval = _once_each(self.directories), self.check_interval
        yield await _event(_watch(order, [self.file_pattern], interval, stable=0, retry_after=lambda failures: interval))


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


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _look_everywhere(directories: Sequence[str], file_pattern: str) -> dict[str, Any] | None:
    """
    Look into all directories once, in the worker.

    :return: the payload of what was found, None if nothing was.
    :raises WaitFailed: if not one of the directories can ever be read.
    """
    order = _once_each(directories)
    looks = {directory: _attempt(partial(_look, directory, {}, [file_pattern])) for directory in order}
    for error in (error for _, error in looks.values() if error and not isinstance(error, OSError)):
        raise error
    errors = {directory: _worded(error) for directory, (_, error) in looks.items() if isinstance(error, NEVER_READABLE)}
    if len(errors) == len(order):
        raise WaitFailed(_no_directory_left(errors))
    return _find_payload(order, {directory: look[2] for directory, (look, _) in looks.items() if look}, errors)


def _sensor_result(payload: dict[str, Any], *, deferred: bool, started_at: datetime | None) -> dict[str, Any]:
    waited = None if started_at is None else max(0.0, (_now() - started_at).total_seconds())
    return {**payload, "deferred": deferred, "waited_seconds": waited}


def _success_of(event: Any) -> dict[str, Any]:
    """Return an event's payload if it is a success, raise ``WaitFailed`` for everything else."""
    match event:
        case {"status": "success"}:
            return event
    raise WaitFailed(event)


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
        self._started_at: datetime | None = None  # of the wait in the worker

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
        now = _now()
        if not self.deferrable:
            rescheduled_at = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
            self._started_at = rescheduled_at or now
            return super().execute(context)
        if payload := _look_everywhere(self.directories, self.file_pattern):
            return _sensor_result(payload, deferred=False, started_at=now)
        self.defer(
            trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
            method_name=self.execute_complete.__name__,
            kwargs={"started_at": now.isoformat()},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        self._started_at = self._started_at or _now()
        payload = _look_everywhere(self.directories, self.file_pattern)
        return (
            PokeReturnValue(True, _sensor_result(payload, deferred=False, started_at=self._started_at))
            if payload
            else PokeReturnValue(False)
        )

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
        return _sensor_result(
            _success_of(event), deferred=True, started_at=datetime.fromisoformat(started_at) if started_at else None
        )


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


def _is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _csv_rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file that are not empty, each with the number of the line on which it begins."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        starts = (reader.line_num + 1 for _ in itertools.count())
        for line, row in zip(starts, reader):
            if any("\0" in field for field in row):
                raise csv.Error("a NUL byte")  # csv itself says so only up to Python 3.10
            if row:
                yield line, row


def _fault_of_csv(path: str) -> tuple[int, tuple[str, str] | None]:
    """Read a CSV file to its end: the number of rows, and the reason and the detail of its first fault."""
    rows = _csv_rows(path)
    _, header = next(rows, (0, []))
    widths = [(line, len(row)) for line, row in rows]
    odd = ((line, width) for line, width in widths if width != len(header))
    if not header:
        return 0, ("no_header", "there is not a single row")
    if not all(name.strip() for name in header):
        return 0, ("no_header", f"the header has a blank name: {header}")
    return len(widths), next(
        (("row_width", f"line {line}: {width} fields, but {len(header)} in the header") for line, width in odd), None
    )


def _fault(path: str) -> tuple[dict[str, Any], tuple[str, str] | None]:
    """Look at a file: its size and its rows, and the reason and the detail of what is wrong with it, None if nothing."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return {}, ("unreadable", "it is not a regular file")
        if status.st_size == 0:
            return {}, ("empty", "it has no bytes")
        with open(path, "rb") as file:
            file.read(1)
        rows, fault = _fault_of_csv(path) if path.lower().endswith(".csv") else (None, None)
        return {"size": status.st_size, "rows": rows}, fault
    except (FileNotFoundError, NotADirectoryError) as error:
        return {}, ("missing", _worded(error))
    except (OSError, ValueError, csv.Error) as error:
        return {}, ("unreadable", _worded(error))


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
    csv.field_size_limit(sys.maxsize)  # a field is not unreadable because it is long
    match context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID):
        case {"files": list(files), "total_files": int(total_files), "waited_seconds": waited} if all(
            isinstance(path, str) for path in files
        ) and (waited is None or _is_seconds(waited)):
            faults = [(path, *_fault(path)) for path in files]
        case other:
            raise AirflowException(f"The XCom of {SENSOR_TASK_ID} has not the form of the sensor's result: {other!r}")
    for path, _, fault in faults:
        log.log(logging.WARNING if fault else logging.INFO, "%s: %s", path, ": ".join(fault or ["valid"]))
    return {
        "valid": [{"path": path, **facts} for path, facts, fault in faults if fault is None],
        "invalid": [{"path": path, "reason": fault[0], "detail": fault[1]} for path, _, fault in faults if fault],
        "total_files": total_files,
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


def _measured(sources: Mapping[tuple[str, ...], Callable[[], Sequence[Any]]]) -> tuple[dict[str, Any], dict[str, str]]:
    """
    Ask all sources, each of which returns the figures of its names in their order.

    :return: the figures by name, None where the source raised; and why, for each of these names.
    """
    answers = [(names, *_attempt(source)) for names, source in sources.items()]
    for error in (error for *_, error in answers if error and not isinstance(error, Exception)):
        raise error  # the task is being ended
    figures = {name: figure for names, answer, _ in answers for name, figure in zip(names, answer or [None] * len(names))}
    return figures, {name: _worded(error) for names, _, error in answers if error for name in names}


def _checked(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{kind.__name__} expected: {value!r}")
    return value


def _slot_seconds(ti: Any, **where: Any) -> tuple[float, float, float]:
    """Return the seconds that the sensor waited, and those that it held a worker slot and did not hold one."""
    match ti.xcom_pull(task_ids=SENSOR_TASK_ID, **where):
        case {"waited_seconds": seconds} as result if _is_seconds(seconds):
            waited = float(seconds)
            return (waited, 0.0, waited) if result.get("deferred") else (waited, waited, 0.0)
    raise LookupError(f"{SENSOR_TASK_ID} has left no XCom that says how long it waited")


def _count(ti: Any, state: str) -> int:
    return _checked(ti.get_ti_count(dag_id=ti.dag_id, states=[state]), int)


def _triggerer_status() -> str:
    return _checked(read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"], str)


def _pools() -> list[dict[str, Any]]:
    kinds = {"name": str, "slots": int, "occupied_slots": int, "deferred_slots": int}
    pools = read_airflow_api("/api/v2/pools")["pools"]
    return [{key: _checked(pool[key], kind) for key, kind in kinds.items()} for pool in pools]


def _recommendations(figures: Mapping[str, Any], unavailable: Iterable[str]) -> Iterator[str]:
    if figures["triggerer_status"] not in (None, "healthy"):
        yield f"The triggerer is {figures['triggerer_status']}: bring it up, or no deferred task goes on."
    for pool in figures["pools"] or []:
        if 0 < pool["slots"] <= pool["occupied_slots"]:
            yield f"The pool {pool['name']} is full: give it more slots, or resumed tasks queue for one."
    if figures["saved_slot_seconds"]:
        yield f"Deferring has saved {figures['saved_slot_seconds']} slot seconds: keep it for waits like this one."
    elif figures["waited_seconds"]:
        yield f"{figures['waited_seconds']} seconds were waited in a worker slot: let the sensor defer."
    if figures["deferred_tasks"]:
        yield f"{figures['deferred_tasks']} tasks are deferred and hold no slot: do not add workers for them."
    if names := ", ".join(unavailable):
        yield f"There is no telling about {names}: make them available before you plan with these figures."


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
    figures, unavailable = _measured({
        ("deferred_tasks",): lambda: [_count(ti, "deferred")],
        ("running_tasks",): lambda: [_count(ti, "running")],
        ("waited_seconds", "saved_slot_seconds"): lambda: operator.itemgetter(0, 2)(_slot_seconds(ti)),
        ("triggerer_status",): lambda: [_triggerer_status()],
        ("pools",): lambda: [_pools()],
    })
    recommendations = list(_recommendations(figures, unavailable)) or ["Nothing waits and nothing is full: leave it so."]
    usage = {**figures, "unavailable": unavailable, "recommendations": recommendations}
    log.info("Resource usage: %s", json.dumps(usage))
    return usage


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────


ADVICE = {
    "timeout": "ask the client where the upload is, or raise the sensor's timeout, and clear the task",
    "directory_access": "give the triggerer and the workers access to the directories, and clear the task",
    "triggerer_failure": "look for the trigger in the triggerer's log, and see that its module can be imported there",
    "serialization": "pass only plain JSON to the trigger and to defer()",
    "unknown": "read the log of the task",
}


def _chain(error: Any) -> list[Any]:
    """Return an exception and what it was raised from, down the whole chain, which may bite its own tail."""
    links: list[Any] = []
    while error is not None and all(error is not link for link in links):
        links.append(error)
        error = getattr(error, "__cause__", None)
    return links


def _text_of(read: Callable[[], Any]) -> str | None:
    """Return the text that ``read`` returns, None if it returns something else or raises."""
    text, _ = _attempt(read)
    return str(text) if isinstance(text, str) else None


def _cause_of(error: Any) -> str:
    tests = {
        "timeout": lambda: isinstance(error, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)),
        "directory_access": lambda: (
            isinstance(error, (PermissionError, NotADirectoryError, FileNotFoundError))
            or (isinstance(error, WaitFailed) and error.error_type == "directory_access")
        ),
        "triggerer_failure": lambda: isinstance(error, TaskDeferralError),
        "serialization": lambda: any(
            word in f"{type(error).__name__} {_text_of(lambda: str(error))}".lower() for word in ("serializ", "serialis")
        ),
    }
    return next((cause for cause, holds in tests.items() if holds()), "unknown")


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
    links = _chain(_attempt(lambda: context["exception"])[0])
    cause = next((cause for cause in map(_cause_of, links) if cause != "unknown"), "unknown")
    task_id = _text_of(lambda: context["ti"].task_id)
    log.error("%s has failed. Cause: %s. What to do: %s.", task_id, cause, ADVICE[cause])
    return {
        "task_id": task_id,
        "run_id": _text_of(lambda: context["ti"].run_id) or _text_of(lambda: context["run_id"]),
        "cause": cause,
        "message": next((_text_of(lambda: str(links[0])) or "" for _ in links[:1]), ""),
        "advice": ADVICE[cause],
    }


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────


def _count_states(states: Iterable[Any]) -> dict[str, int]:
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
    figures, unavailable = _measured({
        ("waited_seconds", "held", "saved"): lambda: _slot_seconds(ti),
        ("task_states",): lambda: [
            _count_states(ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id].values())
        ],
    })
    return {
        "waited_seconds": figures["waited_seconds"],
        "traditional": {"slot_seconds": figures["waited_seconds"], "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": figures["held"], "slots_for_100_waits": 0},
        "saved_slot_seconds": figures["saved"],
        "task_states": figures["task_states"],
        "unavailable": {name: why for name, why in unavailable.items() if name in ("waited_seconds", "task_states")},
    }


def _shown(value: Any) -> str:
    return "unavailable" if value is None else html.escape(str(value))


def _tag(name: str, *content: str) -> str:
    return f"<{name}>{''.join(content)}</{name.split()[0]}>\n"


def _list(items: Iterable[str] | None) -> str:
    if items is None:
        return _tag("p", _shown(None))
    return _tag("ul", *(_tag("li", _shown(item)) for item in items))


def _row(label: str, value: Any) -> str:
    return _tag("tr", _tag("th", html.escape(label)), _tag("td", _shown(value)))


def _picture(seconds: Mapping[str, float | None]) -> str:
    """Draw one bar for each approach."""
    longest = max(filter(None, seconds.values()), default=1)
    bars = (
        _tag(f'text x="0" y="{y + 15}"', label, ": ", _shown(value))
        + f'<rect x="200" y="{y}" width="{300 * (value or 0) / longest:.1f}" height="20" fill="teal"/>'
        for (label, value), y in zip(seconds.items(), itertools.count(0, 30))
    )
    return _tag('svg width="520" height="60" role="img"', *bars)


def _page(run_id: Any, found: Mapping[str, Any], usage: Mapping[str, Any], compared: Mapping[str, Any]) -> str:
    slot_seconds = {name: compared.get(name, {}).get("slot_seconds") for name in ("traditional", "deferrable")}
    files = {
        "Valid files": [file["path"] for file in found["valid"]] if found else None,
        "Invalid files": [f"{file['path']}: {file['reason']} ({file['detail']})" for file in found["invalid"]]
        if found
        else None,
    }
    body = [
        _tag("h1", "What the triggers have done"),
        _tag("p", "Run ", _shown(run_id)),
        *(_tag("h2", title) + _list(items) for title, items in files.items()),
        _tag("h2", "The wait"),
        _tag(
            "table",
            _row("Seconds waited", compared.get("waited_seconds")),
            *(_row(f"Slot seconds, {name}", seconds) for name, seconds in slot_seconds.items()),
            _row("Slot seconds saved", compared.get("saved_slot_seconds")),
            _row("Triggerer", usage.get("triggerer_status")),
        ),
        _picture(slot_seconds),
        _tag("h2", "Recommendations"),
        _list(usage.get("recommendations")),
    ]
    head = _tag("head", '<meta charset="utf-8">', _tag("title", "Trigger report"))
    return "<!DOCTYPE html>\n" + _tag('html lang="en"', head, _tag("body", *body))


def _write_whole(path: str, text: str) -> None:
    """Write a file so that a reader finds it whole, or as it was before."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with contextlib.ExitStack() as on_failure:
        handle, draft = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".report-")
        on_failure.callback(os.remove, draft)
        # A file's name may hold bytes that are no UTF-8; Python has lone surrogates for them.
        with open(handle, "w", encoding="utf-8", errors="xmlcharrefreplace") as file:
            file.write(text)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
        on_failure.pop_all()


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
    task_ids = ("process_trigger_results", "monitor_resource_usage", "compare_approaches")
    found, usage, compared = (ti.xcom_pull(task_ids=task_id) or {} for task_id in task_ids)
    _write_whole(REPORT_FILE, _page(ti.run_id, found, usage, compared))
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in found.get("valid", [])],
        "invalid_files": [file["path"] for file in found.get("invalid", [])],
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


def _backoff(failures: int, max_retries: int, base: float, cap: float) -> float | None:
    """Return the seconds before the next repetition, None after the last."""
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
        _demand(
            directories=directories,
            file_patterns=file_patterns and not isinstance(file_patterns, str),
            check_interval=check_interval > 0,
            stable_seconds=stable_seconds >= 0,
            max_retries=max_retries >= 0,
            backoff_base=backoff_base > 0,
            backoff_cap=backoff_cap > 0,
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
        return _class_path("AdvancedMultiDirectoryTrigger"), {
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
        priorities, patterns = dict(self.directories), list(self.file_patterns)
        order = _once_each(sorted(priorities, key=lambda directory: (priorities[directory], directory)))
        retry_after = partial(_backoff, max_retries=self.max_retries, base=self.backoff_base, cap=self.backoff_cap)
        payload = _watch(order, patterns, self.check_interval, self.stable_seconds, retry_after)
        yield await _event(_with_details(payload, patterns, priorities))


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def _sensor_states(ti: Any) -> dict[str, dict[str, str]]:
    """Return the states of the two sensors in all runs."""
    return {
        run_id: {task_id: str(tasks[task_id] or "none") for task_id in WAITING_TASK_IDS if task_id in tasks}
        for run_id, tasks in ti.get_task_states(dag_id=EXERCISE_DAG_ID).items()
    }


def _triggers() -> tuple[int, int]:
    """Return how many triggers run and how many are queued."""
    answer = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")
    taken_up = [(task_["trigger"] or {}).get("triggerer_id") is not None for task_ in answer["task_instances"]]
    return taken_up.count(True), taken_up.count(False)


def _pool_utilization() -> dict[str, float]:
    return {
        pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0
        for pool in read_airflow_api("/api/v2/pools")["pools"]
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


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
    figures, unavailable = _measured({
        ("runs",): lambda: [_sensor_states(ti)],
        ("triggers_running", "triggers_queued"): _triggers,
        ("pool_utilization",): lambda: [_pool_utilization()],
    })
    runs = figures["runs"] or {}
    waits = Counter(itertools.chain.from_iterable(tasks.values() for tasks in runs.values()))
    ended = waits["success"] + waits["failed"]
    succeeded = (run_id for run_id, tasks in runs.items() if tasks.get(SENSOR_TASK_ID) == "success")
    pulls = [
        _measured({("waited",): partial(_slot_seconds, ti, dag_id=EXERCISE_DAG_ID, run_id=run_id)})[0] for run_id in succeeded
    ]
    seconds = [pull["waited"] for pull in pulls if pull["waited"] is not None]
    metrics = {
        **figures,
        "runs": None if figures["runs"] is None else len(runs),
        "waits": dict(+waits),
        "success_rate": _share(waits["success"], ended),
        "failure_rate": _share(waits["failed"], ended),
        "average_wait_seconds": statistics.fmean(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
        "unavailable": unavailable,
    }
    log.info("Trigger metrics: %s", json.dumps(metrics))
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


async def _answers(
    ask: Callable[[], Coroutine[Any, Any, dict[str, Any] | None]], interval: float
) -> AsyncIterator[dict[str, Any] | None]:
    """Ask at once and then every ``interval`` seconds, and yield every answer."""
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
    raise AssertionError("somebody has stopped asking")


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


async def _ask_api(client: httpx.AsyncClient, url: str, expected_status: str) -> dict[str, Any] | None:
    """Ask once; None if it is worth while to ask again."""
    try:
        with anyio.fail_after(API_TIMEOUT):  # all in all: httpx's own timeout begins anew with every byte
            response = await client.get(url)
    except httpx.UnsupportedProtocol:
        raise
    except (httpx.RequestError, TimeoutError):
        return None
    if response.is_client_error:
        reason = f"HTTP status {response.status_code} {response.reason_phrase}"
        return _error_payload("api", f"{url} will not give leave: {reason}", {url: reason})
    if not response.is_success:
        return None
    parse = partial(json.loads, response.content, parse_constant=_refuse_constant)
    match await _off_loop(parse, anyio.CapacityLimiter(1)):
        case {"status": status} as answer, None if status == expected_status:
            return {"status": "success", "url": url, "answer": answer}
    return None


async def _wait_for_api(url: str, expected_status: str, interval: float) -> dict[str, Any]:
    # A client begins by reading certificates.
    make = partial(httpx.AsyncClient, timeout=API_TIMEOUT, follow_redirects=True)
    client, error = await _off_loop(make, anyio.CapacityLimiter(1))
    if client is None:
        raise error
    async with client:
        return await _first(_answers(partial(_ask_api, client, url, expected_status), interval))


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
        _demand(url=url, check_interval=check_interval > 0)
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        return _class_path("ApiTrigger"), {
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
        yield await _event(_wait_for_api(self.url, self.expected_status, self.check_interval))


def _agrees(rule: str, rule_kwargs: Mapping[str, Any]) -> bool:
    """Import the rule and ask it."""
    module, _, name = rule.rpartition(".")
    return bool(getattr(importlib.import_module(module), name)(**copy.deepcopy(rule_kwargs)))


async def _ask_rule(rule: str, rule_kwargs: Mapping[str, Any], limiter: anyio.CapacityLimiter) -> dict[str, Any] | None:
    """Ask once; None if the rule does not agree."""
    agrees, error = await _off_loop(partial(_agrees, rule, rule_kwargs), limiter)
    if error:
        return _error_payload("rule", f"The rule {rule} is broken. {_worded(error)}", {rule: _worded(error)})
    return {"status": "success", "rule": rule} if agrees else None


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
        _demand(rule=isinstance(rule, str) and "." in rule, check_interval=check_interval > 0)
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        return _class_path("BusinessRuleTrigger"), {
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
        ask = partial(_ask_rule, self.rule, self.rule_kwargs or {}, anyio.CapacityLimiter(1))
        yield await _event(_first(_answers(ask, self.check_interval)))


def _has_delivered(directory: str) -> bool:
    with contextlib.suppress(OSError):
        return _look(directory, {}, ["*.csv"])[2] is not None
    return False


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``.

    :param directories: one directory a client.
    :param minimum: how many clients are enough.
    :return: True if at least ``minimum`` of the directories hold a file ``*.csv``. One that is missing or cannot be
        read holds none.
    """
    return sum(map(_has_delivered, _once_each(directories))) >= minimum


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
        return _success_of(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

WHY_DEFER = """
A client may take ten minutes to upload its file. In poke mode this sensor would hold a worker slot all that time, only
to look every now and then. Deferred, it gives the slot back, and the triggerer waits for all clients in one process.
"""

with DAG(
    dag_id=EXERCISE_DAG_ID,
    description="Wait for clients' uploads in the triggerer, check them, and report what the waits have cost.",
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
    # Every run has a time after which it may run, also one that is started by hand.
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
