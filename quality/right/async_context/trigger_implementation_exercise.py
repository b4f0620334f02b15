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
import errno
import fnmatch
import html
import importlib
import json
import logging
import math
import os
import stat
import tempfile
import threading
import urllib.request
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import PurePath
from typing import Any, NoReturn

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


README_NAME = "README.txt"
README_TEXT = "Put your CSV files into this directory: UTF-8, the first row a header, the name ending in .csv.\n"


def _make_directory(path: str) -> list[str]:
    """Make a directory with its parents; return what was made, parents first."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    made = []
    for directory in reversed(missing):
        try:
            os.mkdir(directory)
        except FileExistsError:  # somebody else was faster, unless something other than a directory is in the way
            if not os.path.isdir(directory):
                raise
        else:
            made.append(directory)
    return made


def set_up_directories() -> dict[str, list[str]]:
    """
    Make the directories that the DAG works with and say what was made.

    Makes the directories of ``UPLOAD_FILE``, ``CLIENT_DIRECTORIES`` and ``REPORT_FILE``, with their parents, and in
    each client directory a file ``README.txt`` that tells a client what to put there. What exists already is left as it
    is, so a second call makes nothing and raises nothing.

    :return: absolute paths, ``{"directories": [...], "files": [...]}``: exactly what this call made, and of the
        directories a parent before what lies in it. ``DATA_DIR`` itself is among them if it had to be made.
    """
    created: dict[str, list[str]] = {"directories": [], "files": []}
    for directory in [os.path.dirname(UPLOAD_FILE), *CLIENT_DIRECTORIES, os.path.dirname(REPORT_FILE)]:
        created["directories"] += _make_directory(directory)
    for directory in CLIENT_DIRECTORIES:
        readme = os.path.join(directory, README_NAME)
        with contextlib.suppress(FileExistsError), open(readme, "x", encoding="utf-8") as file:
            created["files"].append(readme)
            file.write(README_TEXT)
    return created


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what lies there. What
    is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    created = created or {}
    removals = [(os.unlink, path) for path in created.get("files", [])]
    removals += [(os.rmdir, path) for path in reversed(created.get("directories", []))]
    removed = []
    for remove, path in removals:
        try:
            remove(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                log.warning("%s stays: %s", path, error)
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
    log.info("Task %s takes a worker slot.", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100


NEVER_READABLE = (PermissionError, NotADirectoryError)  # no later look will do better


@dataclass(frozen=True)
class _File:
    """A file that matches, as a look has seen it."""

    directory: str
    name: str
    size: int
    modified: float
    fingerprint: tuple[int, ...]  # changes when the file changes or is replaced

    @property
    def path(self) -> str:
        return os.path.join(self.directory, self.name)


def _first_match(name: str, patterns: Sequence[str]) -> str | None:
    """Return the first of the patterns that a file's name matches."""
    for pattern in patterns:
        if name.startswith(".") and not pattern.startswith("."):
            continue
        if fnmatch.fnmatchcase(name, pattern):
            return pattern
    return None


def _list_files(directory: str, patterns: Sequence[str], stop: threading.Event) -> list[_File]:
    """List the files that count, by name. Blocks; ends early, with no matter what, once ``stop`` is set."""
    files = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if stop.is_set():
                break
            if _first_match(entry.name, patterns) is None:
                continue
            try:
                status = entry.stat()
            except OSError:  # a dead link, a file that is gone again
                continue
            if stat.S_ISREG(status.st_mode):
                fingerprint = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
                files.append(_File(directory, entry.name, status.st_size, status.st_mtime, fingerprint))
    return sorted(files, key=lambda file: file.name)


def _each_once(directories: Sequence[str]) -> list[str]:
    """Drop a directory that is named again, be it with a slash at its end."""
    unique: dict[PurePath, str] = {}
    for directory in directories:
        unique.setdefault(PurePath(directory), directory)
    return list(unique.values())


