"""
Exercise 4: triggers and deferrable operators.

Hundreds of clients upload files at any time. Today, one sensor per client holds a worker slot while it waits. When all
slots are taken, no other task can start.

Move the waiting out of the workers. A task that has to wait *defers*: it passes a *trigger*, a small asynchronous
object, to Airflow and frees its slot. The *triggerer*, a single process, runs hundreds of triggers on one event loop.
When the trigger fires an event, the task resumes in a new process.

Work from top to bottom. Every docstring is a contract: the checks test what it says and nothing else. So are the
comments of the DAGs at the end of the file, where each step adds its tasks. Do not change names, parameters or task
ids. You may add helpers, optional parameters and result keys. Data passed between processes (trigger arguments, events,
results) must survive ``json.loads(json.dumps(value))``; tuples may become lists. Importing the file causes no warnings.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import httpx
import jinja2
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import DAG, BaseSensorOperator, Connection, Context, PokeReturnValue
from airflow.triggers.base import BaseTrigger, TriggerEvent

try:
    from airflow.sdk.exceptions import AirflowException
except ImportError:  # Airflow 3.0 and 3.1
    from airflow.exceptions import AirflowException

log = logging.getLogger(__name__)

# The DAGs read and write only below this directory.
DATA_DIR = os.path.abspath(os.environ.get("KATA_DATA_DIR") or os.path.join(tempfile.gettempdir(), "trigger_kata"))
UPLOAD_FILE = os.path.join(DATA_DIR, "client_data", "upload.csv")
CLIENT_DIRECTORIES = [os.path.join(DATA_DIR, "uploads", f"client_{n}") for n in range(1, 6)]
REPORT_FILE = os.path.join(DATA_DIR, "monitoring", "trigger_report.html")

# ── Step 1: setup ─────────────────────────────────────────────────────────────────────────────────────────────────────


def set_up_directories() -> list[str]:
    """
    Create the directories that the DAG uses, and a README for each client.

    Create ``DATA_DIR``, the parent directories of ``UPLOAD_FILE`` and ``REPORT_FILE``, and all ``CLIENT_DIRECTORIES``.
    Each client directory gets a ``README.txt`` that tells the client what to upload. Leave existing paths unchanged.

    :return: absolute paths of the directories and files created below ``DATA_DIR`` (without it), in creation order.
    """
    raise NotImplementedError("TODO (Step 1): create what is missing and return the new paths")


def clean_up_directories(created: list[str] | None) -> list[str]:
    """
    Remove what ``set_up_directories`` created, and nothing else.

    Go through ``created`` in reverse order. Remove each file, and each directory that is empty by then. Skip missing
    paths and non-empty directories, such as those with a client's upload.

    :param created: what ``set_up_directories`` returned, or None if there is no XCom.
    :return: the paths that were removed, in the order of removal.
    """
    raise NotImplementedError("TODO (Step 1): remove what the setup created and return what you removed")


# ── Step 2: a deferrable FileSensor ───────────────────────────────────────────────────────────────────────────────────


def log_worker_slot(context: Context) -> None:
    """
    Log that a task has taken a worker slot: the ``on_execute_callback`` of ``wait_for_upload``.

    Log one line at INFO that contains the task id and the words "worker slot". A sensor in ``poke`` mode takes a slot
    once and keeps it. A deferrable sensor takes a slot once or twice, briefly each time.

    :param context: the task's context; ``context["ti"]`` is the task instance.
    """
    raise NotImplementedError("TODO (Step 2): log one line with the task id and the words worker slot")


# ── Step 3: a trigger of your own ─────────────────────────────────────────────────────────────────────────────────────

MAX_LISTED_FILES = 100

# Given. Threads for file access. asyncio's default executor has only CPU count + 4 threads, which everything in the
# triggerer shares, and a hung network drive blocks a thread until the drive responds.
DIRECTORY_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="directory")


class MultiDirectoryTrigger(BaseTrigger):
    """
    Watch several directories at once and fire as soon as any of them has a matching file.

    *Matching files.* A regular file, or a symbolic link to one, directly inside a directory, whose name matches
    ``file_pattern`` (``fnmatch.fnmatchcase``). Hidden files match only if the pattern also starts with a dot. Existing
    files count. An entry that cannot be inspected, or disappears during the check, does not count.

    *Timing.* Check every directory immediately, then about every ``check_interval`` seconds. Fire no later than two
    intervals after a file appears, even if other directories are slow or never respond, as long as
    ``DIRECTORY_THREADS`` has a free thread. Do not check a directory again until its previous check has finished.

    *Directories.* A missing directory may be created later: keep watching it. Exclude a directory permanently if it
    cannot be read (``PermissionError``, ``NotADirectoryError``): log one warning with its path and list it in
    ``errors``. Any other ``OSError`` is transient: retry at the next check.

    *A good neighbor.* Hundreds of triggers share one event loop, so never block it: run file access and long
    computations in ``DIRECTORY_THREADS``. When cancelled, stop immediately and let the ``CancelledError`` propagate.
    Afterwards, no asyncio task is left and, once a check under way has returned, no open file. Never modify the file
    system, even on cancellation: a triggerer restart also cancels triggers. Instances share only ``DIRECTORY_THREADS``.
    """

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        """
        Validate and store the arguments, nothing else.

        No file or network access, no Airflow connection or variable, no clock, no event loop object such as a lock.

        :param directories: one or more paths, highest priority first.
        :param file_pattern: a shell-style wildcard for file names.
        :param check_interval: seconds between checks, above 0.
        :raises ValueError: if ``directories`` is empty or a ``str``, ``file_pattern`` is empty, or ``check_interval``
            is not above 0. (This happens in the worker, before deferring. In the triggerer it would stop the process.)
        """
        raise NotImplementedError("TODO (Step 3a): validate and store the arguments")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Tell the triggerer how to re-create this trigger in another process.

        :return: the class path ``trigger_implementation_exercise.MultiDirectoryTrigger`` as a literal string, and a
            dict of all ``__init__`` arguments: the same before, during and after ``run()``. Do not build the path from
            ``__module__``: Airflow loads DAG files under generated module names, which the triggerer cannot import.
            (The DAG folder is not on its import path either; the kata adds it to ``PYTHONPATH``.)
        """
        raise NotImplementedError("TODO (Step 3a): return the class path and the arguments")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then return. Only ``CancelledError`` may propagate from this method.

        Payload when files are found::

            {"status": "success", "directory": str, "filename": str, "path": str, "size": int, "modified": str,
             "files": [str, ...], "total_files": int, "errors": {directory: reason}}

        Report the files of all directories: give slower ones up to 0.1 seconds to respond. Sort them in the order of
        ``directories``, then by name; list each path once. Describe the first one: ``directory`` as written in
        ``directories``, ``path`` (``directory`` and ``filename`` joined), ``size`` in bytes, ``modified`` in ISO 8601,
        in UTC, ending in ``+00:00``. ``files`` lists the first 100 paths; ``total_files`` counts all. ``errors`` lists
        the excluded directories. Do not add a timestamp or event id.

        Payload when all directories are excluded, or on an unexpected exception::

            {"status": "error", "error_type": "directory_access" | "unexpected", "message": str, "errors": {...}}

        ``message`` says what happened; for an unexpected exception, its type and text.
        """
        raise NotImplementedError("TODO (Step 3b): watch all directories, yield one event, return")


# ── Step 4: the deferrable sensor ─────────────────────────────────────────────────────────────────────────────────────


class WaitFailed(AirflowException):
    """
    Signal that waiting ended without success. Given: raise it in Step 4, recognize it in Step 6.

    :param event: the error event, or what arrived instead of a success event.
    :ivar error_type: the event's ``error_type``, or ``"unknown"`` if it has none.
    """

    def __init__(self, event: Any) -> None:
        details = event if isinstance(event, dict) else {}
        super().__init__(str(details.get("message") or f"The trigger sent neither success nor error: {event!r}"))
        self.error_type = str(details.get("error_type") or "unknown")


class MultiDirectorySensorAsync(BaseSensorOperator):
    """
    Wait for a file in any of several directories without holding a worker slot.

    In every mode, its result (XCom) is the success payload of ``MultiDirectoryTrigger`` plus

    * ``deferred``: True if the task deferred, False if a worker found the file;
    * ``waited_seconds``: float, seconds from the first check to the result; None if the time of the first check is
      unknown, as it may be in ``reschedule`` mode.

    ``directories`` and ``file_pattern`` are template fields. The sensor supports dynamic task mapping:
    ``MultiDirectorySensorAsync.partial(...).expand(directories=[["/data/one"], ["/data/two"]])``.
    """

    template_fields: Sequence[str] = ()  # TODO (Step 4)

    def __init__(
        self, directories: list[str], file_pattern: str = "*.csv", deferrable: bool = True, **kwargs: Any
    ) -> None:
        """
        Store the arguments.

        :param directories: one or more paths, highest priority first.
        :param file_pattern: a shell-style wildcard for file names.
        :param deferrable: True to wait in the triggerer; False to wait in a worker, in ``poke`` or ``reschedule`` mode,
            as existing DAGs do.
        :param kwargs: passed to ``BaseSensorOperator``: ``timeout``, ``poke_interval``, ``mode``, ``soft_fail`` …
        """
        raise NotImplementedError("TODO (Step 4): store the arguments")

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Check once. If there is no matching file, defer.

        Defer with a ``MultiDirectoryTrigger`` that checks every ``poke_interval`` seconds; resume in
        ``execute_complete``. Pass the sensor's ``timeout`` to ``defer``: Airflow does not do it. Changes to ``self``
        are lost on deferral: pass what ``execute_complete`` needs in ``defer(kwargs=...)`` or as an XCom.
        With ``deferrable=False``, let ``BaseSensorOperator.execute`` do the waiting; it calls ``poke``.

        :return: the result, if a matching file was found.
        :raises WaitFailed: if all directories are excluded.
        """
        raise NotImplementedError("TODO (Step 4): check once, then defer; or wait in the worker")

    def poke(self, context: Context) -> PokeReturnValue:
        """
        Check once, for ``deferrable=False``.

        :return: ``is_done`` tells whether a matching file was found; if so, ``xcom_value`` is the result.
        :raises WaitFailed: if all directories are excluded.
        """
        raise NotImplementedError("TODO (Step 4): check once")

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, started_at: Any = None
    ) -> dict[str, Any]:
        """
        Resume after the trigger has fired (after a timeout or trigger crash, Airflow fails the task instead).

        :param event: the event's payload.
        :param started_at: the value passed by ``execute``; may be missing. You may rename this parameter.
        :return: the result.
        :raises WaitFailed: if the event is missing or empty, or its status is not ``"success"``.
        """
        raise NotImplementedError("TODO (Step 4): return the result on success, raise otherwise")


