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
import http.client
import importlib
import json
import logging
import os
import queue
import socket
import stat
import tempfile
import threading
import urllib.request
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from html import escape
from pathlib import PurePath
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote, urlsplit

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import DAG, BaseSensorOperator, Connection, Context, PokeReturnValue, TriggerRule, chain
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

README_TEXT = "Put your uploads here, as CSV files: UTF-8, the first row a header, the name ending in .csv.\n"


def _make_directory(path: str) -> Iterator[str]:
    """Make a directory and what is missing above it; yield what was made, a parent before what lies in it."""
    if os.path.isdir(path):
        return
    yield from _make_directory(os.path.dirname(path))
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):  # somebody else made it meanwhile: good; it is a file: no good
            raise
    else:
        yield path


def set_up_directories() -> dict[str, list[str]]:
    """
    Make the directories that the DAG works with and say what was made.

    Makes the directories of ``UPLOAD_FILE``, ``CLIENT_DIRECTORIES`` and ``REPORT_FILE``, with their parents, and in
    each client directory a file ``README.txt`` that tells a client what to put there. What exists already is left as it
    is, so a second call makes nothing and raises nothing.

    :return: absolute paths, ``{"directories": [...], "files": [...]}``: exactly what this call made, and of the
        directories a parent before what lies in it. ``DATA_DIR`` itself is among them if it had to be made.
    """
    wanted = [os.path.dirname(UPLOAD_FILE), *CLIENT_DIRECTORIES, os.path.dirname(REPORT_FILE)]
    directories = [made for path in wanted for made in _make_directory(os.path.abspath(path))]
    files = []
    for directory in CLIENT_DIRECTORIES:
        readme = os.path.join(os.path.abspath(directory), "README.txt")
        with contextlib.suppress(FileExistsError), open(readme, "x", encoding="utf-8") as file:
            file.write(README_TEXT)
            files.append(readme)
    return {"directories": directories, "files": files}


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
    removed = []
    doomed = [(os.remove, path) for path in created["files"]]
    doomed += [(os.rmdir, path) for path in reversed(created["directories"])]
    for remove, path in doomed:
        try:
            remove(path)
        except FileNotFoundError:
            continue
        except OSError as error:  # as a rule: something else lies in the directory
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
    log.info("Task %s takes a worker slot from now on.", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100


class Outcome(NamedTuple):
    """What came of one job: a value or an error, and when the job began by the clock of the event loop."""

    started: float
    value: Any = None
    error: BaseException | None = None


class Scout:
    """
    A daemon thread for a job that may block or hang. It does the job once whenever it is asked, never twice at a time.

    The outcome goes to ``report``, which is called in the event loop. A job gets a function that says whether it is
    still wanted, so that a long one can stop early. What hangs hangs alone: nobody joins the thread, and a daemon
    does not keep the process from ending.

    :param name: the thread's name, for whoever debugs the triggerer.
    :param job: called in the thread with ``started`` and ``is_dismissed``.
    :param report: called in the event loop with the outcome, unless the scout has been dismissed.
    """

    def __init__(
        self, name: str, job: Callable[[float, Callable[[], bool]], Any], report: Callable[[Outcome], None]
    ) -> None:
        self.busy = False
        self._loop = asyncio.get_running_loop()
        self._job = job
        self._report = report
        self._requests: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._dismissed = threading.Event()
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def ask(self) -> None:
        self.busy = True
        self._requests.put(True)

    def dismiss(self) -> None:
        self._dismissed.set()
        self._requests.put(False)

    def _serve(self) -> None:
        while self._requests.get() and not self._dismissed.is_set():
            started = self._loop.time()
            try:
                outcome = Outcome(started, value=self._job(started, self._dismissed.is_set))
            except BaseException as error:  # also a SystemExit: whoever asked waits for an answer
                outcome = Outcome(started, error=error)
            try:
                self._loop.call_soon_threadsafe(self._deliver, outcome)
            except RuntimeError:  # the loop was closed while the job hung
                return

    def _deliver(self, outcome: Outcome) -> None:
        self.busy = False
        if not self._dismissed.is_set():
            self._report(outcome)


class FoundFile(NamedTuple):
    """A file that counts, as one look saw it."""

    name: str
    pattern: str
    size: int
    modified_ns: int
    identity: tuple[int, int]


class Sighting(NamedTuple):
    """What one look into one directory has found: the first file, the paths as far as they are listed, the count."""

    first: FoundFile | None
    paths: list[str]
    total: int

    @classmethod
    def of(cls, directory: str, files: list[FoundFile]) -> Sighting:
        paths = [os.path.join(directory, file.name) for file in files[:MAX_LISTED_FILES]]
        return cls(files[0] if files else None, paths, len(files))


NOTHING = Sighting(None, [], 0)


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))