def _describe(error: BaseException) -> str:
    """Return an exception's type and text, even of one that cannot say its text."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def _found(files: Sequence[_File], total: int, errors: dict[str, str]) -> dict[str, Any]:
    """Build the payload for a file: the first one."""
    first = files[0]
    return {
        "status": "success",
        "directory": first.directory,
        "filename": first.name,
        "path": first.path,
        "size": first.size,
        "modified": datetime.fromtimestamp(first.modified, timezone.utc).isoformat(),
        "files": [file.path for file in files[:MAX_LISTED_FILES]],
        "total_files": total,
        "errors": errors,
    }


def _failed(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
    """Build the payload for a wait that has come to nothing."""
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors}


def _unexpected(error: Exception, errors: dict[str, str]) -> dict[str, Any]:
    log.error("A trigger gives up", exc_info=error)
    return _failed("unexpected", _describe(error), errors)


def _no_directory_left(errors: dict[str, str]) -> dict[str, Any]:
    reasons = "; ".join(f"{directory} ({reason})" for directory, reason in errors.items())
    return _failed("directory_access", f"No directory is left to watch: {reasons}", errors)


def _positive(**numbers: float) -> None:
    """Refuse numbers that are not more than 0."""
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be more than 0, not {number!r}")


class _Threads:
    """Threads of one trigger's own: one that hangs holds up nobody else's."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self.stop = threading.Event()  # tells a thread at work that nobody waits for it any more

    async def attempt(self, function: Callable[..., Any], *args: Any) -> tuple[Any, BaseException | None]:
        """Run a function in a thread; return its result and what it raised."""

        def in_thread() -> tuple[Any, BaseException | None]:
            # Caught here: SystemExit would end the event loop, and StopIteration does not pass a future.
            try:
                return function(*args), None
            except BaseException as error:
                return None, error

        return await asyncio.get_running_loop().run_in_executor(self._pool, in_thread)

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function in a thread; return its result or raise what it raised."""
        result, error = await self.attempt(function, *args)
        if isinstance(error, Exception):
            raise error
        if error is not None:
            raise RuntimeError(_describe(error)) from error
        return result


@contextlib.asynccontextmanager
async def _own_threads(count: int) -> AsyncIterator[_Threads]:
    """Lend up to ``count`` threads. On leaving they are told to end, and not waited for: one might hang."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="trigger")
    threads = _Threads(pool)
    try:
        yield threads
    finally:
        threads.stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


