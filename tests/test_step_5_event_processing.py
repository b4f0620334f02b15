"""Step 5: the trigger's result, processed; the resources, measured."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import pytest
from support import rest_api
from support.airflow_version import AirflowException
from support.contract import Broken, Result, expect, expect_equal, must_not_fail
from support.logs import captured_logs
from support.mistakes import Mistake
from support.task_instance import RUN_ID, TaskInstance, context_for
from support.watching import is_plain_json

SENSOR = "monitor_client_uploads"


@pytest.fixture
def process(submission):
    """Call process_trigger_results with the sensor's result in XCom."""

    def call(result: Any) -> Result:
        try:
            processed = processed_by(submission, result)
        except (AirflowException, OSError, ValueError, csv.Error) as error:
            got = f"it raised {error!r}, which fails the task"
            raise Broken(
                "process_trigger_results(**context)", got, Mistake.A_FILE_THAT_IS_NO_GOOD_FAILS_THE_TASK
            ) from error
        return Result("process_trigger_results(**context)", processed)

    return call


def processed_by(submission, result: Any) -> Any:
    """Return what process_trigger_results returns; None as the sensor's result is none at all."""
    xcoms = {} if result is None else {SENSOR: result}
    return submission.process_trigger_results(**context_for(TaskInstance("process_trigger_results", xcoms)))


def valid(processed: Result, key: str) -> list[Any]:
    """Return one figure of each valid file."""
    return [Result('process_trigger_results(**context)["valid"]', file)[key] for file in processed["valid"]]


def invalid(processed: Result, key: str) -> list[Any]:
    """Return one figure of each invalid file."""
    return [Result('process_trigger_results(**context)["invalid"]', file)[key] for file in processed["invalid"]]


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


def write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_passes_on_what_is_valid(process, tmp_path):
    """valid holds path, size and rows of each good file, in the order of files; rows is None for what is not CSV."""
    one = write(tmp_path, "one.csv", "id,name\n1,Ada\n2,Grace\n")
    two = write(tmp_path, "two.CSV", "id\n")
    other = write(tmp_path, "notes.json", "{}")
    processed = process(found(one, other, two))
    called = "process_trigger_results(**context)"
    expect(is_plain_json(processed), called=called, got=processed, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
    due = [
        {"path": one, "size": 22, "rows": 2},
        {"path": other, "size": 2, "rows": None},
        {"path": two, "size": 3, "rows": 0},
    ]
    expect_equal(processed["invalid"], [], called=f'{called}["invalid"]', mistake=Mistake.GOOD_FILE_REFUSED)
    paths = valid(processed, "path")
    expect_equal(paths, [one, other, two], called=f'{called}["valid"]: paths', mistake=Mistake.NOT_EVERY_FILE_IN_ORDER)
    rows = valid(processed, "rows")
    mistake = Mistake.UPPER_CASE_EXTENSION_NOT_READ_AS_CSV if rows == [2, None, None] else Mistake.ROWS_MISCOUNTED
    expect_equal(rows, [2, None, 0], called=f'{called}["valid"]: rows', mistake=mistake)
    told = [{key: file.get(key) for key in due[0]} for file in processed["valid"]]
    expect_equal(told, due, called=f'{called}["valid"]')


def test_passes_on_the_sensors_figures(process, tmp_path):
    """total_files and waited_seconds are the sensor's; a wait that is not known is None."""
    path = write(tmp_path, "one.csv", "id\n1\n")
    processed = process(found(path, total_files=250, waited_seconds=90.5))
    figures = [processed["total_files"], processed["waited_seconds"]]
    mistake = Mistake.TOTAL_IS_NOT_THE_SENSORS if figures[0] != 250 else None
    expect_equal(figures, [250, 90.5], called="total_files and waited_seconds", mistake=mistake)
    unknown = process(found(path, waited_seconds=None))["waited_seconds"]
    expect_equal(unknown, None, called="waited_seconds", mistake=Mistake.INVENTED_FIGURE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "missing"),
        ("", "empty"),
        (b"id,name\n1,\xff\xfe\n", "unreadable"),
        ("\n\n", "no_header"),
        ("id,,name\n1,2,3\n", "no_header"),
        ("id, ,name\n1,2,3\n", "no_header"),
        ("id,name\n1,Ada\n2\n", "row_width"),
        ("id,name\n1,Ada,London\n", "row_width"),
    ],
    ids=["missing", "empty", "not UTF-8", "only empty lines", "no name", "blank name", "row too short", "row too long"],
)
def test_tells_what_is_wrong_with_a_file(process, tmp_path, content, reason):
    """invalid holds path, reason and detail of each file that is no good; the task does not fail for it."""
    bad = str(tmp_path / "bad.csv") if content is None else write(tmp_path, "bad.csv", content)
    good = write(tmp_path, "good.csv", "id\n1\n")
    processed = process(found(bad, good))
    called = f"process_trigger_results(**context), a file with {content!r}"
    expect(bad in invalid(processed, "path"), called=called, got=processed, mistake=Mistake.BROKEN_FILE_NOT_RECOGNISED)
    expect_equal(invalid(processed, "path"), [bad], called=called, mistake=Mistake.GOOD_FILE_REFUSED)
    expect_equal(invalid(processed, "reason"), [reason], called=called, mistake=Mistake.WRONG_REASON)
    detail = processed["invalid"][0].get("detail")
    expect(isinstance(detail, str) and bool(detail), called=f"{called}: detail", got=detail)
    expect_equal(valid(processed, "path"), [good], called=called)


