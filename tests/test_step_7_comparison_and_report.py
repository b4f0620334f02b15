"""Step 7: the comparison, the report, and the whole DAG."""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from sqlalchemy import inspect

from .support.airflow_version import deserialize_result
from .support.contract import ContractViolation, Result, expect, expect_equal, plain_result
from .support.logs import captured_logs
from .support.mistakes import Mistake
from .support.submission import MODULE
from .support.tasks import RUN_ID, TaskInstance, context_for, expect_task_calls, expect_unavailable, measured_by
from .virtual_time import VirtualTimeLoop

SENSOR = "monitor_client_uploads"
COMPARE = "compare_approaches(**context)"
REPORT = "generate_trigger_report(**context)"
STATES = {
    RUN_ID: {"set_up_directories": "success", SENSOR: "success", "compare_approaches": "running", "wait": None},
    "another_run": {SENSOR: "failed"},
}

# ── compare_approaches ──


@pytest.fixture
def compare(submission):
    """Call compare_approaches for a sensor's result."""

    def call(result: Any, states: Any = STATES) -> Result:
        ti = TaskInstance("compare_approaches", {} if result is None else {SENSOR: result}, states)
        return measured_by(submission, "compare_approaches", ti)

    return call


def of(comparison: Result, approach: str) -> Result:
    """Return what the comparison says of one approach."""
    return Result(f'{COMPARE}["{approach}"]', comparison[approach])


def waited(seconds: float | None, deferred: bool) -> dict[str, Any]:
    """Return a sensor's result."""
    return {"status": "success", "files": ["/data/a.csv"], "waited_seconds": seconds, "deferred": deferred}


@pytest.mark.parametrize(
    ("deferred", "held", "saved"), [(True, 0.0, 90.5), (False, 90.5, 0.0)], ids=["deferred", "not deferred"]
)
def test_compares_the_slot_time_of_both_approaches(compare, deferred, held, saved):
    """deferrable: slot_seconds is 0 if the sensor deferred, otherwise waited_seconds; in poke mode waited_seconds."""
    comparison = compare(waited(90.5, deferred))
    called = f"{COMPARE}, waited_seconds=90.5, deferred={deferred}"
    traditional, deferrable = of(comparison, "traditional"), of(comparison, "deferrable")
    values = {
        "waited_seconds": comparison["waited_seconds"],
        "traditional": traditional["slot_seconds"],
        "deferrable": deferrable["slot_seconds"],
        "saved_slot_seconds": comparison["saved_slot_seconds"],
    }
    mistake = Mistake.APPROACHES_COMPARED_WRONGLY
    if None in values.values():
        mistake = Mistake.KNOWN_FIGURE_NOT_GIVEN
    elif not deferred and (values["deferrable"] < 90.5 or values["saved_slot_seconds"] > 0):
        mistake = Mistake.SAVING_CLAIMED_WITHOUT_A_DEFERRAL
    expected = dict(zip(values, (90.5, 90.5, held, saved), strict=True))
    expect_equal(values, expected, called=called, mistake=mistake)
    slots = [traditional["slots_for_100_waits"], deferrable["slots_for_100_waits"]]
    expect_equal(slots, [100, 0], called=f"{called}: slots_for_100_waits", mistake=Mistake.APPROACHES_COMPARED_WRONGLY)


def test_counts_the_states_of_this_run(compare):
    """task_states: this run's task count per state, "none" for no state."""
    states = compare(waited(1.0, True))["task_states"]
    mistake = Mistake.STATES_COUNTED_WRONGLY
    if isinstance(states, dict):
        mistake = Mistake.STATES_OF_ALL_RUNS_COUNTED if "failed" in states else mistake
        mistake = Mistake.NONE_AS_A_STATE if {"null", "None"} & set(states) else mistake
    expected = {"success": 2, "running": 1, "none": 1}
    expect_equal(states, expected, called=f'{COMPARE}["task_states"]', mistake=mistake)