@contextlib.asynccontextmanager
async def _own_tasks(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run coroutines at the side. On leaving they are cancelled and awaited."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield tasks
    finally:
        for side_task in tasks:
            side_task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class _Plan:
    """What to watch, and how."""

    directories: list[str]  # the most important first, each once
    patterns: list[str]
    interval: float
    stable_seconds: float = 0
    max_retries: float = math.inf
    backoff: Callable[[int], float] | None = None  # seconds after the nth failure in a row; None: the interval


@dataclass
class _Look:
    started: float
    ended: float = math.inf


class _Post:
    """One directory under watch: when it is looked into, and what the last look has shown."""

    def __init__(self, directory: str, plan: _Plan, now: float) -> None:
        self.directory = directory
        self.due = now
        self.files: list[_File] = []  # those that count, by name, cut to what a payload lists
        self.total = 0
        self.report_by = math.inf  # until when what was found may wait for the other posts
        self.left_out: str | None = None
        self._plan = plan
        self._busy = False
        self._failures = 0
        self._looked_before = False
        self._seen: dict[str, tuple[tuple[int, ...], _Look]] = {}  # by name: a file and the first look that saw it so

    def is_expected(self, now: float) -> bool:
        """Say whether a look is under way or due."""
        return self.left_out is None and (self._busy or self.due <= now)

    async def patrol(self, threads: _Threads, news: asyncio.Event) -> None:
        """Look again and again until the directory is left out; tell ``news`` of every look."""
        clock = asyncio.get_running_loop().time
        while self.left_out is None:
            await asyncio.sleep(max(0.0, self.due - clock()))
            with self._looking(clock) as look:
                try:
                    found = await threads.call(self._examine, look, threads.stop)
                except FileNotFoundError:
                    self._show({}, [], 0, look)
                    self._failures = 0
                except NEVER_READABLE as error:
                    self._leave_out(error)
                except OSError as error:
                    # What could not be looked at is not known to be what it was: it begins anew.
                    self._show({}, [], 0, look)
                    self._failures += 1
                    if self._failures > self._plan.max_retries:
                        self._leave_out(error)
                    elif self._plan.backoff:
                        self.due = clock() + self._plan.backoff(self._failures)
                else:
                    self._show(*found, look)
                    self._failures = 0
            news.set()

    @contextlib.contextmanager
    def _looking(self, clock: Callable[[], float]) -> Iterator[_Look]:
        look = _Look(started=clock())
        self._busy, self.due = True, look.started + self._plan.interval
        try:
            yield look
        finally:
            look.ended = clock()
            self._busy, self._looked_before = False, True

    def _examine(
        self, look: _Look, stop: threading.Event
    ) -> tuple[dict[str, tuple[tuple[int, ...], _Look]], list[_File], int]:
        """Blocks: look for files, tell which of them are stable. Changes nothing here, the loop reads it meanwhile."""
        seen = {}
        stable = []
        for file in _list_files(self.directory, self._plan.patterns, stop):
            fingerprint, first_look = self._seen.get(file.name, (None, look))
            if fingerprint != file.fingerprint:
                first_look = look
            seen[file.name] = (file.fingerprint, first_look)
            # It may have changed until the first look was over, so count from there to the beginning of this one.
            if not self._plan.stable_seconds or look.started - first_look.ended >= self._plan.stable_seconds:
                stable.append(file)
        return seen, stable[:MAX_LISTED_FILES], len(stable)

    def _show(self, seen: dict[str, Any], files: list[_File], total: int, look: _Look) -> None:
        self._seen, self.files, self.total = seen, files, total
        if not total:
            self.report_by = math.inf
        elif self.report_by == math.inf:
            # The file may be there since just after the look before, so half of the two intervals is gone already.
            self.report_by = look.started + self._plan.interval * (0.5 if self._looked_before else 1.5)

    def _leave_out(self, error: OSError) -> None:
        self.files, self.total, self.report_by = [], 0, math.inf
        self.left_out = _describe(error)
        log.warning("%s is left out: %s", self.directory, self.left_out)


async def _watch(plan: _Plan, errors: dict[str, str]) -> tuple[list[_File], int]:
    """
    Watch until files are there to report, or no directory is left: then there are none.

    :param errors: filled with the directories that are left out.
    """
    clock = asyncio.get_running_loop().time
    news = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        threads = await stack.enter_async_context(_own_threads(len(plan.directories)))
        posts = [_Post(directory, plan, clock()) for directory in plan.directories]
        patrols = await stack.enter_async_context(_own_tasks(*(post.patrol(threads, news) for post in posts)))
        for patrol in patrols:
            patrol.add_done_callback(lambda _: news.set())
        while True:
            report_by = min(post.report_by for post in posts)
            with anyio.CancelScope(deadline=report_by):
                await news.wait()
            news.clear()
            for patrol in patrols:
                if patrol.done():
                    patrol.result()  # raises what was unexpected
            errors.update({post.directory: post.left_out for post in posts if post.left_out is not None})
            if len(errors) == len(posts):
                return [], 0
            now = clock()
            due = now >= min(post.report_by for post in posts)
            if any(post.total for post in posts) and (due or not any(post.is_expected(now) for post in posts)):
                return [file for post in posts for file in post.files], sum(post.total for post in posts)


async def _watch_to_the_end(plan: _Plan) -> dict[str, Any]:
    """Watch, whatever happens; return the payload."""
    errors: dict[str, str] = {}
    try:
        files, total = await _watch(plan, errors)
        return _found(files, total, errors) if files else _no_directory_left(errors)
    except Exception as error:
        return _unexpected(error, errors)


def _check_files_wanted(directories: Sequence[str], file_pattern: str) -> None:
    if isinstance(directories, str) or not directories:
        raise ValueError(f"directories must be a list of one or more paths, not {directories!r}")
    if not file_pattern:
        raise ValueError("file_pattern must not be empty")


def _look_once(directories: Sequence[str], file_pattern: str) -> dict[str, Any] | None:
    """
    Look into all directories now, in this thread; return the payload, None if nothing is there.

    :raises WaitFailed: if not one of the directories can ever be read.
    """
    _check_files_wanted(directories, file_pattern)
    directories = _each_once(directories)
    files: list[_File] = []
    errors = {}
    for directory in directories:
        try:
            files += _list_files(directory, [file_pattern], stop=threading.Event())
        except NEVER_READABLE as error:
            errors[directory] = _describe(error)
        except OSError as error:
            log.info("%s cannot be read at present: %s", directory, error)
    if len(errors) == len(directories):
        raise WaitFailed(_no_directory_left(errors))
    return _found(files, len(files), errors) if files else None


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
        _check_files_wanted(directories, file_pattern)
        _positive(check_interval=check_interval)
        self.directories = [os.fspath(directory) for directory in directories]
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
        return "trigger_implementation_exercise.MultiDirectoryTrigger", {
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
        plan = _Plan(_each_once(self.directories), [self.file_pattern], self.check_interval)
        # All that has a life ends before the event leaves: whoever takes it may never come back to this generator.
        payload = await _watch_to_the_end(plan)
        yield TriggerEvent(payload)


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


def _success_or_raise(event: Any) -> dict[str, Any]:
    """Return the event if it is a success, raise ``WaitFailed`` for everything else."""
    if isinstance(event, dict) and event.get("status") == "success":
        return event
    raise WaitFailed(event)


def _sensor_result(payload: dict[str, Any], deferred: bool, since: datetime | None) -> dict[str, Any]:
    """Add to a trigger's payload how it was waited for."""
    waited = None if since is None else max(0.0, (datetime.now(timezone.utc) - since).total_seconds())
    return {**payload, "deferred": deferred, "waited_seconds": waited}


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
        self._first_look = None
        if not self.deferrable:
            return super().execute(context)
        first_look = datetime.now(timezone.utc)
        payload = _look_once(self.directories, self.file_pattern)
        if payload is not None:
            return _sensor_result(payload, deferred=False, since=first_look)
        self.defer(
            trigger=MultiDirectoryTrigger(list(self.directories), self.file_pattern, self.poke_interval),
            method_name="execute_complete",
            kwargs={"started_at": first_look.isoformat()},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        if self._first_look is None:
            self._first_look = self._first_look_elsewhere(context) or datetime.now(timezone.utc)
        payload = _look_once(self.directories, self.file_pattern)
        if payload is None:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(True, _sensor_result(payload, deferred=False, since=self._first_look))

    def _first_look_elsewhere(self, context: Context) -> datetime | None:
        """In the mode "reschedule" every look has a process of its own: ask Airflow for the time of the first."""
        if not self.reschedule or "ti" not in context:
            return None
        return context["ti"].get_first_reschedule_date(context)

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
        since = datetime.fromisoformat(started_at) if started_at else None
        return _sensor_result(_success_or_raise(event), deferred=True, since=since)


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


class _NoGood(Exception):
    """A file fails its check; ``args`` are the reason and the detail."""


@contextlib.contextmanager
def _fields_of_any_size() -> Iterator[None]:
    """A field of a CSV file may be larger than the 128 KiB that Python takes for enough."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _count_rows(path: str) -> int:
    """
    Count the rows below the header of a CSV file.

    :raises _NoGood: after the last line only: that the file is unreadable counts for more than how wide its rows are.
    """
    header: list[str] | None = None
    rows = 0
    problem: _NoGood | None = None
    with _fields_of_any_size(), open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(_without_nul(file), strict=True)
        line = 1
        for row in reader:
            if row and header is None:
                header = row
                if not all(name.strip() for name in header):
                    problem = _NoGood("no_header", f"the header in line {line} has a blank name: {header}")
            elif row and header:
                rows += 1
                if len(row) != len(header) and problem is None:
                    detail = f"line {line} has {len(row)} fields, the header has {len(header)}"
                    problem = _NoGood("row_width", detail)
            line = reader.line_num + 1
    if header is None:
        problem = _NoGood("no_header", "the file has no row at all")
    if problem is not None:
        raise problem
    return rows


def _without_nul(lines: Iterator[str]) -> Iterator[str]:
    """Refuse what Python 3.10 refuses too, and what UTF-16 looks like."""
    for line in lines:
        if "\0" in line:
            raise csv.Error("the text contains NUL")
        yield line


def _check_file(path: str) -> dict[str, Any]:
    """
    Check a client's file and return its entry among the valid ones.

    :raises _NoGood: if it is not valid.
    """
    try:
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and not status.st_size:
            raise _NoGood("empty", "the file has no bytes")
        if not stat.S_ISREG(status.st_mode):  # to open a pipe would hang
            raise _NoGood("unreadable", "this is not a regular file")
        if path.lower().endswith(".csv"):
            return {"path": path, "size": status.st_size, "rows": _count_rows(path)}
        with open(path, "rb") as file:
            file.read(1)
        return {"path": path, "size": status.st_size, "rows": None}
    except (FileNotFoundError, NotADirectoryError) as error:  # the latter: what was its directory is a file now
        raise _NoGood("missing", _describe(error)) from error
    except (OSError, ValueError, csv.Error) as error:
        raise _NoGood("unreadable", _describe(error)) from error


def _is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _pull_sensor_result(ti: Any) -> dict[str, Any]:
    """
    Return the result of ``monitor_client_uploads``.

    :raises AirflowException: if it is missing or has another form.
    """
    result = ti.xcom_pull(task_ids=SENSOR_TASK_ID)
    try:
        files, total, waited = (result[key] for key in ("files", "total_files", "waited_seconds"))
        well_formed = (
            isinstance(files, list)
            and all(isinstance(path, str) for path in files)
            and isinstance(total, int)
            and not isinstance(total, bool)
            and (waited is None or _is_seconds(waited))
        )
    except (TypeError, KeyError):
        well_formed = False
    if not well_formed:
        raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is missing or no result of the sensor: {result!r:.200}")
    return result


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
    result = _pull_sensor_result(context["ti"])
    valid: list[dict[str, Any]] = []
    invalid: list[dict[str, Any]] = []
    for path in result["files"]:
        try:
            valid.append(_check_file(path))
            log.info("%s is valid: %s", path, valid[-1])
        except _NoGood as problem:
            reason, detail = problem.args
            invalid.append({"path": path, "reason": reason, "detail": detail})
            log.warning("%s is no good, %s: %s", path, reason, detail)
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


class _Figures(dict[str, Any]):
    """Figures by name; one that cannot be had is None, and ``unavailable`` says why."""

    def __init__(self) -> None:
        super().__init__()
        self.unavailable: dict[str, str] = {}

    @contextlib.contextmanager
    def measuring(self, *names: str) -> Iterator[None]:
        """Set the figures of these names in the body; if it raises, the failure stays here and becomes the reason."""
        self.update(dict.fromkeys(names))
        try:
            yield
        except Exception as error:
            self.update(dict.fromkeys(names))
            self.unavailable.update(dict.fromkeys(names, _describe(error)))


def _measured_wait(ti: Any) -> tuple[float, bool]:
    """
    Return how long the sensor has waited, and whether it was deferred.

    :raises ValueError: if that is not known.
    """
    result = ti.xcom_pull(task_ids=SENSOR_TASK_ID)
    if not isinstance(result, dict):
        raise ValueError(f"{SENSOR_TASK_ID} has left no result")
    waited = result.get("waited_seconds")
    if not _is_seconds(waited):
        raise ValueError(f"{SENSOR_TASK_ID} does not know how long it waited")
    return float(waited), result.get("deferred") is True


def _whole_number(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError(f"not a whole number: {value!r}")
    return int(value)


def _recommend(figures: dict[str, Any]) -> list[str]:
    """Say what follows from the figures."""
    sentences = []
    status = figures["triggerer_status"]
    if status is not None and status != "healthy":
        sentences.append(f"Start a triggerer or mend it: its status is {status}, and deferred tasks wait for it.")
    for pool in figures["pools"] or []:
        if 0 < pool["slots"] <= pool["occupied_slots"]:
            sentences.append(f"Give the pool {pool['name']} more slots: all {pool['slots']} of them are occupied.")
    if figures["saved_slot_seconds"]:
        sentences.append(
            f"Keep deferring: this wait has left its worker slot free for {figures['saved_slot_seconds']:.1f} seconds."
        )
    elif figures["waited_seconds"]:
        sentences.append(
            f"The wait has held a worker slot for {figures['waited_seconds']:.1f} seconds: "
            "set deferrable=True if the file is often late."
        )
    if figures["deferred_tasks"]:
        sentences.append(f"{figures['deferred_tasks']} tasks wait deferred; no worker needs to be added for them.")
    return sentences or ["Nothing needs to be changed by the figures that could be had."]


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
    figures = _Figures()
    for name, state in (("deferred_tasks", "deferred"), ("running_tasks", "running")):
        with figures.measuring(name):
            figures[name] = _whole_number(ti.get_ti_count(dag_id=ti.dag_id, states=[state]))
    with figures.measuring("waited_seconds", "saved_slot_seconds"):
        waited, deferred = _measured_wait(ti)
        figures["waited_seconds"] = waited
        figures["saved_slot_seconds"] = waited if deferred else 0.0
    with figures.measuring("triggerer_status"):
        status = read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]
        if not isinstance(status, str):
            raise ValueError(f"the API names no status of a triggerer: {status!r}")
        figures["triggerer_status"] = status
    with figures.measuring("pools"):
        counts = ("slots", "occupied_slots", "deferred_slots")
        figures["pools"] = [
            {"name": str(pool["name"]), **{count: _whole_number(pool[count]) for count in counts}}
            for pool in read_airflow_api("/api/v2/pools")["pools"]
        ]
    measurement = {**figures, "unavailable": figures.unavailable, "recommendations": _recommend(figures)}
    log.info("What the waits hold: %s", json.dumps(measurement))
    return measurement


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────


ADVICE = {
    "timeout": "Ask the client for the upload, or give the sensor a longer timeout, and clear the task.",
    "directory_access": "Make the directories readable for the triggerer and the workers, then clear the task.",
    "triggerer_failure": "Look into the triggerer's log: is it up, and is the DAG folder on its PYTHONPATH?",
    "serialization": "Give the trigger nothing but plain JSON: texts, numbers, lists and dicts.",
    "unknown": "Read the task's log.",
}


def _cause_of(error: Any) -> str:
    """Name the cause that this exception, or text, stands for by itself."""
    if isinstance(error, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    if isinstance(error, WaitFailed) and error.error_type == "directory_access":
        return "directory_access"
    if isinstance(error, (PermissionError, NotADirectoryError, FileNotFoundError)):
        return "directory_access"
    if isinstance(error, TaskDeferralError):
        return "triggerer_failure"
    words = f"{type(error).__name__} {_text_of(error)}".lower()
    return "serialization" if "serializ" in words or "serialis" in words else "unknown"


def _text_of(error: Any) -> str:
    """Return an exception's text, whatever state it is in."""
    if error is None:
        return ""
    try:
        return str(error)
    except Exception:
        return type(error).__name__


def _with_causes(error: Any) -> Iterator[Any]:
    """Yield an exception and what it was raised from, down the chain (or once round, if it is a circle)."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "__cause__", None)


def _text_at(*path: str, within: Any) -> str | None:
    """Follow keys and attributes to a text; None if anything on the way is missing or broken."""
    try:
        for name in path:
            within = within[name] if isinstance(within, dict) or hasattr(within, "keys") else getattr(within, name)
    except Exception:
        return None
    return str(within) if isinstance(within, str) else None


def _exception_in(context: Any) -> Any:
    try:
        return context["exception"]
    except Exception:
        return None


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
    error = _exception_in(context)
    causes = (cause for cause in map(_cause_of, _with_causes(error)) if cause != "unknown")
    cause = next(causes, "unknown")
    findings = {
        "task_id": _text_at("ti", "task_id", within=context),
        "run_id": _text_at("ti", "run_id", within=context) or _text_at("run_id", within=context),
        "cause": cause,
        "message": _text_of(error),
        "advice": ADVICE[cause],
    }
    in_one_line = " ".join(findings["message"].split())
    log.error("Task %s failed (%s): %s What to do: %s", findings["task_id"], cause, in_one_line, findings["advice"])
    return findings


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────


def _count_states(states: Sequence[Any]) -> dict[str, int]:
    """Count task instances by state; one without a state yet counts as "none"."""
    return dict(Counter("none" if state is None else str(getattr(state, "value", state)) for state in states))


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
    figures = _Figures()
    traditional: float | None = None
    held: float | None = None
    with figures.measuring("waited_seconds"):
        figures["waited_seconds"], deferred = _measured_wait(ti)
        traditional = figures["waited_seconds"]
        held = 0.0 if deferred else traditional
    with figures.measuring("task_states"):
        figures["task_states"] = _count_states(
            list(ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id].values())
        )
    return {
        **figures,
        "traditional": {"slot_seconds": traditional, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": None if traditional is None or held is None else traditional - held,
        "unavailable": figures.unavailable,
    }


@contextlib.contextmanager
def _written_whole(path: str) -> Iterator[Any]:
    """Open a file for writing that takes its place under ``path`` at the end, if nothing goes wrong before."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.{uuid.uuid4().hex}"
    try:
        # A file name may hold bytes that are no text: written as an escape they cannot spoil the page.
        with open(draft, "x", encoding="utf-8", errors="backslashreplace") as file:
            yield file
        os.replace(draft, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)


def _dig(xcom: Any, *keys: str) -> Any:
    """Follow keys into what a task has left, None if there is nothing."""
    for key in keys:
        xcom = xcom.get(key) if isinstance(xcom, dict) else None
    return xcom


def _entries(xcom: Any, name: str) -> list[dict[str, Any]]:
    entries = _dig(xcom, name)
    return [entry for entry in entries if _dig(entry, "path")] if isinstance(entries, list) else []


def _html_text(value: Any) -> str:
    """Write a value for a reader, escaped."""
    if value is None:
        return "unavailable"
    return html.escape(str(round(value, 3) if isinstance(value, float) else value))


def _html_list(lines: Sequence[str], empty: str) -> str:
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines or [empty]) + "</ul>"


def _html_bars(figures: dict[str, Any]) -> str:
    """Draw a bar for each figure; none where it is unavailable."""
    longest = max((figure for figure in figures.values() if _is_seconds(figure)), default=0) or 1
    bars = []
    for row, (name, figure) in enumerate(figures.items()):
        width = round(300 * figure / longest, 1) if _is_seconds(figure) else 0
        bars.append(
            f'<text x="0" y="{row * 30 + 20}">{html.escape(name)}</text>'
            f'<rect x="110" y="{row * 30 + 5}" width="{width}" height="20" fill="#2a7ab0"/>'
            f'<text x="{width + 116}" y="{row * 30 + 20}">{_html_text(figure)}</text>'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="600" height="{30 * len(figures)}">{"".join(bars)}</svg>'


def _html_page(run_id: Any, processed: Any, usage: Any, comparison: Any) -> str:
    valid = [
        f"{_html_text(entry['path'])}: {_html_text(entry.get('rows'))} rows, {_html_text(entry.get('size'))} bytes"
        for entry in _entries(processed, "valid")
    ]
    invalid = [
        f"{_html_text(entry['path'])}: {_html_text(entry.get('reason'))} ({_html_text(entry.get('detail'))})"
        for entry in _entries(processed, "invalid")
    ]
    no_files = "none" if isinstance(processed, dict) else "unavailable"
    advice = _dig(usage, "recommendations")
    recommendations = [_html_text(line) for line in advice] if isinstance(advice, list) else []
    slot_seconds = {
        "traditional": _dig(comparison, "traditional", "slot_seconds"),
        "deferrable": _dig(comparison, "deferrable", "slot_seconds"),
    }
    waited = _dig(comparison, "waited_seconds")
    figures = {
        "Seconds waited": _dig(processed, "waited_seconds") if waited is None else waited,
        "Slot seconds, traditional": slot_seconds["traditional"],
        "Slot seconds, deferrable": slot_seconds["deferrable"],
        "Slot seconds saved": _dig(comparison, "saved_slot_seconds"),
        "Tasks deferred": _dig(usage, "deferred_tasks"),
        "Tasks running": _dig(usage, "running_tasks"),
        "Triggerer": _dig(usage, "triggerer_status"),
    }
    rows = "".join(f"<tr><th>{name}</th><td>{_html_text(figure)}</td></tr>" for name, figure in figures.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Trigger report</title></head>
<body>
<h1>Trigger report</h1>
<p>Run: {_html_text(run_id)}</p>
<h2>Valid files</h2>
{_html_list(valid, no_files)}
<h2>Invalid files</h2>
{_html_list(invalid, no_files)}
<h2>The wait</h2>
<table>{rows}</table>
<h2>Worker slot seconds</h2>
{_html_bars(slot_seconds)}
<h2>Recommendations</h2>
{_html_list(recommendations, "unavailable")}
</body>
</html>
"""


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
    processed = ti.xcom_pull(task_ids="process_trigger_results")
    usage = ti.xcom_pull(task_ids="monitor_resource_usage")
    comparison = ti.xcom_pull(task_ids="compare_approaches")
    with _written_whole(REPORT_FILE) as file:
        file.write(_html_page(ti.run_id, processed, usage, comparison))
    return {
        "report_file": REPORT_FILE,
        "valid_files": [entry["path"] for entry in _entries(processed, "valid")],
        "invalid_files": [entry["path"] for entry in _entries(processed, "invalid")],
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
        if not directories:
            raise ValueError("directories must name one or more paths")
        if isinstance(file_patterns, str) or not file_patterns:
            raise ValueError(f"file_patterns must be a list of one or more patterns, not {file_patterns!r}")
        _positive(check_interval=check_interval, backoff_base=backoff_base, backoff_cap=backoff_cap)
        for name, number in (("stable_seconds", stable_seconds), ("max_retries", max_retries)):
            if not number >= 0:
                raise ValueError(f"{name} must be 0 or more, not {number!r}")
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
        return "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger", {
            "directories": dict(self.directories),
            "file_patterns": list(self.file_patterns),
            "check_interval": self.check_interval,
            "stable_seconds": self.stable_seconds,
            "max_retries": self.max_retries,
            "backoff_base": self.backoff_base,
            "backoff_cap": self.backoff_cap,
        }

    def _backoff(self, failures: int) -> float:
        doublings = min(failures - 1, 1000)  # beyond that a float cannot follow, and no cap is that high
        return min(self.backoff_base * 2**doublings, self.backoff_cap)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payloads are those of ``MultiDirectoryTrigger``; the one for a file also holds ``pattern``, the first of
        ``file_patterns`` that the file matches, and ``priority``, that of its directory. ``files`` and ``total_files``
        are of the stable files.
        """
        plan = _Plan(
            directories=_each_once(sorted(self.directories, key=lambda path: (self.directories[path], path))),
            patterns=self.file_patterns,
            interval=self.check_interval,
            stable_seconds=self.stable_seconds,
            max_retries=self.max_retries,
            backoff=self._backoff,
        )
        payload = await _watch_to_the_end(plan)
        if payload["status"] == "success":
            payload["pattern"] = _first_match(payload["filename"], self.file_patterns)
            payload["priority"] = self.directories[payload["directory"]]
        yield TriggerEvent(payload)


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


DEFERRED_TASKS_PATH = "/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100"


def _waits_of_succeeded_runs(ti: Any, states_by_run: dict[str, dict[str, Any]]) -> list[float]:
    """Return how long the sensor has waited, of the runs in which it succeeded and that know it."""
    waits = []
    for run_id, states in states_by_run.items():
        if states.get(SENSOR_TASK_ID) != "success":
            continue
        try:
            result = ti.xcom_pull(task_ids=SENSOR_TASK_ID, dag_id=EXERCISE_DAG_ID, run_id=run_id)
        except Exception as error:
            log.info("The wait of the run %s is not known: %s", run_id, _describe(error))
            continue
        waited = _dig(result, "waited_seconds")
        if _is_seconds(waited):
            waits.append(float(waited))
    return waits


def _utilization(pool: dict[str, Any]) -> float:
    return pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0


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
    figures = _Figures()
    states_by_run: dict[str, dict[str, Any]] = {}
    with figures.measuring("runs"):
        states_by_run = {run_id: dict(states) for run_id, states in ti.get_task_states(dag_id=EXERCISE_DAG_ID).items()}
        figures["runs"] = len(states_by_run)
    with figures.measuring("triggers_running", "triggers_queued"):
        deferred = read_airflow_api(DEFERRED_TASKS_PATH)["task_instances"]
        taken_up = [_dig(instance, "trigger", "triggerer_id") is not None for instance in deferred]
        figures["triggers_running"] = taken_up.count(True)
        figures["triggers_queued"] = taken_up.count(False)
    with figures.measuring("pool_utilization"):
        pools = read_airflow_api("/api/v2/pools")["pools"]
        figures["pool_utilization"] = {pool["name"]: _utilization(pool) for pool in pools}

    waits = _count_states(
        [states[task_id] for states in states_by_run.values() for task_id in WAITING_TASK_IDS if task_id in states]
    )
    ended = waits.get("success", 0) + waits.get("failed", 0)
    seconds = _waits_of_succeeded_runs(ti, states_by_run)
    metrics = {
        **figures,
        "waits": waits,
        "success_rate": waits.get("success", 0) / ended if ended else None,
        "failure_rate": waits.get("failed", 0) / ended if ended else None,
        "average_wait_seconds": math.fsum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
        "unavailable": figures.unavailable,
    }
    log.info("Metrics of the triggers: %s", json.dumps(metrics))
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


async def _ticks(interval: float) -> AsyncIterator[None]:
    """Yield at once and then every ``interval`` seconds, later if the caller takes longer."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + interval
        yield
        await asyncio.sleep(max(0.0, due - clock()))


def _json_object(content: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None if it is something else. NaN and Infinity are no JSON, and would not stay equal."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        answer = json.loads(content, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


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
        _positive(check_interval=check_interval)
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        return "trigger_implementation_exercise.ApiTrigger", {
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
        try:
            payload = await self._ask_until_expected()
        except Exception as error:
            payload = _unexpected(error, {})
        yield TriggerEvent(payload)

    async def _ask_until_expected(self) -> dict[str, Any]:
        new_client = partial(httpx.AsyncClient, timeout=API_TIMEOUT, follow_redirects=True)
        async with contextlib.AsyncExitStack() as stack:
            threads = await stack.enter_async_context(_own_threads(1))
            # A client reads the certificates of this machine when it is made, which blocks.
            client = await stack.enter_async_context(await threads.call(new_client))
            ticks = await stack.enter_async_context(contextlib.aclosing(_ticks(self.check_interval)))
            async for _ in ticks:
                response = await self._ask(client)
                if response is None or response.status_code >= 500:
                    continue
                if response.status_code >= 400:
                    reason = f"HTTP status {response.status_code}"
                    return _failed("api", f"{self.url} will not answer: {reason}", {self.url: reason})
                answer = await threads.call(_json_object, response.content)
                if answer is not None and answer.get("status") == self.expected_status:
                    return {"status": "success", "url": self.url, "answer": answer}

    async def _ask(self, client: httpx.AsyncClient) -> httpx.Response | None:
        """Ask once; None if there is no answer in time, or none at all."""
        with anyio.move_on_after(API_TIMEOUT):  # httpx counts from byte to byte, a slow answer would have no end
            try:
                return await client.get(self.url)
            except httpx.UnsupportedProtocol:  # this will not pass
                raise
            except httpx.RequestError as error:
                log.debug("%s gives no answer: %s", self.url, error)
        return None


def _ask_rule(rule: str, rule_kwargs: dict[str, Any]) -> bool:
    """Blocks: import a rule and ask it."""
    module, _, function = rule.rpartition(".")
    return bool(getattr(importlib.import_module(module), function)(**rule_kwargs))


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
            raise ValueError(f"rule must be an import path with a dot, not {rule!r}")
        _positive(check_interval=check_interval)
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        return "trigger_implementation_exercise.BusinessRuleTrigger", {
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
        try:
            payload = await self._ask_until_agreed()
        except Exception as error:
            payload = _unexpected(error, {})
        yield TriggerEvent(payload)

    async def _ask_until_agreed(self) -> dict[str, Any]:
        async with _own_threads(1) as threads, contextlib.aclosing(_ticks(self.check_interval)) as ticks:
            async for _ in ticks:
                # The rule gets a copy: what it does to its arguments is not to change this trigger.
                rule_kwargs = copy.deepcopy(self.rule_kwargs) or {}
                agreed, error = await threads.attempt(_ask_rule, self.rule, rule_kwargs)
                if error is not None:
                    reason = _describe(error)
                    return _failed("rule", f"The rule {self.rule} is broken: {reason}", {self.rule: reason})
                if agreed:
                    return {"status": "success", "rule": self.rule}


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``.

    :param directories: one directory a client.
    :param minimum: how many clients are enough.
    :return: True if at least ``minimum`` of the directories hold a file ``*.csv``. One that is missing or cannot be
        read holds none.
    """
    def has_delivered(directory: str) -> bool:
        try:
            return bool(_list_files(directory, ["*.csv"], stop=threading.Event()))
        except OSError:
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
        self.defer(
            trigger=self.trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout)
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Go on when the trigger has fired.

        :return: the event's payload.
        :raises AirflowException: as ``MultiDirectorySensorAsync.execute_complete`` does.
        """
        return _success_or_raise(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

with DAG(
    dag_id="trigger_implementation_exercise",
    description="Waits for the uploads of many clients without holding worker slots",
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
            "Waits for one file. In poke mode the wait would hold a **worker slot** for up to ten minutes in which "
            "nothing is done. The sensor defers instead: the **triggerer** watches for the file, together with "
            "hundreds of other waits in one process, and the task takes a slot again when the file is there."
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

    chain(
        created,
        [wait_for_upload, monitor_client_uploads],
        task(process_trigger_results)(),
        [task(monitor_resource_usage)(), task(compare_approaches)()],
        task(generate_trigger_report)(),
        teardown(clean_up_directories)(created).as_teardown(setups=created),
    )

with DAG(
    dag_id="trigger_orchestration_challenge",
    description="Publishes when the data is there, the time has come, and a partner or a rule has given leave",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    catchup=False,
    tags=["kata", "exercise-4", "triggers"],
) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(
        task_id="wait_for_data", directories=CLIENT_DIRECTORIES, poke_interval=30, timeout=600
    )
    # Every run has a time after which it may run, also one that is started by hand.
    wait_for_window = DateTimeSensorAsync(
        task_id="wait_for_window",
        target_time="{{ (dag_run.run_after + macros.timedelta(minutes=1)).isoformat() }}",
    )
    wait_for_api = WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), timeout=600)
    wait_for_rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            "trigger_implementation_exercise.enough_clients_delivered",
            {"directories": CLIENT_DIRECTORIES, "minimum": 3},
        ),
        timeout=600,
    )
    approve = EmptyOperator(task_id="approve", trigger_rule=TriggerRule.ONE_SUCCESS)
    publish = EmptyOperator(task_id="publish", trigger_rule=TriggerRule.ALL_SUCCESS)

    [wait_for_api, wait_for_rule] >> approve
    [wait_for_data, wait_for_window, approve] >> publish