# ── Step 5: process the files found ───────────────────────────────────────────────────────────────────────────────────

SENSOR_TASK_ID = "monitor_client_uploads"
API_CONNECTION_ID = "airflow_api"


def process_trigger_results(**context: Any) -> dict[str, Any]:
    """
    Validate the files that ``monitor_client_uploads`` found.

    Pull the sensor's result from XCom and validate each of its ``files``. Log one line per file, at INFO or above, with
    its path and the outcome. An invalid file does not fail the task.

    A file is valid if it is not empty and can be read. A ``.csv`` file is read as UTF-8 with ``csv.reader``; its first
    row is the header.

    :return: ``{"valid": [{"path": str, "size": int, "rows": int | None}, ...], "invalid": [{"path": str, "reason": str,
        "detail": str}, ...], "total_files": int, "waited_seconds": float | None}``, both lists in the order of
        ``files``. ``size`` is in bytes. ``rows`` counts the rows below the header; None if the file is not ``.csv``.
        ``reason`` is ``"missing"``, ``"empty"`` (no bytes) or ``"unreadable"`` (cannot be opened, is not a regular
        file, or is not UTF-8 CSV); ``detail`` explains it. ``total_files`` and ``waited_seconds`` are the sensor's.
    :raises AirflowException: if the XCom is not a dict with a list ``files``; the text contains the sensor's task id.
    """
    raise NotImplementedError("TODO (Step 5): pull the result, validate each file, return both lists")


