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
import dataclasses
import fnmatch
import json
import logging
import os
import pkgutil
import random
import stat
import tempfile
import threading
import urllib.request
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta, timezone
from html import escape
from pathlib import Path, PurePath
from typing import Any, NamedTuple, NoReturn

import httpx
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time import TimeSensor
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

README_NAME = "README.txt"
README_TEXT = "Put your uploads here, as CSV files: UTF-8, the first row a header, the name ending in .csv.\n"


def _missing_ancestry(directory: Path) -> list[Path]:
    """List a directory and those above it that are not there yet, a parent before what lies in it."""
    return [path for path in reversed([directory, *directory.parents]) if not path.is_dir()]


def set_up_directories(readme_text: str = README_TEXT, mode: int = 0o777) -> dict[str, Any]:
    """
    Make the directories that the DAG works with and say what was made.

    Makes the directories of ``UPLOAD_FILE``, ``CLIENT_DIRECTORIES`` and ``REPORT_FILE``, with their parents, and in
    each client directory a file ``README.txt`` that tells a client what to put there. What exists already is left as it
    is, so a second call makes nothing and raises nothing.

    :return: absolute paths, ``{"directories": [...], "files": [...]}``: exactly what this call made, and of the
        directories a parent before what lies in it. ``DATA_DIR`` itself is among them if it had to be made.
    """
    directories: list[str] = []
    files: list[str] = []
    clients = [Path(os.path.abspath(directory)) for directory in CLIENT_DIRECTORIES]
    pages = [Path(os.path.abspath(file)).parent for file in (UPLOAD_FILE, REPORT_FILE)]
    for wanted in [*pages, *clients]:
        for directory in _missing_ancestry(wanted):
            with contextlib.suppress(FileExistsError):  # somebody else has just made it
                directory.mkdir(mode)
                directories.append(str(directory))
    for readme in [client / README_NAME for client in clients]:
        with contextlib.suppress(FileExistsError), readme.open("x", encoding="utf-8") as file:
            file.write(readme_text)
            files.append(str(readme))
    return {"directories": directories, "files": files, "data_dir": DATA_DIR}


def clean_up_directories(created: dict[str, Any] | None, dry_run: bool = False) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what lies there. What
    is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    removed: list[str] = []
    for kind, remove in (("files", os.unlink), ("directories", os.rmdir)):
        for path in reversed((created or {}).get(kind, [])):
            try:
                if not dry_run:
                    remove(path)
            except FileNotFoundError:
                log.info("%s is gone already", path)
            except OSError as error:  # as a rule: something else lies in the directory
                log.info("%s stays: %s", path, error)
            else:
                removed.append(path)
    return removed


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context, note: str = "from now on") -> None:
    """
    Log that a worker slot is taken from now on: the ``on_execute_callback`` of ``wait_for_upload``.

    A sensor in poke mode is taken up once and keeps its slot until the file is there. A deferred one is taken up twice,
    for a moment each time; the log shows it.

    Logs one line at INFO that names the task's id and contains the words "worker slot".

    :param context: the task's context; the task instance is ``context["ti"]``.
    """
    task_instance = context["ti"]
    log.info("%s: a worker slot is taken %s", task_instance.task_id, note)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100

SETTLING_INTERVALS = 1.5  # for so many intervals a file may wait for the looks into other directories
ROUNDING = 1e-6  # seconds: three times 0.1 is not quite 0.3


def spell_out(error: BaseException) -> str:
    """Say what was raised: its type and its text, whatever its text does."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return f"{type(error).__name__}: (no text)"


class Answer(NamedTuple):
    """What a function in a thread has returned or raised, and when it began by the clock of the event loop."""

    started: float
    value: Any
    error: BaseException | None


async def in_own_thread(function: Callable[[float], Any], name: str | None = None) -> Answer:
    """
    Call a function that may block, in a daemon thread that is made for it and ends with it.

    The executor of the event loop is shared by all triggers: a few disks that hang would fill it up for all of them.

    :param function: called with the time at which the thread began.
    :param name: the thread's name.
    :return: what came of it. Errors are no exceptions here: a rule may raise what would end the task (or a future
        refuses, such as ``StopIteration``).
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Answer] = loop.create_future()

    def hand_over(answer: Answer) -> None:
        if not answered.done():
            answered.set_result(answer)

    def work() -> None:
        started = loop.time()
        try:
            answer = Answer(started, function(started), None)
        except BaseException as error:
            answer = Answer(started, None, error)
        with contextlib.suppress(RuntimeError):  # the loop was closed while the function hung
            loop.call_soon_threadsafe(hand_over, answer)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await answered


class Candidate(NamedTuple):
    """A file that counts, as one look saw it."""

    name: str
    size: int
    modified_ns: int
    device: int
    inode: int
    pattern: str


class View(NamedTuple):
    """What a look into one directory gives to report; by name, and no more paths than are listed."""

    first: Candidate | None = None
    paths: tuple[str, ...] = ()
    total: int = 0


class Listing:
    """
    Lists one directory, again and again, and knows since when each file has been as it is.

    Blocks, so it is used in a thread, by one at a time. ``give_up`` makes a listing that is under way end early.
    """

    def __init__(self, directory: str, patterns: Sequence[str], max_files: int, *, stable_seconds: float = 0) -> None:
        self.directory = directory
        self._patterns = tuple(patterns)
        self._max_files = max_files
        self._stable_seconds = stable_seconds
        self._since: dict[Candidate, float] = {}
        self._given_up = threading.Event()

    def give_up(self) -> None:
        self._given_up.set()

    def look(self, now: float = 0) -> View:
        """
        List the directory once.

        :raises OSError: if it cannot be listed; all its files begin anew then.
        """
        known, self._since = self._since, {}
        candidates = sorted(self._candidates())
        self._since = {file: known.get(file, now) for file in candidates}
        stable = [file for file in candidates if now - self._since[file] >= self._stable_seconds - ROUNDING]
        paths = tuple(os.path.join(self.directory, file.name) for file in stable[: self._max_files])
        return View(stable[0] if stable else None, paths, len(stable))

    def _candidates(self) -> Iterator[Candidate]:
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return
        for name in names:
            if self._given_up.is_set():
                return
            pattern = self._pattern_of(name)
            if pattern is None:
                continue
            try:
                status = os.stat(os.path.join(self.directory, name))
            except OSError:  # a dead link, or gone again
                continue
            if stat.S_ISREG(status.st_mode):
                yield Candidate(name, status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino, pattern=pattern)

    def _pattern_of(self, name: str) -> str | None:
        for pattern in self._patterns:
            if fnmatch.fnmatchcase(name, pattern) and not (name.startswith(".") and not pattern.startswith(".")):
                return pattern
        return None