def list_files(
    directory: str, patterns: Sequence[str], is_dismissed: Callable[[], bool] = lambda: False
) -> list[FoundFile]:
    """
    Look into a directory once. May block: not for the event loop.

    :return: the files that count, by name; none for a directory that is missing.
    :raises OSError: if the directory cannot be looked into.
    """
    found = []
    try:
        entries = os.scandir(directory)
    except FileNotFoundError:
        return []
    with entries:
        for entry in entries:
            if is_dismissed():
                return []
            pattern = next((pattern for pattern in patterns if _matches(entry.name, pattern)), None)
            if pattern is None:
                continue
            try:
                status = entry.stat()
            except OSError:  # a dead link, or gone again
                continue
            if stat.S_ISREG(status.st_mode):
                identity = (status.st_dev, status.st_ino)
                found.append(FoundFile(entry.name, pattern, status.st_size, status.st_mtime_ns, identity))
    return sorted(found)


@dataclass
class Post:
    """One directory under watch, and what is known of it."""

    directory: str
    job: Callable[[float, Callable[[], bool]], Sighting]
    scout: Scout | None = None
    due: float = 0.0
    last_look: float = float("-inf")  # when the last look that is over began
    last_absence: float = 0.0  # when the last look that showed nothing began
    failures: int = 0  # in a row
    sighting: Sighting = NOTHING

    @property
    def busy(self) -> bool:
        return self.scout is not None and self.scout.busy


class Watch:
    """
    Looks into several directories, each at its own pace in its own thread, until there is something to report.

    The first file that is seen need not be the first in order: another look may still be under way, or about to begin.
    Those are waited for, but not beyond one and a half intervals after the file was last known not to be there. So a
    directory that hangs delays nothing for long, and two watches over the same files see the same.

    :param posts: the directories, in the order in which they matter.
    :param interval: seconds between two looks into one directory.
    :param pause_after_failure: seconds from the end of the n-th failed look in a row to the next one, None to leave the
        directory out. Where it is missing, a failed look is repeated with the next regular one.
    """

    def __init__(
        self, posts: list[Post], interval: float, pause_after_failure: Callable[[int], float | None] | None = None
    ) -> None:
        self.posts = posts
        self.errors: dict[str, str] = {}
        self._interval = interval
        self._pause_after_failure = pause_after_failure
        self._news = asyncio.Event()
        self._unexpected: Exception | None = None
        self._loop = asyncio.get_running_loop()

    async def until_found(self) -> Post | None:
        """
        Watch until there is something to report.

        :return: the first post in order with a file that counts, None if no directory is left to watch.
        """
        now = self._loop.time()
        try:
            for post in self.posts:
                post.due = post.last_absence = now
                post.scout = Scout(
                    f"scout of {post.directory}", post.job, lambda outcome, post=post: self._note(post, outcome)
                )
            while self.posts:
                await self._something_new()
                if self._unexpected is not None:
                    raise self._unexpected
                if found := self._find():
                    return found
            return None
        finally:
            for post in self.posts:
                if post.scout is not None:
                    post.scout.dismiss()

    async def _something_new(self) -> None:
        """Send out the scouts that are due, then wait for one that comes back, or for the next moment to act."""
        now = self._loop.time()
        for post in self.posts:
            if not post.busy and post.due <= now:
                post.scout.ask()
        moments = [post.due for post in self.posts if not post.busy]
        moments += [self._deadline(post) for post in self.posts if post.sighting.total]
        self._news.clear()
        alarm = self._loop.call_at(min(moments), self._news.set) if moments else None
        try:
            await self._news.wait()
        finally:
            if alarm is not None:
                alarm.cancel()

    def _deadline(self, post: Post) -> float:
        return post.last_absence + 1.5 * self._interval

    def _find(self) -> Post | None:
        found = [post for post in self.posts if post.sighting.total]
        if not found:
            return None
        earliest = min(found, key=self._deadline)
        deadline = self._deadline(earliest)
        if self._loop.time() < deadline:
            fresh = earliest.last_look - self._interval / 2
            if any(post.last_look < fresh and (post.busy or post.due < deadline) for post in self.posts):
                return None
        return found[0]

    def _note(self, post: Post, outcome: Outcome) -> None:
        self._news.set()
        post.last_look = outcome.started
        post.due = outcome.started + self._interval
        if outcome.error is None:
            post.failures = 0
            post.sighting = outcome.value
            if not post.sighting.total:
                post.last_absence = outcome.started
        elif isinstance(outcome.error, (PermissionError, NotADirectoryError)):
            self._leave_out(post, outcome.error)
        elif isinstance(outcome.error, OSError):
            post.sighting = NOTHING
            post.failures += 1
            if self._pause_after_failure is not None:
                pause = self._pause_after_failure(post.failures)
                if pause is None:
                    self._leave_out(post, outcome.error)
                else:
                    post.due = self._loop.time() + pause
        elif isinstance(outcome.error, Exception):
            self._unexpected = outcome.error
        else:  # a SystemExit ends neither the triggerer nor, as a cancellation would, the task
            self._unexpected = RuntimeError(describe(outcome.error))

    def _leave_out(self, post: Post, error: BaseException) -> None:
        self.posts.remove(post)
        post.scout.dismiss()
        self.errors[post.directory] = describe(error)
        log.warning("%s is left out from now on: %s", post.directory, self.errors[post.directory])


