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
import dataclasses
import fnmatch
import heapq
import html
import http.client
import importlib
import inspect
import itertools
import json
import logging
import os
import re
import socket
import stat
import statistics
import sys
import tempfile
import threading
import urllib.request
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import PurePath
from string import Template
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

from airflow import sdk
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import BaseSensorOperator, Connection, Context, PokeReturnValue
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
    leaves = map(os.path.abspath, [os.path.dirname(UPLOAD_FILE), *CLIENT_DIRECTORIES, os.path.dirname(REPORT_FILE)])
    for path in (path for leaf in leaves for path in [*reversed(PurePath(leaf).parents), leaf]):
        try:
            os.mkdir(path)
        except OSError:  # not always FileExistsError: the root may be busy, or read-only
            if not os.path.isdir(path):
                raise
        else:
            made["directories"].append(str(path))
    for directory in CLIENT_DIRECTORIES:
        readme = os.path.join(os.path.abspath(directory), "README.txt")
        try:
            with open(readme, "x", encoding="utf-8") as file:
                file.write("Please put your CSV files here: *.csv, UTF-8, the first row a header.\n")
        except FileExistsError:
            continue
        made["files"].append(readme)
    return made


def _goes(remove: Callable[[str], None], path: str) -> bool:
    """Remove a file or an empty directory; say whether it has gone by that."""
    try:
        remove(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        log.info("%s stays: %s", path, error)
        return False
    return True


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what lies there. What
    is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    created = created or {"directories": [], "files": []}
    files = [path for path in created["files"] if _goes(os.unlink, path)]
    # Backwards, so that a directory comes after what lies in it.
    return files + [path for path in reversed(created["directories"]) if _goes(os.rmdir, path)]


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """
    Log that a worker slot is taken from now on: the ``on_execute_callback`` of ``wait_for_upload``.

    A sensor in poke mode is taken up once and keeps its slot until the file is there. A deferred one is taken up twice,
    for a moment each time; the log shows it.

    Logs one line at INFO that names the task's id and contains the words "worker slot".

    :param context: the task's context; the task instance is ``context["ti"]``.
    """
    log.info("%s holds a worker slot from now on", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100
CLOCK_ERROR = 1e-6  # seconds by which sums of intervals may be off: 0.1 + 0.2 is not 0.3

MODULE = "trigger_implementation_exercise"  # never __name__: see MultiDirectoryTrigger.serialize


def describe(error: BaseException) -> str:
    """Say what an exception is, with its type and its text, whatever its ``__str__`` does."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


@dataclass(frozen=True)
class Nothing:
    """A reply: not yet. Ask again after ``pause`` seconds, or at the usual pace if it is None."""

    pause: float | None = None


@dataclass(frozen=True)
class Found:
    """A reply: here it is."""

    value: Any


@dataclass(frozen=True)
class Lost:
    """A reply: never. Do not ask again."""

    reason: str


class Question(Protocol):
    """Something that is asked again and again, from a thread, never twice at a time."""

    name: str

    def ask(self, now: float) -> Nothing | Found | Lost:
        """Look for the answer, at the time ``now`` of the event loop's clock."""

    def give_up(self) -> None:
        """Make an ``ask`` that is under way end soon. Called from the event loop, so it must not block."""


@dataclass(eq=False)
class Slot:
    """Where a run stands with one question."""

    question: Question
    reply: Nothing | Found | Lost = Nothing()
    asking: bool = False
    asked_at: float = 0
    due: float = 0
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def drop_timers(self) -> None:
        while self.timers:
            self.timers.pop().cancel()


def success_or_failure(
    slots: list[Slot], success: Callable[[list[Any], dict[str, str]], dict[str, Any]], error_type: str
) -> dict[str, Any] | None:
    """Say what the replies amount to: the payload of an event, or None if it is too early for one."""
    errors = {slot.question.name: slot.reply.reason for slot in slots if isinstance(slot.reply, Lost)}
    found = [slot.reply.value for slot in slots if isinstance(slot.reply, Found)]
    if found:
        return success(found, errors)
    if len(errors) == len(slots):
        message = "Nothing is left to wait for: " + "; ".join(f"{name}: {reason}" for name, reason in errors.items())
        return {"status": "error", "error_type": error_type, "message": message, "errors": errors}
    return None


@dataclass(eq=False)
class Lookout:
    """
    One run of a trigger: asks its questions, in their order of importance, until the replies amount to an event.

    There are no tasks in it. A timer starts a thread, the thread's reply comes back as a callback, the callback sets
    the next timer; so there is nothing that could be left behind but timers and threads, and ``settle`` ends both.

    Each question has a daemon thread of its own whenever it is asked. The threads of ``asyncio.to_thread`` are few and
    shared by the whole process: some hung mounts would stop the looks of everybody, and keep the process from ending.

    :ivar interval: seconds from the start of one asking to that of the next.
    :ivar success: makes the payload of what was found and what was lost.
    :ivar error_type: of the event if all is lost.
    :ivar limit: seconds after which a question is given up for this time.
    """

    interval: float
    success: Callable[[list[Any], dict[str, str]], dict[str, Any]]
    error_type: str
    limit: float | None = None
    slots: list[Slot] = field(default_factory=list)

    async def settle(self, questions: Callable[[], Iterable[Question]]) -> dict[str, Any]:
        """Wait for the payload of the one event."""
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[dict[str, Any]] = self.loop.create_future()
        self.patience: asyncio.TimerHandle | None = None
        try:
            self.slots += [Slot(question) for question in questions()]
            for slot in self.slots:
                self._ask(slot)
            return await self.outcome
        except Exception as error:
            errors = {slot.question.name: slot.reply.reason for slot in self.slots if isinstance(slot.reply, Lost)}
            return {"status": "error", "error_type": "unexpected", "message": describe(error), "errors": errors}
        finally:
            self.outcome.cancel()
            if self.patience:
                self.patience.cancel()
            for slot in self.slots:
                slot.drop_timers()
                slot.question.give_up()

    def _ask(self, slot: Slot) -> None:
        if self.outcome.done():
            return
        slot.asking, slot.asked_at = True, self.loop.time()
        slot.due = slot.asked_at + self.interval
        context = contextvars.copy_context()  # by it Airflow knows whose log it is
        thread = threading.Thread(target=context.run, args=(self._work, slot), name=slot.question.name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # there are too many threads
            self._fail(error)
            return
        if self.limit is not None:
            slot.timers.append(self.loop.call_later(self.limit, slot.question.give_up))

    def _work(self, slot: Slot) -> None:
        """In the thread: ask, and hand the reply to the event loop, if it is still there."""
        try:
            callback, result = self._hear, slot.question.ask(slot.asked_at)
        except BaseException as error:
            callback, result = self._hear_of_failure, error
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(callback, slot, result)

    def _hear_of_failure(self, slot: Slot, error: BaseException) -> None:
        slot.asking = False
        # A future takes no StopIteration, and a task that is given a SystemExit stops the event loop.
        self._fail(RuntimeError(describe(error)) if isinstance(error, StopIteration) else error)

    def _fail(self, error: BaseException) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error if isinstance(error, Exception) else RuntimeError(describe(error)))

    def _hear(self, slot: Slot, reply: Nothing | Found | Lost) -> None:
        if self.outcome.done():
            return
        slot.asking, slot.reply = False, reply
        slot.drop_timers()
        if isinstance(reply, Lost):
            log.warning("%s is left out: %s", slot.question.name, reply.reason)
        else:
            if isinstance(reply, Nothing) and reply.pause is not None:
                slot.due = self.loop.time() + reply.pause
            slot.timers.append(self.loop.call_at(slot.due, self._ask, slot))
        self._judge()

    def _judge(self) -> None:
        """
        Let the event out if it is ripe.

        Once something is found, those who are being asked, or are about to be, may still have their say, so that the
        event does not depend on who happens to reply first. They have until half an interval after the finder was
        asked: what was found may have been there for a whole one before that.
        """
        found_at = min((slot.asked_at for slot in self.slots if isinstance(slot.reply, Found)), default=None)
        if found_at is not None:
            end = found_at + self.interval / 2
            if any(isinstance(slot.reply, Nothing) and (slot.asking or slot.due < end) for slot in self.slots):
                self.patience = self.patience or self.loop.call_at(end, self._finish)
                return
        self._finish()

    def _finish(self) -> None:
        if self.outcome.done():
            return
        try:
            payload = success_or_failure(self.slots, self.success, self.error_type)
        except Exception as error:
            self._fail(error)
        else:
            if payload is not None:
                self.outcome.set_result(payload)


@dataclass(frozen=True)
class Patterns:
    """Shell patterns for a file's name."""

    patterns: tuple[str, ...]

    def first_match(self, name: str) -> str | None:
        """Name the first pattern that matches; a leading dot is matched by a dot only."""
        candidates = (p for p in self.patterns if p.startswith(".")) if name.startswith(".") else self.patterns
        return next((pattern for pattern in candidates if fnmatch.fnmatchcase(name, pattern)), None)


@dataclass(frozen=True, order=True)
class FoundFile:
    """A file that counts, as an event tells of it. Files of one directory are in the order of their names."""

    name: str
    size: int
    modified: float
    pattern: str


@dataclass(frozen=True)
class FoundFiles:
    """The files of one directory that count: the first hundred, and how many there are."""

    directory: str
    priority: int
    files: list[FoundFile]
    total: int


@dataclass(frozen=True)
class Stability:
    """What the advanced trigger asks for beyond the plain one."""

    stable_seconds: float
    max_retries: int
    backoff_base: float
    backoff_cap: float


@dataclass(eq=False)
class DirectoryQuestion:
    """Which files in this directory count? Belongs to one run, for it remembers what it has seen."""

    name: str
    patterns: Patterns
    priority: int = 0
    stability: Stability | None = None
    failures: int = 0  # in a row
    seen: dict[str, tuple[tuple[int, ...], float]] = field(default_factory=dict)  # how a file looks, and since when
    stop: threading.Event = field(default_factory=threading.Event)

    def give_up(self) -> None:
        self.stop.set()

    def ask(self, now: float) -> Nothing | Found | Lost:
        try:
            with os.scandir(self.name) as entries:
                reply = self._look(entries, now)
        except FileNotFoundError:
            reply = Nothing()
            self.seen = {}
        except (PermissionError, NotADirectoryError) as error:
            return Lost(describe(error))
        except OSError as error:
            log.debug("A look at %s has failed: %s", self.name, error)
            self.seen = {}  # whoever could not be looked at may have changed
            self.failures += 1
            return self._after_failure(error)
        self.failures = 0
        return reply

    def _look(self, entries: Iterable[os.DirEntry[str]], now: float) -> Nothing | Found:
        total = 0
        before, self.seen = self.seen, {}

        def that_count() -> Iterator[FoundFile]:
            nonlocal total
            for entry in entries:
                if self.stop.is_set():
                    return
                pattern = self.patterns.first_match(entry.name)
                if pattern is None:
                    continue
                try:
                    status = entry.stat()
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode) and self._is_stable(entry.name, status, before, now):
                    total += 1
                    yield FoundFile(entry.name, status.st_size, status.st_mtime, pattern)

        # The whole list is never sorted: that is one call which keeps the GIL, and so the event loop, to itself.
        files = heapq.nsmallest(MAX_LISTED_FILES, that_count())
        return Found(FoundFiles(self.name, self.priority, files, total)) if files else Nothing()

    def _is_stable(
        self, name: str, status: os.stat_result, before: dict[str, tuple[tuple[int, ...], float]], now: float
    ) -> bool:
        if self.stability is None:
            return True
        looks = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
        old_looks, since = before.get(name, (looks, now))
        if old_looks != looks:
            since = now
        self.seen[name] = (looks, since)
        return now - since >= self.stability.stable_seconds - CLOCK_ERROR

    def _after_failure(self, error: OSError) -> Nothing | Lost:
        if self.stability is None:
            return Nothing()
        if self.failures > self.stability.max_retries:
            return Lost(f"{self.failures} looks in a row have failed, the last one with {describe(error)}")
        doublings = min(self.failures - 1, 1000)  # beyond that a float overflows
        return Nothing(min(self.stability.backoff_base * 2**doublings, self.stability.backoff_cap))


def distinct(directories: Iterable[str]) -> list[str]:
    """Drop a directory that was named before, also if it was spelled differently (``/data/a``, ``/data//a/``)."""
    by_path: dict[PurePath, str] = {}
    for directory in directories:
        by_path.setdefault(PurePath(directory), directory)
    return list(by_path.values())


def files_payload(found: list[FoundFiles], errors: dict[str, str]) -> dict[str, Any]:
    """The payload for a file, from what was found in each directory, the most important first."""
    first = found[0]
    file = first.files[0]
    paths = (os.path.join(each.directory, one.name) for each in found for one in each.files)
    return {
        "status": "success",
        "directory": first.directory,
        "filename": file.name,
        "path": os.path.join(first.directory, file.name),
        "size": file.size,
        "modified": datetime.fromtimestamp(file.modified, timezone.utc).isoformat(),
        "files": list(itertools.islice(paths, MAX_LISTED_FILES)),
        "total_files": sum(each.total for each in found),
        "errors": errors,
    }


def look_once(directories: list[str], file_pattern: str) -> dict[str, Any] | None:
    """Look once, here and now: the payload that ``MultiDirectoryTrigger`` would yield, or None if it would wait on."""
    trigger = MultiDirectoryTrigger(directories, file_pattern)
    slots = [Slot(question, question.ask(now=0)) for question in trigger.questions()]
    return success_or_failure(slots, files_payload, "directory_access")


def is_positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be more than 0, not {number!r}")


def is_not_negative(**numbers: float) -> None:
    for name, number in numbers.items():
        if not number >= 0:
            raise ValueError(f"{name} must be 0 or more, not {number!r}")


def is_not_empty(**values: Any) -> None:
    for name, value in values.items():
        if not value:
            raise ValueError(f"{name} must not be empty")


def is_no_text(**values: Any) -> None:
    for name, value in values.items():
        if isinstance(value, str):
            raise ValueError(f"{name} must hold several texts, not be one: {value!r}")


class FieldsTrigger(BaseTrigger):
    """A trigger whose arguments are the fields of a dataclass: they are all that it is rebuilt from."""

    def _class_path_and_fields(self) -> tuple[str, dict[str, Any]]:
        return f"{MODULE}.{type(self).__name__}", dataclasses.asdict(self)  # type: ignore[call-overload]


@dataclass(init=False, eq=False, repr=False)
class MultiDirectoryTrigger(FieldsTrigger):
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

    directories: list[str]
    file_pattern: str = "*.csv"
    check_interval: float = 10

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
        is_not_empty(directories=directories, file_pattern=file_pattern)
        is_no_text(directories=directories)
        is_positive(check_interval=check_interval)
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
        return self._class_path_and_fields()

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
        lookout = Lookout(self.check_interval, files_payload, "directory_access")
        yield TriggerEvent(await lookout.settle(self.questions))

    def questions(self) -> list[DirectoryQuestion]:
        """One question a directory, new for each run."""
        patterns = Patterns((self.file_pattern,))
        return [DirectoryQuestion(directory, patterns) for directory in distinct(self.directories)]


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


@dataclass(frozen=True)
class Wait:
    """What the sensor's result says of the wait. It is made by the sensor, and read again by the tasks after it."""

    deferred: bool
    waited_seconds: float | None

    @property
    def saved_slot_seconds(self) -> float | None:
        return 0.0 if self.waited_seconds is not None and not self.deferred else self.waited_seconds


def seconds_since(moment: datetime) -> float:
    return max(0.0, (datetime.now(timezone.utc) - moment).total_seconds())


def succeeded(event: Any) -> dict[str, Any]:
    """Return the payload of a success, raise for everything else."""
    match event:
        case {"status": "success"}:
            return event
        case _:
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
        if not self.deferrable:
            self._first_look = None
            return super().execute(context)
        first_look = datetime.now(timezone.utc)
        event = look_once(self.directories, self.file_pattern)
        if event is None:
            self.defer(
                trigger=MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval),
                method_name=self.execute_complete.__name__,
                kwargs={"started_at": first_look.isoformat()},
                timeout=timedelta(seconds=self.timeout),
            )
        return succeeded(event) | dataclasses.asdict(Wait(deferred=False, waited_seconds=seconds_since(first_look)))

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        if self._first_look is None:
            # A rescheduled sensor is another process at each look; Airflow knows when the first one was.
            known = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
            self._first_look = known or datetime.now(timezone.utc)
        event = look_once(self.directories, self.file_pattern)
        if event is None:
            return PokeReturnValue(is_done=False)
        wait = Wait(deferred=False, waited_seconds=seconds_since(self._first_look))
        return PokeReturnValue(is_done=True, xcom_value=succeeded(event) | dataclasses.asdict(wait))

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
        waited_seconds = seconds_since(datetime.fromisoformat(started_at)) if started_at else None
        return succeeded(event) | dataclasses.asdict(Wait(deferred=True, waited_seconds=waited_seconds))


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


