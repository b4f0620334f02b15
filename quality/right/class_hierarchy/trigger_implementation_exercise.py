"""Exercise 4: triggers and deferrable operators. One hierarchy of classes for everything that polls."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import csv
import fnmatch
import heapq
import importlib
import inspect
import logging
import math
import os
import stat
import tempfile
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, NoReturn

import anyio
import httpx
import jinja2
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

DATA_DIR = os.path.abspath(os.environ.get("KATA_DATA_DIR") or os.path.join(tempfile.gettempdir(), "trigger_kata"))
UPLOAD_FILE = os.path.join(DATA_DIR, "client_data", "upload.csv")
CLIENT_DIRECTORIES = [os.path.join(DATA_DIR, "uploads", f"client_{n}") for n in range(1, 6)]
REPORT_FILE = os.path.join(DATA_DIR, "monitoring", "trigger_report.html")

# ── Step 1: setup ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Workspace:
    """The directories that the DAG uses, and what was created of them."""

    def __init__(self) -> None:
        self.created: list[str] = []

    def directory(self, path: Path) -> None:
        for each in [*reversed(path.parents), path]:
            if not each.exists():
                each.mkdir()
                if Path(DATA_DIR) in each.parents:
                    self.created.append(str(each))

    def readme(self, path: Path) -> None:
        with contextlib.suppress(FileExistsError), path.open("x") as file:
            file.write("Put your CSV files into this directory.\n")
            self.created.append(str(path))


def set_up_directories() -> list[str]:
    """Create the directories that the DAG uses, and a README for each client."""
    workspace = Workspace()
    for file in (UPLOAD_FILE, REPORT_FILE):
        workspace.directory(Path(file).parent)
    for directory in map(Path, CLIENT_DIRECTORIES):
        workspace.directory(directory)
        workspace.readme(directory / "README.txt")
    return workspace.created


def clean_up_directories(created: list[str] | None) -> list[str]:
    """Remove what ``set_up_directories`` created, and nothing else."""
    removed: list[str] = []
    for path in map(Path, reversed(created or [])):
        try:
            path.rmdir() if path.is_dir() else path.unlink()
        except OSError:  # missing, or not empty
            continue
        removed.append(str(path))
    return removed


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """Log that a task has taken a worker slot."""
    logging.getLogger("airflow.task").info("Task %s takes a worker slot", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100

DIRECTORY_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="directory")

# BaseTrigger
# └── PollingTrigger                 checks places repeatedly; one task per place, one event
#     ├── ApiTrigger                 a check is a request
#     └── BlockingPollingTrigger     a check blocks, so it runs in a thread
#         ├── BusinessRuleTrigger    a check is a call
#         └── DirectoryTrigger       a check is a listing
#             ├── MultiDirectoryTrigger
#             └── AdvancedMultiDirectoryTrigger


class PlaceExcluded(Exception):
    """A place that is not checked again. The text is the reason."""


class CheckFailed(Exception):
    """A check that has failed, but a later one may not. The text is the reason."""


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


class Place:
    """One place that a trigger checks, and all that one run knows of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sightings = Sightings()
        self.finding: Any = None  # of the last check
        self.excluded: str | None = None  # the reason
        self.failures = 0  # in a row
        self.checking = False
        self.started = 0.0  # start of the last check
        self.due = 0.0  # start of the next one

    def begin(self, now: float) -> None:
        self.checking, self.started = True, now

    def end(self, finding: Any, due: float) -> None:
        self.checking, self.finding, self.due = False, finding, due

    def exclude(self, reason: str) -> None:
        self.checking, self.finding, self.excluded = False, None, reason
        log.warning("%s is excluded: %s", self.name, reason)