@dataclasses.dataclass
class Pace:
    """How often a directory is looked into, and what happens when that fails."""

    interval: float
    jitter: float = 0.0
    max_retries: int | None = None  # None: for ever, with the next regular look
    backoff_base: float = 1.0
    backoff_cap: float = 60.0

    def pause_after(self, failures: int) -> float | None:
        """Seconds to the next look after so many failures in a row; None if there is none, or no backoff."""
        if self.max_retries is None:
            return None
        return min(self.backoff_base * 2.0 ** min(failures - 1, 1000), self.backoff_cap)

    def is_exhausted(self, failures: int) -> bool:
        return self.max_retries is not None and failures > self.max_retries


class Patrol:
    """One task of the event loop that looks into one directory again and again; ``Headquarters`` reads its fields."""

    def __init__(self, listing: Listing, pace: Pace, report: Callable[[], None]) -> None:
        self.directory = listing.directory
        self.listing = listing
        self.view = View()
        self.reason: str | None = None  # why the directory was left out
        self.surprise: str | None = None
        self.looking = False
        self.next_look = self.absent_at = asyncio.get_running_loop().time()
        self.looked_at = float("-inf")
        self._pace = pace
        self._report = report
        self._failures = 0

    @property
    def active(self) -> bool:
        return self.reason is None

    async def walk(self) -> None:
        """Look until the directory is left out. An error of this very class is news too, or nobody would hear of it."""
        try:
            await self._walk()
        except Exception as error:
            self.surprise = spell_out(error)
            self._report()

    async def _walk(self) -> None:
        loop = asyncio.get_running_loop()
        while self.active:
            self.looking = True
            answer = await in_own_thread(self.listing.look, name=f"look into {self.directory}")
            self.looking = False
            self.looked_at = answer.started
            self.next_look = answer.started + self._pace.interval + random.uniform(0, self._pace.jitter)
            self._take_in(answer)
            self._report()
            if self.active:
                await asyncio.sleep(self.next_look - loop.time())

    def _take_in(self, answer: Answer) -> None:
        error = answer.error
        self.view = View() if error else answer.value
        if error is None:
            self._failures = 0
            if not self.view.total:
                self.absent_at = answer.started
            return
        self._failures += 1
        if not isinstance(error, OSError):
            self.surprise = spell_out(error)
        elif isinstance(error, (PermissionError, NotADirectoryError)) or self._pace.is_exhausted(self._failures):
            self.reason = spell_out(error)
            log.warning("%s is left out from now on: %s", self.directory, self.reason)
        elif (pause := self._pace.pause_after(self._failures)) is not None:
            self.next_look = asyncio.get_running_loop().time() + pause


class Headquarters:
    """
    Sends a patrol to every directory and decides when there is something to report, and what.

    A file that one patrol sees may not be the first in order, so the looks that are under way or about to begin are
    waited for, but no longer than ``SETTLING_INTERVALS`` after the file was last known to be absent.
    """

    def __init__(self, listings: Iterable[Listing], pace: Pace) -> None:
        self._news = asyncio.Event()
        self._pace = pace
        self.patrols = [Patrol(listing, pace, self._news.set) for listing in listings]

    @property
    def errors(self) -> dict[str, str]:
        return {patrol.directory: patrol.reason for patrol in self.patrols if patrol.reason is not None}

    async def report(self, label: str | None, extras: Callable[[Patrol], dict[str, Any]]) -> dict[str, Any]:
        """Watch until the payload of the event is there, then leave nothing behind."""
        walks = [asyncio.ensure_future(patrol.walk()) for patrol in self.patrols]
        try:
            while not (payload := self._conclude(label, extras)):
                await self._hear_news()
            return payload
        finally:
            for patrol, walk in zip(self.patrols, walks, strict=True):
                patrol.listing.give_up()
                walk.cancel()
            await asyncio.gather(*walks, return_exceptions=True)

    async def _hear_news(self) -> None:
        self._news.clear()
        deadlines = [self._deadline(patrol) for patrol in self.patrols if patrol.view.total]
        loop = asyncio.get_running_loop()
        alarm = loop.call_at(min(deadlines), self._news.set) if deadlines else None
        try:
            await self._news.wait()
        finally:
            if alarm:
                alarm.cancel()

    def _deadline(self, patrol: Patrol) -> float:
        return patrol.absent_at + SETTLING_INTERVALS * self._pace.interval

    def _conclude(self, label: str | None, extras: Callable[[Patrol], dict[str, Any]]) -> dict[str, Any] | None:
        if surprise := next((patrol.surprise for patrol in self.patrols if patrol.surprise), None):
            return failure_payload("unexpected", surprise, self.errors, label=label)
        if not any(patrol.active for patrol in self.patrols):
            return nothing_left_payload(self.errors, label)
        holders = [patrol for patrol in self.patrols if patrol.view.total]
        if not holders or not self._is_settled(min(holders, key=self._deadline)):
            return None
        views = {patrol.directory: patrol.view for patrol in holders}
        return {**file_payload(views, self.errors, label), **extras(holders[0])}

    def _is_settled(self, holder: Patrol) -> bool:
        deadline = self._deadline(holder)
        if asyncio.get_running_loop().time() >= deadline:
            return True
        fresh = holder.looked_at - self._pace.interval / 2
        return not any(
            patrol.active and patrol.looked_at < fresh and (patrol.looking or patrol.next_look < deadline)
            for patrol in self.patrols
        )


