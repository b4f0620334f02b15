"""Exercise 4: triggers and deferrable operators (solution B: asyncio.to_thread, shared rounds, classic operators)."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import datetime as dt
import fnmatch
import http.client
import importlib
import itertools
import json
import logging
import os
import pathlib
import socket
import stat
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from html import escape
from typing import Any, NoReturn

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.time import TimeSensor
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


def set_up_directories() -> dict[str, list[str]]:
    """Make the directories that the DAG works with and say what was made."""
    made: dict[str, list[str]] = {"directories": [], "files": []}
    wanted = [
        pathlib.Path(UPLOAD_FILE).parent,
        *map(pathlib.Path, CLIENT_DIRECTORIES),
        pathlib.Path(REPORT_FILE).parent,
    ]
    for target in wanted:
        target = target.absolute()
        for step in [*reversed(target.parents), target]:
            if step.exists():
                continue
            with contextlib.suppress(FileExistsError):
                step.mkdir()
                made["directories"].append(str(step))
    for client in CLIENT_DIRECTORIES:
        readme = pathlib.Path(client).absolute() / "README.txt"
        with contextlib.suppress(FileExistsError), readme.open("x", encoding="utf-8") as stream:
            stream.write(
                f"This is the inbox of {readme.parent.name}. Put finished *.csv files here, UTF-8 with a header.\n"
            )
            made["files"].append(str(readme))
    return made


def clean_up_directories(created: dict[str, list[str]] | None) -> list[str]:
    """Remove what ``set_up_directories`` made, and nothing else."""
    gone: list[str] = []
    ours = created or {"directories": [], "files": []}
    for path in ours["files"]:
        place = os.path.dirname(path)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if any(os.path.join(place, name) not in ours["files"] for name in os.listdir(place)):
                continue  # the client has left something: the README stays with it
            os.remove(path)
            gone.append(path)
    for path in reversed(ours["directories"]):  # children were made after their parents
        with contextlib.suppress(OSError):  # not empty, or gone already
            os.rmdir(path)
            gone.append(path)
    return gone


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """Log that a worker slot is taken from now on."""
    log.info("worker slot taken by %s", context["ti"].task_id)


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100
BEAT_TOLERANCE = 0.001  # seconds within which two moments are the same


def _reason(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"


def _bad_event(kind: str, message: str, skipped: dict[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": kind, "message": message, "errors": dict(skipped)}


def _first_pattern(name: str, patterns: Sequence[str]) -> str | None:
    for pattern in patterns:
        hidden = name.startswith(".") and not pattern.startswith(".")
        if not hidden and fnmatch.fnmatchcase(name, pattern):
            return pattern
    return None


def _regular_files(place: str, patterns: Sequence[str]) -> list[tuple[str, os.stat_result]]:
    """List what counts in one directory, by name. Blocks."""
    good: list[tuple[str, os.stat_result]] = []
    trouble: OSError | None = None
    for name in sorted(os.listdir(place)):
        if _first_pattern(name, patterns) is None:
            continue
        path = os.path.join(place, name)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            continue
        except OSError as problem:
            if not os.path.islink(path):  # a link that leads nowhere is no fault of the directory
                trouble = problem
            continue
        if stat.S_ISREG(status.st_mode):
            good.append((name, status))
    if trouble and not good:
        raise trouble
    return good


class _Find:
    """The files of one directory that are to be reported, ready for the payload."""

    def __init__(self, place: str, files: list[tuple[str, os.stat_result]]) -> None:
        self.place = place
        self.count = len(files)
        self.paths = [os.path.join(place, name) for name, _ in files[:MAX_LISTED_FILES]]
        self.name, status = files[0]
        self.size = status.st_size
        self.modified = dt.datetime.fromtimestamp(status.st_mtime, dt.timezone.utc).isoformat()


Survey = Callable[[str, float], "_Find | None"]  # the directory, and when it was its turn


def _good_event(finds: list[_Find], skipped: dict[str, str]) -> dict[str, Any]:
    best = finds[0]
    return {
        "status": "success",
        "directory": best.place,
        "filename": best.name,
        "path": best.paths[0],
        "size": best.size,
        "modified": best.modified,
        "files": list(itertools.islice(itertools.chain.from_iterable(find.paths for find in finds), MAX_LISTED_FILES)),
        "total_files": sum(find.count for find in finds),
        "errors": dict(skipped),
        "directories_with_files": len(finds),
    }


class _NothingLeft(Exception):
    """Every directory was left out."""

    def __init__(self, skipped: dict[str, str]) -> None:
        super().__init__("not one of the directories can be read: " + ", ".join(sorted(skipped.values())))


def _survey_now(places: Sequence[str], survey: Survey, skipped: dict[str, str]) -> list[_Find]:
    """Look into all directories in turn, in this very thread."""
    finds = []
    for place in places:
        try:
            find = survey(place, time.monotonic())
        except (PermissionError, NotADirectoryError) as problem:
            skipped[place] = _reason(problem)
            log.warning("%s is left out: %s", place, skipped[place])
        except OSError as problem:
            log.info("%s is not readable at the moment: %s", place, problem)
        else:
            if find:
                finds.append(find)
    if not finds and len(skipped) == len(places):
        raise _NothingLeft(skipped)
    return finds


class _Rounds:
    """
    Look into directories round by round until there is something.

    All directories that are due are looked into together, each look in a thread. A look that has not come back is not
    repeated, and holds up nobody but its own directory.
    """

    def __init__(
        self,
        places: Sequence[str],
        pause: float,
        survey: Survey,
        skipped: dict[str, str],
        retry_after: Callable[[int], float | None] = lambda failures: None,
        forget: Callable[[str], None] = lambda place: None,
        keep_trying: bool = True,
    ) -> None:
        self.places, self.pause, self.survey, self.skipped = list(places), pause, survey, skipped
        self.retry_after, self.forget, self.keep_trying = retry_after, forget, keep_trying
        self.failures = dict.fromkeys(places, 0)
        self.due: dict[str, float] = {}
        self.under_way: dict[asyncio.Task[_Find | None], tuple[str, float]] = {}

    async def __aenter__(self) -> _Rounds:
        self.due = dict.fromkeys(self.places, asyncio.get_running_loop().time())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for look in self.under_way:
            look.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)

    async def first_finds(self) -> list[_Find]:
        """Wait until there is something, and give it in the order of the directories."""
        clock = asyncio.get_running_loop().time
        finds: dict[str, _Find] = {}
        found_in, decide_at = 0.0, float("inf")
        while True:
            if len(self.skipped) == len(self.places):
                raise _NothingLeft(self.skipped)
            now = clock()
            companions = [asked for _, asked in self.under_way.values() if asked >= found_in - BEAT_TOLERANCE]
            if finds and (now >= decide_at or not companions):
                return [finds[place] for place in self.places if place in finds]
            for place in [place for place, moment in self.due.items() if moment <= now + BEAT_TOLERANCE and not finds]:
                turn = self.due.pop(place)
                look = asyncio.create_task(asyncio.to_thread(self.survey, place, turn))
                self.under_way[look] = (place, turn)
            next_moment = decide_at if finds else min(self.due.values(), default=float("inf"))
            timeout = None if next_moment == float("inf") else max(0.0, next_moment - clock())
            if not self.under_way:
                await asyncio.sleep(timeout or 0)
                continue
            done, _ = await asyncio.wait(self.under_way, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            for look in done:
                place, asked = self.under_way.pop(look)
                find = self._settle(look, place, asked, clock())
                if find:
                    if not finds:
                        # Give those that were asked together with it the time to answer, but not for ever.
                        found_in, decide_at = asked, clock() + 0.75 * self.pause
                    finds[place] = find

    def _settle(self, look: asyncio.Task[_Find | None], place: str, asked: float, now: float) -> _Find | None:
        """Take a look's result and say when the directory's turn comes again."""
        find = None
        begin = asked
        try:
            find = look.result()
            self.failures[place] = 0
        except FileNotFoundError:
            self.failures[place] = 0
            self.forget(place)
        except (PermissionError, NotADirectoryError) as problem:
            self._leave_out(place, problem)
            return None
        except OSError as problem:
            if not self.keep_trying:
                self.failures[place] += 1
                delay = self.retry_after(self.failures[place])
                if delay is None:
                    self._leave_out(place, problem)
                else:
                    self.due[place] = now + delay
                return None
        self.due[place] = begin + self.pause * max(1, -((begin - now) // self.pause))
        return find

    def _leave_out(self, place: str, problem: OSError) -> None:
        self.skipped[place] = _reason(problem)
        log.warning("%s is left out: %s", place, self.skipped[place])


def _more_than_zero(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} has to be more than 0")


class MultiDirectoryTrigger(BaseTrigger):
    """Watch several directories at once and fire when a file that matches is in any of them."""

    def __init__(
        self,
        directories: list[str],
        file_pattern: str = "*.csv",
        check_interval: float = 10,
        note: str | None = None,
    ) -> None:
        """
        Keep the arguments.

        :param note: a word of your own for the log; has no effect.
        """
        super().__init__()
        if not directories or isinstance(directories, (str, bytes)):
            raise ValueError("directories has to be a list of paths, with at least one in it")
        if not file_pattern:
            raise ValueError("file_pattern has to have a character at least")
        _more_than_zero(check_interval=check_interval)
        self._where = tuple(map(str, directories))
        self._shape = file_pattern
        self._pause = check_interval
        self._note = note

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "trigger_implementation_exercise.MultiDirectoryTrigger",
            {
                "directories": list(self._where),
                "file_pattern": self._shape,
                "check_interval": self._pause,
                "note": self._note,
            },
        )

    def survey(self, place: str, turn: float) -> _Find | None:
        """Look into one directory. Blocks."""
        files = _regular_files(place, [self._shape])
        return _Find(place, files) if files else None

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TriggerEvent(await self._payload())

    async def _payload(self) -> dict[str, Any]:
        skipped: dict[str, str] = {}
        try:
            async with _Rounds(list(dict.fromkeys(self._where)), self._pause, self.survey, skipped) as rounds:
                return _good_event(await rounds.first_finds(), skipped)
        except _NothingLeft as problem:
            return _bad_event("directory_access", str(problem), skipped)
        except Exception as problem:
            return _bad_event("unexpected", _reason(problem), skipped)


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
    """Wait for a file in any of several directories without holding a worker slot."""

    template_fields: Sequence[str] = ("directories", "file_pattern", "note")

    def __init__(
        self,
        directories: list[str],
        file_pattern: str = "*.csv",
        deferrable: bool = True,
        note: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.directories = directories
        self.file_pattern = file_pattern
        self.deferrable = deferrable
        self.note = note
        self._began_at: float | None = None

    def _make_trigger(self) -> MultiDirectoryTrigger:
        return MultiDirectoryTrigger(
            directories=self.directories,
            file_pattern=self.file_pattern,
            check_interval=self.poke_interval if self.poke_interval > 0 else 0.5,
            note=self.note,
        )

    def _look_around(self, began_at: float) -> dict[str, Any] | None:
        places = list(dict.fromkeys(self._make_trigger().serialize()[1]["directories"]))
        skipped: dict[str, str] = {}
        try:
            finds = _survey_now(places, self._make_trigger().survey, skipped)
        except _NothingLeft as problem:
            raise WaitFailed(_bad_event("directory_access", str(problem), skipped)) from problem
        return self._with_wait(_good_event(finds, skipped), began_at, deferred=False) if finds else None

    def _with_wait(self, payload: dict[str, Any], began_at: float | None, *, deferred: bool) -> dict[str, Any]:
        waited = max(0.0, time.time() - began_at) if began_at is not None else None
        return payload | {"deferred": deferred, "waited_seconds": waited, "sensor": self.task_id}

    def execute(self, context: Context) -> dict[str, Any]:
        self._began_at = None
        if not self.deferrable:
            return super().execute(context)
        began_at = time.time()
        result = self._look_around(began_at)
        if result is not None:
            return result
        self.defer(
            trigger=self._make_trigger(),
            method_name=self.execute_complete.__name__,
            kwargs={"began_at": began_at},
            timeout=dt.timedelta(seconds=self.timeout),
        )

    def poke(self, context: Context) -> PokeReturnValue:
        if self._began_at is None:
            self._began_at = time.time()
            if self.mode == "reschedule":
                first = context["ti"].get_first_reschedule_date(context)
                self._began_at = first.timestamp() if first else self._began_at
        result = self._look_around(self._began_at)
        return PokeReturnValue(is_done=result is not None, xcom_value=result)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, began_at: float | None = None
    ) -> dict[str, Any]:
        match event:
            case {"status": "success"}:
                return self._with_wait(event, began_at, deferred=True)
            case _:
                raise WaitFailed(event)


# ── Step 5: process what was found ────────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"
API_TIMEOUT = 5  # seconds


def _inspect_csv(path: str) -> tuple[int, str, str]:
    """Give (rows, "", "") or (0, reason, detail). What cannot be read raises."""
    width, rows, verdict = 0, -1, ("", "")
    with open(path, encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream, strict=True)
        for fields in lines:
            if not fields:
                continue
            rows += 1
            if rows == 0:
                width = len(fields)
                if not all(map(str.strip, fields)):
                    verdict = ("no_header", f"a name in the header is blank (line {lines.line_num})")
            elif len(fields) != width and not verdict[0]:
                verdict = ("row_width", f"line {lines.line_num}: {len(fields)} fields where the header has {width}")
    if rows < 0:
        verdict = ("no_header", "not one row")
    return rows, *verdict


def _inspect(path: str) -> dict[str, Any]:
    def bad(reason: str, detail: object) -> dict[str, Any]:
        return {"path": path, "reason": reason, "detail": str(detail)}

    rows = None
    try:
        about = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as problem:
        return bad("missing", problem)
    except (OSError, ValueError) as problem:
        return bad("unreadable", _reason(problem))
    if not stat.S_ISREG(about.st_mode):
        return bad("unreadable", "a directory or something else that is no file")
    if about.st_size == 0:
        return bad("empty", "the file has no bytes")
    try:
        if path.casefold().endswith(".csv"):
            rows, reason, detail = _inspect_csv(path)
            if reason:
                return bad(reason, detail)
        else:
            with open(path, "rb") as stream:
                stream.read(1)
    except FileNotFoundError as problem:
        return bad("missing", problem)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        return bad("unreadable", _reason(problem))
    return {"path": path, "size": about.st_size, "rows": rows}


def process_trigger_results(**context: Any) -> dict[str, Any]:
    """Check the files that ``monitor_client_uploads`` found, and pass on what is good."""
    handed_over = context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID)
    match handed_over:
        case {"files": [*paths], "total_files": int(total), "waited_seconds": (float() | int() | None) as waited} if (
            all(isinstance(path, str) for path in paths)
        ):
            pass
        case _:
            raise AirflowException(f"{SENSOR_TASK_ID} has not left a result that can be processed: {handed_over!r}")
    verdicts = list(map(_inspect, paths))
    for verdict in verdicts:
        outcome = verdict.get("reason", "valid")
        log.info("%s: %s %s", verdict["path"], outcome, verdict.get("detail", f"({verdict.get('rows')} rows)"))
    return {
        "valid": [verdict for verdict in verdicts if "reason" not in verdict],
        "invalid": [verdict for verdict in verdicts if "reason" in verdict],
        "total_files": total,
        "waited_seconds": waited,
        "checked_files": len(paths),
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


def _sensor_wait(ti: Any) -> tuple[float | None, bool | None, str]:
    """Give (seconds waited, deferred?, why the seconds are not known)."""
    try:
        told = ti.xcom_pull(task_ids=SENSOR_TASK_ID)
    except Exception as problem:
        return None, None, f"the XCom of {SENSOR_TASK_ID} cannot be read: {_reason(problem)}"
    if not isinstance(told, dict):
        return None, None, f"{SENSOR_TASK_ID} has left no XCom"
    seconds, deferred = told.get("waited_seconds"), told.get("deferred")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None, deferred, f"{SENSOR_TASK_ID} did not know when it began to wait"
    return float(seconds), deferred, ""


def monitor_resource_usage(**context: Any) -> dict[str, Any]:
    """Measure what the waits of this DAG hold at this moment."""
    ti = context["ti"]
    usage: dict[str, Any] = {}
    why: dict[str, str] = {}
    for state in ("deferred", "running"):
        try:
            usage[f"{state}_tasks"] = ti.get_ti_count(dag_id=ti.dag_id, states=[state])
        except Exception as problem:
            usage[f"{state}_tasks"] = None
            why[f"{state}_tasks"] = f"the task instance cannot say: {_reason(problem)}"

    waited, deferred, unknown = _sensor_wait(ti)
    usage["waited_seconds"] = waited
    usage["saved_slot_seconds"] = 0.0 if deferred is False else waited
    for figure in ("waited_seconds", "saved_slot_seconds"):
        if usage[figure] is None:
            why[figure] = unknown

    usage["triggerer_status"] = usage["pools"] = None
    try:
        usage["triggerer_status"] = read_airflow_api("/api/v2/monitor/health")["triggerer"]["status"]
        if usage["triggerer_status"] is None:
            why["triggerer_status"] = "no triggerer has ever reported to this Airflow"
    except Exception as problem:
        why["triggerer_status"] = _reason(problem)
    try:
        usage["pools"] = [
            {wanted: pool[wanted] for wanted in ("name", "slots", "occupied_slots", "deferred_slots")}
            for pool in read_airflow_api("/api/v2/pools")["pools"]
        ]
    except Exception as problem:
        why["pools"] = _reason(problem)

    hints = []
    if usage["deferred_tasks"]:
        hints.append(f"{usage['deferred_tasks']} tasks wait in the triggerer: give it capacity before you add workers.")
    if usage["saved_slot_seconds"]:
        hints.append(f"Deferring freed a slot for {usage['saved_slot_seconds']:.0f} s: keep it on.")
    if usage["saved_slot_seconds"] == 0:
        hints.append("The files were there at the first look or the sensor did not defer: nothing was saved.")
    if usage["triggerer_status"] not in ("healthy", None):
        hints.append("Start a triggerer: without one a deferred task waits for ever.")
    if why:
        hints.append("Some figures are missing; see why, and look again.")
    usage |= {"unavailable": why, "recommendations": hints or ["Nothing to do: all figures are in order."]}
    log.info("measured: %s", usage)
    return usage


# ── Step 6: when it goes wrong ────────────────────────────────────────────────────────────────────────────────────────

_TODO_BY_CAUSE = {
    "timeout": "Ask the client for the upload, or give the sensor more time.",
    "directory_access": "Give the triggerer and the workers the right to read the directories.",
    "triggerer_failure": "Look into the triggerer's log and check that it can import the trigger.",
    "serialization": "Make every argument of the trigger plain JSON.",
    "unknown": "Look into the log of the task.",
}


def _cause_of_one(problem: object) -> str | None:
    match problem:
        case AirflowSensorTimeout() | TaskDeferralTimeout() | AirflowTaskTimeout():
            return "timeout"
        case WaitFailed(error_type="directory_access"):
            return "directory_access"
        case PermissionError() | NotADirectoryError() | FileNotFoundError():
            return "directory_access"
        case TaskDeferralError():
            return "triggerer_failure"
    said = (type(problem).__name__ + " " + _safely(str, problem, "")).lower()
    return "serialization" if "serializ" in said or "serialis" in said else None


def _safely(ask: Callable[[Any], Any], thing: Any, otherwise: Any) -> Any:
    try:
        return ask(thing)
    except Exception:
        return otherwise


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """Say what failed, why, and what to do."""
    problem = _safely(lambda c: c["exception"], context, None)
    ti = _safely(lambda c: c["ti"], context, None)
    task_id = _safely(lambda t: t.task_id, ti, None)
    run_id = _safely(lambda t: t.run_id, ti, None) or _safely(lambda c: c["run_id"], context, None)
    cause, level, seen = None, problem, set()
    while cause is None and level is not None and id(level) not in seen:
        seen.add(id(level))
        cause = _cause_of_one(level)
        level = getattr(level, "__cause__", None)
    answer = {
        "task_id": task_id if isinstance(task_id, str) else None,
        "run_id": run_id if isinstance(run_id, str) else None,
        "cause": cause or "unknown",
        "message": "" if problem is None else _safely(str, problem, "(no text)"),
        "advice": _TODO_BY_CAUSE[cause or "unknown"],
    }
    log.error("%s", " ".join("{task_id} failed [{cause}] {message} -> {advice}".format(**answer).split()))
    return answer


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────


def compare_approaches(**context: Any) -> dict[str, Any]:
    """Set the wait of this run beside what a traditional sensor would have held."""
    ti = context["ti"]
    why: dict[str, str] = {}
    waited, deferred, unknown = _sensor_wait(ti)
    if waited is None:
        why["waited_seconds"] = unknown
    slot_seconds = 0.0 if deferred and waited is not None else waited
    states: dict[str, int] | None = {}
    try:
        for state in ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id].values():
            states[state or "none"] = states.get(state or "none", 0) + 1
    except Exception as problem:
        states = None
        why["task_states"] = f"the task instance cannot say: {_reason(problem)}"
    return {
        "waited_seconds": waited,
        "traditional": {"slot_seconds": waited, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": slot_seconds, "slots_for_100_waits": 0},
        "saved_slot_seconds": waited - slot_seconds if waited is not None else None,
        "task_states": states,
        "unavailable": why,
    }


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>What the triggers did</title>
<h1>What the triggers did in run {run_id}</h1>
<h2>Good files</h2>
{good}
<h2>Bad files</h2>
{bad}
<h2>The wait</h2>
<table>
<tr><th>seconds waited</th><td>{waited}</td></tr>
<tr><th>slot seconds, traditional</th><td>{traditional}</td></tr>
<tr><th>slot seconds, deferrable</th><td>{deferrable}</td></tr>
</table>
<svg viewBox="0 0 300 60" width="300" height="60" role="img" aria-label="slot seconds">
<rect x="0" y="5" width="{traditional_width}" height="20" fill="firebrick"/>
<rect x="0" y="35" width="{deferrable_width}" height="20" fill="seagreen"/>
</svg>
<h2>What to do</h2>
{hints}
</html>
"""