def describe(error: BaseException) -> str:
    """Say what was raised: its type and its text, whatever its text does."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return f"{type(error).__name__}: (no text)"


def distinct(directories: Sequence[str]) -> list[str]:
    """Leave out what is named twice, if only with another slash; ``..`` stays, a link may lie before it."""
    first_writing: dict[PurePath, str] = {}
    for directory in directories:
        first_writing.setdefault(PurePath(directory), directory)
    return list(first_writing.values())


def success_payload(sightings: list[tuple[str, Sighting]], errors: dict[str, str]) -> dict[str, Any]:
    """Make the payload for a file; the sightings are in order, and one of them at least shows a file."""
    directory, first = next((where, seen.first) for where, seen in sightings if seen.first is not None)
    modified = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=first.modified_ns // 1000)
    return {
        "status": "success",
        "directory": directory,
        "filename": first.name,
        "path": os.path.join(directory, first.name),
        "size": first.size,
        "modified": modified.isoformat(),
        "files": [path for _, seen in sightings for path in seen.paths][:MAX_LISTED_FILES],
        "total_files": sum(seen.total for _, seen in sightings),
        "errors": errors,
    }


def error_payload(error_type: str, message: str, errors: dict[str, str] | None = None) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors or {}}


def no_directory_payload(errors: dict[str, str]) -> dict[str, Any]:
    reasons = "; ".join(f"{directory}: {reason}" for directory, reason in errors.items())
    return error_payload("directory_access", f"No directory is left to watch ({reasons}).", errors)


def check_watch(directories: Any, file_pattern: Any) -> None:
    if isinstance(directories, str) or not directories:
        raise ValueError(f"directories must be a list of one or more paths, not {directories!r}")
    if not file_pattern:
        raise ValueError("file_pattern must not be empty")


def check_more_than_zero(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be more than 0, not {number!r}")


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
        check_watch(directories, file_pattern)
        check_more_than_zero(check_interval=check_interval)
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
                "directories": list(self.directories),
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
        posts = [Post(directory, self._look_into(directory)) for directory in distinct(self.directories)]
        watch = Watch(posts, self.check_interval)
        try:
            found = await watch.until_found()
            if found is None:
                payload = no_directory_payload(watch.errors)
            else:
                payload = success_payload([(post.directory, post.sighting) for post in watch.posts], watch.errors)
        except Exception as error:
            payload = error_payload("unexpected", describe(error), watch.errors)
        yield TriggerEvent(payload)

    def _look_into(self, directory: str) -> Callable[[float, Callable[[], bool]], Sighting]:
        def look(started: float, is_dismissed: Callable[[], bool]) -> Sighting:
            return Sighting.of(directory, list_files(directory, [self.file_pattern], is_dismissed))

        return look


def look_once(directories: list[str], file_pattern: str) -> dict[str, Any] | None:
    """
    Look into all directories once, as ``MultiDirectoryTrigger`` does with its first look. For the worker: it blocks.

    :return: the payload for a file, an error payload if no directory can ever be read, None if there is nothing yet.
    """
    check_watch(directories, file_pattern)
    sightings = []
    errors = {}
    watched = distinct(directories)
    for directory in watched:
        try:
            sightings.append((directory, Sighting.of(directory, list_files(directory, [file_pattern]))))
        except (PermissionError, NotADirectoryError) as error:
            errors[directory] = describe(error)
            log.warning("%s is left out: %s", directory, errors[directory])
        except OSError as error:
            log.info("%s cannot be looked into at the moment: %s", directory, describe(error))
    if len(errors) == len(watched):
        return no_directory_payload(errors)
    return success_payload(sightings, errors) if any(seen.total for _, seen in sightings) else None


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

    _first_look: datetime | None = None  # of the wait in the worker

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
        if not self.deferrable:
            # Rescheduled, the worker that looked first was another process: only Airflow knows when that was.
            self._first_look = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
            return super().execute(context)
        first_look = datetime.now(timezone.utc)
        if payload := self._look():
            return self._result(payload, first_look, deferred=False)
        self.defer(
            trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
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
        self._first_look = self._first_look or datetime.now(timezone.utc)
        payload = self._look()
        return PokeReturnValue(
            is_done=payload is not None,
            xcom_value=payload and self._result(payload, self._first_look, deferred=False),
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
        if not isinstance(event, dict) or event.get("status") != "success":
            raise WaitFailed(event)
        return self._result(event, datetime.fromisoformat(started_at) if started_at else None, deferred=True)

    def _look(self) -> dict[str, Any] | None:
        payload = look_once(self.directories, self.file_pattern)
        if payload is not None and payload["status"] != "success":
            raise WaitFailed(payload)
        return payload

    @staticmethod
    def _result(payload: dict[str, Any], first_look: datetime | None, *, deferred: bool) -> dict[str, Any]:
        waited = None
        if first_look is not None:
            waited = max(0.0, (datetime.now(timezone.utc) - first_look).total_seconds())
        return {**payload, "deferred": deferred, "waited_seconds": waited}


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


class NoGood(Exception):
    """A file is no good: the reason, and more in words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _count_rows(file: Any) -> int:
    """
    Count the rows below the header of a CSV file, all of which is read: that it cannot be read comes before all else.

    :raises NoGood: ``no_header`` or ``row_width``.
    """
    reader = csv.reader(file, strict=True)
    header: list[str] | None = None
    rows = 0
    complaint: NoGood | None = None
    line = 1
    for row in reader:
        first_line, line = line, reader.line_num + 1
        if not row:
            continue
        if header is None:
            header = row
            if not all(name.strip() for name in header):
                complaint = NoGood("no_header", f"the header in line {first_line} has a blank name")
            continue
        rows += 1
        if len(row) != len(header) and complaint is None:
            where = f"line {first_line}" if first_line == reader.line_num else f"lines {first_line}-{reader.line_num}"
            complaint = NoGood("row_width", f"{where}: {len(row)} fields, the header has {len(header)}")
    if header is None:
        raise NoGood("no_header", "there is not a single row")
    if complaint is not None:
        raise complaint
    return rows