def file_payload(
    views: dict[str, View], errors: dict[str, str], label: str | None = None, max_files: int | None = None
) -> dict[str, Any]:
    """Make the payload for a file from the views that show one, the most important first."""
    directory, view = next(iter(views.items()))
    first = view.first
    files = [path for each in views.values() for path in each.paths]
    files = files[: MAX_LISTED_FILES if max_files is None else max_files]
    modified = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=first.modified_ns // 1000)
    return {
        "status": "success",
        "directory": directory,
        "filename": first.name,
        "path": os.path.join(directory, first.name),
        "size": first.size,
        "modified": modified.isoformat(),
        "files": files,
        "total_files": sum(each.total for each in views.values()),
        "errors": errors,
        "label": label,
        "pattern": first.pattern,
        "listed_files": len(files),
        "directories_with_files": len(views),
    }


def failure_payload(
    error_type: str, message: str, errors: dict[str, str] | None = None, *, label: str | None = None
) -> dict[str, Any]:
    return {
        "status": "error",
        "error_type": error_type,
        "message": message,
        "errors": dict(errors or {}),
        "label": label,
        "advice": ADVICE.get(error_type, ADVICE["unknown"]),
    }


def nothing_left_payload(errors: dict[str, str], label: str | None) -> dict[str, Any]:
    reasons = "; ".join(f"{directory}: {reason}" for directory, reason in errors.items())
    return failure_payload("directory_access", f"No directory is left to watch ({reasons})", errors, label=label)


def unrepeated(directories: Iterable[str]) -> list[str]:
    """Leave out what is named twice, if only with another slash; ``..`` stays, a link may lie before it."""
    named: dict[PurePath, str] = {}
    for directory in directories:
        named.setdefault(PurePath(directory), directory)
    return list(named.values())