def generate_trigger_report(**context: Any) -> dict[str, Any]:
    """Write what this run has shown into ``REPORT_FILE``."""
    ti = context["ti"]

    def pull(task_id: str) -> dict[str, Any] | None:
        told = _safely(lambda t: t.xcom_pull(task_ids=task_id), ti, None)
        return told if isinstance(told, dict) else None

    def table(rows: list[list[str]]) -> str:
        cells = ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows)
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"

    def figure(value: Any) -> str:
        return "unavailable" if value is None else escape(f"{value:.2f}" if isinstance(value, float) else str(value))

    def width(value: Any) -> int:
        return round(300 * value / scale) if isinstance(value, (int, float)) and scale else 0

    checked, usage, compared = map(pull, ("process_trigger_results", "monitor_resource_usage", "compare_approaches"))
    good = (checked or {}).get("valid") or []
    bad = (checked or {}).get("invalid") or []
    figures = compared or {}
    traditional = (figures.get("traditional") or {}).get("slot_seconds")
    deferrable = (figures.get("deferrable") or {}).get("slot_seconds")
    scale = max(traditional or 0, deferrable or 0)
    run_id = _safely(lambda t: t.run_id, ti, None) or context.get("run_id")
    page = _PAGE.format(
        run_id=figure(run_id),
        good="unavailable" if checked is None else table([[item["path"], item.get("rows") or ""] for item in good]),
        bad="unavailable"
        if checked is None
        else table([[item["path"], item.get("reason", ""), item.get("detail", "")] for item in bad]),
        waited=figure(figures.get("waited_seconds")),
        traditional=figure(traditional),
        deferrable=figure(deferrable),
        traditional_width=width(traditional),
        deferrable_width=width(deferrable),
        hints="unavailable" if usage is None else table([[hint] for hint in usage.get("recommendations") or []]),
    )
    target = pathlib.Path(REPORT_FILE)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    try:
        draft.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return {
        "report_file": REPORT_FILE,
        "valid_files": [item["path"] for item in good],
        "invalid_files": [item["path"] for item in bad],
    }


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class AdvancedMultiDirectoryTrigger(BaseTrigger):
    """``MultiDirectoryTrigger`` with stable files, priorities, several patterns and backoff."""

    def __init__(
        self,
        directories: dict[str, int],
        file_patterns: list[str],
        check_interval: float = 10,
        stable_seconds: float = 20,
        max_retries: int = 5,
        backoff_base: float = 1,
        backoff_cap: float = 60,
        *,
        note: str | None = None,
    ) -> None:
        super().__init__()
        if not directories or not file_patterns or isinstance(file_patterns, str):
            raise ValueError("there have to be directories and a list of patterns")
        if isinstance(directories, str):
            raise ValueError("directories has to be a dict of paths and priorities")
        _more_than_zero(check_interval=check_interval, backoff_base=backoff_base, backoff_cap=backoff_cap)
        if not (stable_seconds >= 0 and max_retries >= 0):
            raise ValueError("stable_seconds and max_retries have to be 0 or more")
        self._ranks = {str(place): rank for place, rank in directories.items()}
        self._shapes = list(file_patterns)
        self._pause = check_interval
        self._calm = stable_seconds
        self._tries = max_retries
        self._backoff = (backoff_base, backoff_cap)
        self._note = note

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger",
            {
                "directories": dict(self._ranks),
                "file_patterns": list(self._shapes),
                "check_interval": self._pause,
                "stable_seconds": self._calm,
                "max_retries": self._tries,
                "backoff_base": self._backoff[0],
                "backoff_cap": self._backoff[1],
                "note": self._note,
            },
        )

    def _retry_after(self, failures: int) -> float | None:
        base, cap = self._backoff
        return None if failures > self._tries else min(base * 2.0 ** min(failures - 1, 500), cap)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TriggerEvent(await self._payload())

    async def _payload(self) -> dict[str, Any]:
        places = sorted(self._ranks, key=lambda place: (self._ranks[place], place))
        memory: dict[str, dict[str, tuple[tuple[int, ...], float]]] = {place: {} for place in places}
        skipped: dict[str, str] = {}

        def survey(place: str, turn: float) -> _Find | None:
            known, fresh, calm = memory[place], {}, []
            files = _regular_files(place, self._shapes)
            # From turn to turn, which all directories share: chance must not say which file is stable first.
            first_sight = max(time.monotonic(), turn + self._pause / 8)
            for name, status in files:
                looks = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                since = known[name][1] if name in known and known[name][0] == looks else first_sight
                fresh[name] = (looks, since)
                if self._calm == 0 or turn - since >= self._calm:
                    calm.append((name, status))
            memory[place] = fresh
            return _Find(place, calm) if calm else None

        def forget(place: str) -> None:
            memory[place] = {}

        try:
            async with _Rounds(
                places,
                self._pause,
                survey,
                skipped,
                retry_after=self._retry_after,
                forget=forget,
                keep_trying=False,
            ) as rounds:
                finds = await rounds.first_finds()
        except _NothingLeft as problem:
            return _bad_event("directory_access", str(problem), skipped)
        except Exception as problem:
            return _bad_event("unexpected", _reason(problem), skipped)
        payload = _good_event(finds, skipped)
        payload["pattern"] = _first_pattern(payload["filename"], self._shapes)
        payload["priority"] = self._ranks[payload["directory"]]
        return payload


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def collect_trigger_metrics(**context: Any) -> dict[str, Any]:
    """Collect how the two sensors of ``trigger_implementation_exercise`` have done over all its runs."""
    ti = context["ti"]
    why: dict[str, str] = {}
    metrics: dict[str, Any] = dict.fromkeys(
        [
            "runs",
            "waits",
            "success_rate",
            "failure_rate",
            "average_wait_seconds",
            "longest_wait_seconds",
            "triggers_running",
            "triggers_queued",
            "pool_utilization",
        ]
    )
    metrics["waits"] = {}
    runs: dict[str, dict[str, str | None]] = {}
    try:
        runs = dict(ti.get_task_states(dag_id=EXERCISE_DAG_ID))
        metrics["runs"] = len(runs)
    except Exception as problem:
        why["runs"] = f"the states cannot be had: {_reason(problem)}"

    waited: list[float] = []
    for run_id, tasks in runs.items():
        for task_id in WAITING_TASK_IDS:
            if task_id in tasks:
                state = tasks[task_id] or "none"
                metrics["waits"][state] = metrics["waits"].get(state, 0) + 1
        if tasks.get("monitor_client_uploads") == "success":
            told = _safely(
                lambda t, run_id=run_id: t.xcom_pull(
                    task_ids="monitor_client_uploads", dag_id=EXERCISE_DAG_ID, run_id=run_id
                ),
                ti,
                None,
            )
            seconds = told.get("waited_seconds") if isinstance(told, dict) else None
            if isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
                waited.append(float(seconds))
    if waited:
        metrics["average_wait_seconds"] = sum(waited) / len(waited)
        metrics["longest_wait_seconds"] = max(waited)
    won, lost = (metrics["waits"].get(state, 0) for state in ("success", "failed"))
    if won + lost:
        metrics["success_rate"] = won / (won + lost)
        metrics["failure_rate"] = lost / (won + lost)

    try:
        told = read_airflow_api("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=1000")
        taken = [(instance.get("trigger") or {}).get("triggerer_id") is not None for instance in told["task_instances"]]
        metrics["triggers_running"], metrics["triggers_queued"] = taken.count(True), taken.count(False)
    except Exception as problem:
        why["triggers_running"] = why["triggers_queued"] = _reason(problem)
    try:
        metrics["pool_utilization"] = {
            pool["name"]: (pool["occupied_slots"] / pool["slots"]) if pool["slots"] > 0 else 0.0
            for pool in read_airflow_api("/api/v2/pools")["pools"]
        }
    except Exception as problem:
        why["pool_utilization"] = _reason(problem)
    metrics["unavailable"] = why
    log.info("metrics: %s", metrics)
    return metrics


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────


PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"
PATIENCE = 5.0  # seconds for a request


class _Refused(Exception):
    """The service says that asking again is of no use."""


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is Python's, not JSON's")


class _Call:
    """One request in a thread, which can be hung up from outside."""

    def __init__(self, url: str) -> None:
        self.parts = urllib.parse.urlsplit(url)
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if self.parts.scheme not in kinds or not self.parts.hostname:
            raise ValueError(f"not an HTTP address: {url}")
        self.kind = kinds[self.parts.scheme]
        self.line: http.client.HTTPConnection | None = None
        self.hung_up = threading.Event()

    def make(self) -> Any:
        """Give the answer's JSON, None if there is none."""
        line = self.kind(self.parts.hostname, self.parts.port, timeout=PATIENCE)
        self.line = line
        try:
            line.connect()
            if self.hung_up.is_set():
                return None
            path = urllib.parse.urlunsplit(("", "", self.parts.path or "/", self.parts.query, ""))
            line.request("GET", path, headers={"Accept": "application/json"})
            response = line.getresponse()
            if 400 <= response.status <= 499:
                raise _Refused(f"HTTP {response.status} {response.reason}")
            return json.loads(response.read(), parse_constant=_no_json) if response.status < 300 else None
        except (OSError, http.client.HTTPException, ValueError) as problem:
            log.debug("no answer yet: %r", problem)
            return None
        finally:
            line.close()

    def hang_up(self) -> None:
        self.hung_up.set()
        with contextlib.suppress(OSError, AttributeError):
            self.line.sock.shutdown(socket.SHUT_RDWR)