def test_a_directory_is_unreadable(process, tmp_path):
    """A directory in place of a file is unreadable."""
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    processed = process(found(str(folder)))
    called = "process_trigger_results(**context), a directory"
    expect_equal(invalid(processed, "path"), [str(folder)], called=called, mistake=Mistake.BROKEN_FILE_NOT_RECOGNISED)
    expect_equal(invalid(processed, "reason"), ["unreadable"], called=called, mistake=Mistake.WRONG_REASON)


def test_names_the_line_of_a_row_that_is_too_wide(process, tmp_path):
    """For row_width, detail has the number of the line."""
    path = write(tmp_path, "bad.csv", 'id,name\n1,"two\nlines"\n2,Ada\n3,Grace,Hopper\n')
    processed = process(found(path))
    called = "process_trigger_results(**context), line 5 has three fields"
    expect(bool(processed["invalid"]), called=called, got=processed, mistake=Mistake.BROKEN_FILE_NOT_RECOGNISED)
    expect_equal(invalid(processed, "reason"), ["row_width"], called=called, mistake=Mistake.WRONG_REASON)
    [detail] = invalid(processed, "detail")
    expect("5" in detail, called=f"{called}: detail", got=detail, mistake=Mistake.WRONG_LINE_NAMED)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"\xef\xbb\xbfid,name\n1,Ada\n", 1),
        (b'\xef\xbb\xbf"id, or number",name\n1,Ada\n', 1),
        ("id,name\n\n1,Ada\n\n\n2,Grace\n", 2),
        ('id,name\n1,"Lovelace, Ada"\n2,"two\nlines"\n', 2),
        ("id,name\r\n1,Ada\r\n", 1),
    ],
    ids=["byte order mark", "byte order mark before quotes", "empty lines", "quotes", "Windows"],
)
def test_reads_csv_as_it_is_written(process, tmp_path, content, rows):
    """CSV is UTF-8, with or without a byte order mark; empty lines are passed over; quoted fields are one field."""
    path = write(tmp_path, "one.csv", content)
    processed = process(found(path))
    called = f"process_trigger_results(**context), a file with {content!r}"
    expect(bool(processed["valid"]), called=called, got=processed, mistake=Mistake.VALID_CSV_REFUSED)
    expect_equal(valid(processed, "rows"), [rows], called=called, mistake=Mistake.ROWS_MISCOUNTED)