def check_file(path: str) -> ValidFile | InvalidFile:
    """Look at one file."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return InvalidFile(path, "unreadable", "not a regular file")
        if status.st_size == 0:
            return InvalidFile(path, "empty", "no bytes")
        if path.lower().endswith(".csv"):
            with open(path, encoding="utf-8-sig", newline="") as file:
                return check_rows(path, status.st_size, file)
        with open(path, "rb") as file:
            file.read(1)
    except (FileNotFoundError, NotADirectoryError) as error:
        return InvalidFile(path, "missing", describe(error))
    except (OSError, ValueError, csv.Error) as error:  # UnicodeDecodeError is a ValueError
        return InvalidFile(path, "unreadable", describe(error))
    return ValidFile(path, status.st_size, None)


def check_rows(path: str, size: int, lines: Iterable[str]) -> ValidFile | InvalidFile:
    """Look at the rows of a CSV file, at all of them: that the file is unreadable may show in the last."""
    rows = csv_rows(lines)
    _, header = next(rows, (0, []))
    widths = [(line, len(row)) for line, row in rows]
    if not header:
        return InvalidFile(path, "no_header", "no row at all")
    if not all(map(str.strip, header)):
        return InvalidFile(path, "no_header", f"a name in the header is blank: {header}")
    for line, width in widths:
        if width != len(header):
            return InvalidFile(path, "row_width", f"line {line}: {width} fields, but {len(header)} in the header")
    return ValidFile(path, size, len(widths))


def csv_rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Read the rows that are not empty, each with the number of the line on which it begins."""
    usual_limit = csv.field_size_limit(sys.maxsize)  # a field may be as long as it likes
    try:
        reader = csv.reader(lines, strict=True)
        while True:
            line = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                return
            if row:
                yield line, row
    finally:
        csv.field_size_limit(usual_limit)


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
    match result:
        case {"files": list(files), "total_files": int(total_files), "waited_seconds": None | int() | float() as waited}:
            pass
        case _:
            raise AirflowException(f"{SENSOR_TASK_ID} has left no result in its XCom, but {result!r}")
    if not all(isinstance(path, str) for path in files):
        raise AirflowException(f"{SENSOR_TASK_ID} has left files in its XCom that are no paths: {files!r}")
    checked = [check_file(path) for path in files]
    for file in checked:
        if isinstance(file, ValidFile):
            log.info("%s is valid: %d bytes, rows: %s", file.path, file.size, file.rows)
        else:
            log.warning("%s is invalid: %s (%s)", file.path, file.reason, file.detail)
    return {
        "valid": [dataclasses.asdict(file) for file in checked if isinstance(file, ValidFile)],
        "invalid": [dataclasses.asdict(file) for file in checked if isinstance(file, InvalidFile)],
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


class Unavailable(Exception):
    """A figure that cannot be had. The text says why."""


def measure(**sources: Callable[[], Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """
    Take each figure from its source.

    :return: the figures, None for each that cannot be had; and why those cannot.
    """
    figures: dict[str, Any] = {}
    unavailable: dict[str, str] = {}
    for name, source in sources.items():
        try:
            figures[name] = source()
        except Unavailable as error:
            figures[name], unavailable[name] = None, str(error)
        except Exception as error:
            figures[name], unavailable[name] = None, describe(error)
    return figures, unavailable


def whole_number(value: Any) -> int:
    if type(value) is not int:
        raise Unavailable(f"a whole number was expected, not {value!r}")
    return value


def wait_of(ti: Any, **run: str) -> Wait:
    """
    Read how long ``monitor_client_uploads`` has waited.

    :param run: ``dag_id`` and ``run_id`` of another run than this one.
    :raises Unavailable: if its XCom does not tell.
    """
    match ti.xcom_pull(task_ids=SENSOR_TASK_ID, **run):
        case {"waited_seconds": int() | float() as seconds, **rest}:
            return Wait(bool(rest.get("deferred")), float(seconds))
        case {"waited_seconds": None}:
            raise Unavailable(f"{SENSOR_TASK_ID} does not know when it looked first")
        case None:
            raise Unavailable(f"{SENSOR_TASK_ID} has left no XCom")
        case other:
            raise Unavailable(f"the XCom of {SENSOR_TASK_ID} is not the sensor's result: {other!r}")


def triggerer_status() -> str:
    status = read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]
    if not isinstance(status, str):
        raise Unavailable("the API knows of no triggerer")
    return status


def recommendations(usage: dict[str, Any]) -> list[str]:
    """Say what follows from the figures."""
    sentences = []
    saved, waited, status = usage["saved_slot_seconds"], usage["waited_seconds"], usage["triggerer_status"]
    if waited is None:
        sentences.append("Find out why the wait could not be measured, before you change anything.")
    elif saved:
        sentences.append(f"Stay with the deferrable sensor: a worker slot was free for {saved:.1f} seconds.")
    else:
        sentences.append(f"The sensor was not deferred and held its slot for {waited:.1f} seconds; defer longer waits.")
    if status not in (None, "healthy"):
        sentences.append(f"Look after the triggerer: it is {status}, and deferred tasks go on only with a healthy one.")
    for pool in usage["pools"] or []:
        if 0 < pool["slots"] <= pool["occupied_slots"]:
            sentences.append(f"Enlarge the pool {pool['name']}: all its {pool['slots']} slots are occupied.")
    return sentences


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
    usage, unavailable = measure(
        deferred_tasks=lambda: whole_number(ti.get_ti_count(dag_id=ti.dag_id, states=["deferred"])),
        running_tasks=lambda: whole_number(ti.get_ti_count(dag_id=ti.dag_id, states=["running"])),
        waited_seconds=lambda: wait_of(ti).waited_seconds,
        saved_slot_seconds=lambda: wait_of(ti).saved_slot_seconds,
        triggerer_status=triggerer_status,
        pools=lambda: [
            {key: pool[key] for key in ("name", "slots", "occupied_slots", "deferred_slots")}
            for pool in read_airflow_api("/api/v2/pools")["pools"]
        ],
    )
    usage |= {"unavailable": unavailable, "recommendations": recommendations(usage)}
    log.info("Held at this moment: %s", json.dumps(usage))
    return usage


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────


ADVICE = {
    "timeout": "Ask the client for the upload, or raise the sensor's timeout.",
    "directory_access": "Make the directories readable for the triggerer, or correct their paths.",
    "triggerer_failure": "Look into the triggerer's log; is this module on its PYTHONPATH?",
    "serialization": "Give triggers and defer() plain JSON only.",
    "unknown": "Look into the task's log.",
}


def attempt(source: Callable[[], Any]) -> Any:
    """Return what can be had, otherwise None."""
    try:
        return source()
    except Exception:
        return None


def text_or_none(source: Callable[[], Any]) -> str | None:
    value = attempt(source)
    return value if isinstance(value, str) else None


def chain_of(exception: Any) -> Iterator[Any]:
    """The exception, and what it was raised from, down the whole chain, which may lead back to itself."""
    seen: list[Any] = []
    while exception is not None and not any(exception is other for other in seen):
        yield exception
        seen.append(exception)
        exception = getattr(exception, "__cause__", None)


def cause_of(exception: Any) -> str | None:
    """Name the cause that an exception by itself stands for."""
    match exception:
        case AirflowSensorTimeout() | TaskDeferralTimeout() | AirflowTaskTimeout():
            return "timeout"
        case PermissionError() | NotADirectoryError() | FileNotFoundError():
            return "directory_access"
        case WaitFailed(error_type="directory_access"):
            return "directory_access"
        case TaskDeferralError():
            return "triggerer_failure"
    words = f"{type(exception).__name__} {attempt(lambda: str(exception))}"
    return "serialization" if re.search("seriali[sz]", words, re.IGNORECASE) else None


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
    exception = attempt(lambda: context["exception"])
    cause = attempt(lambda: next(filter(None, map(cause_of, chain_of(exception))), None)) or "unknown"
    findings = {
        "task_id": text_or_none(lambda: context["ti"].task_id),
        "run_id": text_or_none(lambda: context["ti"].run_id),
        "cause": cause,
        "message": "" if exception is None else attempt(lambda: str(exception)) or "",
        "advice": ADVICE[cause],
    }
    one_line = " ".join(findings["message"].split()) or "no message"
    log.error("%s failed (%s): %s. %s", findings["task_id"], cause, one_line, findings["advice"])
    return findings


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────


def count_states(states: Iterable[Any]) -> dict[str, int]:
    """Count tasks by state."""
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
    figures, unavailable = measure(
        waited_seconds=lambda: wait_of(ti).waited_seconds,
        task_states=lambda: count_states(ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id].values()),
    )
    waited = figures["waited_seconds"]
    saved = None if waited is None else wait_of(ti).saved_slot_seconds
    held = None if waited is None else waited - saved
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": saved,
        "task_states": figures["task_states"],
        "unavailable": unavailable,
    }


PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Trigger report</title></head>
<body>
<h1>Trigger report of the run $run_id</h1>
<h2>The wait</h2>
<p>Seconds waited: $waited</p>
<p>Slot seconds of a traditional sensor: $traditional</p>
<p>Slot seconds of the deferrable sensor: $deferrable</p>
<p>Slot seconds saved: $saved</p>
<svg width="420" height="70" role="img">
<text x="0" y="25">traditional</text><rect x="100" y="10" width="$traditional_width" height="20" fill="firebrick"/>
<text x="0" y="55">deferrable</text><rect x="100" y="40" width="$deferrable_width" height="20" fill="seagreen"/>
</svg>
<h2>Valid files</h2>
$valid
<h2>Invalid files</h2>
$invalid
<h2>Recommendations</h2>
$recommendations
</body>
</html>
""")
VALID_ITEM = Template("<li>$path: $size bytes, rows: $rows</li>")
INVALID_ITEM = Template("<li>$path: $reason ($detail)</li>")
SENTENCE_ITEM = Template("<li>$sentence</li>")


def shown(value: Any) -> str:
    """Write something from outside so that it is safe in HTML."""
    return "unavailable" if value is None else html.escape(str(value))


def reach(value: Any, *keys: str) -> Any:
    """Follow the keys as far as there are dicts; None where there is nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def as_number(value: Any) -> float:
    return max(value, 0) if isinstance(value, (int, float)) else 0