def check_file(path: str) -> dict[str, Any]:
    """
    Check one file.

    :return: ``{"path": str, "size": int, "rows": int | None}``
    :raises NoGood: with the first reason that holds.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise NoGood("unreadable", "it is no file")
        if status.st_size == 0:
            raise NoGood("empty", "it has no bytes")
        if not path.lower().endswith(".csv"):
            with open(path, "rb") as file:
                file.read(1)
            return {"path": path, "size": status.st_size, "rows": None}
        csv.field_size_limit(max(csv.field_size_limit(), status.st_size))  # a field may be as long as its file
        with open(path, encoding="utf-8-sig", newline="") as file:
            return {"path": path, "size": status.st_size, "rows": _count_rows(file)}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoGood("missing", describe(error)) from error
    except (OSError, ValueError, csv.Error) as error:
        raise NoGood("unreadable", describe(error)) from error


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
    found = context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID)
    well_formed = (
        isinstance(found, dict)
        and isinstance(found.get("files"), list)
        and all(isinstance(path, str) for path in found["files"])
        and isinstance(found.get("total_files"), int)
        and "waited_seconds" in found
        and (found["waited_seconds"] is None or _is_number(found["waited_seconds"]))
    )
    if not well_formed:
        raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is not the result of its sensor: {found!r}")
    valid, invalid = [], []
    for path in found["files"]:
        try:
            checked = check_file(path)
        except NoGood as complaint:
            log.warning("%s is no good: %s", path, complaint)
            invalid.append({"path": path, "reason": complaint.reason, "detail": complaint.detail})
        else:
            log.info("%s is valid: %s bytes, %s rows", path, checked["size"], checked["rows"])
            valid.append(checked)
    return {
        "valid": valid,
        "invalid": invalid,
        "total_files": found["total_files"],
        "waited_seconds": found["waited_seconds"],
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


def read_all(path: str, key: str) -> list[dict[str, Any]]:
    """Read a list from the REST API, page by page if it does not fit on one."""
    answer = read_airflow_api(path)
    items = list(answer[key])
    while len(items) < (answer.get("total_entries") or 0):
        page = read_airflow_api(f"{path}{'&' if '?' in path else '?'}offset={len(items)}")[key]
        if not page:
            break
        items += page
    return items


class Findings:
    """Figures that may not be had: each is taken on its own, and of what fails is kept why."""

    def __init__(self) -> None:
        self.unavailable: dict[str, str] = {}

    def take(self, name: str, measure: Callable[[], Any]) -> Any:
        """Call ``measure``; if it raises or gives None, note the reason under ``name`` and give None."""
        try:
            figure = measure()
            reason = "there is none"
        except Exception as error:
            figure = None
            reason = describe(error)
        if figure is None:
            self.unavailable[name] = reason
        return figure


def _wait_of(ti: Any, **where: str) -> tuple[float, bool]:
    """
    Take the seconds waited, and whether the sensor was deferred, from the sensor's XCom.

    :raises LookupError: if they are not there.
    """
    result = ti.xcom_pull(task_ids=SENSOR_TASK_ID, **where)
    if not isinstance(result, dict):
        raise LookupError(f"{SENSOR_TASK_ID} has left no result")
    if not _is_number(result.get("waited_seconds")):
        raise LookupError(f"{SENSOR_TASK_ID} does not know how long it waited")
    return float(result["waited_seconds"]), result.get("deferred") is True


def _saved_slot_seconds(waited: float, deferred: bool) -> float:
    return waited if deferred else 0.0


def _count_in_state(ti: Any, state: str) -> int:
    return int(ti.get_ti_count(dag_id=ti.dag_id, states=[state]))


def _pool_usage() -> list[dict[str, Any]]:
    keys = ("name", "slots", "occupied_slots", "deferred_slots")
    return [{key: pool[key] for key in keys} for pool in read_all("/api/v2/pools", "pools")]


def _recommend(usage: dict[str, Any]) -> list[str]:
    advice = []
    if usage["triggerer_status"] not in (None, "healthy"):
        advice.append("Start a triggerer: the one there is does not look healthy, and deferred tasks wait for it.")
    for pool in usage["pools"] or []:
        if pool["slots"] > 0 and pool["occupied_slots"] >= pool["slots"]:
            advice.append(f"Give pool {pool['name']} more slots than {pool['slots']}: all of them are occupied.")
    if usage["saved_slot_seconds"]:
        seconds = usage["saved_slot_seconds"]
        advice.append(f"Go on deferring {SENSOR_TASK_ID}: it held no worker slot for {seconds:.1f} seconds.")
    elif usage["saved_slot_seconds"] == 0:
        advice.append(f"Nothing was saved: {SENSOR_TASK_ID} did not wait in the triggerer.")
    if usage["unavailable"]:
        advice.append(f"Make available what could not be measured: {', '.join(usage['unavailable'])}.")
    return advice or ["Change nothing: no figure gives a reason to."]


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
    findings = Findings()
    usage: dict[str, Any] = {
        "deferred_tasks": findings.take("deferred_tasks", lambda: _count_in_state(context["ti"], "deferred")),
        "running_tasks": findings.take("running_tasks", lambda: _count_in_state(context["ti"], "running")),
        "waited_seconds": findings.take("waited_seconds", lambda: _wait_of(context["ti"])[0]),
        "saved_slot_seconds": findings.take(
            "saved_slot_seconds", lambda: _saved_slot_seconds(*_wait_of(context["ti"]))
        ),
        "triggerer_status": findings.take(
            "triggerer_status", lambda: read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]
        ),
        "pools": findings.take("pools", _pool_usage),
        "unavailable": findings.unavailable,
    }
    usage["recommendations"] = _recommend(usage)
    log.info("Resource usage: %s", json.dumps(usage))
    return usage


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────

ADVICE = {
    "timeout": "Ask the client for the upload, or give the sensor a longer timeout; then clear the task.",
    "directory_access": "Make the directories readable for the user that Airflow runs as, then clear the task.",
    "triggerer_failure": "Read the triggerer's log, and see that it can import the trigger; then clear the task.",
    "serialization": "Hand over nothing but plain JSON to triggers, to defer() and to XComs.",
    "unknown": "Read the task's log.",
}


def _cause_of(error: Any) -> str:
    """Tell the cause of one exception, or of a text that stands for one, without what it was raised from."""
    if isinstance(error, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    if isinstance(error, (PermissionError, NotADirectoryError, FileNotFoundError)):
        return "directory_access"
    if isinstance(error, WaitFailed) and error.error_type == "directory_access":
        return "directory_access"
    if isinstance(error, TaskDeferralError):
        return "triggerer_failure"
    words = describe(error) if isinstance(error, BaseException) else str(error)
    if any(stem in words.lower() for stem in ("serializ", "serialis")):
        return "serialization"
    return "unknown"


def _chain_of(error: Any) -> Iterator[Any]:
    """Yield an exception and what it was raised from, each once, even if they go round in a circle."""
    seen: list[Any] = []
    while error is not None and not any(error is earlier for earlier in seen):
        seen.append(error)
        yield error
        error = getattr(error, "__cause__", None)


def _text_or_none(get: Callable[[], Any]) -> str | None:
    """Get a text from something that may be broken in any way."""
    try:
        text = get()
    except Exception:
        return None
    return text if isinstance(text, str) else None


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
    try:
        error = context.get("exception")
        cause = next((cause for link in _chain_of(error) if (cause := _cause_of(link)) != "unknown"), "unknown")
    except Exception:
        error, cause = None, "unknown"
    task_id = _text_or_none(lambda: context["ti"].task_id)
    run_id = _text_or_none(lambda: context["ti"].run_id) or _text_or_none(lambda: context["run_id"])
    message = "" if error is None else _text_or_none(lambda: str(error)) or ""
    advice = ADVICE[cause]
    one_line = " ".join(f"Task {task_id} failed, cause: {cause} ({message}). What to do: {advice}".split())
    log.error("%s", one_line)
    return {"task_id": task_id, "run_id": run_id, "cause": cause, "message": message, "advice": advice}


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
    findings = Findings()

    def task_states() -> dict[str, int]:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        return dict(Counter(state or "none" for state in states.values()))

    waited, deferred = findings.take("waited_seconds", lambda: _wait_of(context["ti"])) or (None, False)
    held = 0.0 if deferred else waited
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": None if waited is None or held is None else waited - held,
        "task_states": findings.take("task_states", task_states),
        "unavailable": findings.unavailable,
    }


UNAVAILABLE = "unavailable"


def _dig(data: Any, *keys: str) -> Any:
    """Follow keys down into nested dicts; None where there is no way."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _figure(value: Any) -> str:
    return str(value) if _is_number(value) else UNAVAILABLE