@pytest.mark.parametrize(
    "result",
    [None, waited(None, True), waited(None, False)],
    ids=["no XCom", "waiting time unknown", "waiting time unknown, not deferred"],
)
def test_never_guesses(compare, result):
    """Never guess: None if unknown, and unavailable has a reason for waited_seconds and task_states, if None."""
    comparison = compare(result, states=None)
    called = f"{COMPARE}, the sensor's XCom is {result}, get_task_states raises"
    expect_unavailable(comparison, "waited_seconds", "task_states", called=called)
    values = {approach: of(comparison, approach)["slot_seconds"] for approach in ("traditional", "deferrable")}
    values["saved_slot_seconds"] = comparison["saved_slot_seconds"]
    expect_equal(values, dict.fromkeys(values), called=called, mistake=Mistake.INVENTED_FIGURE)


@pytest.mark.parametrize("seconds", [90.5, 0.0])
def test_zero_seconds_are_a_value(compare, seconds):
    """unavailable: for waited_seconds and task_states, if None; 0 seconds are a value."""
    comparison = compare(waited(seconds, True))
    called = f"{COMPARE}, waited_seconds={seconds}"
    values = [comparison["waited_seconds"], comparison["saved_slot_seconds"]]
    mistake = Mistake.ZERO_SECONDS_TAKEN_FOR_UNKNOWN if seconds == 0 else Mistake.KNOWN_FIGURE_NOT_GIVEN
    expect_equal(values, [seconds, seconds], called=called, mistake=mistake)
    expect_unavailable(comparison, called=called)


# ── generate_trigger_report ──

PROCESSED = {
    "valid": [{"path": "/data/one.csv", "size": 22, "rows": 2}],
    "invalid": [{"path": "/data/two.csv", "reason": "unreadable", "detail": "Not UTF-8"}],
    "total_files": 2,
    "waited_seconds": 611.0,
}
USAGE = {
    "deferred_tasks": 3,
    "running_tasks": 1,
    "waited_seconds": 611.0,
    "saved_slot_seconds": 944.0,
    "triggerer_status": "healthy",
    "pools": [],
    "unavailable": {},
    "recommendations": ["Keep deferring."],
}
# They do not add up, so that each can be found.
COMPARISON = {
    "waited_seconds": 611.0,
    "traditional": {"slot_seconds": 722.0, "slots_for_100_waits": 100},
    "deferrable": {"slot_seconds": 833.0, "slots_for_100_waits": 0},
    "saved_slot_seconds": 944.0,
    "task_states": {"success": 3},
    "unavailable": {},
}
XCOMS = {
    SENSOR: {**waited(611.0, True), "total_files": 1},
    "process_trigger_results": PROCESSED,
    "monitor_resource_usage": USAGE,
    "compare_approaches": COMPARISON,
}
# What the page shows of each.
SHOWN = {
    "process_trigger_results": ["/data/one.csv", "/data/two.csv", "unreadable", "Not UTF-8"],
    "monitor_resource_usage": ["Keep deferring.", "healthy"],
    "compare_approaches": ["611", "722", "833", "944"],
}


