"""Step 5: the files that were found, validated; the resources, measured."""

from __future__ import annotations

import csv
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest

from .support.airflow_version import AirflowException
from .support.contract import ContractViolation, Result, expect, expect_equal, plain_result
from .support.logs import captured_logs
from .support.mistakes import Mistake
from .support.rest_api import ANSWERS, API_FAULTS, airflow_api
from .support.system_calls import recorded_calls
from .support.tasks import (
    RUN_ID,
    TaskInstance,
    context_for,
    expect_task_calls,
    expect_unavailable,
    measured_by,
)

SENSOR = "monitor_client_uploads"
PROCESS = "process_trigger_results(**context)"
MONITOR = "monitor_resource_usage(**context)"


def found(*paths: str, **more: Any) -> dict[str, Any]:
    """Return a sensor's result."""
    return {
        "status": "success",
        "directory": os.path.dirname(paths[0]),
        "filename": os.path.basename(paths[0]),
        "path": paths[0],
        "size": 1,
        "modified": "2026-01-31T12:00:00+00:00",
        "files": list(paths),
        "total_files": len(paths),
        "errors": {},
        "deferred": True,
        "waited_seconds": 90.5,
        **more,
    }


# ── process_trigger_results ──


def processed_by(submission, result: Any) -> Any:
    """Return what process_trigger_results returns for a sensor's result; None for no result."""
    xcoms = {} if result is None else {SENSOR: result}
    return submission.process_trigger_results(**context_for(TaskInstance("process_trigger_results", xcoms)))


@pytest.fixture
def process(submission):
    """Call process_trigger_results for a sensor's result."""

    def call(result: Any) -> Result:
        try:
            return plain_result(PROCESS, processed_by(submission, result))
        except (AirflowException, OSError, ValueError, csv.Error) as error:
            got = f"it raised {error!r}, which fails the task"
            raise ContractViolation(PROCESS, got, Mistake.INVALID_FILE_FAILS_THE_TASK) from error

    return call


def entries(processed: Result, key: str) -> dict[str, Result]:
    """Return the entries of "valid" or "invalid" by their file's name."""
    every = [Result(f'{PROCESS}["{key}"][{number}]', entry) for number, entry in enumerate(processed[key])]
    return {os.path.basename(entry["path"]): entry for entry in every}


def write(folder: Path, name: str, content: str | bytes) -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_lists_valid_files(process, tmp_path):
    """A file is valid if it is not empty and can be read. valid has its path, size and rows; rows: below the header."""
    contents = {"one.csv": "id,name\n1,Ada\n2,Grace\n", "two.csv": "id\n", "notes.json": "{}"}
    paths = [write(tmp_path, name, content) for name, content in contents.items()]
    processed = process(found(*paths))
    expect_equal(processed["invalid"], [], called=f'{PROCESS}["invalid"]', mistake=Mistake.VALID_FILE_REFUSED)
    valid, called = entries(processed, "valid"), f'{PROCESS}["valid"]'
    expect_equal(sorted(valid), sorted(contents), called=f"{called}: files", mistake=Mistake.FILE_LEFT_OUT)
    rows = {name: valid[name]["rows"] for name in contents}
    expected = {"one.csv": 2, "two.csv": 0, "notes.json": None}
    expect_equal(rows, expected, called=f"{called}: rows", mistake=Mistake.ROWS_MISCOUNTED)
    sizes = {name: valid[name]["size"] for name in contents}
    expected = {name: len(content) for name, content in contents.items()}
    expect_equal(sizes, expected, called=f"{called}: size in bytes")
    expect_equal({entry["path"] for entry in valid.values()}, set(paths), called=f"{called}: path")