def _list(items: Sequence[str], otherwise: str) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items or [otherwise]) + "</ul>"


def _picture(bars: dict[str, Any]) -> str:
    """Draw one bar for each figure; where there is none, the picture says so."""
    longest = max([float(value) for value in bars.values() if _is_number(value)] + [1e-9])
    drawn = []
    for row, (name, value) in enumerate(bars.items()):
        width = 300 * float(value) / longest if _is_number(value) else 0
        drawn.append(
            f'<text x="0" y="{row * 30 + 16}">{escape(name)}</text>'
            f'<rect x="100" y="{row * 30 + 3}" width="{width:.1f}" height="18" fill="#36c"/>'
            f'<text x="{105 + width:.1f}" y="{row * 30 + 16}">{_figure(value)}</text>'
        )
    return f'<svg width="640" height="{30 * len(bars)}" role="img">{"".join(drawn)}</svg>'


def _write_whole(path: str, text: str) -> None:
    """Put a file in place whole or not at all: whoever reads meanwhile reads the one before."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.{uuid.uuid4().hex}.tmp"
    try:
        with open(draft, "x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(draft)
        raise


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

    def pull(task_id: str) -> Any:
        try:
            return ti.xcom_pull(task_ids=task_id)
        except Exception as error:
            log.warning("The XCom of %s cannot be had: %s", task_id, describe(error))
            return None

    processed = pull("process_trigger_results")
    usage = pull("monitor_resource_usage")
    comparison = pull("compare_approaches")

    valid, invalid = _dig(processed, "valid"), _dig(processed, "invalid")
    valid_files = [entry["path"] for entry in valid or []]
    invalid_files = [entry["path"] for entry in invalid or []]
    bad = [f"{entry['path']}: {entry['reason']} ({entry.get('detail', '')})" for entry in invalid or []]
    advice = _dig(usage, "recommendations") or []
    slots = {name: _dig(comparison, name, "slot_seconds") for name in ("traditional", "deferrable")}

    page = f"""<!DOCTYPE html>
    <html lang="en">
    <head><meta charset="utf-8"><title>Trigger report</title></head>
    <body>
    <h1>Trigger report</h1>
    <p>Run: {escape(str(ti.run_id))}</p>
    <h2>Valid files</h2>
    {_list(valid_files, UNAVAILABLE if valid is None else "none")}
    <h2>Invalid files</h2>
    {_list(bad, UNAVAILABLE if invalid is None else "none")}
    <h2>The wait</h2>
    <p>Seconds waited: {_figure(_dig(comparison, "waited_seconds"))}</p>
    <p>Slot seconds, traditional: {_figure(slots["traditional"])}</p>
    <p>Slot seconds, deferrable: {_figure(slots["deferrable"])}</p>
    {_picture(slots)}
    <h2>Recommendations</h2>
    {_list(advice, UNAVAILABLE)}
    </body>
    </html>
    """
    _write_whole(REPORT_FILE, page)
    return {"report_file": REPORT_FILE, "valid_files": valid_files, "invalid_files": invalid_files}


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class StableLook:
    """
    The looks into one directory, each of which knows what the ones before have seen.

    Lives in one run of one trigger and is used by one thread at a time. A look that fails changes nothing: what is
    found unchanged afterwards has been the same all the time.
    """

    def __init__(self, directory: str, patterns: list[str], stable_seconds: float) -> None:
        self.directory = directory
        self._patterns = patterns
        self._stable_seconds = stable_seconds
        self._unchanged_since: dict[FoundFile, float] = {}

    def __call__(self, started: float, is_dismissed: Callable[[], bool]) -> Sighting:
        files = list_files(self.directory, self._patterns, is_dismissed)
        self._unchanged_since = {file: self._unchanged_since.get(file, started) for file in files}
        limit = started - self._stable_seconds + 1e-6  # three times 0.1 is not quite 0.3
        return Sighting.of(self.directory, [file for file, since in self._unchanged_since.items() if since <= limit])


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
        check_watch(directories, "*")
        if isinstance(file_patterns, str) or not file_patterns or not all(file_patterns):
            raise ValueError(f"file_patterns must be a list of one or more patterns, not {file_patterns!r}")
        check_more_than_zero(check_interval=check_interval, backoff_base=backoff_base, backoff_cap=backoff_cap)
        if not stable_seconds >= 0 or not max_retries >= 0:
            raise ValueError("stable_seconds and max_retries must be 0 or more")
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
                "directories": dict(self.directories),
                "file_patterns": list(self.file_patterns),
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
        ordered = distinct(sorted(self.directories, key=lambda directory: (self.directories[directory], directory)))
        looks = [StableLook(directory, self.file_patterns, self.stable_seconds) for directory in ordered]
        watch = Watch([Post(look.directory, look) for look in looks], self.check_interval, self._pause_after)
        try:
            found = await watch.until_found()
            if found is None:
                payload = no_directory_payload(watch.errors)
            else:
                payload = {
                    **success_payload([(post.directory, post.sighting) for post in watch.posts], watch.errors),
                    "pattern": found.sighting.first.pattern,
                    "priority": self.directories[found.directory],
                }
        except Exception as error:
            payload = error_payload("unexpected", describe(error), watch.errors)
        yield TriggerEvent(payload)

    def _pause_after(self, failures: int) -> float | None:
        if failures > self.max_retries:
            return None
        doubled = self.backoff_base * 2.0 ** min(failures - 1, 1000)  # beyond that no float is large enough
        return min(doubled, self.backoff_cap)


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def _deferred_tasks_taken_up() -> list[bool]:
    """Say for each deferred task instance of all DAGs whether a triggerer has taken it up."""
    path = "/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100"
    return [_dig(task, "trigger", "triggerer_id") is not None for task in read_all(path, "task_instances")]


def _pool_utilization() -> dict[str, float]:
    pools = read_all("/api/v2/pools", "pools")
    return {pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0 for pool in pools}


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
    findings = Findings()

    def all_states() -> dict[str, dict[str, str | None]]:
        states = context["ti"].get_task_states(dag_id=EXERCISE_DAG_ID)
        return {run_id: dict(of_run) for run_id, of_run in states.items()}

    def seconds_waited(run_id: str) -> float | None:
        return Findings().take(run_id, lambda: _wait_of(context["ti"], dag_id=EXERCISE_DAG_ID, run_id=run_id)[0])

    states = findings.take("runs", all_states)
    runs = states or {}
    waits = Counter(
        of_run[task_id] or "none" for of_run in runs.values() for task_id in WAITING_TASK_IDS if task_id in of_run
    )
    ended = waits["success"] + waits["failed"]
    good_runs = [run_id for run_id, of_run in runs.items() if of_run.get(SENSOR_TASK_ID) == "success"]
    seconds = [waited for run_id in good_runs if (waited := seconds_waited(run_id)) is not None]
    taken_up = findings.take("triggers_running", _deferred_tasks_taken_up)
    if taken_up is None:
        findings.unavailable["triggers_queued"] = findings.unavailable["triggers_running"]
    metrics = {
        "runs": None if states is None else len(states),
        "waits": {state: number for state, number in waits.items() if number},
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
        "triggers_running": None if taken_up is None else taken_up.count(True),
        "triggers_queued": None if taken_up is None else taken_up.count(False),
        "pool_utilization": findings.take("pool_utilization", _pool_utilization),
        "unavailable": findings.unavailable,
    }
    log.info("Trigger metrics: %s", json.dumps(metrics))
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


class PartnerRefuses(Exception):
    """The partner's API has answered with an HTTP status that will not get better."""