@pytest.mark.parametrize(
    "result",
    [None, "a.csv", ["a.csv"], {}, {"status": "success"}, {"status": "success", "files": "a.csv"}, {"files": None}],
    ids=["missing", "a text", "a list", "an empty dict", "no files", "files is a text", "files is None"],
)
def test_says_what_to_look_at_when_there_is_no_result(submission, result):
    """AirflowException that names monitor_client_uploads if its XCom is missing or not of the right form."""
    called = f"process_trigger_results(**context), the XCom is {result!r}"
    try:
        processed = processed_by(submission, result)
    except AirflowException as error:
        got = f"{error!r}, which does not name {SENSOR}"
        expect(SENSOR in str(error), called=called, got=got, mistake=Mistake.ERROR_DOES_NOT_NAME_THE_SENSOR)
    except NotImplementedError:
        raise
    except Exception as error:
        raise Broken(called, f"no AirflowException but {error!r}", Mistake.MALFORMED_XCOM_NOT_RECOGNISED) from error
    else:
        raise Broken(called, f"it returned {processed!r}", Mistake.MALFORMED_XCOM_NOT_RECOGNISED)


def test_logs_what_came_of_each_file(process, tmp_path):
    """Logs a line at INFO or above for each file that names the path."""
    good = [write(tmp_path, name, "id\n1\n") for name in ("good_1.csv", "good_2.csv")]
    bad = [write(tmp_path, name, "") for name in ("bad_1.csv", "bad_2.csv")]
    paths = [*good, *bad]
    with captured_logs() as lines:
        process(found(*paths))
    texts = [line.text for line in lines if line.level >= 20 and any(path in line.text for path in paths)]
    unnamed = [path for path in paths if not any(path in text for text in texts)]
    called, mistake = "the log of process_trigger_results(**context)", Mistake.NOT_A_LINE_IN_THE_LOG_FOR_EACH_FILE
    expect(not unnamed, called=called, got=f"it does not name {unnamed}", mistake=mistake)
    expect(len(texts) >= len(paths), called=f"{called}, {len(paths)} files", got=texts, mistake=mistake)


def test_passes_over_empty_lines_before_the_header(process, tmp_path):
    """Empty lines are passed over, also before the header."""
    path = write(tmp_path, "one.csv", "\n\nid,name\n1,Ada\n")
    processed = process(found(path))
    called = "process_trigger_results(**context), two empty lines before the header"
    expect(bool(processed["valid"]), called=called, got=processed, mistake=Mistake.VALID_CSV_REFUSED)
    expect_equal(valid(processed, "rows"), [1], called=called, mistake=Mistake.ROWS_MISCOUNTED)


def test_lists_bad_files_in_order(process, tmp_path):
    """Both lists are in the order of files."""
    names = ["m.csv", "z.csv", "a.csv", "b.csv"]
    paths = [write(tmp_path, name, "" if name > "b" else "id\n1,2\n") for name in names]
    processed = process(found(*paths))
    listed, called = invalid(processed, "path"), 'process_trigger_results(**context)["invalid"]'
    expect(set(paths) <= set(listed), called=called, got=listed, mistake=Mistake.BROKEN_FILE_NOT_RECOGNISED)
    expect_equal(listed, paths, called=called, mistake=Mistake.NOT_EVERY_FILE_IN_ORDER)


@pytest.mark.parametrize("head", [b"id,name\n1,Ada,London\n", b"id,\n1,Ada\n"], ids=["wide row", "blank name"])
def test_unreadable_comes_before_what_is_wrong_inside(process, tmp_path, head):
    """reason is the first that holds: unreadable, then no_header, then row_width, wherever in the file each is."""
    # So long that the bytes that are not UTF-8 do not come with the first block that is read.
    path = write(tmp_path, "bad.csv", head + b"1,Ada\n" * 50_000 + b"2,\xff\xfe\n")
    processed = process(found(path))
    called = f"process_trigger_results(**context), a file that begins with {head!r} and ends with bytes not UTF-8"
    expect(bool(processed["invalid"]), called=called, got=processed, mistake=Mistake.BROKEN_FILE_NOT_RECOGNISED)
    expect_equal(invalid(processed, "reason"), ["unreadable"], called=called, mistake=Mistake.WRONG_REASON)