@pytest.mark.parametrize(
    ("content", "rows"),
    [('id,name\n1,"Lovelace, Ada"\n2,"two\nlines"\n', 2), ("id,name\n1,Zoë\n", 1), ("id,name\r\n1,Ada\r\n", 1)],
    ids=["quotes", "not ASCII", "Windows"],
)
def test_reads_csv_as_utf_8_with_csv_reader(process, tmp_path, content, rows):
    """A .csv file is read as UTF-8 with csv.reader; its first row is the header."""
    processed = process(found(write(tmp_path, "one.csv", content)))
    called = f"{PROCESS}, a file with {content!r}"
    expect_equal(processed["invalid"], [], called=f'{called}: ["invalid"]', mistake=Mistake.VALID_FILE_REFUSED)
    counted = [entry["rows"] for entry in entries(processed, "valid").values()]
    expect_equal(counted, [rows], called=f"{called}: rows", mistake=Mistake.ROWS_MISCOUNTED)


INVALID: dict[str, tuple[str, str | bytes | None, str]] = {
    "missing": ("bad.csv", None, "missing"),
    "empty": ("bad.csv", b"", "empty"),
    "empty, not CSV": ("bad.json", b"", "empty"),
    "not UTF-8": ("bad.csv", b"id,name\n1,\xff\xfe\n", "unreadable"),
    # So long that the invalid bytes are not in the first block that is read.
    "not UTF-8 at the end": ("bad.csv", b"id,name\n" + b"1,Ada\n" * 50_000 + b"2,\xff\xfe\n", "unreadable"),
    "field without an end": ("bad.csv", 'id,name\n1,"' + "x" * 200_000, "unreadable"),
    "a directory": ("bad.csv", "a directory", "unreadable"),
    "a directory, not CSV": ("bad", "a directory", "unreadable"),
    "cannot be opened": ("bad.csv", "id\n1\n", "unreadable"),
    "cannot be opened, not CSV": ("bad.json", "{}", "unreadable"),
}


@pytest.mark.parametrize("case", INVALID)
def test_says_why_a_file_is_invalid(process, tmp_path, case):
    """An invalid file does not fail the task. invalid has its path, reason (missing, empty, unreadable) and detail."""
    name, content, reason = INVALID[case]
    bad, good = str(tmp_path / name), write(tmp_path, "good.csv", "id\n1\n")
    if content == "a directory":
        os.mkdir(bad)
        write(Path(bad), "a_file.csv", "id\n1\n")  # a directory's own size is 0 on some file systems
    elif content is not None:
        write(tmp_path, name, content)
    with recorded_calls(str(tmp_path), denied=[bad] if case.startswith("cannot be opened") else []):
        for paths in ([bad, good], [bad]):
            processed = process(found(*paths))
            invalid, called = entries(processed, "invalid"), f"{PROCESS}, {name} is invalid: {case}"
            expect(name in invalid, called=called, got=processed, mistake=Mistake.INVALID_FILE_NOT_RECOGNIZED)
            expect_equal(list(invalid), [name], called=called, mistake=Mistake.VALID_FILE_REFUSED)
            expect_equal(invalid[name]["path"], bad, called=f"{called}: path")
            expect_equal(invalid[name]["reason"], reason, called=f"{called}: reason", mistake=Mistake.WRONG_REASON)
            detail = invalid[name]["detail"]
            expect(isinstance(detail, str) and bool(detail), called=f"{called}: detail", got=detail)
            valid, expected = list(entries(processed, "valid")), ["good.csv"] * (len(paths) - 1)
            expect_equal(valid, expected, called=f"{called}: the valid files", mistake=Mistake.FILE_LEFT_OUT)


def test_keeps_the_order_of_the_files(process, tmp_path):
    """Returns valid and invalid, both lists in the order of files."""
    names = ["m.csv", "z.csv", "b.csv", "a.csv", "n.csv", "c.csv"]
    processed = process(found(*(write(tmp_path, name, "id\n" if name > "k" else "") for name in names)))
    for key, expected in (("valid", ["m.csv", "z.csv", "n.csv"]), ("invalid", ["b.csv", "a.csv", "c.csv"])):
        called, listed = f'{PROCESS}["{key}"], files are {names}', list(entries(processed, key))
        expect_equal(sorted(listed), sorted(expected), called=called, mistake=Mistake.FILE_LEFT_OUT)
        expect_equal(listed, expected, called=called, mistake=Mistake.NOT_IN_THE_ORDER_OF_FILES)


