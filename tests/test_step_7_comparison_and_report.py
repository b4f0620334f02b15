"""Step 7: the comparison, the report, and the whole DAG."""

from __future__ import annotations

import contextlib
import copy
import errno
import itertools
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.execution_time.context import set_current_context
from support.contract import Broken, Result, expect, expect_equal, must_not_fail
from support.dag_run import run_dag
from support.logs import captured_logs
from support.mistakes import Mistake
from support.task_instance import RUN_ID, TaskInstance, context_for
from support.watching import is_plain_json

SENSOR = "monitor_client_uploads"
STATES = {
    RUN_ID: {"set_up_directories": "success", SENSOR: "success", "compare_approaches": "running", "wait": None},
    "another_run": {SENSOR: "failed"},
}

# ── compare_approaches ──


@pytest.fixture
def compare(submission):
    """Call compare_approaches with the sensor's result in XCom."""

    def call(result: Any, states: Any = STATES) -> Result:
        called = "compare_approaches(**context)"
        ti = TaskInstance("compare_approaches", {} if result is None else {SENSOR: result}, states)
        with must_not_fail(called):
            comparison = Result(called, submission.compare_approaches(**context_for(ti)))
        expect(is_plain_json(comparison), called=called, got=comparison, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
        return comparison

    return call


def of(comparison: Result, approach: str) -> Result:
    """Return what the comparison says of one approach."""
    return Result(f'compare_approaches(**context)["{approach}"]', comparison[approach])


def waited(seconds: float | None, deferred: bool) -> dict[str, Any]:
    """Return a sensor's result."""
    return {"status": "success", "files": ["/data/a.csv"], "waited_seconds": seconds, "deferred": deferred}


@pytest.mark.parametrize(
    ("deferred", "held", "saved"), [(True, 0.0, 90.5), (False, 90.5, 0.0)], ids=["deferred", "not deferred"]
)
def test_sets_both_approaches_side_by_side(compare, deferred, held, saved):
    """A traditional sensor holds its slot all the while; a deferred one holds none while it waits."""
    comparison = compare(waited(90.5, deferred))
    called = f"compare_approaches(**context), waited 90.5 seconds, deferred={deferred}"
    traditional, deferrable = of(comparison, "traditional"), of(comparison, "deferrable")
    figures = [
        comparison["waited_seconds"],
        traditional["slot_seconds"],
        deferrable["slot_seconds"],
        comparison["saved_slot_seconds"],
    ]
    expect(None not in figures, called=called, got=comparison, mistake=Mistake.KNOWN_FIGURE_NOT_GIVEN)
    figures = [float(figure) for figure in figures]
    mistake = Mistake.APPROACHES_COMPARED_WRONGLY
    if not deferred and (figures[2] < 90.5 or figures[3] > 0):
        mistake = Mistake.SAVING_CLAIMED_WITHOUT_A_DEFERRAL
    expect_equal(figures, [90.5, 90.5, held, saved], called=called, mistake=mistake)
    slots = [traditional["slots_for_100_waits"], deferrable["slots_for_100_waits"]]
    expect_equal(slots, [100, 0], called=f"{called}: slots_for_100_waits", mistake=Mistake.APPROACHES_COMPARED_WRONGLY)


def test_counts_the_states_of_this_run(compare):
    """task_states says how many tasks of this run are in each state; one without a state counts as "none"."""
    due = {"success": 2, "running": 1, "none": 1}
    states = compare(waited(1.0, True))["task_states"]
    mistake = Mistake.STATES_COUNTED_WRONGLY
    if isinstance(states, dict):
        mistake = Mistake.STATES_OF_ALL_RUNS_COUNTED if "failed" in states else mistake
        mistake = Mistake.NONE_AS_A_STATE if {"null", "None"} & set(states) else mistake
    expect_equal(states, due, called='compare_approaches(**context)["task_states"]', mistake=mistake)


@pytest.mark.parametrize("result", [None, waited(None, True)], ids=["no XCom", "wait not known"])
def test_invents_no_comparison(compare, result):
    """What cannot be had is None, and unavailable says why."""
    comparison = compare(result, states=None)
    called = "compare_approaches(**context), nothing can be measured"
    figures = [comparison["waited_seconds"], comparison["saved_slot_seconds"], comparison["task_states"]]
    figures += [of(comparison, approach)["slot_seconds"] for approach in ("traditional", "deferrable")]
    expect_equal(figures, [None] * 5, called=called, mistake=Mistake.INVENTED_FIGURE)
    unavailable = comparison["unavailable"]
    told = all(
        isinstance(unavailable.get(name), str) and unavailable[name] for name in ("waited_seconds", "task_states")
    )
    got = unavailable
    expect(told, called=f'{called}: ["unavailable"]', got=got, mistake=Mistake.DOES_NOT_SAY_WHY_A_FIGURE_IS_MISSING)


@pytest.mark.parametrize("seconds", [90.5, 0.0])
def test_what_is_available_is_not_called_unavailable(compare, seconds):
    """unavailable names only what is None; 0 seconds are a figure."""
    comparison = compare(waited(seconds, True))
    called = f"compare_approaches(**context), waited {seconds} seconds"
    figures = [comparison["waited_seconds"], comparison["saved_slot_seconds"]]
    mistake = Mistake.ZERO_SECONDS_TAKEN_FOR_UNKNOWN if seconds == 0 else Mistake.KNOWN_FIGURE_NOT_GIVEN
    expect(None not in figures, called=called, got=comparison, mistake=mistake)
    expect_equal([float(figure) for figure in figures], [seconds, seconds], called=called)
    named = comparison["unavailable"]
    expect_equal(named, {}, called=f'{called}: ["unavailable"]', mistake=Mistake.CALLS_UNAVAILABLE_WHAT_IS_THERE)


# ── generate_trigger_report ──

NASTY = '/data/<b onclick="x">&amp;"\'.csv'
XCOMS = {
    SENSOR: waited(711.25, True),
    "process_trigger_results": {
        "valid": [{"path": "/data/one.csv", "size": 22, "rows": 2}, {"path": NASTY, "size": 3, "rows": 1}],
        "invalid": [{"path": "/data/<script>alert(1)</script>.csv", "reason": "row_width", "detail": "Line 3 <i>"}],
        "total_files": 3,
        "waited_seconds": 711.25,
    },
    "monitor_resource_usage": {
        "deferred_tasks": 3,
        "running_tasks": 1,
        "waited_seconds": 711.25,
        "saved_slot_seconds": 711.25,
        "triggerer_status": None,
        "pools": None,
        "unavailable": {"triggerer_status": "no connection", "pools": "no connection"},
        "recommendations": ["Keep deferring <b>everything</b>."],
    },
    "compare_approaches": {
        "waited_seconds": 711.25,
        "traditional": {"slot_seconds": 711.25, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": 0.0, "slots_for_100_waits": 0},
        "saved_slot_seconds": 711.25,
        "task_states": {"success": 3},
        "unavailable": {},
    },
}


class Page(HTMLParser):
    """A page's text, the elements that it is made of, and whether there is a picture that shows something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.has_picture = False
        self._in_svg = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.has_picture |= self._in_svg or tag == "img"
        self._in_svg |= tag == "svg"

    def handle_endtag(self, tag: str) -> None:
        self._in_svg &= tag != "svg"

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def report(submission, data_dir):
    """Call generate_trigger_report; return what it returned and the page."""

    def call(xcoms: dict[str, Any], run_id: str = RUN_ID) -> tuple[Result, Page, str]:
        xcoms = {(run_id, task_id): value for task_id, value in xcoms.items()}
        ti = TaskInstance("generate_trigger_report", xcoms, run_id=run_id)
        called = "generate_trigger_report(**context)"
        try:
            returned = submission.generate_trigger_report(**context_for(ti))
        except FileNotFoundError as error:
            if os.path.isdir(os.path.dirname(submission.REPORT_FILE)):
                raise
            raise Broken(called, repr(error), Mistake.DIRECTORY_OF_THE_REPORT_NOT_MADE) from error
        except (AttributeError, KeyError, TypeError) as error:
            if len(xcoms) == len(XCOMS):
                raise
            raise Broken(f"{called}, an XCom is missing", repr(error), Mistake.A_MISSING_XCOM_FAILS_THE_TASK) from error
        page = Path(submission.REPORT_FILE)
        expect(page.is_file(), called=called, got=f"no file {page}", mistake=Mistake.NO_REPORT)
        html = page.read_text(encoding="utf-8")
        return Result(called, returned), Page(html), html

    return call


def test_returns_where_the_report_is_and_what_is_in_it(submission, report):
    """It returns the page's path and the paths of the valid and the invalid files."""
    returned, _, _ = report(XCOMS)
    processed = XCOMS["process_trigger_results"]
    due = {
        "report_file": submission.REPORT_FILE,
        "valid_files": [file["path"] for file in processed["valid"]],
        "invalid_files": [file["path"] for file in processed["invalid"]],
    }
    called = "generate_trigger_report(**context)"
    mistake = Mistake.REPORT_RETURNED_IN_ANOTHER_FORM
    expect_equal({key: returned[key] for key in due}, due, called=called, mistake=mistake)
    expect(is_plain_json(returned), called=called, got=returned, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)


def test_the_report_is_complete(report):
    """The page names every file, the reasons, the seconds, the recommendations and the run's id, and has a picture."""
    _, page, html = report(XCOMS)
    words = [
        "/data/one.csv",
        NASTY,
        "/data/<script>alert(1)</script>.csv",
        "row_width",
        "711",
        "Keep deferring",
        RUN_ID,
    ]
    missing = [word for word in words if word not in page.text]
    unescaped = {"script", "b", "i"} & page.elements and any(word in html for word in missing)
    called = "the page that generate_trigger_report wrote"
    mistake = Mistake.NOT_ESCAPED if unescaped else Mistake.REPORT_IS_INCOMPLETE
    expect(not missing, called=called, got=f"its text lacks {missing}", mistake=mistake)
    got = f"no picture, or an empty one: {sorted(page.elements)}"
    expect(page.has_picture, called="the page", got=got, mistake=Mistake.REPORT_IS_INCOMPLETE)
    expect(html.rstrip().lower().endswith("</html>"), called="the page", got=f"it ends with {html[-40:]!r}")


def test_the_report_is_escaped(report):
    """All text that comes from outside is escaped: a file may be called <b>.csv."""
    _, page, _ = report(XCOMS, run_id="manual__<em>now</em>")
    injected = {"script", "i", "em"} & page.elements | {"onclick"} & page.attributes
    called = "the page, with files called <script>… and <b onclick=…>, in a run called <em>…"
    expect(not injected, called=called, got=f"it has {injected}", mistake=Mistake.NOT_ESCAPED)
    expect(NASTY in page.text, called="the page", got="a path with special characters is mangled")


@pytest.mark.parametrize("missing", ["process_trigger_results", "monitor_resource_usage", "compare_approaches", "all"])
def test_the_report_says_what_is_unavailable(submission, report, missing):
    """Where a figure is None or an XCom is missing, it says "unavailable"; the page is written all the same."""
    xcoms = {} if missing == "all" else {task: value for task, value in XCOMS.items() if task != missing}
    returned, page, _ = report(xcoms)
    called = f"generate_trigger_report(**context), without the XCom of {missing}"
    told = "unavailable" in page.text.lower()
    expect(told, called=called, got=page.text, mistake=Mistake.MISSING_FIGURE_NOT_CALLED_UNAVAILABLE)
    if missing in ("process_trigger_results", "all"):
        listed = [returned["valid_files"], returned["invalid_files"]]
        expect_equal(listed, [[], []], called=called, mistake=Mistake.REPORT_RETURNED_IN_ANOTHER_FORM)
    expect_equal(returned["report_file"], submission.REPORT_FILE, called=called)


def test_a_new_report_takes_the_place_of_the_old_one(submission, report):
    """The page is in place whole or not at all, whoever reads at that moment, and no other file is left beside it."""
    report(XCOMS)
    with open(submission.REPORT_FILE, encoding="utf-8") as reader:  # somebody has the old page open
        before = reader.read()
        reader.seek(0)
        report(
            {**XCOMS, "process_trigger_results": {"valid": [], "invalid": [], "total_files": 0, "waited_seconds": None}}
        )
        still = reader.read()
    beside = os.listdir(os.path.dirname(submission.REPORT_FILE))
    due = [os.path.basename(submission.REPORT_FILE)]
    expect_equal(beside, due, called="the files beside the report", mistake=Mistake.DRAFT_LEFT_BEHIND)
    expect_equal(
        still, before, called="the page in the hands of somebody who reads it", mistake=Mistake.REPORT_WRITTEN_IN_PLACE
    )


def test_a_report_that_cannot_be_put_in_place_leaves_nothing(submission, report, monkeypatch):
    """When the page cannot be put in place, the old one stays, nothing is left beside it, and it is not returned."""
    report(XCOMS)
    before = Path(submission.REPORT_FILE).read_text(encoding="utf-8")

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(os, "rename", full)
    returned: dict[str, Any] = {}
    with contextlib.suppress(OSError, Broken):
        returned, _, _ = report({**XCOMS, "process_trigger_results": {"valid": [], "invalid": [], "total_files": 0}})
    beside = os.listdir(os.path.dirname(submission.REPORT_FILE))
    called = "generate_trigger_report(**context), the disk is full"
    expect_equal(beside, [os.path.basename(submission.REPORT_FILE)], called=called, mistake=Mistake.DRAFT_LEFT_BEHIND)
    still = Path(submission.REPORT_FILE).read_text(encoding="utf-8")
    expect_equal(still, before, called=called, mistake=Mistake.REPORT_WRITTEN_IN_PLACE)
    claimed = returned.get("report_file") == submission.REPORT_FILE
    expect(not claimed, called=called, got=f"the old page is there; it returned {returned}", mistake=Mistake.NO_REPORT)


def test_the_report_names_the_seconds_of_each_approach(report):
    """The page names the seconds waited and the slot seconds of both approaches."""
    compared = {
        **XCOMS["compare_approaches"],
        "waited_seconds": 611.0,
        "traditional": {"slot_seconds": 722.0, "slots_for_100_waits": 100},
        "deferrable": {"slot_seconds": 833.0, "slots_for_100_waits": 0},
    }
    others = {task_id: {**XCOMS[task_id], "waited_seconds": 611.0} for task_id in XCOMS if task_id != SENSOR}
    _, page, _ = report({**others, SENSOR: waited(611.0, True), "compare_approaches": compared})
    missing = [figure for figure in ("611", "722", "833") if figure not in page.text]
    called = "the page; the wait was 611 seconds, the approaches held a slot for 722 and 833"
    expect(not missing, called=called, got=f"its text lacks {missing}", mistake=Mistake.REPORT_IS_INCOMPLETE)


def test_the_report_says_which_figures_are_none(report):
    """Where a figure is None it says "unavailable", though no XCom is missing."""
    nothing = {"slot_seconds": None, "slots_for_100_waits": 0}
    compared = {**XCOMS["compare_approaches"], "waited_seconds": None, "traditional": nothing, "deferrable": nothing}
    measured = {**XCOMS["monitor_resource_usage"], "triggerer_status": "healthy", "pools": [], "unavailable": {}}
    processed = {**XCOMS["process_trigger_results"], "waited_seconds": None}
    xcoms = {
        SENSOR: waited(None, True),
        "process_trigger_results": processed,
        "monitor_resource_usage": {**measured, "waited_seconds": None, "saved_slot_seconds": None},
        "compare_approaches": {**compared, "saved_slot_seconds": None},
    }
    _, page, _ = report(xcoms)
    called, told = "the page, the wait is not known", "unavailable" in page.text.lower()
    expect(told, called=called, got=page.text, mistake=Mistake.MISSING_FIGURE_NOT_CALLED_UNAVAILABLE)


def test_the_report_escapes_recommendations(report):
    """All text that comes from outside is escaped, the recommendations like the rest."""
    advice = ["Keep <kata-bold onclick=x>deferring</kata-bold>."]
    measured = {**XCOMS["monitor_resource_usage"], "recommendations": advice}
    _, page, _ = report({**XCOMS, "monitor_resource_usage": measured})
    called = f"the page, the recommendations are {advice}"
    expect("kata-bold" not in page.elements, called=called, got="they became an element", mistake=Mistake.NOT_ESCAPED)
    expect(advice[0] in page.text, called=called, got=page.text, mistake=Mistake.REPORT_IS_INCOMPLETE)


def test_the_report_needs_no_other_file(report):
    """One HTML page that needs nothing else, neither from the network nor from beside it."""
    _, _, html = report(XCOMS)
    needs = Needs()
    needs.feed(html)
    needs.close()
    called = "the page that generate_trigger_report wrote"
    expect(not needs.found, called=called, got=f"it needs {needs.found}", mistake=Mistake.PAGE_NEEDS_OTHER_FILES)


LOADED = {"src", "srcset", "data", "poster", ("link", "href"), ("image", "href"), ("use", "href")}
ADDRESSES_IN_STYLES = re.compile(r"""(?:url\(|@import)\s*['"]?([^'")\s]+)""")


class Needs(HTMLParser):
    """What a page needs besides itself. A link that is there to be clicked is no need."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in LOADED or (tag, name) in LOADED:
                self.note([value or ""])
            elif name == "style":
                self.note(ADDRESSES_IN_STYLES.findall(value or ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.note(ADDRESSES_IN_STYLES.findall(data))

    def note(self, addresses: list[str]) -> None:
        self.found += [address for address in addresses if not address.strip().startswith(("data:", "#"))]


# ── The whole DAG ──

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


@pytest.mark.parametrize(("first", "then"), ORDER, ids=lambda task_id: task_id)
def test_the_tasks_are_in_order(submission, first, then):
    """Set-up, both sensors, processing, monitoring and comparison, report, clean-up, in this order."""
    before = submission.task(then).get_flat_relative_ids(upstream=True)
    expect(
        first in before,
        called=f"what comes before {then}",
        got=sorted(before),
        mistake=Mistake.BEGINS_BEFORE_WHAT_IT_NEEDS,
    )


KEYS = {
    "process_trigger_results": "valid",
    "monitor_resource_usage": "recommendations",
    "compare_approaches": "traditional",
    "generate_trigger_report": "report_file",
}


@pytest.mark.parametrize(("task_id", "key"), KEYS.items())
def test_a_task_runs_the_function_of_its_name(submission, data_dir, task_id, key):
    """The tasks run the functions of the same names."""
    xcoms = {**XCOMS, SENSOR: {**waited(711.25, True), "total_files": 1}}
    context = context_for(TaskInstance(task_id, xcoms, STATES), outlet_events={})
    task = copy.copy(submission.task(task_id))  # to execute it changes it, and the DAG is still to be run
    with set_current_context(context):
        task.render_template_fields(context)
        returned = task.execute(context)
    called = f"what the task {task_id} returned"
    of_another = isinstance(returned, dict) and bool(set(returned) & set(KEYS.values()) - {key})
    mistake = Mistake.TASK_CALLS_ANOTHER_FUNCTION if of_another else Mistake.RESULT_WITHOUT_A_KEY
    _ = Result(called, returned, mistake)[key]


@pytest.mark.deadline(90)
def test_the_dag_runs_to_its_end(submission, data_dir):
    """A run in which the files arrive while it waits succeeds, and the file's path comes to the last task's report."""
    for task_id in dict.fromkeys(itertools.chain.from_iterable(ORDER)):
        submission.task(task_id)
    upload = "id,amount\n1,10\n2,20\n"
    dropped = os.path.join(submission.CLIENT_DIRECTORIES[3], "orders.csv")
    at_work = [
        lambda: Path(submission.UPLOAD_FILE).write_text(upload),
        lambda: None,
        lambda: Path(dropped).write_text(upload),
    ]
    with captured_logs():
        outcome = run_dag(submission, at_work)
    called = "dag.test(), two files arrive while it waits"
    expect_equal(
        outcome.state,
        "success",
        called=f"{called}; the tasks ended as {outcome.states}",
        mistake=Mistake.A_TASK_OF_THE_RUN_FAILED,
    )
    returned = Result(f"{called}: generate_trigger_report", outcome.xcoms["generate_trigger_report"])
    expect_equal(returned["valid_files"], [dropped], called=f"{called}: generate_trigger_report")
    page = Page(Path(submission.REPORT_FILE).read_text(encoding="utf-8"))
    expect(dropped in page.text, called=f"{called}: the report", got="it does not name the file")
    expect(
        os.path.isfile(dropped),
        called=f"{called}: the client's file",
        got="it is gone",
        mistake=Mistake.CLEANUP_DELETES_DATA,
    )
    left = [os.path.exists(directory) for directory in submission.CLIENT_DIRECTORIES]
    expect_equal(
        left, [False, False, False, True, False], called=f"{called}: the client directories after the clean-up"
    )