class ApiTrigger(BaseTrigger):
    """Ask an HTTP service again and again, and fire when it says what is hoped for."""

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        super().__init__()
        if not url:
            raise ValueError("url has to say something")
        _more_than_zero(check_interval=check_interval)
        self._address, self._hoped_for, self._pause = url, expected_status, check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.ApiTrigger", {
            "url": self._address,
            "expected_status": self._hoped_for,
            "check_interval": self._pause,
        }

    async def _ask(self) -> Any:
        call = _Call(self._address)
        thread = asyncio.ensure_future(asyncio.to_thread(call.make))
        try:
            done, _ = await asyncio.wait([thread], timeout=PATIENCE)
            return thread.result() if done else None
        finally:
            if not thread.done():
                call.hang_up()
                thread.cancel()
                await asyncio.gather(thread, return_exceptions=True)

    async def _payload(self) -> dict[str, Any]:
        clock = asyncio.get_running_loop().time
        while True:
            next_turn = clock() + self._pause
            try:
                answer = await self._ask()
            except _Refused as problem:
                message = f"{self._address} will not answer: {problem}"
                return _bad_event("api", message, {self._address: str(problem)})
            if isinstance(answer, dict) and answer.get("status") == self._hoped_for:
                return {"status": "success", "url": self._address, "answer": answer}
            await asyncio.sleep(max(0.0, next_turn - clock()))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            payload = await self._payload()
        except Exception as problem:
            payload = _bad_event("unexpected", _reason(problem), {})
        yield TriggerEvent(payload)