class Sightings:
    """Since when each file of a directory has been as it is now."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[Any, float]] = {}
        self._now: dict[str, tuple[Any, float]] = {}

    def since(self, name: str, version: Any, now: float) -> float:
        old_version, since = self._before.get(name, (None, now))
        self._now[name] = (version, since if old_version == version else now)
        return self._now[name][1]

    def end_check(self) -> None:
        """Forget what this check has not seen."""
        self._before, self._now = self._now, {}


class PollingTrigger(BaseTrigger):
    """Check places repeatedly, until one of them has a finding or all are excluded."""

    class_path: ClassVar[str]
    excluded_error_type: ClassVar[str]

    def __init__(self, check_interval: float) -> None:
        super().__init__()
        require(check_interval > 0, f"check_interval must be above 0, not {check_interval!r}")
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = inspect.signature(type(self)).parameters
        return self.class_path, {name: copy.deepcopy(getattr(self, name)) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        places: list[Place] = []
        try:
            places += map(Place, self.places())
            payload = await self._watch_all(places)
        except Exception as error:
            payload = self._failure("unexpected", describe(error), places)
        yield TriggerEvent(payload)

    @abstractmethod
    def places(self) -> list[str]:
        """Name the places, highest priority first."""

    @abstractmethod
    async def check(self, place: Place) -> Any:
        """Check once; return None to check again."""

    @abstractmethod
    def payload(self, found: list[Place], errors: dict[str, str]) -> dict[str, Any]:
        """Return the success payload."""

    def pause_after_failure(self, place: Place, reason: str) -> float:
        """Return the seconds until a failed check is repeated; or raise ``PlaceExcluded``."""
        return self.check_interval

    def verdict(self, places: list[Place]) -> dict[str, Any] | None:
        """Return a payload, or None to go on."""
        if all(place.excluded is not None for place in places):
            reasons = "; ".join(f"{place.name}: {place.excluded}" for place in places)
            return self._failure(self.excluded_error_type, f"Everything is excluded. {reasons}", places)
        found = [place for place in places if place.finding is not None]
        return self.payload(found, self._errors(places)) if found else None

    async def _watch_all(self, places: list[Place]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        deadline = math.inf
        watchers = [asyncio.create_task(self._watch(place, news)) for place in places]
        try:
            while True:
                with anyio.move_on_after(None if deadline == math.inf else max(0, deadline - loop.time())):
                    await news.wait()
                news.clear()
                for watcher in watchers:
                    if watcher.done():
                        watcher.result()  # raises what was unexpected
                if started := [place.started for place in places if place.finding is not None]:
                    deadline = min(deadline, min(started) + self.check_interval / 2)
                    if loop.time() < deadline and any(self._may_tell_more(place, deadline) for place in places):
                        continue
                if payload := self.verdict(places):
                    return payload
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    @staticmethod
    def _may_tell_more(place: Place, deadline: float) -> bool:
        return place.excluded is None and place.finding is None and (place.checking or place.due < deadline)

    async def _watch(self, place: Place, news: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                place.begin(clock())
                try:
                    finding = await self.check(place)
                except CheckFailed as failure:
                    place.failures += 1
                    place.end(None, clock() + self.pause_after_failure(place, str(failure)))
                else:
                    place.failures = 0
                    place.end(finding, place.started + self.check_interval)
                news.set()
                await asyncio.sleep(place.due - clock())
        except PlaceExcluded as excluded:
            place.exclude(str(excluded))
        finally:
            news.set()

    @staticmethod
    def _errors(places: list[Place]) -> dict[str, str]:
        return {place.name: place.excluded for place in places if place.excluded is not None}

    def _failure(self, error_type: str, message: str, places: list[Place]) -> dict[str, Any]:
        return {"status": "error", "error_type": error_type, "message": message, "errors": self._errors(places)}


class BlockingPollingTrigger(PollingTrigger):
    """A trigger whose checks block, so that each runs in a thread."""

    @abstractmethod
    def check_blocking(self, place: Place) -> Any:
        """Check once, as ``check``."""

    async def check(self, place: Place) -> Any:
        return await asyncio.get_running_loop().run_in_executor(DIRECTORY_THREADS, self.check_blocking, place)


class FoundFile(NamedTuple):
    """A file that counts."""

    name: str
    status: os.stat_result
    pattern: str


class Listing:
    """The files of one directory that count: the first hundred by name, and their number."""

    def __init__(self, directory: str, files: list[FoundFile]) -> None:
        self.total = len(files)
        self.first = heapq.nsmallest(MAX_LISTED_FILES, files, key=lambda file: file.name)
        self.paths = [os.path.join(directory, file.name) for file in self.first]


class DirectoryTrigger(BlockingPollingTrigger):
    """A trigger whose places are directories."""

    excluded_error_type = "directory_access"
    patterns: Sequence[str]

    def check_blocking(self, place: Place) -> Listing | None:
        listing = None
        try:
            with os.scandir(place.name) as entries:
                listing = Listing(place.name, list(self._files_that_count(place, entries)))
        except FileNotFoundError:
            place.sightings = Sightings()
        except (PermissionError, NotADirectoryError) as error:
            raise PlaceExcluded(describe(error)) from error
        except OSError as error:
            place.sightings = Sightings()
            raise CheckFailed(describe(error)) from error
        place.sightings.end_check()
        return listing if listing and listing.total else None

    def check_once(self) -> dict[str, Any] | None:
        """Check all directories once, here and now: a payload, or None if there is no file yet."""
        places = [Place(name) for name in self.places()]
        for place in places:
            try:
                place.finding = self.check_blocking(place)
            except PlaceExcluded as excluded:
                place.exclude(str(excluded))
            except CheckFailed as failure:
                log.info("A check of %s has failed: %s", place.name, failure)
        return self.verdict(places)

    def counts(self, place: Place, name: str, status: os.stat_result) -> bool:
        """Return whether a regular file whose name matches counts."""
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

    def _files_that_count(self, place: Place, entries: Iterable[os.DirEntry[str]]) -> Iterator[FoundFile]:
        for entry in entries:
            if (pattern := self._matching_pattern(entry.name)) is None:
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


class MultiDirectoryTrigger(DirectoryTrigger):
    """Watch several directories at once and fire as soon as any of them has a matching file."""

    class_path = "trigger_implementation_exercise.MultiDirectoryTrigger"

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__(check_interval)
        require(not isinstance(directories, str), "directories must be a list of paths, not a single path")
        require(bool(directories), "directories must not be empty")
        require(bool(file_pattern), "file_pattern must not be empty")
        self.directories = list(directories)
        self.file_pattern = file_pattern

    @property
    def patterns(self) -> Sequence[str]:
        return [self.file_pattern]

    def places(self) -> list[str]:
        return list(dict.fromkeys(self.directories))


# ── Step 4: the deferrable sensor ─────────────────────────────────────────────────────────────────────────────────────


class WaitFailed(AirflowException):
    """Signal that waiting ended without success. Given: raise it in Step 4, recognize it in Step 6."""

    def __init__(self, event: Any) -> None:
        details = event if isinstance(event, dict) else {}
        super().__init__(str(details.get("message") or f"The trigger sent neither success nor error: {event!r}"))
        self.error_type = str(details.get("error_type") or "unknown")


class TriggerSensor(BaseSensorOperator):
    """A sensor that waits in the triggerer, with its own timeout, for an event with a ``status``."""

    def defer_to(self, trigger: BaseTrigger, **kwargs: Any) -> NoReturn:
        timeout = timedelta(seconds=self.timeout)
        self.defer(trigger=trigger, method_name="execute_complete", kwargs=kwargs or None, timeout=timeout)

    @staticmethod
    def success_of(event: Any) -> dict[str, Any]:
        if isinstance(event, dict) and event.get("status") == "success":
            return event
        raise WaitFailed(event)


class MultiDirectorySensorAsync(TriggerSensor):
    """Wait for a file in any of several directories without holding a worker slot."""

    template_fields: Sequence[str] = ("directories", "file_pattern")

    def __init__(
        self, directories: list[str], file_pattern: str = "*.csv", deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.directories = directories
        self.file_pattern = file_pattern
        self.deferrable = deferrable
        self._started_at: datetime | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        started_at = datetime.now(timezone.utc)
        if not self.deferrable:
            self._started_at = None if self.reschedule else started_at
            return super().execute(context)
        trigger = self._trigger()
        if event := trigger.check_once():
            return self._result(event, False, started_at)
        self.defer_to(trigger, started_at=started_at.timestamp())

    def poke(self, context: Context) -> PokeReturnValue:
        event = self._trigger().check_once()
        return PokeReturnValue(bool(event), event and self._result(event, False, self._started_at))

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, started_at: float | None = None
    ) -> dict[str, Any]:
        return self._result(event, True, started_at and datetime.fromtimestamp(started_at, timezone.utc))

    def _trigger(self) -> MultiDirectoryTrigger:
        return MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval)

    def _result(self, event: Any, deferred: bool, started_at: datetime | None) -> dict[str, Any]:
        waited = started_at and (datetime.now(timezone.utc) - started_at).total_seconds()
        return {**self.success_of(event), "deferred": deferred, "waited_seconds": waited}


# ── Step 5: process the files found ───────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"


class InvalidFile(Exception):
    """A file that is not valid."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class FileCheck:
    """The validation of one file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def outcome(self) -> dict[str, Any]:
        try:
            size = self._size()
            rows = self._csv_rows() if self.path.endswith(".csv") else self._try_to_read()
        except FileNotFoundError as error:
            raise InvalidFile("missing", describe(error)) from error
        except (OSError, UnicodeError, csv.Error) as error:
            raise InvalidFile("unreadable", describe(error)) from error
        return {"path": self.path, "size": size, "rows": rows}

    def _size(self) -> int:
        status = os.stat(self.path)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidFile("unreadable", "not a regular file")
        if status.st_size == 0:
            raise InvalidFile("empty", "the file has no bytes")
        return status.st_size

    def _try_to_read(self) -> None:
        with open(self.path, "rb") as file:
            file.read(1)

    def _csv_rows(self) -> int:
        with open(self.path, encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            next(reader, None)
            return sum(1 for _ in reader)


def process_trigger_results(**context: Any) -> dict[str, Any]:
    """Validate the files that ``monitor_client_uploads`` found."""
    result = context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID)
    if not isinstance(result, dict) or not isinstance(result.get("files"), list):
        raise AirflowException(f"The XCom of {SENSOR_TASK_ID} is missing or not the sensor's result: {result!r}")
    valid: list[dict[str, Any]] = []
    invalid: list[dict[str, Any]] = []
    for path in result["files"]:
        try:
            valid.append(FileCheck(path).outcome())
            log.info("%s is valid", path)
        except InvalidFile as problem:
            log.warning("%s is invalid: %s", path, problem)
            invalid.append({"path": path, "reason": problem.reason, "detail": problem.detail})
    return {
        "valid": valid,
        "invalid": invalid,
        "total_files": result["total_files"],
        "waited_seconds": result["waited_seconds"],
    }


def read_airflow_api(path: str) -> dict[str, Any]:
    """Read from Airflow's REST API. Given."""
    connection = Connection.get(API_CONNECTION_ID)
    base_url = f"{connection.host}:{connection.port}" if connection.port else str(connection.host)
    login = {"username": connection.login, "password": connection.password} if connection.login else None
    with httpx.Client(base_url=base_url, timeout=5) as client:
        token = client.post("/auth/token", json=login) if login else client.get("/auth/token")
        bearer = token.raise_for_status().json()["access_token"]
        response = client.get(path, headers={"Authorization": f"Bearer {bearer}"})
        return response.raise_for_status().json()