class Page(HTMLParser):
    """
    A page of HTML.

    :ivar text: what its reader sees.
    :ivar markup: the names of its elements and their attributes.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.markup: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.markup |= {tag, *(name for name, _ in attrs)}

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # neither style nor script
            self.text += data

    @property
    def says_unavailable(self) -> bool:
        return "unavailable" in self.text.lower()


@pytest.fixture
def report(submission, data_dir):
    """Call generate_trigger_report; return what it returned and the page."""

    def call(run_id: str = RUN_ID, **changed: Any) -> tuple[Result, Page]:
        xcoms = {(run_id, task_id): value for task_id, value in {**XCOMS, **changed}.items() if value is not None}
        try:
            ti = TaskInstance("generate_trigger_report", xcoms, run_id=run_id)
            returned = submission.generate_trigger_report(**context_for(ti))
        except (FileNotFoundError, FileExistsError) as error:
            raise ContractViolation(REPORT, repr(error), Mistake.DIRECTORY_OF_THE_REPORT_NOT_CREATED) from error
        except (AttributeError, KeyError, TypeError) as error:
            if None not in changed.values():
                raise
            called, mistake = f"{REPORT}, an XCom is missing", Mistake.A_MISSING_XCOM_FAILS_THE_TASK
            raise ContractViolation(called, repr(error), mistake) from error
        file = Path(submission.REPORT_FILE)
        expect(file.is_file(), called=REPORT, got="no file REPORT_FILE", mistake=Mistake.NO_REPORT)
        return plain_result(REPORT, returned), Page(file.read_text(encoding="utf-8"))

    return call


def expect_shown(page: Page, *words: str, called: str, mistake: Mistake = Mistake.REPORT_IS_INCOMPLETE) -> None:
    """Raise ContractViolation unless a reader of the page sees these words."""
    missing = [word for word in words if word not in page.text]
    expect(not missing, called=f"the page of {called}", got=f"without {missing}", mistake=mistake)


def test_returns_the_path_of_the_report_and_of_the_files(submission, report):
    """Returns report_file, valid_files and invalid_files; all values are paths."""
    returned, _ = report()
    paths = {key: returned[key] for key in ("report_file", "valid_files", "invalid_files")}
    expected = {
        "report_file": submission.REPORT_FILE,
        "valid_files": ["/data/one.csv"],
        "invalid_files": ["/data/two.csv"],
    }
    expect_equal(paths, expected, called=REPORT, mistake=Mistake.REPORT_RETURNED_IN_ANOTHER_FORM)


def test_creates_the_directory_of_the_report_if_needed(report):
    """Create its directory if needed: it may be missing, and it may exist with an earlier report."""
    report()
    _, page = report(process_trigger_results={**PROCESSED, "valid": [{"path": "/data/new.csv", "size": 1, "rows": 0}]})
    called = f"{REPORT}, for the second time"
    expect_shown(page, "/data/new.csv", called=called)
    old = "/data/one.csv" in page.text
    expect(not old, called=f"the page of {called}", got="still the old one", mistake=Mistake.NO_REPORT)


def test_the_report_shows_all_values(report):
    """Render REPORT_TEMPLATE into REPORT_FILE, with the run id and the XComs of the three tasks."""
    _, page = report()
    expect_shown(page, RUN_ID, *itertools.chain(*SHOWN.values()), called=REPORT)
    got = f"unavailable, though every value is known: {page.text}"
    expect(not page.says_unavailable, called=f"the page of {REPORT}", got=got, mistake=Mistake.REPORT_IS_INCOMPLETE)


def test_the_report_is_escaped(report):
    """Render REPORT_TEMPLATE, which escapes what comes from outside: a file name may contain markup."""
    nasty = [f'/data/<kata-{name} onclick="x">&amp;"\'.csv' for name in ("valid", "invalid", "detail", "advice", "run")]
    invalid = {"path": nasty[1], "reason": "unreadable", "detail": nasty[2]}
    _, page = report(
        run_id=nasty[4],
        process_trigger_results={
            **PROCESSED,
            "valid": [{"path": nasty[0], "size": 1, "rows": 0}],
            "invalid": [invalid],
        },
        monitor_resource_usage={**USAGE, "recommendations": [nasty[3]]},
    )
    injected = sorted(name for name in page.markup if name.startswith("kata-") or name == "onclick")
    called = f"{REPORT}, with markup in a file's name"
    expect(not injected, called=f"the page of {called}", got=f"it has {injected}", mistake=Mistake.NOT_ESCAPED)
    expect_shown(page, *nasty, called=called)


@pytest.mark.parametrize("missing", [*SHOWN, "all"])
def test_a_missing_xcom_is_unavailable(submission, report, missing):
    """Pass {} for a missing XCom: the page says "unavailable", and the task does not fail."""
    absent = list(SHOWN) if missing == "all" else [missing]
    returned, page = report(**dict.fromkeys(absent))
    called = f"{REPORT}, without the XCom of {missing}"
    mistake = Mistake.MISSING_FIGURE_NOT_CALLED_UNAVAILABLE
    expect(page.says_unavailable, called=f"the page of {called}", got=page.text, mistake=mistake)
    expect_shown(page, *itertools.chain(*(SHOWN[task_id] for task_id in SHOWN if task_id not in absent)), called=called)
    if "process_trigger_results" in absent:
        listed, mistake = [returned["valid_files"], returned["invalid_files"]], Mistake.REPORT_RETURNED_IN_ANOTHER_FORM
        expect_equal(listed, [[], []], called=f"{called}: valid_files and invalid_files", mistake=mistake)
    expect_equal(returned["report_file"], submission.REPORT_FILE, called=f"{called}: report_file")


NOT_KNOWN = {"slot_seconds": None, "slots_for_100_waits": 0}


@pytest.mark.parametrize(
    ("task_id", "values"),
    [
        ("compare_approaches", {**COMPARISON, "waited_seconds": None}),
        ("compare_approaches", {**COMPARISON, "traditional": NOT_KNOWN}),
        ("compare_approaches", {**COMPARISON, "deferrable": NOT_KNOWN}),
        ("compare_approaches", {**COMPARISON, "saved_slot_seconds": None}),
        ("monitor_resource_usage", {**USAGE, "triggerer_status": None}),
    ],
    ids=["waited_seconds", "traditional", "deferrable", "saved_slot_seconds", "triggerer_status"],
)
def test_a_value_of_none_is_unavailable(report, request, task_id, values):
    """Render REPORT_TEMPLATE: it says "unavailable" for a value that is None."""
    _, page = report(**{task_id: values})
    called = f"the page of {REPORT}, None: {request.node.callspec.id}"
    expect(page.says_unavailable, called=called, got=page.text, mistake=Mistake.MISSING_FIGURE_NOT_CALLED_UNAVAILABLE)


@pytest.mark.parametrize("key", ["valid", "invalid"])
def test_an_empty_list_is_none(report, key):
    """Render REPORT_TEMPLATE: it says "none" for an empty list, which is not unavailable."""
    returned, page = report(process_trigger_results={**PROCESSED, key: []})
    called = f"{REPORT}, {key} is empty"
    expect_equal(returned[f"{key}_files"], [], called=called, mistake=Mistake.REPORT_RETURNED_IN_ANOTHER_FORM)
    right = "none" in page.text.lower() and not page.says_unavailable
    expect(right, called=f"the page of {called}", got=page.text, mistake=Mistake.REPORT_IS_INCOMPLETE)


# ── The DAG ──


@pytest.mark.parametrize(
    ("task_id", "key"), [("compare_approaches", "traditional"), ("generate_trigger_report", "report_file")]
)
def test_a_task_calls_the_function_of_its_name(submission, data_dir, task_id, key):
    """The tasks compare_approaches and generate_trigger_report call the functions of the same name."""
    expect_task_calls(submission, task_id, key, TaskInstance(task_id, XCOMS, STATES))


ORDER = [
    ("set_up_directories", "wait_for_upload"),
    ("set_up_directories", "monitor_client_uploads"),
    ("wait_for_upload", "process_trigger_results"),
    ("monitor_client_uploads", "process_trigger_results"),
    ("process_trigger_results", "monitor_resource_usage"),
    ("process_trigger_results", "compare_approaches"),
    ("monitor_resource_usage", "generate_trigger_report"),
    ("compare_approaches", "generate_trigger_report"),
    ("generate_trigger_report", "clean_up_directories"),
]
PARALLEL = [("wait_for_upload", "monitor_client_uploads"), ("monitor_resource_usage", "compare_approaches")]


@pytest.mark.parametrize(("first", "then"), ORDER, ids=lambda task_id: task_id)
def test_the_tasks_are_in_order(submission, first, then):
    """Order: setup; both sensors; processing; monitoring and comparison; report; teardown."""
    before = submission.task(then).get_flat_relative_ids(upstream=True)
    called, mistake = f"the tasks upstream of {then}", Mistake.RUNS_BEFORE_WHAT_IT_NEEDS
    expect(first in before, called=called, got=f"{sorted(before)}, without {first}", mistake=mistake)


@pytest.mark.parametrize(("one", "other"), PARALLEL, ids=lambda task_id: task_id)
def test_the_tasks_run_in_parallel(submission, one, other):
    """Order: both sensors in parallel; monitoring and comparison in parallel."""
    for first, then in ((one, other), (other, one)):
        before = submission.task(then).get_flat_relative_ids(upstream=True)
        called, mistake = f"the tasks upstream of {then}", Mistake.WAITS_FOR_A_TASK_THAT_IT_DOES_NOT_NEED
        expect(first not in before, called=called, got=f"{sorted(before)}, with {first}", mistake=mistake)


MAX_SLEEPS = 300  # in a whole run
LONGEST_RETRY = 5  # seconds; Airflow sleeps at most so long until it queries its database again


def run_dag(dag: DAG, arrivals: list[Callable[[], object]]) -> tuple[str, dict[str, str], dict[str, Any]]:
    """
    Run a DAG with ``dag.test()``, almost without waiting.

    :param arrivals: what is done while a trigger waits: one after the other, each when a trigger begins to sleep.
    :return: the state of the run, the state of each task, and what each task returned.
    """
    # Not at the top: the guard watches the modules that the checks import there, and Airflow changes these itself.
    from airflow import settings
    from airflow.sdk.definitions import dag as dag_module
    from airflow.sdk.execution_time import supervisor

    os.makedirs(os.environ["AIRFLOW_HOME"], exist_ok=True)
    if not inspect(settings.engine or settings.get_engine()).has_table("dag_run"):
        initdb()
    times, real_sleep = [0.0], time.sleep  # the times after each sleep, in seconds

    def pass_time(seconds: float) -> None:
        times.append(times[-1] + seconds)
        if arrivals:
            arrivals.pop(0)()

    def run(main: Coroutine[Any, Any, Any], **options: Any) -> Any:
        with closing(VirtualTimeLoop(clock=lambda: times[-1], tick=pass_time)) as loop:
            try:
                return loop.run_until_complete(main)
            finally:
                loop.run_until_complete(loop.shutdown_default_executor())

    def sleep(seconds: float) -> None:
        if len(times) > MAX_SLEEPS:
            raise RuntimeError("A task waits in the worker, again and again, instead of deferring")
        if seconds > LONGEST_RETRY:
            pass_time(seconds)
        else:
            times.append(times[-1])
            real_sleep(min(seconds, 0.05))

    def run_trigger(trigger: BaseTrigger, *ti: Any) -> Any:
        # dag.test() leaves this out; the triggerer does it before run().
        trigger.task_instance = ti[0] if ti else None
        return run_inline(trigger, *ti)

    run_inline = getattr(dag_module, "_run_inline_trigger", None)  # older versions have none
    # Before 3.3 each task gets an API server of its own, which takes seconds to start; one is enough for all.
    one_server = functools.cache(supervisor.in_process_api_server)
    with (
        mock.patch.object(asyncio, "run", run),
        mock.patch.object(time, "sleep", sleep),
        mock.patch.object(supervisor, "in_process_api_server", one_server),
        mock.patch.object(dag_module, "_run_inline_trigger", run_trigger, create=run_inline is None),
    ):
        dag_run = dag.test()
    with create_session() as session:
        tasks = session.merge(dag_run).get_task_instances(session=session)
        xcoms = {task.task_id: task.xcom_pull(task_ids=task.task_id, session=session) for task in tasks}
        states = {task.task_id: str(task.state) for task in tasks}
        return str(dag_run.state), states, {key: deserialize_result(value) for key, value in xcoms.items()}


@pytest.mark.deadline(90)
def test_the_dag_runs_to_its_end(submission, data_dir):
    """A run of the DAG in which files arrive while it waits succeeds, and the report shows the client's file."""
    for task_id in dict.fromkeys(itertools.chain.from_iterable(ORDER)):
        submission.task(task_id)
    upload = "id,amount\n1,10\n2,20\n"
    dropped = os.path.join(submission.CLIENT_DIRECTORIES[3], "orders.csv")
    arrivals = [
        lambda: Path(submission.UPLOAD_FILE).write_text(upload),
        lambda: None,
        lambda: Path(dropped).write_text(upload),
    ]
    with captured_logs():
        state, states, xcoms = run_dag(submission.dag(MODULE), arrivals)
    called = "dag.test(), two files arrive while it waits"
    ended = f"{called}; the tasks ended as {states}"
    expect_equal(state, "success", called=ended, mistake=Mistake.A_TASK_OF_THE_RUN_FAILED)
    returned = Result(f"{called}: generate_trigger_report", xcoms["generate_trigger_report"])
    expect_equal(returned["valid_files"], [dropped], called=f"{called}: valid_files of generate_trigger_report")
    expect_shown(Page(Path(submission.REPORT_FILE).read_text(encoding="utf-8")), dropped, called=called)
    kept, mistake = os.path.isfile(dropped), Mistake.CLEANUP_DELETES_DATA
    expect(kept, called=f"{called}: the client's file", got="removed", mistake=mistake)
    left = [os.path.exists(directory) for directory in submission.CLIENT_DIRECTORIES]
    called = f"{called}: which client directories exist after the teardown"
    expect_equal(left, [False, False, False, True, False], called=called)