@pytest.mark.parametrize("name", ["folder.csv", "folder"])
def test_a_directory_without_a_size_is_unreadable(process, tmp_path, monkeypatch, name):
    """unreadable is also a directory, whatever size the file system gives it and whatever its name."""
    folder = tmp_path / name
    folder.mkdir()
    stat = os.stat

    def without_size(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        kind, (values, more) = stat(path, *args, **kwargs).__reduce__()
        is_folder = os.path.basename(path) == name if isinstance(path, (str, os.PathLike)) else False
        return kind((*values[:6], 0 if is_folder else values[6], *values[7:]), more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", without_size)
        processed = process(found(str(folder)))
    called = f"process_trigger_results(**context), an empty {name}/"
    expect_equal(invalid(processed, "path"), [str(folder)], called=called, mistake=Mistake.BROKEN_FILE_NOT_RECOGNISED)
    expect_equal(invalid(processed, "reason"), ["unreadable"], called=called, mistake=Mistake.WRONG_REASON)


def test_says_what_to_look_at_when_files_are_no_paths(submission):
    """AirflowException that names monitor_client_uploads if its XCom has not the form of the sensor's result."""
    called = 'process_trigger_results(**context), "files" of the XCom is [4711, None]'
    try:
        processed = processed_by(submission, {**found("/data/a.csv"), "files": [4711, None]})
    except AirflowException as error:
        got = f"{error!r}, which does not name {SENSOR}"
        expect(SENSOR in str(error), called=called, got=got, mistake=Mistake.ERROR_DOES_NOT_NAME_THE_SENSOR)
    except NotImplementedError:
        raise
    except Exception as error:
        raise Broken(called, f"no AirflowException but {error!r}", Mistake.MALFORMED_XCOM_NOT_RECOGNISED) from None
    else:
        raise Broken(called, f"it returned {processed!r}", Mistake.MALFORMED_XCOM_NOT_RECOGNISED)


def test_the_log_tells_good_from_bad(process, tmp_path):
    """Logs a line for each file that says what came of it: of a good file it is not what it is of a bad one."""
    told = []
    for content in ("id,name\n1,2\n", "id,name\n1234"):  # of about the same size, so that it is not that
        path = write(tmp_path, "one.csv", content)
        with captured_logs() as lines:
            process(found(path))
        texts = (line.text for line in lines if line.level >= 20 and path in line.text)
        told.append({"".join(letter for letter in text if not letter.isdigit()) for text in texts})
    good, bad = told
    called = "the log of process_trigger_results(**context) for a good file, then for a bad one"
    got = [sorted(good), sorted(bad)]
    expect(bool(good) and bool(bad), called=called, got=got, mistake=Mistake.NOT_A_LINE_IN_THE_LOG_FOR_EACH_FILE)
    differ = bool(good - bad) and bool(bad - good)
    expect(differ, called=called, got=got, mistake=Mistake.LOG_DOES_NOT_TELL_GOOD_FROM_BAD)


# ── Measuring ──

STATES = {
    RUN_ID: {SENSOR: "success", "wait_for_upload": "deferred", "monitor_resource_usage": "running"},
    "another_run": {SENSOR: "deferred", "wait_for_upload": "deferred", "process_trigger_results": None},
}


@pytest.fixture
def usage(submission):
    """Call monitor_resource_usage."""

    def call(result: Any = None, states: Any = STATES) -> Result:
        ti = TaskInstance("monitor_resource_usage", {} if result is None else {SENSOR: result}, states)
        with must_not_fail("monitor_resource_usage(**context)"):
            return Result("monitor_resource_usage(**context)", submission.monitor_resource_usage(**context_for(ti)))

    return call


def expect_unavailable(measured: Result, *names: str) -> None:
    """Raise Broken unless these are None and a reason is given for each, and for no other that is not None."""
    for name in names:
        expect_equal(
            measured[name], None, called=f"monitor_resource_usage(**context)[{name!r}]", mistake=Mistake.INVENTED_FIGURE
        )
        reason = measured["unavailable"].get(name)
        expect(
            isinstance(reason, str) and bool(reason),
            called=f'["unavailable"][{name!r}]',
            got=measured["unavailable"],
            mistake=Mistake.DOES_NOT_SAY_WHY_A_FIGURE_IS_MISSING,
        )
    wrong = [name for name in measured["unavailable"] if measured.get(name) is not None]
    called = 'monitor_resource_usage(**context)["unavailable"]'
    expect(not wrong, called=called, got=f"{wrong} are available", mistake=Mistake.CALLS_UNAVAILABLE_WHAT_IS_THERE)


def test_counts_the_tasks_of_all_runs(usage):
    """deferred_tasks and running_tasks are the task instances of this DAG in that state, over all its runs."""
    measured = usage(found("/data/a.csv"))
    counted = [measured["deferred_tasks"], measured["running_tasks"]]
    mistake = Mistake.COUNTS_THIS_RUN_ONLY if counted == [1, 1] else Mistake.TASKS_COUNTED_WRONGLY
    expect_equal(counted, [3, 1], called="deferred_tasks and running_tasks", mistake=mistake)
    called = "monitor_resource_usage(**context)"
    expect(is_plain_json(measured), called=called, got=measured, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)


@pytest.mark.parametrize(("deferred", "saved"), [(True, 90.5), (False, 0)], ids=["deferred", "not deferred"])
def test_says_what_deferring_has_saved(usage, deferred, saved):
    """saved_slot_seconds is waited_seconds if the sensor was deferred, otherwise 0."""
    measured = usage(found("/data/a.csv", deferred=deferred))
    expect_equal(measured["waited_seconds"], 90.5, called="waited_seconds")
    mistake = None if deferred else Mistake.SAVING_CLAIMED_WITHOUT_A_DEFERRAL
    expect_equal(float(measured["saved_slot_seconds"]), float(saved), called="saved_slot_seconds", mistake=mistake)


def test_reads_triggerer_and_pools_from_the_api(usage):
    """triggerer_status and pools come from the REST API, if somebody has made the connection."""
    with rest_api.serving() as api, rest_api.connected(api.url):
        measured = usage(found("/data/a.csv"))
    expect_equal(measured["triggerer_status"], "healthy", called='["triggerer_status"]')
    figures = ("name", "slots", "occupied_slots", "deferred_slots")
    due = [{figure: pool[figure] for figure in figures} for pool in rest_api.ANSWERS["/api/v2/pools"]["pools"]]
    told = [{figure: pool.get(figure) for figure in figures} for pool in measured["pools"] or []]
    expect_equal(told, due, called='["pools"]')


def test_does_without_the_api(usage):
    """Without a connection to the API the figures from it are None, with the reason, and the task does not fail."""
    measured = usage(found("/data/a.csv"))
    expect_unavailable(measured, "triggerer_status", "pools")
    expect_equal(measured["deferred_tasks"], 3, called='["deferred_tasks"]')


@pytest.mark.parametrize("status", [401, 500])
def test_does_without_an_api_that_refuses(usage, status):
    """When the API refuses, the figures from it are None, with the reason, and the task does not fail."""
    with rest_api.serving() as api, rest_api.connected(api.url):
        api.answer = status
        measured = usage(found("/data/a.csv"))
    expect(
        bool(api.requests),
        called=f"monitor_resource_usage(**context), the API answers {status}",
        got="it never asked",
        mistake=Mistake.DOES_NOT_ASK_THE_API,
    )
    expect_unavailable(measured, "triggerer_status", "pools")


def test_does_without_an_api_that_is_silent(usage):
    """When the API does not answer in time, the figures from it are None, and the task does not fail."""
    with rest_api.silent() as url, rest_api.connected(url):
        measured = usage(found("/data/a.csv"))
    expect_unavailable(measured, "triggerer_status", "pools")


def test_does_without_the_database(usage):
    """When the counts or the sensor's result cannot be had, they are None, and the task does not fail."""
    measured = usage(None, states=None)
    expect_unavailable(measured, "deferred_tasks", "running_tasks", "waited_seconds", "saved_slot_seconds")


def test_recommends_something(usage):
    """recommendations are one or more sentences, whatever could be measured."""
    for result, states in ((found("/data/a.csv"), STATES), (None, None)):
        advice = usage(result, states)["recommendations"]
        right = isinstance(advice, list) and bool(advice) and all(isinstance(line, str) and line for line in advice)
        called = 'monitor_resource_usage(**context)["recommendations"]'
        expect(right, called=called, got=advice, mistake=Mistake.RECOMMENDS_NOTHING)


def test_logs_the_measurement(usage):
    """The measurement is also logged, at INFO."""
    with captured_logs() as lines:
        usage(found("/data/a.csv", waited_seconds=711.25))
    told = any("711" in line.text for line in lines if line.level == 20)
    got = [line.text for line in lines]
    expect(
        told, called="the log of monitor_resource_usage(**context)", got=got, mistake=Mistake.FIGURES_NOT_LOGGED_AT_INFO
    )


class Forgetful(TaskInstance):
    """A task instance whose XComs cannot be had."""

    def xcom_pull(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("The API server does not answer")


def test_does_without_the_xcom(submission):
    """Neither source may fail the task: if the XCom cannot be had, the figures from it are None, with the reason."""
    context = context_for(Forgetful("monitor_resource_usage", {}, STATES))
    called = "monitor_resource_usage(**context), xcom_pull raises"
    with must_not_fail(called):
        measured = Result(called, submission.monitor_resource_usage(**context))
    expect_unavailable(measured, "waited_seconds", "saved_slot_seconds")
    deferred = measured["deferred_tasks"]
    mistake = Mistake.KNOWN_FIGURE_NOT_GIVEN if deferred is None else Mistake.TASKS_COUNTED_WRONGLY
    expect_equal(deferred, 3, called=f'{called}: ["deferred_tasks"]', mistake=mistake)


def test_saves_nothing_known_when_the_wait_is_not_known(usage):
    """saved_slot_seconds is None if waited_seconds is, also of a sensor that was deferred."""
    measured = usage(found("/data/a.csv", waited_seconds=None, deferred=True))
    expect_unavailable(measured, "waited_seconds", "saved_slot_seconds")


def test_says_why_there_is_no_status_of_the_triggerer(usage, monkeypatch):
    """unavailable names each figure that is None and why: the API's status is null before there was a triggerer."""
    monkeypatch.setitem(rest_api.ANSWERS, "/api/v2/monitor/health", {"triggerer": {"status": None}})
    with rest_api.serving() as api, rest_api.connected(api.url):
        measured = usage(found("/data/a.csv"))
    expect_unavailable(measured, "triggerer_status")


def test_recommendations_follow_from_the_figures(usage, monkeypatch):
    """recommendations follow from the figures: quite other figures do not make the same of them."""
    unhealthy = {"triggerer": {"status": "unhealthy"}}
    monkeypatch.setitem(rest_api.ANSWERS, "/api/v2/monitor/health", unhealthy)
    with rest_api.serving() as api, rest_api.connected(api.url):
        advice = [
            usage(found("/data/a.csv", deferred=True))["recommendations"],
            usage(found("/data/a.csv", deferred=False), {RUN_ID: {SENSOR: "success"}})["recommendations"],
        ]
    advice.append(usage(None, None)["recommendations"])
    differ = any(other != advice[0] for other in advice)
    called = 'monitor_resource_usage(**context)["recommendations"], three times'
    expect(differ, called=called, got=advice[0], mistake=Mistake.SAME_RECOMMENDATIONS_FOR_ALL_FIGURES)