def measure(name: str, read: Callable[[], Any], unavailable: dict[str, str]) -> Any:
    """Return ``read()``. If it raises or returns None, note why in ``unavailable[name]`` and return None. Given."""
    try:
        value = read()
    except Exception as error:
        unavailable[name] = f"{type(error).__name__}: {error}"
        return None
    if value is None:
        unavailable[name] = "no value"
    return value


class Wait:
    """How long ``monitor_client_uploads`` has waited, as far as its XCom tells."""

    def __init__(self, ti: Any, **which_run: str) -> None:
        self._pull = lambda: ti.xcom_pull(task_ids=SENSOR_TASK_ID, **which_run) or {}

    def seconds(self) -> float | None:
        return self._pull().get("waited_seconds")

    def saved_slot_seconds(self) -> float | None:
        if (seconds := self.seconds()) is None:
            raise LookupError(f"{SENSOR_TASK_ID} does not know when it checked first")
        return seconds if self._pull().get("deferred") else 0.0


class Figures:
    """Figures that may be unavailable: their values, and the reason for each that is None."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.unavailable: dict[str, str] = {}

    def take(self, name: str, source: Callable[[], Any]) -> Any:
        self.values[name] = measure(name, source, self.unavailable)
        return self.values[name]

    def report(self) -> dict[str, Any]:
        return {**self.values, "unavailable": self.unavailable}


class Advice:
    """The sentences that follow from the figures."""

    def __init__(self, figures: dict[str, Any]) -> None:
        self.figures = figures

    def sentences(self) -> list[str]:
        return [*self._on_the_wait(), *self._on_the_triggerer(), *self._on_the_pools()] or ["Change nothing."]

    def _on_the_wait(self) -> Iterator[str]:
        saved = self.figures["saved_slot_seconds"]
        if saved:
            yield f"Keep the sensor deferrable: a worker slot was free for {saved:.1f} seconds."
        elif saved is None:
            yield "The waiting time is unknown: read what is unavailable before anything is changed."
        else:
            yield "Make the sensor deferrable if files arrive late: nothing was saved this time."

    def _on_the_triggerer(self) -> Iterator[str]:
        status, deferred = self.figures["triggerer_status"], self.figures["deferred_tasks"]
        if status is None:
            yield f"Define the connection {API_CONNECTION_ID} if triggerer and pools are to be measured too."
        elif status != "healthy":
            yield f"Start a triggerer: its status is {status}, and {deferred or 0} tasks of this DAG wait for one."

    def _on_the_pools(self) -> Iterator[str]:
        for pool in self.figures["pools"] or []:
            if 0 < pool["slots"] <= pool["occupied_slots"]:
                yield f"Give the pool {pool['name']} more slots: all {pool['slots']} are taken."


def pools(*keys: str) -> list[dict[str, Any]]:
    return [{key: pool[key] for key in keys} for pool in read_airflow_api("/api/v2/pools")["pools"]]


def monitor_resource_usage(**context: Any) -> dict[str, Any]:
    """Measure the resources that this DAG's waiting tasks use now."""
    ti = context["ti"]
    figures, wait = Figures(), Wait(ti)
    for state in ("deferred", "running"):
        figures.take(f"{state}_tasks", lambda: ti.get_ti_count(dag_id=ti.dag_id, states=[state]))  # called at once
    figures.take("waited_seconds", wait.seconds)
    figures.take("saved_slot_seconds", wait.saved_slot_seconds)
    figures.take("triggerer_status", lambda: read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"])
    figures.take("pools", lambda: pools("name", "slots", "occupied_slots", "deferred_slots"))
    usage = {**figures.report(), "recommendations": Advice(figures.values).sentences()}
    log.info("Resource usage: %s", usage)
    return usage


# ── Step 6: handle failures ───────────────────────────────────────────────────────────────────────────────────────────


class Cause:
    """A cause of failures, how to recognize it in one exception, and what to do about it."""

    name = "unknown"
    advice = "Read the task's log."
    exceptions: tuple[type[BaseException], ...] = ()

    def explains(self, error: BaseException | str) -> bool:
        return isinstance(error, self.exceptions)


class Timeout(Cause):
    name = "timeout"
    advice = "Ask whether the upload is late, or give the sensor a longer timeout."
    exceptions = (AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)


class DirectoryAccess(Cause):
    name = "directory_access"
    advice = "Check that the directories exist, are directories, and can be read by the triggerer."
    exceptions = (PermissionError, NotADirectoryError, FileNotFoundError)

    def explains(self, error: BaseException | str) -> bool:
        return super().explains(error) or getattr(error, "error_type", None) == self.name


class TriggererFailure(Cause):
    name = "triggerer_failure"
    advice = "Read the triggerer's log, and check that the trigger's module is on its PYTHONPATH."
    exceptions = (TaskDeferralError,)


class Serialization(Cause):
    name = "serialization"
    advice = "Pass plain JSON only: text, numbers, lists and dicts."

    def explains(self, error: BaseException | str) -> bool:
        return "serializ" in f"{type(error).__name__} {error}".lower()


CAUSES = (Timeout(), DirectoryAccess(), TriggererFailure(), Serialization())


def cause_of(error: BaseException | str | None) -> Cause:
    """Return the cause of the outermost exception whose cause is known."""
    while error is not None:
        for cause in CAUSES:
            if cause.explains(error):
                return cause
        error = getattr(error, "__cause__", None)
    return Cause()


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """Explain why a sensor failed."""
    ti, exception = context.get("ti"), context.get("exception")
    cause = cause_of(exception)
    failure = {
        "task_id": getattr(ti, "task_id", None),
        "run_id": getattr(ti, "run_id", None),
        "cause": cause.name,
        "message": "" if exception is None else str(exception),
        "advice": cause.advice,
    }
    log.error("Task %s has failed. Cause: %s. %s", failure["task_id"], cause.name, cause.advice, exc_info=True)
    return failure


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────

REPORT_TEMPLATE = jinja2.Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Trigger report</title>
<style>
  :root { color-scheme: light dark; }
  body { max-width: 42rem; margin: auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
  .figure { margin: 0; font-size: 3.5rem; font-weight: 700; line-height: 1.1; }
  .bar { height: 1rem; min-width: 2px; border-radius: 3px; background: #c2570c; }
  .bar.free { background: #2f9e44; }
</style>
{%- macro seconds(value) %}{{ "%.1f seconds"|format(value) if value is number else "unavailable" }}{% endmacro %}
{%- macro bar(name, value, kind) %}<p>{{ name }}: {{ seconds(value) }}</p>
<div class="bar {{ kind }}" style="width: {{ 100 * value / longest if value and longest else 0 }}%"></div>{% endmacro %}
{%- macro items(entries) %}<ul>{% for entry in entries or [] %}
<li>{{ entry.path or entry }}{{ ": %s. %s"|format(entry.reason, entry.detail) if entry.reason }}</li>
{%- else %}<li>{{ "unavailable" if entries is undefined else "none" }}</li>{% endfor %}</ul>{% endmacro %}
{%- set longest = comparison.traditional.slot_seconds if comparison.traditional %}
<h1>Trigger report</h1>
<p class="figure">{{ seconds(comparison.saved_slot_seconds) }}</p>
<p>of a worker slot saved by deferring. The sensor waited: {{ seconds(comparison.waited_seconds) }}.</p>
{{ bar("Slot time in poke mode", longest, "") }}
{{ bar("Slot time of this run", comparison.deferrable.slot_seconds if comparison.deferrable, "free") }}
<h2>Valid files</h2>{{ items(processed.valid) }}
<h2>Invalid files</h2>{{ items(processed.invalid) }}
<h2>Recommendations</h2>{{ items(usage.recommendations) }}
<p>Run {{ run_id }}. Triggerer: {{ usage.triggerer_status or "unavailable" }}.</p>
""")


def states_of_run(ti: Any) -> dict[str, int]:
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    return dict(Counter("none" if state is None else state for state in states.values()))


def compare_approaches(**context: Any) -> dict[str, Any]:
    """Compare the slot time of this run's sensor with that of a sensor in ``poke`` mode."""
    ti = context["ti"]
    figures, wait = Figures(), Wait(ti)
    waited = figures.take("waited_seconds", wait.seconds)
    figures.take("task_states", lambda: states_of_run(ti))
    saved = measure("saved_slot_seconds", wait.saved_slot_seconds, {})
    return {
        **figures.report(),
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": None if saved is None else waited - saved, "slots_for_100_waits": 0},
        "saved_slot_seconds": saved,
    }


class Report:
    """The page about one run."""

    SOURCES: ClassVar[dict[str, str]] = {
        "processed": "process_trigger_results",
        "usage": "monitor_resource_usage",
        "comparison": "compare_approaches",
    }

    def __init__(self, ti: Any) -> None:
        self.run_id = ti.run_id
        self.xcoms = {name: ti.xcom_pull(task_ids=task_id) or {} for name, task_id in self.SOURCES.items()}

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(REPORT_TEMPLATE.render(run_id=self.run_id, **self.xcoms), encoding="utf-8")
        draft.replace(path)

    def paths(self, kind: str) -> list[str]:
        return [file["path"] for file in self.xcoms["processed"].get(kind, [])]


def generate_trigger_report(**context: Any) -> dict[str, Any]:
    """Render ``REPORT_TEMPLATE`` into ``REPORT_FILE``."""
    report = Report(context["ti"])
    report.write(Path(REPORT_FILE))
    return {
        "report_file": REPORT_FILE,
        "valid_files": report.paths("valid"),
        "invalid_files": report.paths("invalid"),
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class AdvancedMultiDirectoryTrigger(DirectoryTrigger):
    """Watch directories for files that are complete."""

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
        super().__init__(check_interval)
        require(bool(directories), "directories must not be empty")
        require(not isinstance(file_patterns, str), "file_patterns must be a list of patterns, not a single pattern")
        require(bool(file_patterns), "file_patterns must not be empty")
        require(stable_seconds >= 0, f"stable_seconds must be 0 or more, not {stable_seconds!r}")
        require(max_retries >= 0, f"max_retries must be 0 or more, not {max_retries!r}")
        require(backoff_base > 0, f"backoff_base must be above 0, not {backoff_base!r}")
        require(backoff_cap > 0, f"backoff_cap must be above 0, not {backoff_cap!r}")
        self.directories = dict(directories)
        self.file_patterns = list(file_patterns)
        self.stable_seconds = stable_seconds
        self.max_retries = max_retries
        self.backoff_base = backoff_base
        self.backoff_cap = backoff_cap

    @property
    def patterns(self) -> Sequence[str]:
        return self.file_patterns

    def places(self) -> list[str]:
        return sorted(self.directories, key=lambda directory: (self.directories[directory], directory))

    def counts(self, place: Place, name: str, status: os.stat_result) -> bool:
        version = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
        return place.started - place.sightings.since(name, version, place.started) >= self.stable_seconds

    def pause_after_failure(self, place: Place, reason: str) -> float:
        if place.failures > self.max_retries:
            raise PlaceExcluded(f"{place.failures} checks in a row have failed, the last one with {reason}")
        # A float's exponent is bounded: 2.0 ** 1024 overflows.
        return min(self.backoff_base * 2 ** min(place.failures - 1, 1000), self.backoff_cap)

    def payload(self, found: list[Place], errors: dict[str, str]) -> dict[str, Any]:
        pattern = found[0].finding.first[0].pattern
        return {**super().payload(found, errors), "pattern": pattern, "priority": self.directories[found[0].name]}


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


class History:
    """The states of the tasks in all runs."""

    def __init__(self, runs: dict[str, dict[str, str | None]]) -> None:
        self.runs = runs
        states = (tasks[task_id] or "none" for tasks in runs.values() for task_id in WAITING_TASK_IDS if task_id in tasks)
        self.waits = Counter(states)

    def rate(self, state: str) -> float | None:
        ended = self.waits["success"] + self.waits["failed"]
        return self.waits[state] / ended if ended else None

    def seconds(self, ti: Any) -> list[float]:
        waits = [
            Wait(ti, dag_id=EXERCISE_DAG_ID, run_id=run_id)
            for run_id, tasks in self.runs.items()
            if tasks.get(SENSOR_TASK_ID) == "success"
        ]
        known = (measure("waited_seconds", wait.seconds, {}) for wait in waits)
        return [seconds for seconds in known if seconds is not None]


class Api:
    """What the REST API knows of triggers and pools."""

    def triggerers(self) -> list[int | None]:
        found = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100")
        return [(task["trigger"] or {}).get("triggerer_id") for task in found["task_instances"]]

    def running(self) -> int:
        return len(self.triggerers()) - self.queued()

    def queued(self) -> int:
        return self.triggerers().count(None)

    def pool_utilization(self) -> dict[str, float]:
        found = pools("name", "occupied_slots", "slots")
        return {name: occupied / slots if slots > 0 else 0 for name, occupied, slots in map(dict.values, found)}


def collect_trigger_metrics(**context: Any) -> dict[str, Any]:
    """Collect metrics about the two sensors of ``trigger_implementation_exercise``, over all its runs."""
    ti, api, figures = context["ti"], Api(), Figures()
    history = History(figures.take("runs", lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID)) or {})
    figures.take("triggers_running", api.running)
    figures.take("triggers_queued", api.queued)
    figures.take("pool_utilization", api.pool_utilization)
    seconds = history.seconds(ti)
    metrics = {
        **figures.report(),
        "runs": None if figures.values["runs"] is None else len(history.runs),
        "waits": dict(history.waits),
        "success_rate": history.rate("success"),
        "failure_rate": history.rate("failed"),
        "average_wait_seconds": sum(seconds) / len(seconds) if seconds else None,
        "longest_wait_seconds": max(seconds, default=None),
    }
    log.info("Trigger metrics: %s", metrics)
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────

PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


class ApiTrigger(PollingTrigger):
    """Request ``url`` until the JSON object in the response has ``expected_status`` as its ``status``."""

    class_path = "trigger_implementation_exercise.ApiTrigger"
    excluded_error_type = "api"

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        super().__init__(check_interval)
        require(bool(url), "url must not be empty")
        self.url = url
        self.expected_status = expected_status

    def places(self) -> list[str]:
        return [self.url]

    async def check(self, place: Place) -> dict[str, Any] | None:
        certificates = await asyncio.to_thread(httpx.create_ssl_context)
        try:
            with anyio.fail_after(5):
                async with httpx.AsyncClient(verify=certificates, timeout=None, follow_redirects=True) as client:
                    response = await client.get(self.url)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise
        except (TimeoutError, httpx.HTTPError) as error:
            raise CheckFailed(describe(error)) from error
        if response.is_client_error and response.status_code not in (408, 425, 429):
            raise PlaceExcluded(f"HTTP status {response.status_code} {response.reason_phrase}".strip())
        if not response.is_success:
            raise CheckFailed(f"HTTP status {response.status_code}")
        try:
            answer = response.json()
        except ValueError as error:
            raise CheckFailed(describe(error)) from error
        return answer if isinstance(answer, dict) and answer.get("status") == self.expected_status else None

    def payload(self, found: list[Place], errors: dict[str, str]) -> dict[str, Any]:
        return {"status": "success", "url": self.url, "answer": found[0].finding}


class BusinessRuleTrigger(BlockingPollingTrigger):
    """Call a function until it returns something true."""

    class_path = "trigger_implementation_exercise.BusinessRuleTrigger"
    excluded_error_type = "rule"

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        super().__init__(check_interval)
        require(isinstance(rule, str) and "." in rule, f"rule must be an import path, module.function, not {rule!r}")
        self.rule = rule
        self.rule_kwargs = rule_kwargs

    def places(self) -> list[str]:
        return [self.rule]

    def check_blocking(self, place: Place) -> bool | None:
        try:
            module, _, name = self.rule.rpartition(".")
            return getattr(importlib.import_module(module), name)(**(self.rule_kwargs or {})) or None
        except BaseException as error:  # not even sys.exit() may end more than this trigger
            raise PlaceExcluded(describe(error)) from error

    def payload(self, found: list[Place], errors: dict[str, str]) -> dict[str, Any]:
        return {"status": "success", "rule": self.rule}


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """Return whether at least ``minimum`` of the directories contain a file ``*.csv``."""
    clients = [MultiDirectoryTrigger([directory]).check_once() for directory in directories]
    return sum(client is not None and client["status"] == "success" for client in clients) >= minimum


class WaitForTrigger(TriggerSensor):
    """Defer with any trigger whose payload is a dict with a ``status``, and return the payload."""

    def __init__(self, trigger: BaseTrigger, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trigger = trigger

    def execute(self, context: Context) -> NoReturn:
        self.defer_to(self.trigger)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.success_of(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

with DAG(
    dag_id=EXERCISE_DAG_ID,
    description="Hundreds of waiting tasks without a worker slot",
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
        on_execute_callback=[log_worker_slot],
        on_failure_callback=[handle_trigger_failure],
        doc_md="""
        This sensor **defers**: the triggerer, which watches thousands of files in a single process, waits for the
        upload. In poke mode it would hold a worker slot for as long as it waits.
        """,
    )
    monitor_client_uploads = MultiDirectorySensorAsync(
        task_id=SENSOR_TASK_ID,
        directories=CLIENT_DIRECTORIES,
        file_pattern="*.csv",
        poke_interval=30,
        timeout=600,
        on_failure_callback=[handle_trigger_failure],
    )
    process, monitor, compare, report = (
        PythonOperator(task_id=function.__name__, python_callable=function)
        for function in (process_trigger_results, monitor_resource_usage, compare_approaches, generate_trigger_report)
    )

    set_up >> [wait_for_upload, monitor_client_uploads] >> process >> [monitor, compare] >> report >> clean_up

with DAG(
    dag_id="trigger_orchestration_challenge",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    default_args={"owner": "trigger-exercise", "poke_interval": 30, "timeout": 600},
) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(task_id="wait_for_data", directories=CLIENT_DIRECTORIES)
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