class BusinessRuleTrigger(BaseTrigger):
    """Ask a function of your own again and again, and fire when it agrees."""

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        super().__init__()
        if not isinstance(rule, str) or "." not in rule:
            raise ValueError("rule has to be module.function")
        _more_than_zero(check_interval=check_interval)
        self._address = rule
        self._words = json.dumps(rule_kwargs)  # a text cannot be changed by the rule
        self._pause = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.BusinessRuleTrigger", {
            "rule": self._address,
            "rule_kwargs": json.loads(self._words),
            "check_interval": self._pause,
        }

    def _ask(self) -> bool | str:
        """Give True or False, or what is wrong with the rule. Blocks, never raises."""
        try:
            where, _, name = self._address.rpartition(".")
            function = getattr(importlib.import_module(where), name)
            return True if function(**(json.loads(self._words) or {})) else False
        except BaseException as problem:  # SystemExit too: the triggerer must not go down with the rule
            return _reason(problem)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        clock = asyncio.get_running_loop().time
        payload: dict[str, Any] = {}
        while not payload:
            asked = clock()
            try:
                verdict = await asyncio.to_thread(self._ask)
            except Exception as problem:
                payload = _bad_event("unexpected", _reason(problem), {})
                break
            if verdict is True:
                payload = {"status": "success", "rule": self._address}
            elif isinstance(verdict, str):
                payload = _bad_event("rule", f"the rule is broken: {verdict}", {self._address: verdict})
            else:
                await asyncio.sleep(max(0.0, asked + self._pause - clock()))
        yield TriggerEvent(payload)


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """Say whether enough clients have delivered: a rule for ``BusinessRuleTrigger``."""
    delivered = 0
    for place in directories:
        with contextlib.suppress(OSError):
            delivered += bool(_regular_files(place, ["*.csv"]))
    return delivered >= minimum