def insist(holds: Any, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)


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

    def __init__(
        self,
        directories: list[str],
        file_pattern: str = "*.csv",
        check_interval: float = 10,
        max_files: int = MAX_LISTED_FILES,
        jitter: float = 0.0,
        label: str | None = None,
        recursive_hint: bool | None = None,
    ) -> None:
        """
        Keep the arguments; no look at the file system, no work.

        :param directories: one or more paths, the most important first.
        :param file_pattern: a shell pattern for the file's name.
        :param check_interval: seconds between two looks, more than 0.
        :raises ValueError: if ``directories`` is empty, or a single ``str`` in place of a list, if ``file_pattern`` is
            empty, or if ``check_interval`` is not more than 0.
        """
        super().__init__()
        insist(directories and not isinstance(directories, str), "directories must be a list of one or more paths")
        insist(file_pattern, "file_pattern must not be empty")
        insist(check_interval > 0, "check_interval must be more than 0")
        insist(jitter >= 0 and max_files >= 0, "jitter and max_files must be 0 or more")
        self.directories = [*directories]
        self.file_pattern = file_pattern
        self.check_interval = check_interval
        self.max_files = max_files
        self.jitter = jitter
        self.label = label
        self.recursive_hint = recursive_hint

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, in another process.

        :return: the class path ``trigger_implementation_exercise.MultiDirectoryTrigger``, to the letter, and the
            keyword arguments of ``__init__``, all of them, under their own names, as plain JSON. To the letter, because
            Airflow loads a DAG file under a made-up module name, which ``__module__`` repeats and no triggerer can
            import. (The triggerer does not see the DAG folder either: this kata puts it on its ``PYTHONPATH``.)
        """
        names = ("file_pattern", "check_interval", "max_files", "jitter", "label", "recursive_hint")
        kwargs = {name: getattr(self, name) for name in names}
        return "trigger_implementation_exercise.MultiDirectoryTrigger", {"directories": [*self.directories], **kwargs}

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
        listings = [
            Listing(directory, [self.file_pattern], max_files=self.max_files)
            for directory in unrepeated(self.directories)
        ]
        headquarters = Headquarters(listings, Pace(self.check_interval, self.jitter))
        try:
            payload = await headquarters.report(self.label, lambda patrol: {"watched": len(listings)})
        except Exception as error:
            payload = failure_payload("unexpected", spell_out(error), headquarters.errors, label=self.label)
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


def successful(event: Any) -> dict[str, Any]:
    """Give back the payload of a success; raise ``WaitFailed`` for everything else."""
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

    template_fields: Sequence[str] = ("directories", "file_pattern", "wait_label")
    ui_color = "#d8ecd0"

    _waiting_since: datetime | None = None  # of the wait in the worker

    def __init__(
        self,
        directories: list[str],
        file_pattern: str = "*.csv",
        deferrable: bool = True,
        wait_label: str | None = None,
        max_files: int = MAX_LISTED_FILES,
        jitter: float = 0.0,
        **kwargs: Any,
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
        self.wait_label = wait_label
        self.max_files = max_files
        self.jitter = jitter

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
            self._waiting_since = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
            return super().execute(context)
        first_look = datetime.now(timezone.utc)
        trigger = MultiDirectoryTrigger(
            self.directories,
            self.file_pattern,
            self.poke_interval,
            max_files=self.max_files,
            jitter=self.jitter,
            label=self.wait_label,
        )
        payload = self._look_once()
        if payload is not None:
            return self._result_of(payload, first_look, deferred=False)
        self.defer(
            trigger=trigger,
            method_name=self.execute_complete.__name__,
            kwargs={"started_at": first_look.isoformat(), "pokes": 1},
            timeout=timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        if self._waiting_since is None:
            self._waiting_since = datetime.now(timezone.utc)
        payload = self._look_once()
        if payload is None:
            return PokeReturnValue(False)
        return PokeReturnValue(True, xcom_value=self._result_of(payload, self._waiting_since, deferred=False))

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        started_at: str | None = None,
        pokes: int | None = None,
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
        since = None if started_at is None else datetime.fromisoformat(started_at)
        return {**self._result_of(successful(event), since, deferred=True), "worker_pokes": pokes}

    def _look_once(self) -> dict[str, Any] | None:
        """Look into every directory in the worker. None if nothing is there yet."""
        insist(self.directories and not isinstance(self.directories, str), "directories must be a list of paths")
        views: dict[str, View] = {}
        errors: dict[str, str] = {}
        directories = unrepeated(self.directories)
        for directory in directories:
            try:
                view = Listing(directory, [self.file_pattern], self.max_files).look()
            except (PermissionError, NotADirectoryError) as error:
                errors[directory] = spell_out(error)
                log.warning("%s is left out: %s", directory, errors[directory])
            except OSError as error:
                log.info("%s cannot be looked into at the moment: %s", directory, spell_out(error))
            else:
                views.update({directory: view} if view.total else {})
        if len(errors) == len(directories):
            raise WaitFailed(nothing_left_payload(errors, self.wait_label))
        payload = file_payload(views, errors, self.wait_label, self.max_files) if views else None
        return payload and {**payload, "watched": len(directories)}

    def _result_of(self, payload: dict[str, Any], since: datetime | None, *, deferred: bool) -> dict[str, Any]:
        now = datetime.now(timezone.utc)
        return {
            **payload,
            "deferred": deferred,
            "waited_seconds": None if since is None else max((now - since).total_seconds(), 0.0),
            "worker_pokes": None,
        }


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


class Rejected(Exception):
    """A file is no good: the reason, and more in words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def _numeric(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _rows_below_header(file: Any) -> int:
    """
    Count the rows below the header of a CSV file, all of which is read: that it cannot be read comes before all else.

    :raises Rejected: ``no_header`` or ``row_width``.
    """
    reader = csv.reader(file, strict=True)
    header: list[str] | None = None
    rows = 0
    complaint: Rejected | None = None
    line = 1
    for row in reader:
        first_line, line = line, reader.line_num + 1
        if not row:
            continue
        if header is None:
            header = row
            if not all(name.strip() for name in header):
                complaint = Rejected("no_header", f"the header in line {first_line} has a blank name")
            continue
        rows += 1
        if len(row) != len(header) and complaint is None:
            where = f"line {first_line}" if first_line == reader.line_num else f"lines {first_line}-{reader.line_num}"
            complaint = Rejected("row_width", f"{where}: {len(row)} fields, the header has {len(header)}")
    if header is None:
        raise Rejected("no_header", "there is not a single row")
    if complaint is not None:
        raise complaint
    return rows


def inspect_upload(path: str) -> dict[str, Any]:
    """
    Check one file.

    :return: ``{"path": str, "size": int, "rows": int | None}``
    :raises Rejected: with the first reason that holds.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise Rejected("unreadable", "it is no file")
        if status.st_size == 0:
            raise Rejected("empty", "it has no bytes")
        if not path.lower().endswith(".csv"):
            with open(path, "rb") as file:
                file.read(1)
            return {"path": path, "size": status.st_size, "rows": None, "format": "other"}
        csv.field_size_limit(max(csv.field_size_limit(), status.st_size))  # a field may be as long as its file
        with open(path, encoding="utf-8-sig", newline="") as file:
            return {"path": path, "size": status.st_size, "rows": _rows_below_header(file), "format": "csv"}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Rejected("missing", spell_out(error)) from error
    except (OSError, ValueError, csv.Error) as error:
        raise Rejected("unreadable", spell_out(error)) from error


def process_trigger_results(*, max_detail: int = 500, **context: Any) -> dict[str, Any]:
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
        and (found["waited_seconds"] is None or _numeric(found["waited_seconds"]))
    )
    if not well_formed:
        raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is not the result of its sensor: {found!r}")
    valid, invalid = [], []
    for path in found["files"]:
        try:
            checked = inspect_upload(path)
        except Rejected as complaint:
            log.warning("%s is no good: %s", path, complaint)
            invalid.append({"path": path, "reason": complaint.reason, "detail": complaint.detail[:max_detail]})
        else:
            log.info("%s is valid: %s bytes, %s rows", path, checked["size"], checked["rows"])
            valid.append(checked)
    return {
        "valid": valid,
        "invalid": invalid,
        "total_files": found["total_files"],
        "waited_seconds": found["waited_seconds"],
        "label": found.get("label"),
        "total_rows": sum(file["rows"] or 0 for file in valid),
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


def read_every_page(path: str, key: str) -> list[dict[str, Any]]:
    """Read a list from the REST API, page by page if it does not fit on one."""
    answer = read_airflow_api(path)
    items = list(answer[key])
    while len(items) < (answer.get("total_entries") or 0):
        page = read_airflow_api(f"{path}{'&' if '?' in path else '?'}offset={len(items)}")[key]
        if not page:
            break
        items += page
    return items


class Ledger:
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
            reason = spell_out(error)
        if figure is None:
            self.unavailable[name] = reason
        return figure


def _wait_from_xcom(ti: Any, **where: str) -> tuple[float, bool]:
    """
    Take the seconds waited, and whether the sensor was deferred, from the sensor's XCom.

    :raises LookupError: if they are not there.
    """
    result = ti.xcom_pull(task_ids=SENSOR_TASK_ID, **where)
    if not isinstance(result, dict):
        raise LookupError(f"{SENSOR_TASK_ID} has left no result")
    if not _numeric(result.get("waited_seconds")):
        raise LookupError(f"{SENSOR_TASK_ID} does not know how long it waited")
    return float(result["waited_seconds"]), result.get("deferred") is True


def _saved_seconds(waited: float, deferred: bool) -> float:
    return waited if deferred else 0.0


def _task_instances_in(ti: Any, state: str) -> int:
    return int(ti.get_ti_count(dag_id=ti.dag_id, states=[state]))


def _measure_pools() -> list[dict[str, Any]]:
    keys = ("name", "slots", "occupied_slots", "deferred_slots")
    return [{key: pool[key] for key in keys} for pool in read_every_page("/api/v2/pools", "pools")]


def _advise(usage: dict[str, Any]) -> list[str]:
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


def monitor_resource_usage(*, log_level: int = logging.INFO, **context: Any) -> dict[str, Any]:
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
    ledger = Ledger()
    usage: dict[str, Any] = {
        "deferred_tasks": ledger.take("deferred_tasks", lambda: _task_instances_in(context["ti"], "deferred")),
        "running_tasks": ledger.take("running_tasks", lambda: _task_instances_in(context["ti"], "running")),
        "waited_seconds": ledger.take("waited_seconds", lambda: _wait_from_xcom(context["ti"])[0]),
        "saved_slot_seconds": ledger.take(
            "saved_slot_seconds", lambda: _saved_seconds(*_wait_from_xcom(context["ti"]))
        ),
        "triggerer_status": ledger.take(
            "triggerer_status", lambda: read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]
        ),
        "pools": ledger.take("pools", _measure_pools),
        "unavailable": ledger.unavailable,
        "sensor_task_id": SENSOR_TASK_ID,
    }
    usage["recommendations"] = _advise(usage)
    log.log(log_level, "Resource usage: %s", json.dumps(usage))
    return usage


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────


ADVICE = {
    "timeout": "Ask the client for the upload, or give the sensor a longer timeout; then clear the task.",
    "directory_access": "Make the directories readable for the user that Airflow runs as, then clear the task.",
    "triggerer_failure": "Read the triggerer's log, and see that it can import the trigger; then clear the task.",
    "serialization": "Hand over nothing but plain JSON to triggers, to defer() and to XComs.",
    "unknown": "Read the task's log.",
}


def _classify(error: Any) -> str:
    """Tell the cause of one exception, or of a text that stands for one, without what it was raised from."""
    if isinstance(error, (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)):
        return "timeout"
    if isinstance(error, (PermissionError, NotADirectoryError, FileNotFoundError)):
        return "directory_access"
    if isinstance(error, WaitFailed) and error.error_type == "directory_access":
        return "directory_access"
    if isinstance(error, TaskDeferralError):
        return "triggerer_failure"
    words = spell_out(error) if isinstance(error, BaseException) else str(error)
    if any(stem in words.lower() for stem in ("serializ", "serialis")):
        return "serialization"
    return "unknown"


def _causes(error: Any) -> Iterator[Any]:
    """Yield an exception and what it was raised from, each once, even if they go round in a circle."""
    seen: list[Any] = []
    while error is not None and not any(error is earlier for earlier in seen):
        seen.append(error)
        yield error
        error = getattr(error, "__cause__", None)


def _try_text(get: Callable[[], Any]) -> str | None:
    """Get a text from something that may be broken in any way."""
    try:
        text = get()
    except Exception:
        return None
    return text if isinstance(text, str) else None


def handle_trigger_failure(context: dict[str, Any], team: str | None = None) -> dict[str, Any]:
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
        cause = next((cause for link in _causes(error) if (cause := _classify(link)) != "unknown"), "unknown")
    except Exception:
        error, cause = None, "unknown"
    task_id = _try_text(lambda: context["ti"].task_id)
    run_id = _try_text(lambda: context["ti"].run_id) or _try_text(lambda: context["run_id"])
    message = "" if error is None else _try_text(lambda: str(error)) or ""
    advice = ADVICE[cause]
    one_line = " ".join(f"Task {task_id} failed, cause: {cause} ({message}). What to do: {advice}".split())
    log.error("%s", one_line)
    return {
        "task_id": task_id,
        "run_id": run_id,
        "cause": cause,
        "message": message,
        "advice": advice,
        "exception_type": None if error is None else type(error).__name__,
        "team": team,
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
    ledger = Ledger()

    def task_states() -> dict[str, int]:
        ti = context["ti"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        return dict(Counter(state or "none" for state in states.values()))

    waited, deferred = ledger.take("waited_seconds", lambda: _wait_from_xcom(context["ti"])) or (None, False)
    held = 0.0 if deferred else waited
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": held, "slots_for_100_waits": 0},
        "saved_slot_seconds": None if waited is None or held is None else waited - held,
        "task_states": ledger.take("task_states", task_states),
        "unavailable": ledger.unavailable,
        "deferred": deferred,
    }


UNAVAILABLE = "unavailable"


def _lookup(data: Any, *keys: str) -> Any:
    """Follow keys down into nested dicts; None where there is no way."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _show(value: Any) -> str:
    return str(value) if _numeric(value) else UNAVAILABLE


def _bullets(items: Sequence[str], otherwise: str) -> str:
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items or [otherwise]) + "</ul>"