@pytest.mark.parametrize("waited", [90.5, None])
def test_copies_the_values_of_the_sensor(process, tmp_path, waited):
    """total_files and waited_seconds are the sensor's."""
    processed = process(found(write(tmp_path, "one.csv", "id\n1\n"), total_files=250, waited_seconds=waited))
    called = f"{PROCESS}, one of 250 files listed, waited {waited} seconds"
    expect_equal(processed["total_files"], 250, called=called, mistake=Mistake.TOTAL_IS_NOT_THE_SENSORS)
    expect_equal(processed["waited_seconds"], waited, called=called, mistake=Mistake.INVENTED_FIGURE)


@pytest.mark.parametrize(
    "result",
    [None, "a.csv", ["a.csv"], {}, {"status": "success"}, {"status": "success", "files": "a.csv"}, {"files": None}],
    ids=["missing", "a str", "a list", "an empty dict", "no files", "files is a str", "files is None"],
)
def test_raises_if_the_sensor_has_no_result(submission, result):
    """AirflowException if the XCom is not a dict with a list files; the text contains the sensor's task id."""
    called = f"{PROCESS}, the XCom is {result!r}"
    try:
        processed = processed_by(submission, result)
    except AirflowException as error:
        got = f"{error!r}, which does not contain {SENSOR}"
        expect(SENSOR in str(error), called=called, got=got, mistake=Mistake.ERROR_DOES_NOT_NAME_THE_SENSOR)
    except NotImplementedError:
        raise
    except Exception as error:
        got = f"{error!r} instead of an AirflowException"
        raise ContractViolation(called, got, Mistake.MALFORMED_XCOM_NOT_RECOGNIZED) from error
    else:
        raise ContractViolation(called, f"it returned {processed!r}", Mistake.MALFORMED_XCOM_NOT_RECOGNIZED)


def logged_for(lines: list[Any], *paths: str) -> list[str]:
    """Return the lines at INFO or above that contain one of the paths."""
    return [line.text for line in lines if line.level >= logging.INFO and any(path in line.text for path in paths)]


def test_logs_one_line_per_file(process, tmp_path):
    """Log one line per file, at INFO or above, with its path."""
    contents = {"good_1.csv": "id\n1\n", "good_2.csv": "id\n1\n", "bad_1.csv": "", "bad_2.csv": ""}
    paths = [write(tmp_path, name, content) for name, content in contents.items()]
    with captured_logs() as lines:
        process(found(*paths))
    texts = logged_for(lines, *paths)
    missing = [os.path.basename(path) for path in paths if not any(path in text for text in texts)]
    called, mistake = f"the log of {PROCESS}", Mistake.NOT_ONE_LOG_LINE_PER_FILE
    expect(not missing, called=called, got=f"no path of {missing}", mistake=mistake)
    expect(len(texts) >= len(paths), called=f"{called}, {len(paths)} files", got=texts, mistake=mistake)


def test_logs_the_outcome_of_each_file(process, tmp_path):
    """Log one line per file, with its path and the outcome."""
    logged = []
    for content in (b"id,name\n1,2\n", b"id,name\n1,\xff"):  # of the same size
        path = write(tmp_path, "one.csv", content)
        with captured_logs() as lines:
            process(found(path))
        logged.append({re.sub(r"\d", "", text) for text in logged_for(lines, path)})
    valid, invalid = logged
    called, got = f"the log of {PROCESS} for a valid file, then for an invalid one", [sorted(valid), sorted(invalid)]
    expect(bool(valid) and bool(invalid), called=called, got=got, mistake=Mistake.NOT_ONE_LOG_LINE_PER_FILE)
    differ = bool(valid - invalid) and bool(invalid - valid)
    expect(differ, called=called, got=got, mistake=Mistake.OUTCOME_NOT_LOGGED)


# ── monitor_resource_usage ──

STATES = {
    RUN_ID: {SENSOR: "success", "wait_for_upload": "deferred", "monitor_resource_usage": "running"},
    "another_run": {SENSOR: "deferred", "wait_for_upload": "deferred", "process_trigger_results": None},
}
ERROR = RuntimeError("The API server does not respond")