class WaitForTrigger(BaseSensorOperator):
    """Defer to any trigger whose events have a ``status``, and return what it found."""

    def __init__(self, trigger: BaseTrigger, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._waits_for = trigger

    def execute(self, context: Context) -> NoReturn:
        self.defer(
            trigger=self._waits_for,
            method_name=self.execute_complete.__name__,
            timeout=dt.timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        match event:
            case {"status": "success"}:
                return event
        raise WaitFailed(event)


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

with DAG(
    dag_id="trigger_implementation_exercise",
    description="Hundreds of waits without hundreds of worker slots",
    start_date=dt.datetime(2024, 1, 1),
    schedule=None,
    catchup=False,
    default_args=dict(owner="trigger-exercise", retries=1, retry_delay=dt.timedelta(minutes=2)),
    tags=["kata", "exercise-4", "triggers"],
) as dag:
    set_up = PythonOperator(task_id="set_up_directories", python_callable=set_up_directories).as_setup()
    clean_up = PythonOperator(
        task_id="clean_up_directories", python_callable=clean_up_directories, op_args=[set_up.output]
    ).as_teardown(setups=set_up)

    upload = FileSensor(
        task_id="wait_for_upload",
        filepath=UPLOAD_FILE,
        poke_interval=dt.timedelta(seconds=20),
        timeout=dt.timedelta(minutes=10),
        deferrable=True,
        on_execute_callback=[log_worker_slot],
        on_failure_callback=[handle_trigger_failure],
        doc_md=(
            "While nothing is there, this sensor must not hold a worker slot: it defers, and the triggerer waits for "
            "it, together with thousands of others in a single process."
        ),
    )
    uploads = MultiDirectorySensorAsync(
        task_id="monitor_client_uploads",
        directories=CLIENT_DIRECTORIES,
        poke_interval=15,
        timeout=600,
        note="exercise 4",
        on_failure_callback=[handle_trigger_failure],
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
    chain(set_up, [upload, uploads], process, [monitor, compare], report, clean_up)

with DAG(
    dag_id="trigger_orchestration_challenge", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False
) as orchestration_dag:
    wait_for_data = MultiDirectorySensorAsync(task_id="wait_for_data", directories=CLIENT_DIRECTORIES, timeout=7200)
    wait_for_window = TimeSensor(task_id="wait_for_window", target_time=dt.time(6, 0), deferrable=True)
    wait_for_api = WaitForTrigger(task_id="wait_for_api", trigger=ApiTrigger(url=PARTNER_API_URL), timeout=7200)
    wait_for_rule = WaitForTrigger(
        task_id="wait_for_rule",
        trigger=BusinessRuleTrigger(
            rule=f"{EXERCISE_DAG_ID}.enough_clients_delivered",
            rule_kwargs={"directories": CLIENT_DIRECTORIES, "minimum": 2},
            check_interval=60,
        ),
        timeout=7200,
    )
    approve = EmptyOperator(task_id="approve", trigger_rule=TriggerRule.ONE_SUCCESS)
    publish = EmptyOperator(task_id="publish")
    chain([wait_for_api, wait_for_rule], approve)
    chain([wait_for_data, wait_for_window, approve], publish)