def read_airflow_api(path: str) -> dict[str, Any]:
    """
    Read from Airflow's REST API. Given.

    The connection ``airflow_api`` has the host with scheme, the port and, if the API requires them, login and password.

    :param path: for example ``/api/v2/pools``.
    :return: the JSON object in the response.
    :raises Exception: if the connection is missing, or the API is unreachable, fails, or stalls for 5 seconds.
    """
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


def monitor_resource_usage(**context: Any) -> dict[str, Any]:
    """
    Measure the resources that this DAG's waiting tasks use now. If a value is unavailable, report None.

    Use the task instance and ``read_airflow_api``. An error in either must not fail the task. Log the result at INFO.

    :return: a dict with

        * ``deferred_tasks``, ``running_tasks``: int, number of this DAG's task instances in that state, in all runs
          (``ti.get_ti_count``);
        * ``waited_seconds``: float, from the sensor's XCom;
        * ``saved_slot_seconds``: float, ``waited_seconds`` if the sensor deferred, 0 if it did not; None if
          ``waited_seconds`` is None;
        * ``triggerer_status``: str, ``triggerer.status`` from ``/api/v2/monitor/health``;
        * ``pools``: list of ``{"name", "slots", "occupied_slots", "deferred_slots"}`` from ``/api/v2/pools``;
        * ``unavailable``: ``{name: reason}`` for each value above that is None;
        * ``recommendations``: list of one or more sentences based on these values. They say that nothing was saved only
          if ``saved_slot_seconds`` is 0.
    """
    raise NotImplementedError("TODO (Step 5): measure, log, return")