def _bar_chart(bars: dict[str, Any]) -> str:
    """Draw one bar for each figure; where there is none, the picture says so."""
    longest = max([float(value) for value in bars.values() if _numeric(value)] + [1e-9])
    drawn = []
    for row, (name, value) in enumerate(bars.items()):
        width = 300 * float(value) / longest if _numeric(value) else 0
        drawn.append(
            f'<text x="0" y="{row * 30 + 16}">{escape(name)}</text>'
            f'<rect x="100" y="{row * 30 + 3}" width="{width:.1f}" height="18" fill="#36c"/>'
            f'<text x="{105 + width:.1f}" y="{row * 30 + 16}">{_show(value)}</text>'
        )
    return f'<svg width="640" height="{30 * len(bars)}" role="img">{"".join(drawn)}</svg>'


def _replace_file(path: str, text: str) -> None:
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


def generate_trigger_report(*, title: str = "Trigger report", **context: Any) -> dict[str, Any]:
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
            log.warning("The XCom of %s cannot be had: %s", task_id, spell_out(error))
            return None

    processed = pull("process_trigger_results")
    usage = pull("monitor_resource_usage")
    comparison = pull("compare_approaches")

    valid, invalid = _lookup(processed, "valid"), _lookup(processed, "invalid")
    valid_files = [entry["path"] for entry in valid or []]
    invalid_files = [entry["path"] for entry in invalid or []]
    bad = [f"{entry['path']}: {entry['reason']} ({entry.get('detail', '')})" for entry in invalid or []]
    advice = _lookup(usage, "recommendations") or []
    slots = {name: _lookup(comparison, name, "slot_seconds") for name in ("traditional", "deferrable")}

    page = f"""<!DOCTYPE html>
    <html lang="en">
    <head><meta charset="utf-8"><title>{escape(title)}</title></head>
    <body>
    <h1>{escape(title)}</h1>
    <p>Run: {escape(str(ti.run_id))}</p>
    <h2>Valid files</h2>
    {_bullets(valid_files, UNAVAILABLE if valid is None else "none")}
    <h2>Invalid files</h2>
    {_bullets(bad, UNAVAILABLE if invalid is None else "none")}
    <h2>The wait</h2>
    <p>Seconds waited: {_show(_lookup(comparison, "waited_seconds"))}</p>
    <p>Slot seconds, traditional: {_show(slots["traditional"])}</p>
    <p>Slot seconds, deferrable: {_show(slots["deferrable"])}</p>
    {_bar_chart(slots)}
    <h2>Recommendations</h2>
    {_bullets(advice, UNAVAILABLE)}
    </body>
    </html>
    """
    _replace_file(REPORT_FILE, page)
    return {
        "report_file": REPORT_FILE,
        "valid_files": valid_files,
        "invalid_files": invalid_files,
        "title": title,
        "bytes": os.path.getsize(REPORT_FILE),
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
        max_files: int = MAX_LISTED_FILES,
        *,
        jitter: float = 0.0,
        label: str | None = None,
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
        insist(directories and not isinstance(directories, str), "directories must name one or more paths")
        insist(file_patterns and not isinstance(file_patterns, str), "file_patterns must be a list of patterns")
        for name, number in {
            "check_interval": check_interval,
            "backoff_base": backoff_base,
            "backoff_cap": backoff_cap,
        }.items():
            insist(number > 0, f"{name} must be more than 0")
        for name, number in {
            "stable_seconds": stable_seconds,
            "max_retries": max_retries,
            "max_files": max_files,
            "jitter": jitter,
        }.items():
            insist(number >= 0, f"{name} must be 0 or more")
        self.directories = {**directories}
        self.file_patterns = [*file_patterns]
        self.check_interval = check_interval
        self.stable_seconds = stable_seconds
        self.max_retries = max_retries
        self.backoff_base = backoff_base
        self.backoff_cap = backoff_cap
        self.max_files = max_files
        self.jitter = jitter
        self.label = label

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, as ``MultiDirectoryTrigger.serialize`` does.

        :return: ``trigger_implementation_exercise.AdvancedMultiDirectoryTrigger`` and all arguments of ``__init__``.
        """
        return "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger", {
            "directories": {**self.directories},
            "file_patterns": [*self.file_patterns],
            "check_interval": self.check_interval,
            "stable_seconds": self.stable_seconds,
            "max_retries": self.max_retries,
            "backoff_base": self.backoff_base,
            "backoff_cap": self.backoff_cap,
            "max_files": self.max_files,
            "jitter": self.jitter,
            "label": self.label,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payloads are those of ``MultiDirectoryTrigger``; the one for a file also holds ``pattern``, the first of
        ``file_patterns`` that the file matches, and ``priority``, that of its directory. ``files`` and ``total_files``
        are of the stable files.
        """
        by_priority = sorted(self.directories.items(), key=lambda item: (item[1], item[0]))
        listings = [
            Listing(directory, self.file_patterns, self.max_files, stable_seconds=self.stable_seconds)
            for directory in unrepeated(directory for directory, _ in by_priority)
        ]
        pace = Pace(self.check_interval, self.jitter, self.max_retries, self.backoff_base, backoff_cap=self.backoff_cap)
        headquarters = Headquarters(listings, pace)
        try:
            payload = await headquarters.report(
                self.label, lambda patrol: {"priority": self.directories[patrol.directory], "watched": len(listings)}
            )
        except Exception as error:
            payload = failure_payload("unexpected", spell_out(error), headquarters.errors, label=self.label)
        yield TriggerEvent(payload)


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def _taken_up() -> list[bool]:
    """Say for each deferred task instance of all DAGs whether a triggerer has taken it up."""
    path = "/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100"
    return [_lookup(task, "trigger", "triggerer_id") is not None for task in read_every_page(path, "task_instances")]


def _utilization_by_pool() -> dict[str, float]:
    pools = read_every_page("/api/v2/pools", "pools")
    return {pool["name"]: pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0 for pool in pools}


def collect_trigger_metrics(*, note: str | None = None, **context: Any) -> dict[str, Any]:
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
    ledger = Ledger()

    def all_states() -> dict[str, dict[str, str | None]]:
        states = context["ti"].get_task_states(dag_id=EXERCISE_DAG_ID)
        return {run_id: dict(of_run) for run_id, of_run in states.items()}

    def seconds_waited(run_id: str) -> float | None:
        return Ledger().take(run_id, lambda: _wait_from_xcom(context["ti"], dag_id=EXERCISE_DAG_ID, run_id=run_id)[0])

    states = ledger.take("runs", all_states)
    runs = states or {}
    waits = Counter(
        of_run[task_id] or "none" for of_run in runs.values() for task_id in WAITING_TASK_IDS if task_id in of_run
    )
    ended = waits["success"] + waits["failed"]
    good_runs = [run_id for run_id, of_run in runs.items() if of_run.get(SENSOR_TASK_ID) == "success"]
    seconds = [waited for run_id in good_runs if (waited := seconds_waited(run_id)) is not None]
    taken_up = ledger.take("triggers_running", _taken_up)
    if taken_up is None:
        ledger.unavailable["triggers_queued"] = ledger.unavailable["triggers_running"]
    metrics = {
        "runs": None if states is None else len(states),
        "waits": {state: number for state, number in waits.items() if number},
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
        "triggers_running": None if taken_up is None else taken_up.count(True),
        "triggers_queued": None if taken_up is None else taken_up.count(False),
        "pool_utilization": ledger.take("pool_utilization", _utilization_by_pool),
        "unavailable": ledger.unavailable,
        "runs_with_known_wait": len(seconds),
        "note": note,
    }
    log.info("Trigger metrics: %s", json.dumps(metrics))
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


class Refused(Exception):
    """The service has answered with an HTTP status that will not get better."""


class PartnerApi:
    """
    One service on the web, asked with one client. ``async with`` opens and closes it.

    The client is made in a thread, because it reads the certificates of this machine.
    """

    def __init__(self, url: str, timeout: float = API_TIMEOUT) -> None:
        self._url = url
        self._timeout = timeout
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> PartnerApi:
        made = await in_own_thread(lambda now: httpx.AsyncClient(timeout=self._timeout, follow_redirects=True))
        if made.error is not None:
            raise made.error
        self._client = made.value
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.aclose()

    async def ask(self) -> dict[str, Any] | None:
        """
        Ask once.

        :return: the JSON object, None for everything that may pass.
        :raises Refused: for an HTTP status from 400 to 499.
        """
        try:
            response = await asyncio.wait_for(self._client.get(self._url), self._timeout)
        except httpx.UnsupportedProtocol:
            raise
        except (httpx.HTTPError, asyncio.TimeoutError, OSError) as error:
            log.info("%s gives no answer: %s", self._url, spell_out(error))
            return None
        if response.is_client_error:
            raise Refused(f"HTTP status {response.status_code} {response.reason_phrase}".rstrip())
        if response.is_server_error:
            return None
        parsed = await in_own_thread(lambda now: json.loads(response.content, parse_constant=self._no_json))
        return parsed.value if isinstance(parsed.value, dict) else None

    @staticmethod
    def _no_json(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")


async def rest_until_next(started: float, interval: float, jitter: float = 0.0) -> None:
    """Sleep until ``interval`` seconds after ``started``, or a little longer."""
    await asyncio.sleep(started + interval + random.uniform(0, jitter) - asyncio.get_running_loop().time())


class ApiTrigger(BaseTrigger):
    """
    Ask an HTTP service again and again, and fire when it says what is hoped for.

    It obeys the rules of ``MultiDirectoryTrigger``: the loop is not blocked, one event and the end, no exception but
    the cancellation, nothing left behind.
    """

    def __init__(
        self,
        url: str,
        expected_status: str = "ready",
        check_interval: float = 30,
        label: str | None = None,
        jitter: float = 0.0,
    ) -> None:
        """
        Keep the arguments; no request, no work.

        :param url: answers a GET with a JSON object that has a ``status``.
        :param expected_status: the ``status`` that is waited for.
        :param check_interval: seconds between two requests, more than 0.
        :raises ValueError: if ``url`` is empty or ``check_interval`` not more than 0.
        """
        super().__init__()
        insist(url, "url must not be empty")
        insist(check_interval > 0, "check_interval must be more than 0")
        insist(jitter >= 0, "jitter must be 0 or more")
        self.url = url
        self.expected_status = expected_status
        self.check_interval = check_interval
        self.label = label
        self.jitter = jitter

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        names = ("url", "expected_status", "check_interval", "label", "jitter")
        return "trigger_implementation_exercise.ApiTrigger", {name: getattr(self, name) for name in names}

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
            answer = await self._wait()
            payload = {"status": "success", "url": self.url, "answer": answer, "label": self.label}
        except Refused as refusal:
            payload = failure_payload("api", f"{self.url}: {refusal}", {self.url: str(refusal)}, label=self.label)
        except Exception as error:
            payload = failure_payload("unexpected", spell_out(error), label=self.label)
        yield TriggerEvent(payload)

    async def _wait(self) -> dict[str, Any]:
        async with PartnerApi(self.url) as api:
            while True:
                started = asyncio.get_running_loop().time()
                answer = await api.ask()
                if answer is not None and answer.get("status") == self.expected_status:
                    return answer
                await rest_until_next(started, self.check_interval, self.jitter)


class BusinessRuleTrigger(BaseTrigger):
    """
    Ask a function of your own again and again, and fire when it agrees.

    A function cannot travel to the triggerer, its import path can. The rule may block, so it runs in a thread. It obeys
    the rules of ``MultiDirectoryTrigger``: one event and the end, no exception but the cancellation, nothing left
    behind.
    """

    def __init__(
        self,
        rule: str,
        rule_kwargs: dict[str, Any] | None = None,
        check_interval: float = 30,
        label: str | None = None,
        jitter: float = 0.0,
    ) -> None:
        """
        Keep the arguments; the rule is not imported yet, no work.

        :param rule: the import path of a plain function, ``module.function``; the module is on the ``PYTHONPATH``.
        :param rule_kwargs: the function's keyword arguments, plain JSON; None for none.
        :param check_interval: seconds between two questions, more than 0.
        :raises ValueError: if ``rule`` is not a text with a dot in it, or ``check_interval`` not more than 0.
        """
        super().__init__()
        insist(isinstance(rule, str) and "." in rule, "rule must be an import path, module.function")
        insist(check_interval > 0, "check_interval must be more than 0")
        insist(jitter >= 0, "jitter must be 0 or more")
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)
        self.check_interval = check_interval
        self.label = label
        self.jitter = jitter

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        names = ("rule", "check_interval", "label", "jitter")
        kwargs = {name: getattr(self, name) for name in names}
        kwargs["rule_kwargs"] = copy.deepcopy(self.rule_kwargs)
        return "trigger_implementation_exercise.BusinessRuleTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end.

        It asks at once and then about every ``check_interval`` seconds. ``{"status": "success", "rule": str}`` when the
        rule returns something true. A rule that cannot be imported, or that raises, is broken: ``{"status": "error",
        "error_type": "rule", "message": str, "errors": {rule: reason}}``, the exception with its type and its text in
        both.
        """
        try:
            answer = await in_own_thread(self._ask, f"rule {self.rule}")
            while not answer.value and answer.error is None:
                await rest_until_next(answer.started, self.check_interval, self.jitter)
                answer = await in_own_thread(self._ask, f"rule {self.rule}")
            if answer.error is None:
                payload = {"status": "success", "rule": self.rule, "label": self.label}
            else:
                reason = spell_out(answer.error)
                payload = failure_payload(
                    "rule", f"{self.rule} is broken: {reason}", {self.rule: reason}, label=self.label
                )
        except Exception as error:
            payload = failure_payload("unexpected", spell_out(error), label=self.label)
        yield TriggerEvent(payload)

    def _ask(self, now: float) -> bool:
        rule = pkgutil.resolve_name(self.rule)
        return bool(rule(**copy.deepcopy(self.rule_kwargs or {})))  # a copy: a rule may change what it is given


def _has_delivered(directory: str, pattern: str) -> bool:
    try:
        return Listing(directory, [pattern], max_files=1).look().total > 0
    except OSError:
        return False


def enough_clients_delivered(directories: list[str], minimum: int, pattern: str = "*.csv") -> bool:
    """
    Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``.

    :param directories: one directory a client.
    :param minimum: how many clients are enough.
    :return: True if at least ``minimum`` of the directories hold a file ``*.csv``. One that is missing or cannot be
        read holds none.
    """
    return sum(_has_delivered(directory, pattern) for directory in directories) >= minimum


class WaitForTrigger(BaseSensorOperator):
    """Defer to any trigger whose events have a ``status``, and return what it found."""

    template_fields: Sequence[str] = ("note",)

    def __init__(self, trigger: BaseTrigger, note: str | None = None, **kwargs: Any) -> None:
        """
        Keep the trigger.

        :param trigger: ``ApiTrigger``, ``BusinessRuleTrigger``, or another whose payload is a dict with a ``status``.
        :param kwargs: what ``BaseSensorOperator`` takes.
        """
        super().__init__(**kwargs)
        self.trigger = trigger
        self.note = note

    def execute(self, context: Context) -> NoReturn:
        """Defer to the trigger, with the sensor's own ``timeout``, to go on in ``execute_complete``."""
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Go on when the trigger has fired.

        :return: the event's payload.
        :raises AirflowException: as ``MultiDirectorySensorAsync.execute_complete`` does.
        """
        return {**successful(event), "note": self.note}


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

OWNER_SETTINGS = {"owner": "trigger-exercise", "retries": 1, "retry_delay": timedelta(minutes=2)}
TAGS = ["kata", "exercise-4", "triggers"]
START = datetime(2024, 1, 1, tzinfo=timezone.utc)
LOOK_EVERY = 30  # seconds
GIVE_UP_AFTER = timedelta(minutes=10)

WHY_IT_DEFERS = """
### Why this task defers

An upload may take hours. A sensor in poke mode keeps its worker slot for all that time and does nothing with it.
This one leaves its slot and is looked after by the triggerer, which waits for hundreds of files in one process.
"""

with DAG(
    "trigger_implementation_exercise",
    description="Waits for the uploads of the clients without holding worker slots, and reports what that saves.",
    doc_md=__doc__,
    schedule=None,
    start_date=START,
    catchup=False,
    default_args=OWNER_SETTINGS,
    tags=TAGS,
    max_active_runs=4,
) as dag:
    made = setup(set_up_directories)()
    removed = teardown(clean_up_directories)(made)

    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        fs_conn_id="fs_default",
        deferrable=True,
        poke_interval=timedelta(seconds=LOOK_EVERY),
        timeout=GIVE_UP_AFTER,
        on_execute_callback=[log_worker_slot],
        on_failure_callback=[handle_trigger_failure],
        doc_md=WHY_IT_DEFERS,
    )
    monitor_client_uploads = MultiDirectorySensorAsync(
        directories=CLIENT_DIRECTORIES,
        wait_label="run {{ run_id }}",
        task_id=SENSOR_TASK_ID,
        poke_interval=timedelta(seconds=LOOK_EVERY),
        timeout=GIVE_UP_AFTER,
        on_failure_callback=[handle_trigger_failure],
        doc_md=WHY_IT_DEFERS,
    )

    processed = task(process_trigger_results)(max_detail=300)
    measured = task(monitor_resource_usage)()
    compared = task(compare_approaches)()
    collected = task(collect_trigger_metrics)(note="from the exercise itself")
    reported = task(generate_trigger_report)()

    made >> [wait_for_upload, monitor_client_uploads] >> processed >> [measured, compared, collected]
    [measured, compared, collected] >> reported >> removed

with DAG(
    "trigger_metrics",
    description="Collects how the waits of the exercise have done, whenever somebody wants to know.",
    schedule=None,
    start_date=START,
    catchup=False,
    default_args=OWNER_SETTINGS,
    tags=TAGS,
) as metrics_dag:
    task(collect_trigger_metrics)()

with DAG(
    "trigger_orchestration_challenge",
    description="Publishes when the data is there, the time has come, and somebody has given leave.",
    schedule=None,
    start_date=START,
    catchup=False,
    default_args=OWNER_SETTINGS,
    tags=TAGS,
) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(
        directories=CLIENT_DIRECTORIES,
        deferrable=True,
        task_id="wait_for_data",
        poke_interval=LOOK_EVERY,
        timeout=GIVE_UP_AFTER,
    )
    # A minute past midnight UTC: the day before is complete.
    wait_for_window = TimeSensor(task_id="wait_for_window", target_time=time(0, 1), deferrable=True)
    wait_for_api = WaitForTrigger(
        trigger=ApiTrigger(PARTNER_API_URL, "ready", check_interval=LOOK_EVERY, label="partner"),
        note="asked at {{ ts_nodash | default('an unknown time') }}",
        task_id="wait_for_api",
        timeout=GIVE_UP_AFTER,
    )
    wait_for_rule = WaitForTrigger(
        trigger=BusinessRuleTrigger(
            "trigger_implementation_exercise.enough_clients_delivered",
            rule_kwargs={"directories": CLIENT_DIRECTORIES, "minimum": 3},
            check_interval=LOOK_EVERY,
            label="our own",
        ),
        task_id="wait_for_rule",
        timeout=GIVE_UP_AFTER,
    )

    @task(trigger_rule=TriggerRule.ONE_SUCCESS)
    def approve() -> str:
        return "approved"

    @task
    def publish() -> str:
        return "published"

    @task
    def celebrate() -> None:
        log.info("It is out.")

    published = publish()
    [wait_for_api, wait_for_rule] >> approve() >> published
    [wait_for_data, wait_for_window] >> published >> celebrate()