def items(item: Template, values: list[Any] | None, **places: list[str]) -> str:
    """Write a list: for each value an item, into whose places goes what the keys lead to."""
    if values is None:
        return f"<p>{shown(None)}</p>"
    written = [item.substitute({place: shown(reach(value, *keys)) for place, keys in places.items()}) for value in values]
    return "<ul>\n" + "\n".join(written) + "\n</ul>" if written else "<p>none</p>"


def replace_file(path: str, text: str) -> None:
    """Write a file beside its place and move it there, so that nobody sees half of it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.{uuid.uuid4().hex}"
    try:
        # Names of files may hold what is no text (surrogates): character references stand for it.
        with open(draft, "x", encoding="utf-8", errors="xmlcharrefreplace") as file:
            file.write(text)
        os.replace(draft, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)


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

    waited = reach(comparison, "waited_seconds")
    traditional = reach(comparison, "traditional", "slot_seconds")
    deferrable = reach(comparison, "deferrable", "slot_seconds")
    longest = max(as_number(traditional), as_number(deferrable)) or 1
    page = PAGE.substitute(
        run_id=shown(getattr(ti, "run_id", None)),
        waited=shown(waited),
        traditional=shown(traditional),
        deferrable=shown(deferrable),
        saved=shown(reach(comparison, "saved_slot_seconds")),
        traditional_width=round(300 * as_number(traditional) / longest),
        deferrable_width=round(300 * as_number(deferrable) / longest),
        valid=items(VALID_ITEM, reach(processed, "valid"), path=["path"], size=["size"], rows=["rows"]),
        invalid=items(INVALID_ITEM, reach(processed, "invalid"), path=["path"], reason=["reason"], detail=["detail"]),
        recommendations=items(SENTENCE_ITEM, reach(usage, "recommendations"), sentence=[]),
    )
    replace_file(REPORT_FILE, page)
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file["path"] for file in reach(processed, "valid") or []],
        "invalid_files": [file["path"] for file in reach(processed, "invalid") or []],
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


@dataclass(init=False, eq=False, repr=False)
class AdvancedMultiDirectoryTrigger(FieldsTrigger):
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

    directories: dict[str, int]
    file_patterns: list[str]
    check_interval: float = 10
    stable_seconds: float = 20
    max_retries: int = 5
    backoff_base: float = 1
    backoff_cap: float = 60

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
        is_not_empty(directories=directories, file_patterns=file_patterns)
        is_no_text(file_patterns=file_patterns)
        is_positive(check_interval=check_interval, backoff_base=backoff_base, backoff_cap=backoff_cap)
        is_not_negative(stable_seconds=stable_seconds, max_retries=max_retries)
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
        return self._class_path_and_fields()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payloads are those of ``MultiDirectoryTrigger``; the one for a file also holds ``pattern``, the first of
        ``file_patterns`` that the file matches, and ``priority``, that of its directory. ``files`` and ``total_files``
        are of the stable files.
        """
        lookout = Lookout(self.check_interval, self._payload, "directory_access")
        yield TriggerEvent(await lookout.settle(self._questions))

    def _questions(self) -> list[DirectoryQuestion]:
        patterns = Patterns(tuple(self.file_patterns))
        stability = Stability(self.stable_seconds, self.max_retries, self.backoff_base, self.backoff_cap)
        by_priority = sorted(self.directories, key=lambda directory: (self.directories[directory], directory))
        return [
            DirectoryQuestion(directory, patterns, self.directories[directory], stability)
            for directory in distinct(by_priority)
        ]

    @staticmethod
    def _payload(found: list[FoundFiles], errors: dict[str, str]) -> dict[str, Any]:
        first = found[0]
        return files_payload(found, errors) | {"pattern": first.files[0].pattern, "priority": first.priority}


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def states_by_run(ti: Any) -> dict[str, dict[str, Any]]:
    states = ti.get_task_states(dag_id=EXERCISE_DAG_ID)
    if not isinstance(states, dict):
        raise Unavailable(f"the states of tasks were expected, run by run, not {states!r}")
    return states