@pytest.fixture
def monitor(submission):
    """Call monitor_resource_usage."""

    def call(result: Any = None, states: Any = STATES, fault: str = "absent") -> Result:
        ti = TaskInstance("monitor_resource_usage", {} if result is None else {SENSOR: result}, states)
        with airflow_api(fault) as api:
            measured = measured_by(submission, "monitor_resource_usage", ti)
        if api and measured["pools"] is None:
            expect(bool(api.requests), called=MONITOR, got="no request", mistake=Mistake.DOES_NOT_ASK_THE_API)
        return measured

    return call


def test_counts_the_tasks_of_all_runs(monitor):
    """deferred_tasks, running_tasks: number of this DAG's task instances in that state, in all runs."""
    measured = monitor(found("/data/a.csv"))
    counted = [measured["deferred_tasks"], measured["running_tasks"]]
    mistake = Mistake.COUNTS_THIS_RUN_ONLY if counted == [1, 1] else Mistake.TASKS_COUNTED_WRONGLY
    expect_equal(counted, [3, 1], called=f"{MONITOR}: deferred_tasks and running_tasks", mistake=mistake)


@pytest.mark.parametrize(("deferred", "saved"), [(True, 90.5), (False, 0.0)], ids=["deferred", "not deferred"])
def test_says_what_deferring_saved(monitor, deferred, saved):
    """saved_slot_seconds: waited_seconds, from the sensor's XCom, if the sensor deferred, 0 if it did not."""
    measured = monitor(found("/data/a.csv", deferred=deferred))
    called = f"{MONITOR}, deferred={deferred}, waited_seconds=90.5"
    values = [measured["waited_seconds"], measured["saved_slot_seconds"]]
    mistake = None if deferred or values[1] != 90.5 else Mistake.SAVING_CLAIMED_WITHOUT_A_DEFERRAL
    mistake = Mistake.KNOWN_FIGURE_NOT_GIVEN if None in values else mistake
    expect_equal(values, [90.5, saved], called=f"{called}: waited_seconds and saved_slot_seconds", mistake=mistake)


def test_reads_triggerer_and_pools_from_the_api(monitor):
    """triggerer_status: from /api/v2/monitor/health; pools: name, slots, occupied and deferred slots of each."""
    measured = monitor(found("/data/a.csv"), fault="")
    expect_equal(measured["triggerer_status"], "healthy", called=f'{MONITOR}: ["triggerer_status"]')
    keys = ("name", "slots", "occupied_slots", "deferred_slots")
    expected = [{key: pool[key] for key in keys} for pool in ANSWERS["/api/v2/pools"]["pools"]]
    pools = [{key: pool.get(key) for key in keys} for pool in measured["pools"] or []]
    expect_equal(pools, expected, called=f'{MONITOR}: ["pools"]')
    expect_unavailable(measured, called=MONITOR)


@pytest.mark.parametrize("fault", API_FAULTS)
def test_does_without_the_api(monitor, fault):
    """If a value is unavailable, report None. An error in read_airflow_api must not fail the task."""
    measured = monitor(found("/data/a.csv"), fault=fault)
    called = f"{MONITOR}, the API is {fault}"
    expect_unavailable(measured, "triggerer_status", "pools", called=called)
    expect_equal(measured["deferred_tasks"], 3, called=f'{called}: ["deferred_tasks"]')


def test_says_why_the_triggerer_has_no_status(monitor, monkeypatch):
    """unavailable has a reason for each value that is None: triggerer.status is null if no triggerer ever ran."""
    monkeypatch.setitem(ANSWERS, "/api/v2/monitor/health", {"triggerer": {"status": None}})
    measured = monitor(found("/data/a.csv"), fault="")
    expect_unavailable(measured, "triggerer_status", called=f"{MONITOR}, triggerer.status is null")