class Inquiry:
    """
    Asks an HTTP service whether its status is the expected one, from a thread.

    ``abort`` may be called from elsewhere: it cuts the connection, so that the thread does not stay behind with a
    service that sends a byte now and then.
    """

    def __init__(self, url: str, expected_status: str) -> None:
        self._url = url
        self._expected_status = expected_status
        self._socket: socket.socket | None = None

    def __call__(self, started: float, is_dismissed: Callable[[], bool]) -> dict[str, Any] | None:
        """
        Ask once.

        :return: the answer if it is the hoped-for one, None for everything that may pass.
        :raises PartnerRefuses: if asking again makes no sense.
        """
        connection, target = self._connect()
        try:
            status, body = self._get(connection, target)
        except (OSError, http.client.HTTPException) as error:
            log.info("%s gives no answer: %s", self._url, describe(error))
            return None
        finally:
            connection.close()
        if 400 <= status < 500:
            raise PartnerRefuses(f"HTTP status {status} {http.client.responses.get(status, '')}".rstrip())
        answer = self._read(body) if status < 400 else None
        return answer if isinstance(answer, dict) and answer.get("status") == self._expected_status else None

    def abort(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # closed already
                self._socket.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> tuple[http.client.HTTPConnection, str]:
        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{self._url!r} is no URL of an HTTP service")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return kind(parts.hostname, parts.port, timeout=API_TIMEOUT), quote(target, safe="%/:=&?~#+!$,;'@()*[]")

    def _get(self, connection: http.client.HTTPConnection, target: str) -> tuple[int, bytes]:
        try:
            connection.connect()
            self._socket = connection.sock
            connection.request("GET", target, headers={"Accept": "application/json", "Connection": "close"})
            with connection.getresponse() as response:
                return response.status, response.read()
        finally:
            self._socket = None

    @staticmethod
    def _read(body: bytes) -> Any:
        def refuse(constant: str) -> NoReturn:
            raise ValueError(f"{constant} is no JSON")

        try:
            return json.loads(body, parse_constant=refuse)
        except (ValueError, RecursionError):
            return None


async def ask_until_true(
    job: Callable[[float, Callable[[], bool]], Any], check_interval: float, abort: Callable[[], None] | None = None
) -> Outcome:
    """
    Have a thread do a job, at once and then about every ``check_interval`` seconds.

    :param job: what to do.
    :param check_interval: seconds between the beginnings of two jobs.
    :param abort: cuts a job short; called after ``API_TIMEOUT`` seconds, and in the end.
    :return: the first outcome with something true in it, or with an error.
    """
    loop = asyncio.get_running_loop()
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    scout = Scout("scout", job, outcomes.put_nowait)
    try:
        while True:
            scout.ask()
            alarm = loop.call_later(API_TIMEOUT, abort) if abort else None
            try:
                outcome = await outcomes.get()
            finally:
                if alarm is not None:
                    alarm.cancel()
            if outcome.value or outcome.error is not None:
                return outcome
            await asyncio.sleep(outcome.started + check_interval - loop.time())
    finally:
        scout.dismiss()
        if abort is not None:
            abort()


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
        check_more_than_zero(check_interval=check_interval)
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
            inquiry = Inquiry(self.url, self.expected_status)
            outcome = await ask_until_true(inquiry, self.check_interval, inquiry.abort)
        except Exception as error:
            outcome = Outcome(0, error=error)
        if outcome.error is None:
            payload = {"status": "success", "url": self.url, "answer": outcome.value}
        elif isinstance(outcome.error, PartnerRefuses):
            payload = error_payload("api", f"{self.url}: {outcome.error}", {self.url: str(outcome.error)})
        else:
            payload = error_payload("unexpected", describe(outcome.error))
        yield TriggerEvent(payload)


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
        check_more_than_zero(check_interval=check_interval)
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        return (
            "trigger_implementation_exercise.BusinessRuleTrigger",
            {
                "rule": self.rule,
                "rule_kwargs": copy.deepcopy(self.rule_kwargs),
                "check_interval": self.check_interval,
            },
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
            outcome = await ask_until_true(self._ask, self.check_interval)
            if outcome.error is None:
                payload = {"status": "success", "rule": self.rule}
            else:
                reason = describe(outcome.error)
                payload = error_payload("rule", f"The rule {self.rule} is broken: {reason}", {self.rule: reason})
        except Exception as error:
            payload = error_payload("unexpected", describe(error))
        yield TriggerEvent(payload)

    def _ask(self, started: float, is_dismissed: Callable[[], bool]) -> bool:
        module, _, function = self.rule.rpartition(".")
        rule = getattr(importlib.import_module(module), function)
        return bool(rule(**copy.deepcopy(self.rule_kwargs or {})))  # a copy: a rule may change what it is given


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
            delivered += bool(list_files(directory, ["*.csv"]))
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
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

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
    description="Waits for the uploads of the clients without holding worker slots, and reports what that saves.",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
) as dag:
    set_up = PythonOperator(task_id="set_up_directories", python_callable=set_up_directories).as_setup()
    clean_up = PythonOperator(
        task_id="clean_up_directories", python_callable=clean_up_directories, op_args=[set_up.output]
    ).as_teardown(setups=set_up)

    waits = {"poke_interval": 30, "timeout": 600, "on_failure_callback": handle_trigger_failure}
    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        deferrable=True,
        on_execute_callback=log_worker_slot,
        doc_md="""
Waits for the upload of a client, which may take minutes or hours. In poke mode it would hold a **worker slot** for all
that time. It defers instead: the **triggerer** waits for it, together with hundreds of others, in a single process, and
a worker takes it up again when the file is there.
""",
        **waits,
    )
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id=SENSOR_TASK_ID, directories=CLIENT_DIRECTORIES, file_pattern="*.csv", **waits
    )

    process, monitor, compare, report = (
        PythonOperator(task_id=function.__name__, python_callable=function)
        for function in (
            process_trigger_results,
            monitor_resource_usage,
            compare_approaches,
            generate_trigger_report,
        )
    )

    chain(set_up, [wait_for_upload, monitor_client_uploads], process, [monitor, compare], report, clean_up)

with DAG(
    dag_id="trigger_orchestration_challenge",
    description="Publishes when the data is there, the time has come, and somebody has given leave.",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(
        task_id="wait_for_data", directories=CLIENT_DIRECTORIES, poke_interval=30, timeout=600
    )
    wait_for_window = DateTimeSensorAsync(
        task_id="wait_for_window",
        # Every run has a run_after; a run that is started by hand has no logical date.
        target_time="{{ (dag_run.run_after + macros.timedelta(seconds=30)).isoformat() }}",
    )
    wait_for_api = WaitForTrigger(
        task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL, check_interval=10), timeout=600
    )
    wait_for_rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            "trigger_implementation_exercise.enough_clients_delivered",
            {"directories": CLIENT_DIRECTORIES, "minimum": 3},
            check_interval=10,
        ),
        timeout=600,
    )
    approve = EmptyOperator(task_id="approve", trigger_rule=TriggerRule.ONE_SUCCESS)
    publish = EmptyOperator(task_id="publish")

    [wait_for_api, wait_for_rule] >> approve
    [wait_for_data, wait_for_window, approve] >> publish