# ── Step 6: handle failures ───────────────────────────────────────────────────────────────────────────────────────────


def handle_trigger_failure(context: dict[str, Any]) -> dict[str, Any]:
    """
    Explain why a sensor failed: the ``on_failure_callback`` of both sensors. Never raise.

    Log exactly one record, at ERROR, with the task id, the cause and the advice.

    :param context: ``context["exception"]`` may be missing, None or a ``str``; ``context["ti"]`` may be missing.
    :return: ``{"task_id": str | None, "run_id": str | None, "cause": str, "message": str, "advice": str}``.
        ``message`` is the exception's text, or ``""`` without an exception. ``cause`` is the first of the following
        that applies to the exception. If only ``"unknown"`` applies, try ``__cause__``, and so on:

        * ``"timeout"``: ``AirflowSensorTimeout``, ``TaskDeferralTimeout``, ``AirflowTaskTimeout``;
        * ``"directory_access"``: ``PermissionError``, ``NotADirectoryError``, ``FileNotFoundError``, and ``WaitFailed``
          with this ``error_type``;
        * ``"triggerer_failure"``: ``TaskDeferralError`` (the trigger crashed or could not be loaded);
        * ``"serialization"``: any other exception, or a ``str``, whose type name or text contains "serializ"
          (case-insensitive);
        * ``"unknown"``: everything else.
    """
    raise NotImplementedError("TODO (Step 6): find the cause, log one record, return the dict")


# ── Step 7: compare and report ────────────────────────────────────────────────────────────────────────────────────────

