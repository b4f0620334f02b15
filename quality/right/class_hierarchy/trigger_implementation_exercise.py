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
import importlib
import inspect
import json
import logging
import math
import os
import stat
import sys
import tempfile
import threading
import urllib.request
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, NoReturn

import anyio
import httpx
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
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
README_TEXT = "Put your CSV files (*.csv, UTF-8, with a header) into this directory. They are taken up by themselves.\n"


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
        _make_directory(os.path.abspath(directory), made["directories"])
    for directory in CLIENT_DIRECTORIES:
        path = os.path.join(os.path.abspath(directory), "README.txt")
        with contextlib.suppress(FileExistsError), open(path, "x", encoding="utf-8") as readme:
            made["files"].append(path)
            readme.write(README_TEXT)
    return made


def _make_directory(path: str, made: list[str]) -> None:
    """Make a directory and its parents, and note those that were not there, parents first."""
    if os.path.isdir(path):
        return
    _make_directory(os.path.dirname(path), made)
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    else:
        made.append(path)


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` made, and nothing else.

    A directory in which something else lies (a client's upload, the report) stays, and so does what lies there. What
    is gone already is passed over.

    :param created: what ``set_up_directories`` returned; None if it never got so far, then nothing is removed.
    :return: the absolute paths that were removed.
    """
    removed: list[str] = []
    if created is None:
        return removed
    # A directory comes after what lies in it.
    steps = [(os.remove, path) for path in created["files"]]
    steps += [(os.rmdir, path) for path in reversed(created["directories"])]
    for remove, path in steps:
        try:
            remove(path)
        except FileNotFoundError:
            continue
        except OSError as error:
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
    log.info("Task %s takes up a worker slot", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100
CLOCK_ERROR = 1e-6  # seconds by which sums of intervals may be off: 0.1 + 0.2 is not 0.3


# The hierarchy of the triggers:
#
#   BaseTrigger
#   └── PollingTrigger                 looks at places again and again; one task a place, one event
#       ├── ApiTrigger                 a look is a request
#       └── BlockingPollingTrigger     a look blocks, so it is made in a thread
#           ├── BusinessRuleTrigger    a look is a call
#           └── DirectoryTrigger       a look is a listing
#               ├── MultiDirectoryTrigger
#               └── AdvancedMultiDirectoryTrigger


class PlaceLost(Exception):
    """A place at which nothing will ever be found. The text is the reason."""


class LookFailed(Exception):
    """A look that has failed, but a later one may not. The text is the reason."""


def describe(error: BaseException) -> str:
    """Say what an exception is, with its type and its text, whatever its ``__str__`` does."""
    try:
        text = str(error)
    except Exception:
        text = "(no text)"
    return f"{type(error).__name__}: {text}"


def require(condition: bool, message: str) -> None:
    """Refuse an argument that cannot work."""
    if not condition:
        raise ValueError(message)


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """
    Call a function in a daemon thread of its own and return what it returns.

    Not ``asyncio.to_thread``: its few threads are shared by the whole process, so a handful of hung mounts would stop
    every other trigger's looks, and the process could not end before they do.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def deliver(result: Any, error: BaseException | None) -> None:
        if not outcome.done():  # cancelled meanwhile: nobody wants to know
            outcome.set_result((result, error))

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(function, *args)
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(deliver, result, error)

    context = contextvars.copy_context()
    threading.Thread(target=work, name=f"look-{getattr(function, '__name__', 'call')}", daemon=True).start()
    result, error = await outcome
    if isinstance(error, Exception):
        raise error
    if error is not None:  # SystemExit and its like are not to reach the loop
        raise RuntimeError(describe(error)) from error
    return result


class Place:
    """One place that a trigger looks at, and all that one run knows of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sightings = Sightings()
        self.finding: Any = None  # of the last look
        self.lost: str | None = None  # why it was left out
        self.failures = 0  # in a row
        self.looking = False
        self.started = 0.0  # when the last look began
        self.due = 0.0  # when the next one begins

    def begin(self, now: float) -> None:
        self.looking, self.started = True, now

    def end(self, finding: Any, due: float) -> None:
        self.looking, self.finding, self.due = False, finding, due

    def lose(self, reason: str) -> None:
        self.looking, self.finding, self.lost = False, None, reason
        log.warning("%s is left out: %s", self.name, reason)


class Sightings:
    """Since when each file of a directory has been seen as it is now."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[Any, float]] = {}
        self._now: dict[str, tuple[Any, float]] = {}

    def since(self, name: str, signature: Any, now: float) -> float:
        """Note a file, and say since when it looks like that."""
        old_signature, since = self._before.get(name, (None, now))
        if old_signature != signature:
            since = now
        self._now[name] = (signature, since)
        return since

    def end_look(self) -> None:
        """Forget what this look has not seen."""
        self._before, self._now = self._now, {}

    def drop_look(self) -> None:
        """Forget a look that was broken off."""
        self._now = {}


class PollingTrigger(BaseTrigger):
    """
    Look at places again and again, until something is found at one of them or none of them is left.

    A subclass says what its places are (``places``), how to look at one (``look``), and what the event tells
    (``payload``). All that changes while it runs belongs to the run, so that the trigger may be moved at any time.
    """

    class_path: ClassVar[str]
    lost_error_type: ClassVar[str]

    def __init__(self, check_interval: float) -> None:
        super().__init__()
        require(check_interval > 0, f"check_interval must be more than 0, not {check_interval!r}")
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = inspect.signature(type(self)).parameters
        return self.class_path, {name: copy.deepcopy(getattr(self, name)) for name in names}

    @abstractmethod
    def places(self) -> list[str]:
        """Name the places, the most important first."""

    @abstractmethod
    async def look(self, place: Place) -> Any:
        """
        Look once.

        :return: what was found, or None.
        :raises LookFailed: to try again.
        :raises PlaceLost: to leave the place out for good.
        """

    @abstractmethod
    def payload(self, found: list[Place], errors: dict[str, str]) -> dict[str, Any]:
        """Say what was found, at the places where something was, in their order."""

    def pause_after_failure(self, place: Place, reason: str) -> float:
        """Say after how many seconds a failed look is repeated; or raise ``PlaceLost``."""
        return self.check_interval

    async def wait(self) -> TriggerEvent:
        """Wait for the one event. Whatever has been started is over when it returns or is cancelled."""
        places: list[Place] = []
        try:
            places += [Place(name) for name in self.places()]
            return TriggerEvent(await self._watch_all(places))
        except Exception as error:
            return TriggerEvent(self._failure("unexpected", describe(error), places))

    def verdict(self, places: list[Place]) -> dict[str, Any] | None:
        """Say what the places amount to: a payload, or None to go on."""
        if all(place.lost is not None for place in places):
            reasons = "; ".join(f"{place.name}: {place.lost}" for place in places)
            return self._failure(self.lost_error_type, f"Nothing is left to wait for. {reasons}", places)
        found = [place for place in places if place.finding is not None]
        return self.payload(found, self._errors(places)) if found else None

    async def _watch_all(self, places: list[Place]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        patience: asyncio.TimerHandle | None = None
        impatient = False

        def lose_patience() -> None:
            nonlocal impatient
            impatient = True
            news.set()

        watchers = [asyncio.create_task(self._watch(place, news)) for place in places]
        try:
            while True:
                await news.wait()
                news.clear()
                for watcher in watchers:
                    if watcher.done():
                        watcher.result()  # raises what was unexpected
                found = [place for place in places if place.finding is not None]
                if found:
                    # Half an interval from the look that found it: then it has been there for one and a half at most.
                    first_seen = min(place.started for place in found)
                    deadline = first_seen + self.check_interval / 2
                    patience = patience or loop.call_at(deadline, lose_patience)
                    if not impatient and any(self._may_tell_more(place, deadline) for place in places):
                        continue
                payload = self.verdict(places)
                if payload is not None:
                    return payload
        finally:
            if patience:
                patience.cancel()
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    @staticmethod
    def _may_tell_more(place: Place, deadline: float) -> bool:
        return place.lost is None and place.finding is None and (place.looking or place.due < deadline)

    async def _watch(self, place: Place, news: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                place.begin(clock())
                try:
                    finding = await self.look(place)
                except LookFailed as failure:
                    place.failures += 1
                    log.debug("A look at %s has failed: %s", place.name, failure)
                    place.end(None, clock() + self.pause_after_failure(place, str(failure)))
                else:
                    place.failures = 0
                    place.end(finding, place.started + self.check_interval)
                news.set()
                await asyncio.sleep(place.due - clock())
        except PlaceLost as lost:
            place.lose(str(lost))
        finally:
            news.set()

    @staticmethod
    def _errors(places: list[Place]) -> dict[str, str]:
        return {place.name: place.lost for place in places if place.lost is not None}

    def _failure(self, error_type: str, message: str, places: list[Place]) -> dict[str, Any]:
        return {"status": "error", "error_type": error_type, "message": message, "errors": self._errors(places)}


class BlockingPollingTrigger(PollingTrigger):
    """A trigger whose looks block, so that each is made in a thread."""

    @abstractmethod
    def look_blocking(self, place: Place, stop: threading.Event) -> Any:
        """Look once, as ``look``; end soon when ``stop`` is set."""

    async def look(self, place: Place) -> Any:
        stop = threading.Event()
        try:
            return await in_thread(self.look_blocking, place, stop)
        finally:
            stop.set()


class FoundFile(NamedTuple):
    """A file that counts."""

    name: str
    status: os.stat_result
    pattern: str


class Listing:
    """The files of one directory that count: the first hundred by name, and how many there are."""

    def __init__(self, directory: str, files: Iterable[FoundFile]) -> None:
        self.total = 0
        # Not sorted as a whole: sorting a million names would hold the GIL, and with it the event loop.
        self.first = heapq.nsmallest(MAX_LISTED_FILES, self._counted(files), key=lambda file: file.name)
        self.paths = [os.path.join(directory, file.name) for file in self.first]

    def _counted(self, files: Iterable[FoundFile]) -> Iterator[FoundFile]:
        for file in files:
            self.total += 1
            yield file


class DirectoryTrigger(BlockingPollingTrigger):
    """A trigger whose places are directories."""

    lost_error_type = "directory_access"
    patterns: Sequence[str]

    def look_blocking(self, place: Place, stop: threading.Event) -> Listing | None:
        try:
            with os.scandir(place.name) as entries:
                listing = Listing(place.name, self._files_that_count(place, entries, stop))
        except FileNotFoundError:
            place.sightings.drop_look()
            place.sightings.end_look()
            return None
        except (PermissionError, NotADirectoryError) as error:
            raise PlaceLost(describe(error)) from error
        except OSError as error:
            place.sightings.drop_look()
            raise LookFailed(describe(error)) from error
        place.sightings.end_look()
        return listing if listing.total else None

    def look_once(self) -> dict[str, Any] | None:
        """Look once at all directories, here and now: a payload, or None if nothing is there yet."""
        places = [Place(name) for name in self.places()]
        for place in places:
            try:
                place.finding = self.look_blocking(place, threading.Event())
            except PlaceLost as lost:
                place.lose(str(lost))
            except LookFailed as failure:
                log.info("A look at %s has failed: %s", place.name, failure)
        return self.verdict(places)

    def counts(self, place: Place, name: str, status: os.stat_result) -> bool:
        """Say whether a regular file whose name matches counts."""
        return True

    def payload(self, found: list[Place], errors: dict[str, str]) -> dict[str, Any]:
        directory, listing = found[0].name, found[0].finding
        file = listing.first[0]
        return {
            "status": "success",
            "directory": directory,
            "filename": file.name,
            "path": os.path.join(directory, file.name),
            "size": file.status.st_size,
            "modified": datetime.fromtimestamp(file.status.st_mtime, timezone.utc).isoformat(),
            "files": [path for place in found for path in place.finding.paths][:MAX_LISTED_FILES],
            "total_files": sum(place.finding.total for place in found),
            "errors": errors,
        }

    def _files_that_count(
        self, place: Place, entries: Iterable[os.DirEntry[str]], stop: threading.Event
    ) -> Iterator[FoundFile]:
        for entry in entries:
            if stop.is_set():
                return
            pattern = self._matching_pattern(entry.name)
            if pattern is None:
                continue
            try:
                status = entry.stat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and self.counts(place, entry.name, status):
                yield FoundFile(entry.name, status, pattern)

    def _matching_pattern(self, name: str) -> str | None:
        for pattern in self.patterns:
            if fnmatch.fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith(".")):
                return pattern
        return None

    @staticmethod
    def _distinct(directories: Iterable[str]) -> list[str]:
        """Drop what was named before, be it with another spelling (``/data/a`` and ``/data//a/``)."""
        by_path: dict[Path, str] = {}
        for directory in directories:
            by_path.setdefault(Path(directory).absolute(), directory)
        return list(by_path.values())


class MultiDirectoryTrigger(DirectoryTrigger):
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

    class_path = "trigger_implementation_exercise.MultiDirectoryTrigger"

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        """
        Keep the arguments; no look at the file system, no work.

        :param directories: one or more paths, the most important first.
        :param file_pattern: a shell pattern for the file's name.
        :param check_interval: seconds between two looks, more than 0.
        :raises ValueError: if ``directories`` is empty, or a single ``str`` in place of a list, if ``file_pattern`` is
            empty, or if ``check_interval`` is not more than 0.
        """
        super().__init__(check_interval)
        require(not isinstance(directories, str), "directories must be a list of paths, not a single path")
        require(bool(directories), "directories must not be empty")
        require(bool(file_pattern), "file_pattern must not be empty")
        self.directories = list(directories)
        self.file_pattern = file_pattern

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, in another process.

        :return: the class path ``trigger_implementation_exercise.MultiDirectoryTrigger``, to the letter, and the
            keyword arguments of ``__init__``, all of them, under their own names, as plain JSON. To the letter, because
            Airflow loads a DAG file under a made-up module name, which ``__module__`` repeats and no triggerer can
            import. (The triggerer does not see the DAG folder either: this kata puts it on its ``PYTHONPATH``.)
        """
        return super().serialize()

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
        yield await self.wait()

    @property
    def patterns(self) -> Sequence[str]:
        return [self.file_pattern]

    def places(self) -> list[str]:
        return self._distinct(self.directories)


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


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class TriggerSensor(BaseSensorOperator):
    """A sensor that waits in the triggerer, with its own timeout, for an event with a ``status``."""

    def defer_to(self, trigger: BaseTrigger, **kwargs: Any) -> NoReturn:
        """Leave the worker slot, and go on in ``execute_complete``, which is given ``kwargs``."""
        self.defer(
            trigger=trigger,
            method_name="execute_complete",
            kwargs=kwargs or None,
            timeout=timedelta(seconds=self.timeout),
        )

    @staticmethod
    def success_of(event: Any) -> dict[str, Any]:
        """Return the payload of a success, raise for everything else."""
        if isinstance(event, dict) and event.get("status") == "success":
            return event
        raise WaitFailed(event)


class MultiDirectorySensorAsync(TriggerSensor):
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
        self._first_look_at: datetime | None = None

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
        self._first_look_at = None
        if not self.deferrable:
            return super().execute(context)
        first_look_at = utc_now()
        trigger = MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval)
        event = trigger.look_once()
        if event is not None:
            return self._result(event, False, first_look_at)
        self.defer_to(trigger, started_at=first_look_at.isoformat())

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Look once, for ``deferrable=False``.

        :return: done with the result described at the class, or not done.
        :raises AirflowException: if not one of the directories can ever be read.
        """
        if self._first_look_at is None:
            # In mode "reschedule" every look is made by another process.
            rescheduled_at = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
            self._first_look_at = rescheduled_at or utc_now()
        event = MultiDirectoryTrigger(self.directories, self.file_pattern).look_once()
        if event is None:
            return PokeReturnValue(False)
        return PokeReturnValue(True, self._result(event, False, self._first_look_at))

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
        return self._result(event, True, datetime.fromisoformat(started_at) if started_at else None)

    def _result(self, event: Any, deferred: bool, first_look_at: datetime | None) -> dict[str, Any]:
        waited = None if first_look_at is None else max(0.0, (utc_now() - first_look_at).total_seconds())
        return {**self.success_of(event), "deferred": deferred, "waited_seconds": waited}


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


class BadFile(Exception):
    """A file that is no good."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class FileCheck:
    """The check of one file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def outcome(self) -> dict[str, Any]:
        """
        Check the file.

        :return: its path, size and rows.
        :raises BadFile: if it is no good.
        """
        try:
            size = self._size()
            rows = self._csv_rows() if self.path.lower().endswith(".csv") else self._try_to_read()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BadFile("missing", describe(error)) from error
        except (OSError, ValueError, csv.Error) as error:
            raise BadFile("unreadable", describe(error)) from error
        return {"path": self.path, "size": size, "rows": rows}

    def _size(self) -> int:
        status = os.stat(self.path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise BadFile("unreadable", "it is not a regular file")
        if status.st_size == 0:
            raise BadFile("empty", "the file has no bytes")
        return status.st_size

    def _try_to_read(self) -> None:
        with open(self.path, "rb") as file:
            file.read(1)

    def _csv_rows(self) -> int:
        """Count the rows. The file is read to its end before a row is found fault with: it may be unreadable there."""
        header: list[str] | None = None
        fault: BadFile | None = None
        rows = 0
        with open(self.path, encoding="utf-8-sig", newline="") as file:
            for line, row in self._numbered_rows(file):
                if header is None:
                    header = row
                    if not all(name.strip() for name in header):
                        fault = BadFile("no_header", f"the header has a blank name: {header}")
                    continue
                rows += 1
                if len(row) != len(header):
                    fault = fault or BadFile("row_width", f"line {line} has {len(row)} fields, the header {len(header)}")
        if header is None:
            raise BadFile("no_header", "there is no row at all")
        if fault:
            raise fault
        return rows

    @staticmethod
    def _numbered_rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        """Read the rows that are not empty, each with the number of the line on which it begins."""
        limit = csv.field_size_limit(sys.maxsize)  # a long text is no fault
        try:
            reader = csv.reader(lines, strict=True)
            line = 1
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1
        finally:
            csv.field_size_limit(limit)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_sensor_result(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("files"), list)
        and all(isinstance(path, str) for path in value["files"])
        and isinstance(value.get("total_files"), int)
        and "waited_seconds" in value
        and (value["waited_seconds"] is None or _is_number(value["waited_seconds"]))
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
    if not _is_sensor_result(result):
        raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is missing or not the sensor's result: {result!r}")
    valid: list[dict[str, Any]] = []
    invalid: list[dict[str, Any]] = []
    for path in result["files"]:
        try:
            checked = FileCheck(path).outcome()
        except BadFile as bad:
            log.warning("%s is no good: %s, %s", path, bad.reason, bad.detail)
            invalid.append({"path": path, "reason": bad.reason, "detail": bad.detail})
        else:
            log.info("%s is good: %s bytes, rows: %s", path, checked["size"], checked["rows"])
            valid.append(checked)
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


def as_int(value: Any) -> int:
    """Take a figure from outside: an int and nothing else."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected an int, not {value!r}")
    return value


class Wait:
    """How long ``monitor_client_uploads`` has waited, as far as its XCom tells."""

    def __init__(self, result: Any) -> None:
        record = result if isinstance(result, dict) else {}
        waited = record.get("waited_seconds")
        self.seconds = float(waited) if _is_number(waited) else None
        self.deferred = bool(record.get("deferred"))
        self.why_unknown = "" if self.seconds is not None else self._why_unknown(result)

    @staticmethod
    def _why_unknown(result: Any) -> str:
        if result is None:
            return f"there is no XCom of {SENSOR_TASK_ID}"
        if isinstance(result, dict) and result.get("waited_seconds", ...) is None:
            return f"{SENSOR_TASK_ID} does not know when it looked first"
        return f"the XCom of {SENSOR_TASK_ID} is not the sensor's result"

    @classmethod
    def of(cls, ti: Any, **which_run: str) -> Wait:
        """Read the XCom; whatever goes wrong, the wait is unknown."""
        try:
            return cls(ti.xcom_pull(task_ids=SENSOR_TASK_ID, **which_run))
        except Exception as error:
            wait = cls(None)
            wait.why_unknown = describe(error)
            return wait

    def known_seconds(self) -> float:
        if self.seconds is None:
            raise LookupError(self.why_unknown)
        return self.seconds

    @property
    def saved_slot_seconds(self) -> float:
        seconds = self.known_seconds()
        return seconds if self.deferred else 0.0

    @property
    def held_slot_seconds(self) -> float | None:
        return None if self.seconds is None else self.seconds - self.saved_slot_seconds


class Figures:
    """Figures that may not be had: their values, and why those that are None are."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.unavailable: dict[str, str] = {}

    def take(self, name: str, source: Callable[[], Any]) -> Any:
        """Take one figure; None if its source raises."""
        try:
            value = source()
        except Exception as error:
            value = None
            self.unavailable[name] = str(error) if type(error) is LookupError else describe(error)
        self.values[name] = value
        return value

    def take_both(self, name: str, other: str, source: Callable[[], tuple[Any, Any]]) -> None:
        """Take two figures from one source."""
        pair = self.take(name, source)
        self.values[name], self.values[other] = pair if pair is not None else (None, None)
        if pair is None:
            self.unavailable[other] = self.unavailable[name]

    def take_wait(self, ti: Any) -> Wait:
        """Take ``waited_seconds``."""
        wait = Wait.of(ti)
        self.take("waited_seconds", wait.known_seconds)
        return wait


def _triggerer_status() -> str:
    status = read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]
    if not isinstance(status, str):
        raise LookupError(f"the API says {status!r}: no triggerer has ever reported")
    return status


def _pools() -> list[dict[str, Any]]:
    numbers = ("slots", "occupied_slots", "deferred_slots")
    return [
        {"name": str(pool["name"]), **{key: as_int(pool[key]) for key in numbers}}
        for pool in read_airflow_api("/api/v2/pools")["pools"]
    ]


class Advice:
    """The sentences that follow from what ``monitor_resource_usage`` has measured."""

    def __init__(self, measured: dict[str, Any]) -> None:
        self.measured = measured

    def sentences(self) -> list[str]:
        return [*self._on_the_wait(), *self._on_the_triggerer(), *self._on_the_pools()] or [
            "Nothing that was measured calls for a change."
        ]

    def _on_the_wait(self) -> Iterator[str]:
        waited, saved = self.measured["waited_seconds"], self.measured["saved_slot_seconds"]
        if saved:
            yield f"Keep the sensor deferrable: its wait has left a worker slot free for {saved:.1f} seconds."
        elif waited is None:
            yield "The wait could not be measured: look at what is unavailable before anything is changed."
        elif waited > 60:
            yield f"Make the sensor deferrable: its wait has held a worker slot for {waited:.1f} seconds."

    def _on_the_triggerer(self) -> Iterator[str]:
        status, deferred = self.measured["triggerer_status"], self.measured["deferred_tasks"]
        if status is None:
            yield f"Define the connection {API_CONNECTION_ID} if triggerer and pools are to be measured too."
        elif status != "healthy":
            yield f"Start a triggerer: its status is {status}, and {deferred or 0} tasks of this DAG wait for one."

    def _on_the_pools(self) -> Iterator[str]:
        for pool in self.measured["pools"] or []:
            if 0 < pool["slots"] <= pool["occupied_slots"]:
                yield f"Give the pool {pool['name']} more slots: all {pool['slots']} are taken."


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
    figures = Figures()
    figures.take("deferred_tasks", lambda: as_int(ti.get_ti_count(dag_id=ti.dag_id, states=["deferred"])))
    figures.take("running_tasks", lambda: as_int(ti.get_ti_count(dag_id=ti.dag_id, states=["running"])))
    wait = figures.take_wait(ti)
    figures.take("saved_slot_seconds", lambda: wait.saved_slot_seconds)
    figures.take("triggerer_status", _triggerer_status)
    figures.take("pools", _pools)
    measured = {**figures.values, "unavailable": figures.unavailable}
    measured["recommendations"] = Advice(measured).sentences()
    log.info("What the waits hold: %s", measured)
    return measured


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────


class Failure:
    """What can be made of a failed task's context, however broken it is."""

    TIMEOUTS = (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)
    NO_ACCESS = (PermissionError, NotADirectoryError, FileNotFoundError)
    ADVICE = {
        "timeout": "Ask whether the upload is late, or give the sensor a longer timeout.",
        "directory_access": "Check that the directories exist, are directories, and can be read by the triggerer.",
        "triggerer_failure": "Read the triggerer's log, and check that the trigger's module is on its PYTHONPATH.",
        "serialization": "Hand over plain JSON only: text, numbers, lists and dicts.",
        "unknown": "Read the task's log.",
    }

    def __init__(self, context: Any) -> None:
        self.exception = self._get(context, "exception")
        self.ti = self._get(context, "ti")

    def findings(self) -> dict[str, Any]:
        cause = next((cause for error in self._chain() if (cause := self._cause(error))), "unknown")
        return {
            "task_id": self._id("task_id"),
            "run_id": self._id("run_id"),
            "cause": cause,
            "message": self._text(self.exception),
            "advice": self.ADVICE[cause],
        }

    @staticmethod
    def _get(context: Any, key: str) -> Any:
        try:
            return context.get(key)
        except Exception:
            return None

    def _id(self, name: str) -> str | None:
        try:
            value = getattr(self.ti, name, None)
        except Exception:
            return None
        return value if isinstance(value, str) else None

    @staticmethod
    def _text(value: Any) -> str:
        if value is None:
            return ""
        try:
            return str(value)
        except Exception:
            return type(value).__name__

    def _chain(self) -> Iterator[Any]:
        """The exception, what it was raised from, and so on; a chain may bite its own tail."""
        error, seen = self.exception, set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            yield error
            error = error.__cause__ if isinstance(error, BaseException) else None

    def _cause(self, error: Any) -> str | None:
        if isinstance(error, self.TIMEOUTS):
            return "timeout"
        if isinstance(error, self.NO_ACCESS):
            return "directory_access"
        if isinstance(error, WaitFailed) and error.error_type == "directory_access":
            return "directory_access"
        if isinstance(error, TaskDeferralError):
            return "triggerer_failure"
        spoken = f"{type(error).__name__} {self._text(error)}".lower()
        return "serialization" if "serializ" in spoken or "serialis" in spoken else None


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
    findings = Failure(context).findings()
    log.error(
        "Task %s has failed, cause %s: %s. What to do: %s",
        findings["task_id"],
        findings["cause"],
        " ".join(findings["message"].split()) or "no message",
        findings["advice"],
    )
    return findings


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────


def _state_name(state: Any) -> str:
    return "none" if state is None else str(getattr(state, "value", state))


def _states_of_run(ti: Any) -> dict[str, int]:
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    return dict(Counter(_state_name(state) for state in states.values()))


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
    figures = Figures()
    wait = figures.take_wait(ti)
    figures.take("task_states", lambda: _states_of_run(ti))
    return {
        "waited_seconds": figures.values["waited_seconds"],
        "traditional": {"slot_seconds": wait.seconds, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": wait.held_slot_seconds, "slots_for_100_waits": 0},
        "saved_slot_seconds": None if wait.seconds is None else wait.saved_slot_seconds,
        "task_states": figures.values["task_states"],
        "unavailable": figures.unavailable,
    }


class Record:
    """An XCom from outside: what is missing or has another form than expected reads "unavailable"."""

    UNAVAILABLE = "unavailable"

    def __init__(self, value: Any) -> None:
        self.value = value if isinstance(value, dict) else {}
        self.missing = not isinstance(value, dict)

    def __getitem__(self, key: str) -> Record:
        return Record(self.value.get(key))

    def number(self, key: str) -> float | None:
        value = self.value.get(key)
        return value if _is_number(value) else None

    def text(self, key: str) -> str:
        value = self.value.get(key)
        return self.UNAVAILABLE if value is None else str(value)

    def texts(self, key: str) -> list[str]:
        value = self.value.get(key)
        return [str(item) for item in value] if isinstance(value, list) else []

    def records(self, key: str) -> list[Record]:
        value = self.value.get(key)
        return [Record(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class Part:
    """A part of the page: a heading and what stands below it."""

    def __init__(self, heading: str, missing: bool) -> None:
        self.heading = heading
        self.missing = missing

    def html(self) -> str:
        body = f"<p>{Record.UNAVAILABLE}</p>" if self.missing else self.body()
        return f"<h2>{html.escape(self.heading)}</h2>\n{body}\n"

    @abstractmethod
    def body(self) -> str:
        """Everything below the heading."""


class Table(Part):
    """Rows of text."""

    def __init__(self, heading: str, columns: list[str], rows: list[list[str]], missing: bool) -> None:
        super().__init__(heading, missing)
        self.columns = columns
        self.rows = rows

    def body(self) -> str:
        if not self.rows:
            return "<p>none</p>"
        return f"<table>\n{self._row('th', self.columns)}{''.join(self._row('td', row) for row in self.rows)}</table>"

    @staticmethod
    def _row(tag: str, cells: list[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>\n"


class Sentences(Part):
    """A list of sentences."""

    def __init__(self, heading: str, sentences: list[str], missing: bool) -> None:
        super().__init__(heading, missing or not sentences)
        self.sentences = sentences

    def body(self) -> str:
        return "<ul>\n" + "".join(f"<li>{html.escape(sentence)}</li>\n" for sentence in self.sentences) + "</ul>"


class Bars(Part):
    """A bar for each figure, drawn to scale."""

    WIDTH, HEIGHT, LABELS = 400, 30, 320

    def __init__(self, heading: str, figures: dict[str, float | None]) -> None:
        super().__init__(heading, False)
        self.figures = figures

    def body(self) -> str:
        longest = max((value for value in self.figures.values() if value), default=1)
        bars = "".join(self._bar(n, label, value, longest) for n, (label, value) in enumerate(self.figures.items()))
        return f'<svg width="{self.LABELS + self.WIDTH}" height="{self.HEIGHT * len(self.figures)}">\n{bars}</svg>'

    def _bar(self, number: int, label: str, value: float | None, longest: float) -> str:
        top = number * self.HEIGHT
        width = self.WIDTH * max(value or 0, 0) / longest
        figure = Record.UNAVAILABLE if value is None else f"{value} s"
        return (
            f'<text x="0" y="{top + 20}">{html.escape(label)}: {figure}</text>'
            f'<rect x="{self.LABELS}" y="{top + 5}" width="{width:.1f}" height="{self.HEIGHT - 10}" fill="teal"/>\n'
        )


class Page:
    """The report."""

    def __init__(self, run_id: str | None, processed: Record, usage: Record, comparison: Record) -> None:
        self.run_id = Record.UNAVAILABLE if run_id is None else str(run_id)
        slots = {name: comparison[name].number("slot_seconds") for name in ("traditional", "deferrable")}
        self.parts: list[Part] = [
            self._files("Valid files", processed, "valid", ["path", "size", "rows"]),
            self._files("Invalid files", processed, "invalid", ["path", "reason", "detail"]),
            Table(
                "The wait, in seconds",
                ["figure", "seconds"],
                [
                    ["waited", comparison.text("waited_seconds")],
                    ["slot seconds, traditional", comparison["traditional"].text("slot_seconds")],
                    ["slot seconds, deferrable", comparison["deferrable"].text("slot_seconds")],
                    ["slot seconds saved", comparison.text("saved_slot_seconds")],
                ],
                comparison.missing,
            ),
            Bars("Slot seconds", slots),
            Sentences("Recommendations", usage.texts("recommendations"), usage.missing),
        ]

    @staticmethod
    def _files(heading: str, processed: Record, key: str, columns: list[str]) -> Part:
        rows = [[file.text(column) for column in columns] for file in processed.records(key)]
        return Table(heading, columns, rows, processed.missing)

    def html(self) -> str:
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Trigger report</title></head>\n<body>\n'
            f"<h1>Trigger report</h1>\n<p>Run: {html.escape(self.run_id)}</p>\n"
            + "".join(part.html() for part in self.parts)
            + "</body>\n</html>\n"
        )


def _write_whole(path: str, text: str) -> None:
    """Put a file in place whole or not at all."""
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=".report-", dir=directory)
    try:
        # A file's name need not be text: what cannot be encoded is written as a character reference.
        with open(descriptor, "w", encoding="utf-8", errors="xmlcharrefreplace") as file:
            file.write(text)
        os.chmod(draft, 0o644)  # mkstemp lets nobody else read
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
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
    processed, usage, comparison = (
        Record(ti.xcom_pull(task_ids=task_id))
        for task_id in ("process_trigger_results", "monitor_resource_usage", "compare_approaches")
    )
    _write_whole(REPORT_FILE, Page(getattr(ti, "run_id", None), processed, usage, comparison).html())
    return {
        "report_file": REPORT_FILE,
        "valid_files": [file.text("path") for file in processed.records("valid")],
        "invalid_files": [file.text("path") for file in processed.records("invalid")],
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class AdvancedMultiDirectoryTrigger(DirectoryTrigger):
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

    class_path = "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger"

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
        super().__init__(check_interval)
        require(bool(directories), "directories must not be empty")
        require(not isinstance(file_patterns, str), "file_patterns must be a list of patterns, not a single pattern")
        require(bool(file_patterns), "file_patterns must not be empty")
        require(stable_seconds >= 0, f"stable_seconds must be 0 or more, not {stable_seconds!r}")
        require(max_retries >= 0, f"max_retries must be 0 or more, not {max_retries!r}")
        require(backoff_base > 0, f"backoff_base must be more than 0, not {backoff_base!r}")
        require(backoff_cap > 0, f"backoff_cap must be more than 0, not {backoff_cap!r}")
        self.directories = dict(directories)
        self.file_patterns = list(file_patterns)
        self.stable_seconds = stable_seconds
        self.max_retries = max_retries
        self.backoff_base = backoff_base
        self.backoff_cap = backoff_cap

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again, as ``MultiDirectoryTrigger.serialize`` does.

        :return: ``trigger_implementation_exercise.AdvancedMultiDirectoryTrigger`` and all arguments of ``__init__``.
        """
        return super().serialize()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end. No exception leaves it but the cancellation.

        The payloads are those of ``MultiDirectoryTrigger``; the one for a file also holds ``pattern``, the first of
        ``file_patterns`` that the file matches, and ``priority``, that of its directory. ``files`` and ``total_files``
        are of the stable files.
        """
        yield await self.wait()

    @property
    def patterns(self) -> Sequence[str]:
        return self.file_patterns

    def places(self) -> list[str]:
        by_priority = sorted(self.directories, key=lambda directory: (self.directories[directory], directory))
        return self._distinct(by_priority)

    def counts(self, place: Place, name: str, status: os.stat_result) -> bool:
        signature = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
        age = place.started - place.sightings.since(name, signature, place.started)
        return age >= self.stable_seconds - CLOCK_ERROR

    def pause_after_failure(self, place: Place, reason: str) -> float:
        if place.failures > self.max_retries:
            raise PlaceLost(f"{place.failures} looks in a row have failed, the last one with {reason}")
        # The exponent is bounded because a float's is: 2.0 ** 1024 overflows.
        return min(self.backoff_base * 2 ** min(place.failures - 1, 1000), self.backoff_cap)

    def payload(self, found: list[Place], errors: dict[str, str]) -> dict[str, Any]:
        first = found[0]
        return {
            **super().payload(found, errors),
            "pattern": first.finding.first[0].pattern,
            "priority": self.directories[first.name],
        }


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def _states_of_all_runs(ti: Any) -> dict[str, dict[str, Any]]:
    runs = ti.get_task_states(dag_id=EXERCISE_DAG_ID)
    if not isinstance(runs, dict) or not all(isinstance(states, dict) for states in runs.values()):
        raise TypeError(f"expected the states of tasks by run, not {runs!r}")
    return runs


def _triggers() -> tuple[int, int]:
    answer = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")
    taken_up = [(task["trigger"] or {}).get("triggerer_id") is not None for task in answer["task_instances"]]
    return taken_up.count(True), taken_up.count(False)


def _pool_utilization() -> dict[str, float]:
    return {
        str(pool["name"]): pool["occupied_slots"] / pool["slots"] if pool["slots"] > 0 else 0.0
        for pool in read_airflow_api("/api/v2/pools")["pools"]
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
    figures = Figures()
    runs: dict[str, dict[str, Any]] | None = figures.take("states", lambda: _states_of_all_runs(ti))
    if runs is None:
        figures.unavailable["runs"] = figures.unavailable.pop("states")
    waits = Counter(
        _state_name(states[task_id]) for states in (runs or {}).values() for task_id in WAITING_TASK_IDS if task_id in states
    )
    ended = waits["success"] + waits["failed"]
    seconds = [
        wait.seconds
        for run_id, states in (runs or {}).items()
        if _state_name(states.get(SENSOR_TASK_ID)) == "success"
        for wait in [Wait.of(ti, dag_id=EXERCISE_DAG_ID, run_id=run_id)]
        if wait.seconds is not None
    ]
    figures.take_both("triggers_running", "triggers_queued", _triggers)
    figures.take("pool_utilization", _pool_utilization)
    metrics = {
        "runs": None if runs is None else len(runs),
        "waits": dict(waits),
        "success_rate": waits["success"] / ended if ended else None,
        "failure_rate": waits["failed"] / ended if ended else None,
        "average_wait_seconds": sum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
        "triggers_running": figures.values["triggers_running"],
        "triggers_queued": figures.values["triggers_queued"],
        "pool_utilization": figures.values["pool_utilization"],
        "unavailable": figures.unavailable,
    }
    log.info("Trigger metrics: %s", metrics)
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


class ApiTrigger(PollingTrigger):
    """
    Ask an HTTP service again and again, and fire when it says what is hoped for.

    It obeys the rules of ``MultiDirectoryTrigger``: the loop is not blocked, one event and the end, no exception but
    the cancellation, nothing left behind.
    """

    class_path = "trigger_implementation_exercise.ApiTrigger"
    lost_error_type = "api"

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        """
        Keep the arguments; no request, no work.

        :param url: answers a GET with a JSON object that has a ``status``.
        :param expected_status: the ``status`` that is waited for.
        :param check_interval: seconds between two requests, more than 0.
        :raises ValueError: if ``url`` is empty or ``check_interval`` not more than 0.
        """
        super().__init__(check_interval)
        require(bool(url), "url must not be empty")
        self.url = url
        self.expected_status = expected_status

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.ApiTrigger`` and all arguments of ``__init__``.
        """
        return super().serialize()

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
        yield await self.wait()

    def places(self) -> list[str]:
        return [self.url]

    async def look(self, place: Place) -> dict[str, Any] | None:
        tls = await in_thread(httpx.create_ssl_context)  # reads certificates
        try:
            # httpx counts its seconds anew for each piece that arrives, so they are counted here.
            with anyio.fail_after(API_TIMEOUT):
                async with httpx.AsyncClient(verify=tls, timeout=None, follow_redirects=True) as client:
                    response = await client.get(self.url)
        except (
            TimeoutError,
            httpx.TimeoutException,
            httpx.NetworkError,
            httpx.RemoteProtocolError,
            httpx.ProxyError,
            httpx.DecodingError,
            httpx.TooManyRedirects,
        ) as error:
            raise LookFailed(describe(error)) from error
        if 400 <= response.status_code <= 499:
            raise PlaceLost(f"HTTP status {response.status_code} {response.reason_phrase}".strip())
        if response.status_code >= 500:
            raise LookFailed(f"HTTP status {response.status_code}")
        return await in_thread(self._wanted_answer, response.content)

    def _wanted_answer(self, body: bytes) -> dict[str, Any] | None:
        try:
            answer = json.loads(body, parse_constant=self._refuse_constant)
        except (ValueError, RecursionError) as error:
            raise LookFailed(describe(error)) from error
        if isinstance(answer, dict) and answer.get("status") == self.expected_status:
            return answer
        return None

    @staticmethod
    def _refuse_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    def payload(self, found: list[Place], errors: dict[str, str]) -> dict[str, Any]:
        return {"status": "success", "url": self.url, "answer": found[0].finding}


class BusinessRuleTrigger(BlockingPollingTrigger):
    """
    Ask a function of your own again and again, and fire when it agrees.

    A function cannot travel to the triggerer, its import path can. The rule may block, so it runs in a thread. It obeys
    the rules of ``MultiDirectoryTrigger``: one event and the end, no exception but the cancellation, nothing left
    behind.
    """

    class_path = "trigger_implementation_exercise.BusinessRuleTrigger"
    lost_error_type = "rule"

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        """
        Keep the arguments; the rule is not imported yet, no work.

        :param rule: the import path of a plain function, ``module.function``; the module is on the ``PYTHONPATH``.
        :param rule_kwargs: the function's keyword arguments, plain JSON; None for none.
        :param check_interval: seconds between two questions, more than 0.
        :raises ValueError: if ``rule`` is not a text with a dot in it, or ``check_interval`` not more than 0.
        """
        super().__init__(check_interval)
        require(isinstance(rule, str) and "." in rule, f"rule must be an import path, module.function, not {rule!r}")
        self.rule = rule
        self.rule_kwargs = copy.deepcopy(rule_kwargs)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Say how the triggerer builds this trigger again.

        :return: ``trigger_implementation_exercise.BusinessRuleTrigger`` and all arguments of ``__init__``.
        """
        return super().serialize()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then end.

        It asks at once and then about every ``check_interval`` seconds. ``{"status": "success", "rule": str}`` when the
        rule returns something true. A rule that cannot be imported, or that raises, is broken: ``{"status": "error",
        "error_type": "rule", "message": str, "errors": {rule: reason}}``, the exception with its type and its text in
        both.
        """
        yield await self.wait()

    def places(self) -> list[str]:
        return [self.rule]

    def look_blocking(self, place: Place, stop: threading.Event) -> bool | None:
        try:
            module, _, name = self.rule.rpartition(".")
            function = getattr(importlib.import_module(module), name)
            if inspect.iscoroutinefunction(function):
                raise TypeError(f"{self.rule} is not a plain function")
            # A copy, for a rule may do with its arguments what it likes.
            return bool(function(**copy.deepcopy(self.rule_kwargs or {}))) or None
        except BaseException as error:  # not even sys.exit() may end more than the wait
            raise PlaceLost(describe(error)) from error

    def payload(self, found: list[Place], errors: dict[str, str]) -> dict[str, Any]:
        return {"status": "success", "rule": self.rule}


def _holds_csv(directory: str) -> bool:
    try:
        return MultiDirectoryTrigger([directory], "*.csv").look_blocking(Place(directory), threading.Event()) is not None
    except (PlaceLost, LookFailed):
        return False


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``.

    :param directories: one directory a client.
    :param minimum: how many clients are enough.
    :return: True if at least ``minimum`` of the directories hold a file ``*.csv``. One that is missing or cannot be
        read holds none.
    """
    return sum(_holds_csv(directory) for directory in directories) >= minimum


class WaitForTrigger(TriggerSensor):
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
        self.defer_to(self.trigger)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """
        Go on when the trigger has fired.

        :return: the event's payload.
        :raises AirflowException: as ``MultiDirectorySensorAsync.execute_complete`` does.
        """
        return self.success_of(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

with DAG(
    dag_id=EXERCISE_DAG_ID,
    description="Hundreds of waits without a worker slot: deferrable sensors, and what they save",
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

    wait_for_upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        poke_interval=30,
        timeout=600,
        deferrable=True,
        on_execute_callback=log_worker_slot,
        on_failure_callback=handle_trigger_failure,
        doc_md="""
        Waits for the upload **deferred**: a sensor that pokes holds a worker slot for as long as it waits, and does
        nothing with it. This one hands its wait to the triggerer, which looks after thousands in a single process, and
        takes up a slot again when the file is there.
        """,
    )
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id=SENSOR_TASK_ID,
        directories=CLIENT_DIRECTORIES,
        file_pattern="*.csv",
        poke_interval=30,
        timeout=600,
        on_failure_callback=handle_trigger_failure,
    )
    process, monitor, compare, report = (
        PythonOperator(task_id=function.__name__, python_callable=function)
        for function in (process_trigger_results, monitor_resource_usage, compare_approaches, generate_trigger_report)
    )

    set_up >> [wait_for_upload, monitor_client_uploads] >> process >> [monitor, compare] >> report >> clean_up

with DAG(
    dag_id="trigger_orchestration_challenge",
    description="Publish when the data is there, the time has come, and somebody has given leave",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "trigger-exercise", "poke_interval": 30, "timeout": 600},
    tags=["kata", "exercise-4", "triggers"],
) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(task_id="wait_for_data", directories=CLIENT_DIRECTORIES)
    # Counted from the moment for which the run was made, which every run has; a logical date it may not have.
    wait_for_window = TimeDeltaSensor(task_id="wait_for_window", delta=timedelta(seconds=10), deferrable=True)
    wait_for_api = WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(PARTNER_API_URL))
    wait_for_rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            "trigger_implementation_exercise.enough_clients_delivered",
            {"directories": CLIENT_DIRECTORIES, "minimum": 3},
        ),
    )
    approve = EmptyOperator(task_id="approve", trigger_rule="one_success")
    publish = EmptyOperator(task_id="publish", trigger_rule="all_success")

    [wait_for_api, wait_for_rule] >> approve
    [wait_for_data, wait_for_window, approve] >> publish
