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
import concurrent.futures
import contextlib
import contextvars
import copy
import csv
import fnmatch
import functools
import glob
import http.client
import importlib
import json
import logging
import math
import os
import socket
import stat
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePath
from typing import Any, NamedTuple, NoReturn

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time_delta import WaitSensor
from airflow.sdk import (
    DAG,
    BaseSensorOperator,
    Connection,
    Context,
    PokeReturnValue,
    TriggerRule,
    chain,
    cross_downstream,
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


README = "Dear client: please put your CSV files here (UTF-8, the first row a header, names ending in .csv).\n"


@dataclass(frozen=True)
class Created:
    directories: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def set_up_directories() -> dict[str, list[str]]:
    """
    Make the directories that the DAG works with and say what was made.

    Makes the directories of ``UPLOAD_FILE``, ``CLIENT_DIRECTORIES`` and ``REPORT_FILE``, with their parents, and in
    each client directory a file ``README.txt`` that tells a client what to put there. What exists already is left as it
    is, so a second call makes nothing and raises nothing.

    :return: absolute paths, ``{"directories": [...], "files": [...]}``: exactly what this call made, and of the
        directories a parent before what lies in it. ``DATA_DIR`` itself is among them if it had to be made.
    """
    clients = [Path(directory) for directory in CLIENT_DIRECTORIES]
    wanted = [Path(UPLOAD_FILE).parent, *clients, Path(REPORT_FILE).parent]
    created = Created()
    for directory in (level for path in wanted for level in (*reversed(path.parents), path)):
        if directory.is_dir():
            continue
        with contextlib.suppress(FileExistsError):  # another run was quicker
            directory.mkdir()
            created.directories.append(str(directory))
    for readme in (client / "README.txt" for client in clients):
        with contextlib.suppress(FileExistsError), readme.open("x", encoding="utf-8") as file:
            file.write(README)
            created.files.append(str(readme))
    return asdict(created)


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what lies there. What
    is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    def was_removed(remove: Callable[[], None]) -> bool:
        try:
            remove()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):  # gone, or no longer what we made
            return False
        return True

    if created is None:
        return []
    files = [path for path in created["files"] if was_removed(Path(path).unlink)]
    directories = []
    for directory in map(Path, sorted(created["directories"], key=len, reverse=True)):  # the innermost first
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if not any(directory.iterdir()) and was_removed(directory.rmdir):
                directories.append(str(directory))
    return files + directories


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """
    Log that a worker slot is taken from now on: the ``on_execute_callback`` of ``wait_for_upload``.

    A sensor in poke mode is taken up once and keeps its slot until the file is there. A deferred one is taken up twice,
    for a moment each time; the log shows it.

    Logs one line at INFO that names the task's id and contains the words "worker slot".

    :param context: the task's context; the task instance is ``context["ti"]``.
    """
    log.info("%s has taken a worker slot", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100
MODULE = "trigger_implementation_exercise"  # not __name__, which Airflow makes up for a DAG file


@dataclass(frozen=True, kw_only=True)
class FilePayload:
    directory: str
    filename: str
    path: str
    size: int
    modified: str
    files: list[str]
    total_files: int
    errors: dict[str, str]
    status: str = "success"


@dataclass(frozen=True, kw_only=True)
class ErrorPayload:
    error_type: str
    message: str
    errors: dict[str, str] = field(default_factory=dict)
    status: str = "error"


def in_words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # an exception whose text is broken
        return type(error).__name__


class Outcome(NamedTuple):
    """What a thread has done: SystemExit and its like travel as a value, as the event loop must not see them raised."""

    value: Any = None
    error: BaseException | None = None


def start_thread(job: Callable[[], Any]) -> asyncio.Future[Outcome]:
    """
    Do a job in a thread of its own.

    The pool behind ``asyncio.to_thread`` is small, and all triggers of the process share it: some jobs that hang would
    starve everybody else. A daemon, so that a hanging one does not keep the triggerer from ending.
    """
    future: concurrent.futures.Future[Outcome] = concurrent.futures.Future()
    future.set_running_or_notify_cancel()

    def body() -> None:
        try:
            outcome = Outcome(job())
        except BaseException as error:
            outcome = Outcome(error=error)
        with contextlib.suppress(RuntimeError):  # the event loop is closed by now
            future.set_result(outcome)

    threading.Thread(target=contextvars.copy_context().run, args=(body,), daemon=True).start()
    return asyncio.wrap_future(future)


async def sleep_until(moment: float) -> None:
    while (seconds := moment - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(seconds)


def check_numbers(minimum: float | None = None, **numbers: float) -> None:
    """Refuse numbers below the minimum; without a minimum, what is not more than 0. NaN is refused as well."""
    for name, number in numbers.items():
        if not (number > 0 if minimum is None else number >= minimum):
            raise ValueError(f"{name} is out of its range: {number!r}")


class FoundFile(NamedTuple):
    name: str
    pattern: str
    status: os.stat_result


@dataclass(frozen=True)
class Finding:
    """What is to be said of one directory. However many files there are, only the first ones are kept."""

    files: tuple[FoundFile, ...] = ()
    total: int = 0
    settles: float = math.inf  # when the next of its files becomes stable, as far as we know


def find_files(directory: str, patterns: Sequence[str], stop: threading.Event | None = None) -> Iterator[FoundFile]:
    """
    Find the files that count, in the order of their names.

    :raises OSError: if the directory cannot be read.
    """
    os.scandir(directory).close()  # glob takes a directory that it cannot read for an empty one; this raises
    found: dict[str, str] = {}
    for pattern in patterns:
        # glob knows the rule of the leading dot, but slashes, and "**" mean more to it than to fnmatch.
        for name in glob.iglob(".*" if pattern.startswith(".") else "*", root_dir=directory):
            if stop is not None and stop.is_set():
                return
            if fnmatch.fnmatchcase(name, pattern):
                found.setdefault(name, pattern)
    for name in sorted(found):
        if stop is not None and stop.is_set():
            return
        with contextlib.suppress(OSError):  # a dead link, or a file that is gone again
            status = os.stat(os.path.join(directory, name))
            if stat.S_ISREG(status.st_mode):
                yield FoundFile(name, found[name], status)


def summarize(files: Iterable[FoundFile], settles: float = math.inf) -> Finding:
    files = tuple(files)
    return Finding(files[:MAX_LISTED_FILES], len(files), settles)


def describe_files(findings: dict[str, Finding], errors: dict[str, str]) -> FilePayload:
    """The payload for what was found in directories, the most important first."""
    paths = [os.path.join(directory, file.name) for directory, finding in findings.items() for file in finding.files]
    directory, finding = next((directory, finding) for directory, finding in findings.items() if finding.total)
    first = finding.files[0]
    return FilePayload(
        directory=directory,
        filename=first.name,
        path=paths[0],
        size=first.status.st_size,
        modified=datetime.fromtimestamp(first.status.st_mtime, timezone.utc).isoformat(),
        files=paths[:MAX_LISTED_FILES],
        total_files=sum(finding.total for finding in findings.values()),
        errors=errors,
    )


def nothing_left(errors: dict[str, str]) -> ErrorPayload:
    reasons = ", ".join(f"{directory} ({reason})" for directory, reason in errors.items())
    return ErrorPayload(error_type="directory_access", message=f"No directory can be read: {reasons}", errors=errors)


def without_repetitions(directories: Iterable[str]) -> list[str]:
    """Each directory as it is written first: "/a/" is "/a" again."""
    return list({PurePath(path): path for path in reversed(list(directories))}.values())[::-1]


@dataclass
class Post:
    """The place of the patrol that looks after one directory."""

    directory: str
    busy: bool = True  # the first look begins at once
    started: float = -math.inf  # the last look
    next_look: float = -math.inf
    finding: Finding = Finding()
    failures: int = 0  # in a row
    left_out: str | None = None  # the reason
    sightings: dict[str, tuple[tuple[int, ...], float]] = field(default_factory=dict)  # what each file was, since when


class Search:
    """
    Search directories until there is something to report.

    Each directory has a patrol, a task that looks into it time and again, and puts its post into a queue after each
    look. Who reads the queue decides. Directories may be slow and their looks out of step, so what was found waits for
    the looks at work and those about to begin, but never so long that two intervals could pass.
    """

    PATIENCE = 0.75  # intervals, from the beginning of the look that found something first
    SOON = 0.25  # so long after that beginning a look is about to begin

    def __init__(self, directories: Iterable[str], patterns: Sequence[str], interval: float, log: Any) -> None:
        self.posts = [Post(directory) for directory in directories]
        self.patterns = patterns
        self.interval = interval
        self.log = log
        self.stop = threading.Event()

    async def result(self) -> FilePayload | ErrorPayload:
        self.loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[Post | BaseException | None] = asyncio.Queue()
        patrols = [asyncio.create_task(self._patrol(post)) for post in self.posts]
        try:
            return await self._decide()
        except Exception as error:
            return ErrorPayload(error_type="unexpected", message=in_words(error), errors=self._errors())
        finally:
            self.stop.set()
            for patrol in patrols:
                patrol.cancel()
            await asyncio.gather(*patrols, return_exceptions=True)

    async def _decide(self) -> FilePayload | ErrorPayload:
        alarm, alarm_at = None, math.inf
        try:
            while True:
                news = await self.queue.get()
                if isinstance(news, BaseException):
                    return ErrorPayload(error_type="unexpected", message=in_words(news), errors=self._errors())
                posts = [post for post in self.posts if post.left_out is None]
                if not posts:
                    return nothing_left(self._errors())
                found_at = min((post.started for post in posts if post.finding.total), default=math.inf)
                if found_at == math.inf:
                    continue
                patience_ends = found_at + self.PATIENCE * self.interval
                soon = found_at + self.SOON * self.interval
                is_complete = not any(post.busy or post.next_look <= soon for post in posts)
                if is_complete or self.loop.time() >= patience_ends:
                    return self.describe(posts)
                if alarm_at != patience_ends:
                    if alarm is not None:
                        alarm.cancel()
                    alarm, alarm_at = self.loop.call_at(patience_ends, self.queue.put_nowait, None), patience_ends
        finally:
            if alarm is not None:
                alarm.cancel()

    async def _patrol(self, post: Post) -> None:
        try:
            while post.left_out is None:
                await sleep_until(post.next_look)
                post.busy, post.started = True, self.loop.time()
                finding, error = await start_thread(functools.partial(self._look, post))
                post.busy, post.next_look = False, post.started + self.interval
                if error is None:
                    self._note_finding(post, finding)
                elif isinstance(error, OSError):
                    self._note_error(post, error)
                self.queue.put_nowait(post if error is None or isinstance(error, OSError) else error)
        except Exception as error:
            self.queue.put_nowait(error)

    def _look(self, post: Post) -> Finding:
        return self.sift(post, find_files(post.directory, self.patterns, self.stop))

    def _note_finding(self, post: Post, finding: Finding) -> None:
        post.finding = finding
        post.failures = 0
        # A look that is a moment late, and sees the file stable, is better than one just in time that does not.
        if finding.settles <= post.next_look + 0.1 * self.interval:
            post.next_look = max(post.next_look, finding.settles)

    def _note_error(self, post: Post, error: OSError) -> None:
        post.finding = Finding()
        post.sightings = {}
        if isinstance(error, FileNotFoundError):
            post.failures = 0
        elif isinstance(error, (PermissionError, NotADirectoryError)):
            self.leave_out(post, error)
        else:
            post.failures += 1
            self.note_failure(post, error)

    def _errors(self) -> dict[str, str]:
        return {post.directory: post.left_out for post in self.posts if post.left_out is not None}

    def leave_out(self, post: Post, error: OSError) -> None:
        post.left_out = in_words(error)
        self.log.warning("%s is left out for good: %s", post.directory, post.left_out)

    # What an advanced search does in another way

    def sift(self, post: Post, files: Iterable[FoundFile]) -> Finding:
        """Say which files count. In the thread of the look."""
        return summarize(files)

    def note_failure(self, post: Post, error: OSError) -> None:
        """See to a failure that may pass."""

    def describe(self, posts: Sequence[Post]) -> FilePayload:
        return describe_files({post.directory: post.finding for post in posts}, self._errors())


def check_directories(directories: list[str], file_pattern: str) -> None:
    if isinstance(directories, str) or not directories:
        raise ValueError(f"directories must be a list of one or more paths, not {directories!r}")
    if not file_pattern:
        raise ValueError("file_pattern must not be empty")


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

    @dataclass(frozen=True)
    class Settings:
        directories: list[str]
        file_pattern: str
        check_interval: float

        def __post_init__(self) -> None:
            check_directories(self.directories, self.file_pattern)
            check_numbers(check_interval=self.check_interval)

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
        if isinstance(directories, str):
            raise ValueError("directories must be a list, not a single path")
        self.settings = self.Settings(list(directories), file_pattern, check_interval)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, in another process.

        :return: the class path ``trigger_implementation_exercise.MultiDirectoryTrigger``, to the letter, and the
            keyword arguments of ``__init__``, all of them, under their own names, as plain JSON. To the letter, because
            Airflow loads a DAG file under a made-up module name, which ``__module__`` repeats and no triggerer can
            import. (The triggerer does not see the DAG folder either: this kata puts it on its ``PYTHONPATH``.)
        """
        return f"{MODULE}.MultiDirectoryTrigger", asdict(self.settings)

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
        settings = self.settings
        directories = without_repetitions(settings.directories)
        search = Search(directories, [settings.file_pattern], settings.check_interval, self.log)
        yield TriggerEvent(asdict(await search.result()))


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


def look_once(directories: list[str], file_pattern: str) -> FilePayload | None:
    """Look into all directories, in the worker."""
    check_directories(directories, file_pattern)
    findings, errors = {}, {}
    for directory in without_repetitions(directories):
        findings[directory] = Finding()
        try:
            findings[directory] = summarize(find_files(directory, [file_pattern]))
        except (PermissionError, NotADirectoryError) as error:
            errors[directory] = in_words(error)
            log.warning("%s cannot be read: %s", directory, errors[directory])
        except OSError as error:
            log.info("%s cannot be read at the moment: %s", directory, error)
    if len(errors) == len(findings):
        raise WaitFailed(asdict(nothing_left(errors)))
    return describe_files(findings, errors) if any(finding.total for finding in findings.values()) else None


def result_of_wait(payload: dict[str, Any], deferred: bool, first_look: datetime | None) -> dict[str, Any]:
    """What the sensor returns, whichever way it waited."""
    waited = None
    if first_look is not None:
        waited = max(0.0, (datetime.now(timezone.utc) - first_look).total_seconds())  # machines' clocks may differ
    return {**payload, "deferred": deferred, "waited_seconds": waited}


def payload_of_success(event: Any) -> dict[str, Any]:
    if isinstance(event, dict) and event.get("status") == "success":
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
        self.first_look: datetime | None = None

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
        self.first_look = None
        if not self.deferrable:
            return super().execute(context)
        look = self.poke(context)
        if look.is_done:
            return look.xcom_value
        self.defer(
            trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
            method_name="execute_complete",
            kwargs={"started_at": self.first_look.isoformat()},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        self.first_look = self.first_look or self._earlier_look(context) or datetime.now(timezone.utc)
        payload = look_once(self.directories, self.file_pattern)
        if payload is None:
            return PokeReturnValue(False)
        return PokeReturnValue(True, result_of_wait(asdict(payload), False, self.first_look))

    def _earlier_look(self, context: Context) -> datetime | None:
        """When the first look was, if it was in another process: a rescheduled sensor is a new one for every look."""
        if self.deferrable or not self.reschedule:
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
        return result_of_wait(payload_of_success(event), True, started_at and datetime.fromisoformat(started_at))


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


@dataclass(frozen=True)
class ValidFile:
    path: str
    size: int
    rows: int | None


@dataclass(frozen=True)
class InvalidFile:
    path: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Processed:
    valid: list[ValidFile]
    invalid: list[InvalidFile]
    total_files: int
    waited_seconds: float | None


@dataclass(frozen=True)
class FoundFiles:
    """What the sensor's result says of the files."""

    files: list[str]
    total_files: int
    waited_seconds: float | None

    @classmethod
    def pull(cls, ti: Any) -> FoundFiles:
        """
        Take the result from the XCom.

        :raises AirflowException: if it is not there, or something else.
        """
        xcom = ti.xcom_pull(task_ids=SENSOR_TASK_ID)
        try:
            found = cls(xcom["files"], xcom["total_files"], xcom["waited_seconds"])
        except (TypeError, KeyError):
            found = None
        if found is None or not found.has_form():
            raise AirflowException(f"{SENSOR_TASK_ID} has left no result of its form: {xcom!r:.200}")
        return found

    def has_form(self) -> bool:
        return (
            isinstance(self.files, list)
            and all(isinstance(path, str) for path in self.files)
            and type(self.total_files) is int
            and (self.waited_seconds is None or type(self.waited_seconds) in (int, float))
        )


@dataclass(frozen=True)
class Wait:
    """What the sensor's result says of the wait."""

    seconds: float
    deferred: bool

    @classmethod
    def pull(cls, ti: Any, **where: str) -> Wait:
        """
        Take it from the XCom.

        :raises LookupError: if it is not known.
        """
        xcom = ti.xcom_pull(task_ids=SENSOR_TASK_ID, **where)
        if not isinstance(xcom, dict):
            raise LookupError(f"{SENSOR_TASK_ID} has left no result")
        if type(xcom.get("waited_seconds")) not in (int, float):
            raise LookupError("The time of the first look is not known")
        return cls(float(xcom["waited_seconds"]), bool(xcom.get("deferred")))


def check_file(path: str) -> ValidFile | InvalidFile:
    invalid = functools.partial(InvalidFile, path)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return invalid("unreadable", "It is no regular file.")
        if not status.st_size:
            return invalid("empty", "It has no bytes.")
        if not path.lower().endswith(".csv"):
            open(path, "rb").close()
            return ValidFile(path, status.st_size, None)
        rows = read_rows(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        return invalid("missing", in_words(error))
    except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8, or not even a path
        return invalid("unreadable", in_words(error))

    if not rows:
        return invalid("no_header", "It has no row at all.")
    header = rows[0]
    if header.has_blank:
        return invalid("no_header", "The header has a blank name.")
    for row in rows:
        if row.width != header.width:
            return invalid("row_width", f"Line {row.line}: {row.width} fields, where the header has {header.width}")
    return ValidFile(path, status.st_size, len(rows) - 1)


class Row(NamedTuple):
    line: int
    width: int
    has_blank: bool


def read_rows(path: str) -> list[Row]:
    """Read a whole CSV file, since what is no CSV further down counts for more than a row of the wrong width."""
    csv.field_size_limit(sys.maxsize)  # no field is too long
    rows, line = [], 1
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        for fields in reader:
            if fields:
                rows.append(Row(line, len(fields), not all(map(str.strip, fields))))
            line = reader.line_num + 1
    return rows


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
    result = FoundFiles.pull(context["ti"])
    checked = [check_file(path) for path in result.files]
    for file in checked:
        if isinstance(file, ValidFile):
            log.info("%s is valid: %d bytes, rows: %s", file.path, file.size, file.rows)
        else:
            log.warning("%s is invalid, %s: %s", file.path, file.reason, file.detail)
    return asdict(
        Processed(
            valid=[file for file in checked if isinstance(file, ValidFile)],
            invalid=[file for file in checked if isinstance(file, InvalidFile)],
            total_files=result.total_files,
            waited_seconds=result.waited_seconds,
        )
    )


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


@contextlib.contextmanager
def or_unavailable(unavailable: dict[str, str], *names: str) -> Iterator[None]:
    """Go on if a source fails, and note why its figures are missing."""
    try:
        yield
    except Exception as error:
        unavailable.update(dict.fromkeys(names, in_words(error)))


def known(value: Any, what: str) -> Any:
    if value is None:
        raise LookupError(f"{what} is not known")
    return value


@dataclass
class PoolUsage:
    name: str
    slots: int
    occupied_slots: int
    deferred_slots: int


@dataclass
class Usage:
    deferred_tasks: int | None = None
    running_tasks: int | None = None
    waited_seconds: float | None = None
    saved_slot_seconds: float | None = None
    triggerer_status: str | None = None
    pools: list[PoolUsage] | None = None
    unavailable: dict[str, str] = field(default_factory=dict)
    recommendations: list[str] = field(default_factory=list)


def recommend(usage: Usage) -> Iterator[str]:
    if usage.waited_seconds is None:
        yield "Look at the sensor first: how long it has waited is not known."
    elif usage.saved_slot_seconds:
        yield f"Go on deferring: {usage.saved_slot_seconds:.1f} seconds of a worker slot were saved in this run."
    else:
        yield f"Nothing was saved in a wait of {usage.waited_seconds:.1f} seconds: defer where waits are long."
    if usage.triggerer_status not in (None, "healthy"):
        yield f"Start a triggerer, its status is {usage.triggerer_status}: deferred tasks are waiting for it."
    for pool in usage.pools or ():
        if 0 < pool.slots <= pool.occupied_slots:
            yield f"Enlarge the pool {pool.name}: all of its {pool.slots} slots are occupied."
    if usage.deferred_tasks:
        yield f"See to the capacity of the triggerers: {usage.deferred_tasks} tasks of this DAG are deferred."


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
    usage = Usage()
    with or_unavailable(usage.unavailable, "deferred_tasks"):
        usage.deferred_tasks = known(ti.get_ti_count(dag_id=ti.dag_id, states=["deferred"]), "The count")
    with or_unavailable(usage.unavailable, "running_tasks"):
        usage.running_tasks = known(ti.get_ti_count(dag_id=ti.dag_id, states=["running"]), "The count")
    with or_unavailable(usage.unavailable, "waited_seconds", "saved_slot_seconds"):
        wait = Wait.pull(ti)
        usage.waited_seconds = wait.seconds
        usage.saved_slot_seconds = wait.seconds if wait.deferred else 0.0
    with or_unavailable(usage.unavailable, "triggerer_status"):
        health = read_airflow_api("/api/v2/monitor/health")
        usage.triggerer_status = known(health["triggerer"]["status"], "The triggerer's status")
    with or_unavailable(usage.unavailable, "pools"):
        usage.pools = [
            PoolUsage(pool["name"], pool["slots"], pool["occupied_slots"], pool["deferred_slots"])
            for pool in read_airflow_api("/api/v2/pools")["pools"]
        ]
    usage.recommendations.extend(recommend(usage))
    log.info("What the waits hold: %s", usage)
    return asdict(usage)


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Failure:
    task_id: str | None
    run_id: str | None
    cause: str
    message: str
    advice: str


ADVICE = {
    "timeout": "find out why the file has not come, or wait longer",
    "directory_access": "make the directories, and let Airflow read them",
    "triggerer_failure": "see that the triggerer runs, and that it can import the trigger",
    "serialization": "pass nothing but plain JSON between task and trigger",
    "unknown": "read the logs of the task and of the triggerer",
}


def safely(read: Callable[[], Any], default: Any = None) -> Any:
    """Read something that may be missing or broken."""
    try:
        return read()
    except Exception:
        return default


def text_or_none(read: Callable[[], Any]) -> str | None:
    value = safely(read)
    return value if isinstance(value, str) else None


def cause_of(exception: Any) -> str | None:
    """What an exception says by itself, whatever it was raised from."""
    if isinstance(exception, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    if isinstance(exception, WaitFailed) and exception.error_type == "directory_access":
        return "directory_access"
    if isinstance(exception, (PermissionError, NotADirectoryError, FileNotFoundError)):
        return "directory_access"
    if isinstance(exception, TaskDeferralError):
        return "triggerer_failure"
    words = f"{type(exception).__name__} {safely(lambda: str(exception), '')}".lower()
    return "serialization" if "serializ" in words or "serialis" in words else None


def first_cause(exception: Any, seen: tuple[Any, ...] = ()) -> str:
    while exception is not None and not any(exception is link for link in seen):
        if cause := cause_of(exception):
            return cause
        seen += (exception,)
        exception = getattr(exception, "__cause__", None)
    return "unknown"


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
    exception = safely(lambda: context["exception"])
    cause = safely(lambda: first_cause(exception), "unknown")
    failure = Failure(
        task_id=text_or_none(lambda: context["ti"].task_id),
        run_id=text_or_none(lambda: context["ti"].run_id) or text_or_none(lambda: context["run_id"]),
        cause=cause,
        message="" if exception is None else safely(lambda: str(exception), type(exception).__name__),
        advice=ADVICE[cause],
    )
    one_line = " ".join(failure.message.split())
    safely(lambda: log.error("%s failed, %s: %s -> %s", failure.task_id, cause, one_line, failure.advice))
    return asdict(failure)


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Approach:
    slot_seconds: float | None
    slots_for_100_waits: int


@dataclass(frozen=True)
class Comparison:
    waited_seconds: float | None
    traditional: Approach
    deferrable: Approach
    saved_slot_seconds: float | None
    task_states: dict[str, int] | None
    unavailable: dict[str, str]


def state_name(state: Any) -> str:
    return "none" if state is None else str(getattr(state, "value", state))


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
    waited = held = saved = states = None
    unavailable: dict[str, str] = {}
    with or_unavailable(unavailable, "waited_seconds"):
        wait = Wait.pull(ti)
        waited = wait.seconds
        held = 0.0 if wait.deferred else waited
        saved = waited - held
    with or_unavailable(unavailable, "task_states"):
        of_this_run = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        states = dict(Counter(state_name(state) for state in of_this_run.values()))
    return asdict(Comparison(waited, Approach(waited, 100), Approach(held, 0), saved, states, unavailable))


def element(tag: str, *content: Any, **attributes: Any) -> ET.Element:
    """An HTML element. Text is escaped when the page is written."""
    parent = ET.Element(tag, {name: str(value) for name, value in attributes.items()})
    for part in content:
        if isinstance(part, ET.Element):
            parent.append(part)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or "") + str(part)
        else:
            parent.text = (parent.text or "") + str(part)
    return parent


def or_say(value: Any) -> str:
    return "unavailable" if value is None else str(value)


def list_of(lines: Iterable[str] | None) -> ET.Element:
    if lines is None:
        return element("p", "unavailable")
    return element("ul", *(element("li", line) for line in lines))


def bar_chart(figures: dict[str, float | None]) -> ET.Element:
    unit = 400 / (max((figure or 0 for figure in figures.values()), default=0) or 1)
    chart = element("svg", width=600, height=60 * len(figures))
    for number, (name, figure) in enumerate(figures.items()):
        chart.append(element("text", f"{name}: {or_say(figure)}", x=0, y=60 * number + 16))
        width = round((figure or 0) * unit, 1)
        chart.append(element("rect", x=0, y=60 * number + 24, width=width, height=20, fill="teal"))
    return chart


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
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

    def pull(task_id: str) -> dict[str, Any] | None:
        xcom = safely(lambda: ti.xcom_pull(task_ids=task_id))
        return xcom if isinstance(xcom, dict) else None

    processed = pull("process_trigger_results")
    usage = pull("monitor_resource_usage") or {}
    comparison = pull("compare_approaches") or {}
    valid, invalid = ((processed or {}).get(name) or [] for name in ("valid", "invalid"))
    figures = {
        "Slot seconds, traditional": (comparison.get("traditional") or {}).get("slot_seconds"),
        "Slot seconds, deferrable": (comparison.get("deferrable") or {}).get("slot_seconds"),
    }
    body = element(
        "body",
        element("h1", "Trigger report"),
        element("p", "Run: ", or_say(text_or_none(lambda: ti.run_id))),
        element("h2", "Valid files"),
        list_of(processed and [f"{file['path']}, rows: {or_say(file['rows'])}" for file in valid]),
        element("h2", "Invalid files"),
        list_of(processed and [f"{file['path']}: {file['reason']}. {file['detail']}" for file in invalid]),
        element("h2", "The wait"),
        element("p", "Seconds waited: ", or_say(comparison.get("waited_seconds"))),
        bar_chart(figures),
        element("p", "Slot seconds saved: ", or_say(comparison.get("saved_slot_seconds"))),
        element("p", "Status of the triggerer: ", or_say(usage.get("triggerer_status"))),
        element("h2", "Recommendations"),
        list_of(usage.get("recommendations")),
    )
    head = element("head", element("meta", charset="utf-8"), element("title", "Trigger report"))
    page = ET.tostring(element("html", head, body, lang="en"), encoding="unicode", method="html")
    # backslashreplace: a name that is not UTF-8 has lone surrogates in it.
    replace_file(Path(REPORT_FILE), f"<!DOCTYPE html>\n{page}\n".encode(errors="backslashreplace"))
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in valid],
        "invalid_files": [file["path"] for file in invalid],
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class AdvancedFilePayload(FilePayload):
    pattern: str
    priority: int


class AdvancedSearch(Search):
    """A search for stable files, by priority, with backoff."""

    def __init__(self, settings: AdvancedMultiDirectoryTrigger.Settings, log: Any) -> None:
        by_priority = sorted(settings.directories, key=lambda directory: (settings.directories[directory], directory))
        super().__init__(without_repetitions(by_priority), settings.file_patterns, settings.check_interval, log)
        self.settings = settings

    def sift(self, post: Post, files: Iterable[FoundFile]) -> Finding:
        files = list(files)
        # A new file is known since the end of the look, and a known one up to its beginning.
        now, seconds = self.loop.time(), self.settings.stable_seconds
        sightings = {}
        for file in files:
            status = file.status
            version = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
            before = post.sightings.get(file.name)
            sightings[file.name] = before if before and before[0] == version else (version, now)
        post.sightings = sightings
        stable_from = {name: since + seconds for name, (_, since) in sightings.items()}
        stable = [file for file in files if seconds == 0 or stable_from[file.name] <= post.started]
        settles = min((moment for moment in stable_from.values() if moment > post.started), default=math.inf)
        return summarize(stable, settles if seconds else math.inf)

    def note_failure(self, post: Post, error: OSError) -> None:
        if post.failures > self.settings.max_retries:
            self.leave_out(post, error)
            return
        doublings = min(post.failures - 1, 1000)  # beyond, the numbers are too large for a float
        pause = min(self.settings.backoff_base * 2**doublings, self.settings.backoff_cap)
        post.next_look = self.loop.time() + pause

    def describe(self, posts: Sequence[Post]) -> AdvancedFilePayload:
        payload = super().describe(posts)
        first = next(post for post in posts if post.finding.total)
        return AdvancedFilePayload(
            **asdict(payload),
            pattern=first.finding.files[0].pattern,
            priority=self.settings.directories[first.directory],
        )


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

    @dataclass(frozen=True)
    class Settings:
        directories: dict[str, int]
        file_patterns: list[str]
        check_interval: float
        stable_seconds: float
        max_retries: int
        backoff_base: float
        backoff_cap: float

        def __post_init__(self) -> None:
            if not self.directories or not self.file_patterns:
                raise ValueError("There must be one or more directories and one or more file_patterns")
            check_numbers(
                check_interval=self.check_interval, backoff_base=self.backoff_base, backoff_cap=self.backoff_cap
            )
            check_numbers(minimum=0, stable_seconds=self.stable_seconds, max_retries=self.max_retries)

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
        if isinstance(file_patterns, str):
            raise ValueError("file_patterns must be a list, not a single pattern")
        self.settings = self.Settings(
            dict(directories),
            list(file_patterns),
            check_interval,
            stable_seconds,
            max_retries,
            backoff_base,
            backoff_cap,
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, as ``MultiDirectoryTrigger.serialize`` does.

        :return: ``trigger_implementation_exercise.AdvancedMultiDirectoryTrigger`` and all arguments of ``__init__``.
        """
        return f"{MODULE}.AdvancedMultiDirectoryTrigger", asdict(self.settings)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payloads are those of ``MultiDirectoryTrigger``; the one for a file also holds ``pattern``, the first of
        ``file_patterns`` that the file matches, and ``priority``, that of its directory. ``files`` and ``total_files``
        are of the stable files.
        """
        yield TriggerEvent(asdict(await AdvancedSearch(self.settings, self.log).result()))


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


@dataclass
class Metrics:
    runs: int | None = None
    waits: dict[str, int] = field(default_factory=dict)
    success_rate: float | None = None
    failure_rate: float | None = None
    average_wait_seconds: float | None = None
    longest_wait_seconds: float | None = None
    triggers_running: int | None = None
    triggers_queued: int | None = None
    pool_utilization: dict[str, float] | None = None
    unavailable: dict[str, str] = field(default_factory=dict)


def waits_in_seconds(ti: Any, run_ids: Iterable[str]) -> Iterator[float]:
    """How long the sensor waited, for each run of which it is known."""
    for run_id in run_ids:
        with contextlib.suppress(Exception):
            yield Wait.pull(ti, dag_id=EXERCISE_DAG_ID, run_id=run_id).seconds


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
    ti = context.get("ti")
    metrics = Metrics()
    with or_unavailable(metrics.unavailable, "runs"):
        states = {
            run_id: {task_id: state_name(state) for task_id, state in tasks.items() if task_id in WAITING_TASK_IDS}
            for run_id, tasks in ti.get_task_states(dag_id=EXERCISE_DAG_ID).items()
        }
        metrics.runs = len(states)
        metrics.waits = dict(Counter(state for tasks in states.values() for state in tasks.values()))
        succeeded, failed = (metrics.waits.get(state, 0) for state in ("success", "failed"))
        if ended := succeeded + failed:
            metrics.success_rate = succeeded / ended
            metrics.failure_rate = failed / ended
        runs = [run_id for run_id, tasks in states.items() if tasks.get(SENSOR_TASK_ID) == "success"]
        if waits := list(waits_in_seconds(ti, runs)):
            metrics.average_wait_seconds = sum(waits) / len(waits)
            metrics.longest_wait_seconds = max(waits)
    with or_unavailable(metrics.unavailable, "triggers_running", "triggers_queued"):
        answer = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")
        triggers = [instance["trigger"] or {} for instance in answer["task_instances"]]
        waiting = sum(trigger.get("triggerer_id") is None for trigger in triggers)
        metrics.triggers_running, metrics.triggers_queued = len(triggers) - waiting, waiting
    with or_unavailable(metrics.unavailable, "pool_utilization"):
        metrics.pool_utilization = {
            pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0
            for pool in read_airflow_api("/api/v2/pools")["pools"]
        }
    log.info("Metrics of the triggers: %s", metrics)
    return asdict(metrics)


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


@dataclass(frozen=True)
class ApiPayload:
    url: str
    answer: dict[str, Any]
    status: str = "success"


@dataclass(frozen=True)
class RulePayload:
    rule: str
    status: str = "success"


class Refused(Exception):
    """The service says that asking again will not help."""


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class Call:
    """A GET request that runs in one thread and can be broken off from another."""

    def __init__(self, url: str) -> None:
        if not url.lower().startswith(("http://", "https://")):
            raise ValueError(f"Not a URL of HTTP: {url}")
        self._url = url
        self._sockets: list[socket.socket] = []
        self._is_over = False

    def answer(self) -> Any:
        """
        Ask: the answer's JSON, or None if there is none for now. Blocks.

        :raises Refused: if the HTTP status is 400 to 499.
        """
        body = b""
        try:
            with self._opener().open(self._url, timeout=API_TIMEOUT) as response:
                body = response.read()
        except urllib.error.HTTPError as error:
            with error:
                if 400 <= error.code < 500:
                    raise Refused(f"HTTP status {error.code} {error.reason}") from error
        except http.client.InvalidURL:
            raise
        except (OSError, http.client.HTTPException) as error:
            log.info("No answer from %s: %s", self._url, in_words(error))
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(body, parse_constant=refuse_constant)
        return None

    def break_off(self) -> None:
        """Have the thread end that waits for the answer."""
        self._is_over = True
        for connected in self._sockets:
            with contextlib.suppress(OSError):  # closed already
                connected.shutdown(socket.SHUT_RDWR)

    def _opener(self) -> urllib.request.OpenerDirector:
        call = self

        class Remembered:
            def connect(self) -> None:
                super().connect()
                call._sockets.append(self.sock)
                if call._is_over:
                    raise TimeoutError("broken off")

        class HTTPConnection(Remembered, http.client.HTTPConnection):
            pass

        class HTTPSConnection(Remembered, http.client.HTTPSConnection):
            pass

        class HTTPHandler(urllib.request.HTTPHandler):
            def http_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(HTTPConnection, request)

        class HTTPSHandler(urllib.request.HTTPSHandler):
            def https_open(self, request: urllib.request.Request) -> Any:
                return self.do_open(HTTPSConnection, request)

        return urllib.request.build_opener(HTTPHandler, HTTPSHandler)


class ApiTrigger(BaseTrigger):
    """
    Ask an HTTP service again and again, and fire when it says what is hoped for.

    It obeys the rules of ``MultiDirectoryTrigger``: the loop is not blocked, one event and the end, no exception but
    the cancellation, nothing left behind.
    """

    @dataclass(frozen=True)
    class Settings:
        url: str
        expected_status: str
        check_interval: float

        def __post_init__(self) -> None:
            if not self.url:
                raise ValueError("url must not be empty")
            check_numbers(check_interval=self.check_interval)

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        """
        Keep the arguments; no request, no work.

        :param url: answers a GET with a JSON object that has a ``status``.
        :param expected_status: the ``status`` that is waited for.
        :param check_interval: seconds between two requests, more than 0.
        :raises ValueError: if ``url`` is empty or ``check_interval`` not more than 0.
        """
        super().__init__()
        self.settings = self.Settings(url, expected_status, check_interval)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        return f"{MODULE}.ApiTrigger", asdict(self.settings)

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
            payload = await self._ask_until_ready()
        except Refused as error:
            url = self.settings.url
            payload = ErrorPayload(error_type="api", message=f"{url}: {error}", errors={url: str(error)})
        except Exception as error:
            payload = ErrorPayload(error_type="unexpected", message=in_words(error))
        yield TriggerEvent(asdict(payload))

    async def _ask_until_ready(self) -> ApiPayload:
        settings, loop = self.settings, asyncio.get_running_loop()
        while True:
            next_time = loop.time() + settings.check_interval
            answer = await self._ask()
            if isinstance(answer, dict) and answer.get("status") == settings.expected_status:
                return ApiPayload(settings.url, answer)
            await sleep_until(next_time)

    async def _ask(self) -> Any:
        """Ask in a thread, for so long as an answer may take."""
        call = Call(self.settings.url)
        answer = start_thread(call.answer)
        try:
            await asyncio.wait([answer], timeout=API_TIMEOUT)
        finally:
            call.break_off()
        value, error = answer.result() if answer.done() else Outcome()
        if error is not None:
            raise error
        return value


class BusinessRuleTrigger(BaseTrigger):
    """
    Ask a function of your own again and again, and fire when it agrees.

    A function cannot travel to the triggerer, its import path can. The rule may block, so it runs in a thread. It obeys
    the rules of ``MultiDirectoryTrigger``: one event and the end, no exception but the cancellation, nothing left
    behind.
    """

    @dataclass(frozen=True)
    class Settings:
        rule: str
        rule_kwargs: dict[str, Any] | None
        check_interval: float

        def __post_init__(self) -> None:
            if not isinstance(self.rule, str) or "." not in self.rule:
                raise ValueError(f"rule must be an import path such as module.function, not {self.rule!r}")
            check_numbers(check_interval=self.check_interval)

        def ask(self) -> bool:
            """Import the rule and ask it once. Blocks."""
            module, _, name = self.rule.rpartition(".")
            rule = getattr(importlib.import_module(module), name)
            return bool(rule(**asdict(self)["rule_kwargs"] or {}))  # a copy: the rule may change it

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        """
        Keep the arguments; the rule is not imported yet, no work.

        :param rule: the import path of a plain function, ``module.function``; the module is on the ``PYTHONPATH``.
        :param rule_kwargs: the function's keyword arguments, plain JSON; None for none.
        :param check_interval: seconds between two questions, more than 0.
        :raises ValueError: if ``rule`` is not a text with a dot in it, or ``check_interval`` not more than 0.
        """
        super().__init__()
        self.settings = self.Settings(rule, copy.deepcopy(rule_kwargs), check_interval)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        return f"{MODULE}.BusinessRuleTrigger", asdict(self.settings)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end.

        It asks at once and then about every ``check_interval`` seconds. ``{"status": "success", "rule": str}`` when the
        rule returns something true. A rule that cannot be imported, or that raises, is broken: ``{"status": "error",
        "error_type": "rule", "message": str, "errors": {rule: reason}}``, the exception with its type and its text in
        both.
        """
        try:
            payload = await self._ask_until_true()
        except Exception as error:
            payload = ErrorPayload(error_type="unexpected", message=in_words(error))
        yield TriggerEvent(asdict(payload))

    async def _ask_until_true(self) -> RulePayload | ErrorPayload:
        settings, loop = self.settings, asyncio.get_running_loop()
        while True:
            next_time = loop.time() + settings.check_interval
            agrees, error = await start_thread(settings.ask)
            if error is not None:
                reason = in_words(error)
                return ErrorPayload(
                    error_type="rule", message=f"{settings.rule} is broken: {reason}", errors={settings.rule: reason}
                )
            if agrees:
                return RulePayload(settings.rule)
            await sleep_until(next_time)


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
        with contextlib.suppress(OSError):
            delivered += any(True for _ in find_files(directory, ["*.csv"]))
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
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Go on when the trigger has fired.

        :return: the event's payload.
        :raises AirflowException: as ``MultiDirectorySensorAsync.execute_complete`` does.
        """
        return payload_of_success(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

with DAG(
    dag_id="trigger_implementation_exercise",
    description="How waits are moved from the workers to the triggerer, and what is gained by it",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    schedule=None,
    catchup=False,
    tags=["kata", "exercise-4", "triggers"],
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
) as dag:
    set_up = PythonOperator(task_id="set_up_directories", python_callable=set_up_directories).as_setup()
    clean_up = PythonOperator(
        task_id="clean_up_directories",
        python_callable=clean_up_directories,
        op_kwargs={"created": set_up.output},
    ).as_teardown(setups=set_up)

    waiting = {"poke_interval": 30, "timeout": 600, "on_failure_callback": handle_trigger_failure, "deferrable": True}
    sensors = [
        FileSensor(
            task_id="wait_for_upload",
            filepath=UPLOAD_FILE,
            on_execute_callback=log_worker_slot,
            doc_md="""
            ### Why this sensor defers

            A client may take minutes, and a sensor that pokes would hold a **worker slot** all the time. This one hands
            a trigger to the **triggerer**, one process for the waits of all clients, and leaves its slot to others.
            """,
            **waiting,
        ),
        MultiDirectorySensorAsync(
            task_id=SENSOR_TASK_ID, directories=CLIENT_DIRECTORIES, file_pattern="*.csv", **waiting
        ),
    ]
    process, monitor, compare, report = (
        PythonOperator(task_id=function.__name__, python_callable=function)
        for function in (process_trigger_results, monitor_resource_usage, compare_approaches, generate_trigger_report)
    )

    chain(set_up, sensors, process)
    cross_downstream([process], [monitor, compare])
    chain([monitor, compare], report, clean_up)

with DAG(dag_id="trigger_orchestration_challenge", schedule=None) as orchestration_dag:
    data = MultiDirectorySensorAsync(
        task_id="wait_for_data", directories=CLIENT_DIRECTORIES, poke_interval=30, timeout=3600
    )
    # Counts from the start of the task, and so needs no date of the run.
    window = WaitSensor(task_id="wait_for_window", time_to_wait=timedelta(minutes=1), deferrable=True)
    api = WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), timeout=3600)
    rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            rule=f"{MODULE}.{enough_clients_delivered.__name__}",
            rule_kwargs={"directories": CLIENT_DIRECTORIES, "minimum": 3},
        ),
        timeout=3600,
    )
    approve = PythonOperator(
        task_id="approve",
        python_callable=log.info,
        op_args=["Approved, by the partner or by our own rule"],
        trigger_rule=TriggerRule.ONE_SUCCESS,
    )
    publish = PythonOperator(task_id="publish", python_callable=log.info, op_args=["Published"])

    chain([api, rule], approve)
    cross_downstream([data, window, approve], [publish])