@pytest.mark.parametrize(
    ("result", "states", "names"),
    [
        (found("/data/a.csv"), None, ["deferred_tasks", "running_tasks"]),
        (None, STATES, ["waited_seconds", "saved_slot_seconds"]),
        (ERROR, STATES, ["waited_seconds", "saved_slot_seconds"]),
        (found("/data/a.csv", waited_seconds=None, deferred=True), STATES, ["waited_seconds", "saved_slot_seconds"]),
        (ERROR, None, ["deferred_tasks", "running_tasks", "waited_seconds", "saved_slot_seconds"]),
    ],
    ids=["get_ti_count raises", "no XCom", "xcom_pull raises", "waited_seconds is None", "both raise"],
)
def test_does_without_the_task_instance(monitor, request, result, states, names):
    """If a value is unavailable, report None. An error in the task instance must not fail the task."""
    measured = monitor(result, states)
    called = f"{MONITOR}, {request.node.callspec.id}"
    expect_unavailable(measured, *names, called=called)
    known = [name for name in ("deferred_tasks", "waited_seconds") if name not in names and measured[name] is None]
    expect(not known, called=called, got=f"None: {known}", mistake=Mistake.KNOWN_FIGURE_NOT_GIVEN)


def test_logs_the_result(monitor):
    """Log the result at INFO."""
    with captured_logs() as lines:
        monitor(found("/data/a.csv", waited_seconds=711.25))
    logged = any("711" in line.text for line in lines if line.level == logging.INFO)
    got, mistake = [line.text for line in lines], Mistake.FIGURES_NOT_LOGGED_AT_INFO
    expect(logged, called=f"the log of {MONITOR}, waited_seconds=711.25", got=got, mistake=mistake)


NOT_DEFERRED, DEFERRED = found("/data/a.csv", deferred=False), found("/data/a.csv", deferred=True)
AT_ONCE, UNKNOWN = found("/data/a.csv", waited_seconds=0.0), found("/data/a.csv", waited_seconds=None)


def test_recommends_something(monitor):
    """recommendations: list of one or more sentences."""
    for result, states in ((DEFERRED, STATES), (None, None)):
        advice = monitor(result, states)["recommendations"]
        right = isinstance(advice, list) and bool(advice) and all(isinstance(line, str) and line for line in advice)
        expect(right, called=f'{MONITOR}: ["recommendations"]', got=advice, mistake=Mistake.RECOMMENDS_NOTHING)


def test_recommends_what_follows_from_the_values(monitor, monkeypatch):
    """recommendations: based on these values."""
    monkeypatch.setitem(ANSWERS, "/api/v2/monitor/health", {"triggerer": {"status": "unhealthy"}})
    few = {RUN_ID: {SENSOR: "success"}}
    advice = [
        monitor(*given)["recommendations"] for given in ((DEFERRED, STATES, ""), (NOT_DEFERRED, few, ""), (None, None))
    ]
    called = f'{MONITOR}: ["recommendations"] for three quite different results'
    differ = any(other != advice[0] for other in advice)
    expect(differ, called=called, got=advice[0], mistake=Mistake.SAME_RECOMMENDATIONS_FOR_ALL_FIGURES)


def test_never_calls_an_unknown_saving_nothing(monitor):
    """Recommendations say that nothing was saved only if saved_slot_seconds is 0."""

    def sentences(result: dict[str, Any]) -> set[str]:
        return set(re.split(r"(?<=[.!?])\s+", " ".join(monitor(result)["recommendations"])))

    # Whatever it says only if nothing was saved; all other values are the same.
    nothing_saved = (sentences(NOT_DEFERRED) | sentences(AT_ONCE)) - sentences(DEFERRED)
    wrong = sorted(nothing_saved & sentences(UNKNOWN))
    called = f'{MONITOR}: ["recommendations"], saved_slot_seconds is None, as waited_seconds is'
    got = f"the same as if it were 0: {wrong}"
    expect(not wrong, called=called, got=got, mistake=Mistake.UNKNOWN_SAVING_CALLED_NOTHING)


# ── The DAG ──


@pytest.mark.parametrize(
    ("task_id", "key"), [("process_trigger_results", "valid"), ("monitor_resource_usage", "pools")]
)
def test_a_task_calls_the_function_of_its_name(submission, tmp_path, task_id, key):
    """The tasks process_trigger_results and monitor_resource_usage call the functions of the same name."""
    xcoms = {SENSOR: found(write(tmp_path, "one.csv", "id\n1\n"))}
    expect_task_calls(submission, task_id, key, TaskInstance(task_id, xcoms, STATES))