def count_triggers(taken_up: bool) -> int:
    """Count the deferred task instances that a triggerer has, or has not, taken up."""
    answer = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")
    triggerers = [reach(instance, "trigger", "triggerer_id") for instance in answer["task_instances"]]
    return sum((triggerer is not None) == taken_up for triggerer in triggerers)


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
    figures, unavailable = measure(
        runs=lambda: states_by_run(ti),
        triggers_running=lambda: count_triggers(taken_up=True),
        triggers_queued=lambda: count_triggers(taken_up=False),
        pool_utilization=lambda: {
            pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0
            for pool in read_airflow_api("/api/v2/pools")["pools"]
        },
    )
    runs = figures["runs"] or {}
    waits = count_states(states[task] for states in runs.values() for task in WAITING_TASK_IDS if task in states)
    succeeded_waits, failed_waits = waits.get("success", 0), waits.get("failed", 0)
    ended = succeeded_waits + failed_waits
    seconds = []
    for run_id, states in runs.items():
        if states.get(SENSOR_TASK_ID) == "success":
            with contextlib.suppress(Exception):  # not known for this run
                seconds.append(wait_of(ti, dag_id=EXERCISE_DAG_ID, run_id=run_id).waited_seconds)
    metrics = figures | {
        "runs": None if figures["runs"] is None else len(runs),
        "waits": waits,
        "success_rate": succeeded_waits / ended if ended else None,
        "failure_rate": failed_waits / ended if ended else None,
        "average_wait_seconds": statistics.fmean(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
        "unavailable": unavailable,
    }
    log.info("Trigger metrics: %s", json.dumps(metrics))
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


@dataclass(eq=False)
class ApiQuestion:
    """Does the service's answer have the status that is waited for?"""

    name: str  # the URL
    expected_status: str
    given_up: bool = False
    open_socket: socket.socket | None = None

    def give_up(self) -> None:
        """Hang up. The thread that listens hears the end of the answer."""
        self.given_up = True
        if self.open_socket is not None:
            with contextlib.suppress(OSError):
                # Not the method of an SSL socket, which another thread is using.
                socket.socket.shutdown(self.open_socket, socket.SHUT_RDWR)

    def ask(self, now: float) -> Nothing | Found | Lost:
        self.given_up = False
        url = urlsplit(self.name)
        connections = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if url.scheme not in connections or not url.hostname:
            raise ValueError(f"not the URL of an HTTP service: {self.name!r}")
        connection = connections[url.scheme](url.hostname, url.port, timeout=API_TIMEOUT)
        try:
            status, body = self._get(connection, (url.path or "/") + (f"?{url.query}" if url.query else ""))
            if 400 <= status <= 499:
                return Lost(f"HTTP status {status}")
            answer = _json_or_none(body) if status < 500 else None
        except http.client.InvalidURL:
            raise
        except (OSError, http.client.HTTPException) as error:
            log.debug("%s has not answered: %s", self.name, describe(error))
            return Nothing()
        finally:
            self.open_socket = None
            connection.close()
        if isinstance(answer, dict) and answer.get("status") == self.expected_status:
            return Found(answer)
        return Nothing()

    def _get(self, connection: http.client.HTTPConnection, target: str) -> tuple[int, bytes]:
        connection.connect()
        self.open_socket = connection.sock
        if self.given_up:  # while there was no socket yet
            raise TimeoutError("given up")
        connection.request("GET", target, headers={"Accept": "application/json", "Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read()


def _json_or_none(body: bytes) -> Any:
    def refuse(constant: str) -> NoReturn:  # NaN and its like, which Python would take
        raise ValueError(f"{constant} is no JSON")

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


@dataclass(init=False, eq=False, repr=False)
class ApiTrigger(FieldsTrigger):
    """
    Ask an HTTP service again and again, and fire when it says what is hoped for.

    It obeys the rules of ``MultiDirectoryTrigger``: the loop is not blocked, one event and the end, no exception but
    the cancellation, nothing left behind.
    """

    url: str
    expected_status: str = "ready"
    check_interval: float = 30

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        """
        Keep the arguments; no request, no work.

        :param url: answers a GET with a JSON object that has a ``status``.
        :param expected_status: the ``status`` that is waited for.
        :param check_interval: seconds between two requests, more than 0.
        :raises ValueError: if ``url`` is empty or ``check_interval`` not more than 0.
        """
        super().__init__()
        is_not_empty(url=url)
        is_positive(check_interval=check_interval)
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        return self._class_path_and_fields()

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
        lookout = Lookout(self.check_interval, self._payload, "api", limit=API_TIMEOUT)
        yield TriggerEvent(await lookout.settle(lambda: [ApiQuestion(self.url, self.expected_status)]))

    def _payload(self, found: list[dict[str, Any]], errors: dict[str, str]) -> dict[str, Any]:
        return {"status": "success", "url": self.url, "answer": found[0]}


@dataclass(eq=False)
class RuleQuestion:
    """Does the rule agree?"""

    name: str  # the rule's import path
    kwargs: dict[str, Any]

    def give_up(self) -> None:
        """A rule cannot be interrupted: it ends when it ends."""

    def ask(self, now: float) -> Nothing | Found | Lost:
        try:
            module, _, function = self.name.rpartition(".")
            rule = getattr(importlib.import_module(module), function)
            if inspect.iscoroutinefunction(rule):
                raise TypeError(f"{self.name} is a coroutine function, not a plain one")
            # The rule is given a copy: what it does to its arguments is not to change the trigger's.
            return Found(True) if rule(**copy.deepcopy(self.kwargs)) else Nothing()
        except BaseException as error:  # sys.exit() too is only a broken rule here
            return Lost(describe(error))


@dataclass(init=False, eq=False, repr=False)
class BusinessRuleTrigger(FieldsTrigger):
    """
    Ask a function of your own again and again, and fire when it agrees.

    A function cannot travel to the triggerer, its import path can. The rule may block, so it runs in a thread. It obeys
    the rules of ``MultiDirectoryTrigger``: one event and the end, no exception but the cancellation, nothing left
    behind.
    """

    rule: str
    rule_kwargs: dict[str, Any] | None = None
    check_interval: float = 30

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
            raise ValueError(f"rule must be an import path such as module.function, not {rule!r}")
        is_positive(check_interval=check_interval)
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        return self._class_path_and_fields()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end.

        It asks at once and then about every ``check_interval`` seconds. ``{"status": "success", "rule": str}`` when the
        rule returns something true. A rule that cannot be imported, or that raises, is broken: ``{"status": "error",
        "error_type": "rule", "message": str, "errors": {rule: reason}}``, the exception with its type and its text in
        both.
        """
        lookout = Lookout(self.check_interval, self._payload, "rule")
        yield TriggerEvent(await lookout.settle(lambda: [RuleQuestion(self.rule, self.rule_kwargs or {})]))

    def _payload(self, found: list[bool], errors: dict[str, str]) -> dict[str, Any]:
        return {"status": "success", "rule": self.rule}


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``.

    :param directories: one directory a client.
    :param minimum: how many clients are enough.
    :return: True if at least ``minimum`` of the directories hold a file ``*.csv``. One that is missing or cannot be
        read holds none.
    """
    questions = (DirectoryQuestion(directory, Patterns(("*.csv",))) for directory in directories)
    return sum(isinstance(question.ask(now=0), Found) for question in questions) >= minimum


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
        return succeeded(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def plain_task(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a task of a function, with one XCom although it returns a dict."""
    return sdk.task(multiple_outputs=False)(function)


@sdk.dag(
    dag_id=EXERCISE_DAG_ID,
    description="Waits for the uploads of many clients without holding a worker slot, and shows what that saves",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)},
    tags=["kata", "exercise-4", "triggers"],
)
def exercise() -> None:
    created = sdk.setup(plain_task(set_up_directories))()
    cleaned_up = sdk.teardown(plain_task(clean_up_directories))(created)

    sensors = [
        FileSensor(
            task_id="wait_for_upload",
            filepath=UPLOAD_FILE,
            poke_interval=30,
            timeout=600,
            deferrable=True,
            on_execute_callback=log_worker_slot,
            on_failure_callback=handle_trigger_failure,
            doc_md=(
                "Deferrable, because a wait needs no **worker slot**: the sensor looks once, gives its slot back, and "
                "leaves the looking to the **triggerer**, a single process that looks for thousands of tasks. It "
                "takes up a slot again for a moment when the file is there."
            ),
        ),
        MultiDirectorySensorAsync(
            task_id=SENSOR_TASK_ID,
            directories=CLIENT_DIRECTORIES,
            file_pattern="*.csv",
            poke_interval=30,
            timeout=600,
            on_failure_callback=handle_trigger_failure,
        ),
    ]
    processed = plain_task(process_trigger_results)()
    measurements = [plain_task(monitor_resource_usage)(), plain_task(compare_approaches)()]

    created >> sensors >> processed >> measurements >> plain_task(generate_trigger_report)() >> cleaned_up


@sdk.dag(
    dag_id="trigger_orchestration_challenge",
    description="Publishes on four conditions, each waited for by a trigger of its own kind",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise"},
    tags=["kata", "exercise-4", "triggers"],
)
def orchestration() -> None:
    wait = {"poke_interval": 30, "timeout": 600}
    data = MultiDirectorySensorAsync(task_id="wait_for_data", directories=CLIENT_DIRECTORIES, **wait)
    window = DateTimeSensorAsync(
        task_id="wait_for_window", target_time="{{ (dag_run.run_after + macros.timedelta(seconds=10)).isoformat() }}"
    )
    api = WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL), **wait)
    rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            f"{MODULE}.{enough_clients_delivered.__name__}", {"directories": CLIENT_DIRECTORIES, "minimum": 3}
        ),
        **wait,
    )

    @sdk.task(trigger_rule="one_success")
    def approve() -> None:
        log.info("Leave has been given")

    @sdk.task(trigger_rule="all_success")
    def publish() -> None:
        log.info("Published")

    [data, window, [api, rule] >> approve()] >> publish()


dag = exercise()
orchestration_dag = orchestration()