# Given. For its variables, see generate_trigger_report.
REPORT_TEMPLATE = jinja2.Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Trigger report</title>
<style>
  :root { color-scheme: light dark; }
  body { max-width: 42rem; margin: auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
  .figure { margin: 0; font-size: clamp(2.5rem, 12vw, 3.5rem); font-weight: 700; line-height: 1.1; }
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


def compare_approaches(**context: Any) -> dict[str, Any]:
    """
    Compare the slot time of this run's sensor with that of a sensor in ``poke`` mode. Never guess.

    :return: a dict with

        * ``waited_seconds``: float | None, from the sensor's XCom;
        * ``traditional``: ``{"slot_seconds": waited_seconds, "slots_for_100_waits": 100}``;
        * ``deferrable``: ``{"slot_seconds": float | None, "slots_for_100_waits": 0}``: ``slot_seconds`` is 0 if the
          sensor deferred, ``waited_seconds`` if it did not, None if ``waited_seconds`` is None;
        * ``saved_slot_seconds``: ``traditional`` minus ``deferrable`` slot seconds, None if unknown;
        * ``task_states``: ``{state: int}``, this run's task count per state (``ti.get_task_states``), "none" for no
          state; or None;
        * ``unavailable``: ``{name: reason}`` for ``waited_seconds`` and ``task_states``, if None.
    """
    raise NotImplementedError("TODO (Step 7): compare the slot time with that of poke mode")


def generate_trigger_report(**context: Any) -> dict[str, Any]:
    """
    Render ``REPORT_TEMPLATE`` into ``REPORT_FILE``.

    Pass it ``run_id``, ``processed``, ``usage`` and ``comparison``: the run id and the XComs of
    ``process_trigger_results``, ``monitor_resource_usage`` and ``compare_approaches``, with ``{}`` for a missing XCom.
    Create its directory if needed.

    :return: ``{"report_file": str, "valid_files": [str, ...], "invalid_files": [str, ...]}``; all values are paths.
    """
    raise NotImplementedError("TODO (Step 7): render the report and return its path and the files")


# ── Challenge 1: an advanced trigger ──────────────────────────────────────────────────────────────────────────────────


class AdvancedMultiDirectoryTrigger(BaseTrigger):
    """
    Watch directories for files that are complete: like ``MultiDirectoryTrigger``, except for the following.

    *Stable files.* A file counts once its size, modification time and inode have stayed the same for
    ``stable_seconds``, measured from the first check that saw them. If the file changes, or disappears and returns,
    start over; so does a re-created trigger. With ``stable_seconds`` 0, a file counts at the first check that sees it.
    Fire no later than two intervals after a file becomes stable.

    *Priority.* Report the stable file in the directory with the lowest number; between equal numbers, order by
    directory path, then by file name. Never delay a stable file because of an unstable file with a higher priority.
    A file matches if its name matches any of ``file_patterns``.

    *Backoff.* After the nth transient error of a directory in a row, check it again after
    ``min(backoff_base * 2 ** (n - 1), backoff_cap)`` seconds, even if that is less than ``check_interval``, and start
    the stability of its files over. A successful check resets n; a missing directory counts as a successful check that
    found nothing. After ``max_retries`` failed retries in a row, exclude the directory like one that cannot be read.
    Meanwhile, check the other directories as usual.
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
        Validate and store the arguments, nothing else.

        :param directories: one or more paths, each with its priority; 1 comes before 2.
        :param file_patterns: one or more shell-style wildcards for file names.
        :param check_interval: seconds between checks, above 0.
        :param stable_seconds: seconds without a change, 0 or more.
        :param max_retries: number of retries in a row before a directory is excluded, 0 or more.
        :param backoff_base: seconds before the first retry, above 0.
        :param backoff_cap: maximum seconds before a retry, above 0.
        :raises ValueError: if ``directories`` or ``file_patterns`` is empty, ``file_patterns`` is a ``str``, or a
            number is out of its range.
        """
        raise NotImplementedError("TODO (Challenge 1): validate and store the arguments")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return ``trigger_implementation_exercise.AdvancedMultiDirectoryTrigger`` and all ``__init__`` arguments."""
        raise NotImplementedError("TODO (Challenge 1): return the class path and the arguments")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Yield exactly one ``TriggerEvent``, then return.

        The payloads are those of ``MultiDirectoryTrigger``, about the stable files only. The success payload also has
        ``pattern``, the first of ``file_patterns`` that the file matches, and ``priority``, that of its directory.
        """
        raise NotImplementedError("TODO (Challenge 1): wait for a stable file, yield one event, return")


# ── Challenge 2: metrics ──────────────────────────────────────────────────────────────────────────────────────────────

EXERCISE_DAG_ID = "trigger_implementation_exercise"
WAITING_TASK_IDS = ["wait_for_upload", "monitor_client_uploads"]


def collect_trigger_metrics(**context: Any) -> dict[str, Any]:
    """
    Collect metrics about the two sensors of ``trigger_implementation_exercise``, over all its runs.

    Use ``ti.get_task_states(dag_id=...)``, which returns ``{run_id: {task_id: state}}``, the XComs
    (``ti.xcom_pull(task_ids=..., dag_id=..., run_id=...)``) and ``read_airflow_api``. An error in any of them must not
    fail the task. The task may belong to another DAG. Log the metrics at INFO.

    :return: a dict with

        * ``runs``: int, number of runs;
        * ``waits``: ``{state: int}``, number of the sensors' task instances per state, "none" for no state; empty if
          the states are unavailable. A run that has no such task is not counted here;
        * ``success_rate``, ``failure_rate``: float from 0 to 1, share of ``success`` and of ``failed`` in the waits
          that ended in one of the two; None if there are none;
        * ``average_wait_seconds``, ``longest_wait_seconds``: float, over the runs whose ``monitor_client_uploads``
          succeeded and whose ``waited_seconds`` is known; None if there are none;
        * ``triggers_running``, ``triggers_queued``: int, number of deferred tasks of all DAGs that a triggerer runs,
          and that none runs because ``trigger`` or ``trigger.triggerer_id`` is null; from ``task_instances`` in
          ``/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100``;
        * ``pool_utilization``: ``{pool: float}``, ``occupied_slots / slots`` from ``/api/v2/pools``; 0 for a pool with
          no slots or with unlimited slots (-1);
        * ``unavailable``: ``{name: reason}`` for ``runs``, ``triggers_running``, ``triggers_queued`` and
          ``pool_utilization``, if None.
    """
    raise NotImplementedError("TODO (Challenge 2): collect, log, return")


# ── Challenge 3: a workflow of four kinds of triggers ─────────────────────────────────────────────────────────────────

PARTNER_API_URL = os.environ.get("KATA_PARTNER_API_URL") or "http://127.0.0.1:8099/release"


class ApiTrigger(BaseTrigger):
    """
    Request ``url`` until the JSON object in the response has ``expected_status`` as its ``status``.

    Like ``MultiDirectoryTrigger``, be a good neighbor, yield one event, and let only ``CancelledError`` propagate.
    """

    def __init__(self, url: str, expected_status: str = "ready", check_interval: float = 30) -> None:
        """
        Validate and store the arguments, nothing else.

        :param check_interval: seconds between requests, above 0.
        :raises ValueError: if ``url`` is empty or ``check_interval`` is not above 0.
        """
        raise NotImplementedError("TODO (Challenge 3): validate and store the arguments")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return ``trigger_implementation_exercise.ApiTrigger`` and all ``__init__`` arguments."""
        raise NotImplementedError("TODO (Challenge 3): return the class path and the arguments")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Send a GET request immediately, then about every ``check_interval`` seconds. Follow redirects.

        When the response has the expected status, the payload is ``{"status": "success", "url": str, "answer": {...}}``
        with the JSON object as ``answer``.

        An HTTP status from 400 to 499 is permanent, except 408, 425 and 429. The payload is then ``{"status": "error",
        "error_type": "api", "message": str, "errors": {url: reason}}``. On an unexpected exception, such as an invalid
        URL, the ``error_type`` is ``"unexpected"``. Everything else is transient, including another ``status``, a body
        that is not a JSON object, the HTTP statuses 408, 425, 429 and 500 to 599, all connection errors (refused,
        reset, unknown host), and a request that takes more than 5 seconds in all.
        """
        raise NotImplementedError("TODO (Challenge 3): request until the status fits, yield one event, return")


class BusinessRuleTrigger(BaseTrigger):
    """
    Call a function until it returns something true.

    A function cannot be serialized, but its import path can. The function may block. Like ``MultiDirectoryTrigger``, be
    a good neighbor, yield one event, and let only ``CancelledError`` propagate.
    """

    def __init__(self, rule: str, rule_kwargs: dict[str, Any] | None = None, check_interval: float = 30) -> None:
        """
        Validate and store the arguments, nothing else.

        :param rule: the import path of the function, ``module.function``. Do not import it here.
        :param rule_kwargs: the function's keyword arguments; None for none.
        :param check_interval: seconds between calls, above 0.
        :raises ValueError: if ``rule`` is not a ``str`` that contains a dot, or ``check_interval`` is not above 0.
        """
        raise NotImplementedError("TODO (Challenge 3): validate and store the arguments")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return ``trigger_implementation_exercise.BusinessRuleTrigger`` and all ``__init__`` arguments."""
        raise NotImplementedError("TODO (Challenge 3): return the class path and the arguments")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """
        Call the function immediately, then about every ``check_interval`` seconds.

        When it returns something true, the payload is ``{"status": "success", "rule": str}``. If the function cannot be
        imported, raises or exits, the payload is ``{"status": "error", "error_type": "rule", "message": str, "errors":
        {rule: reason}}``; both ``message`` and the reason contain the exception's type and text.
        """
        raise NotImplementedError("TODO (Challenge 3): call the rule until it agrees, yield one event, return")


def enough_clients_delivered(directories: list[str], minimum: int) -> bool:
    """
    Return whether at least ``minimum`` of the directories contain a file ``*.csv``. A rule for ``BusinessRuleTrigger``.

    :param directories: one directory per client; one that is missing or cannot be read contains no file.
    """
    raise NotImplementedError("TODO (Challenge 3): count the clients that have delivered")


class WaitForTrigger(BaseSensorOperator):
    """Defer with any trigger whose payload is a dict with a ``status``, and return the payload."""

    def __init__(self, trigger: BaseTrigger, **kwargs: Any) -> None:
        """Store the trigger. ``kwargs`` are for ``BaseSensorOperator``."""
        raise NotImplementedError("TODO (Challenge 3): store the trigger")

    def execute(self, context: Context) -> NoReturn:
        """Defer with the trigger and the sensor's ``timeout``; resume in ``execute_complete``."""
        raise NotImplementedError("TODO (Challenge 3): defer with the trigger")

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the payload. Raise ``WaitFailed`` if it is missing or empty, or its status is not ``"success"``."""
        raise NotImplementedError("TODO (Challenge 3): return the payload on success, raise otherwise")


# ── The DAGs ──────────────────────────────────────────────────────────────────────────────────────────────────────────
# The comments below are contracts, too.

with DAG(
    # Step 1. Owner ``trigger-exercise``, start date 2024-01-01, no schedule, no catchup, a description, the tags
    # ``kata``, ``exercise-4`` and ``triggers``. Every task has 1 retry after 2 minutes.
    dag_id="trigger_implementation_exercise",
) as dag:  # TODO: in each step, add what its comments say
    # Step 1. ``set_up_directories`` is a setup task. ``clean_up_directories`` is its teardown and receives its result.

    # Step 2. ``wait_for_upload`` is a deferrable ``FileSensor`` for ``UPLOAD_FILE``. It checks every 30 seconds or more
    # often, times out after 600 seconds, and calls ``log_worker_slot`` each time a worker starts or resumes it. Its
    # ``doc_md`` says why it defers, using "worker slot" and "triggerer". (The connection ``fs_default`` exists.)
    # TODO: convert this sensor, which holds a worker slot while it waits
    FileSensor(task_id="traditional_file_wait", filepath=UPLOAD_FILE, poke_interval=30, timeout=600)

    # Step 4. ``monitor_client_uploads`` is a deferrable ``MultiDirectorySensorAsync`` for ``*.csv`` in
    # ``CLIENT_DIRECTORIES``. It checks every 30 seconds or more often and times out after 600 seconds.

    # Step 5. The tasks ``process_trigger_results`` and ``monitor_resource_usage`` call the functions of the same name.

    # Step 6. ``handle_trigger_failure`` is the ``on_failure_callback`` of both sensors above.

    # Step 7. The tasks ``compare_approaches`` and ``generate_trigger_report`` call the functions of the same name.
    # Order: setup; both sensors in parallel; processing; monitoring and comparison in parallel; report; teardown.

# Challenge 3. Publish once the data has arrived, the time window has opened, and the partner's API or our rule agrees.
# * ``wait_for_data``: a deferrable ``MultiDirectorySensorAsync`` for ``CLIENT_DIRECTORIES``.
# * ``wait_for_window``: any deferrable time sensor of Airflow. Do not use the logical date: manual runs may have none.
# * ``wait_for_api``: a ``WaitForTrigger`` with an ``ApiTrigger`` for ``PARTNER_API_URL``.
# * ``wait_for_rule``: a ``WaitForTrigger`` with a ``BusinessRuleTrigger`` for ``enough_clients_delivered``.
# * ``approve`` runs as soon as ``wait_for_api`` or ``wait_for_rule`` has succeeded.
# * ``publish`` runs when ``wait_for_data``, ``wait_for_window`` and ``approve`` have all succeeded.
with DAG(dag_id="trigger_orchestration_challenge", schedule=None) as orchestration_dag:
    pass  # TODO (Challenge 3): four kinds of triggers, and how they join
