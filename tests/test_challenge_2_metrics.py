"""Challenge 2: collect_trigger_metrics."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support import rest_api
from support.contract import Result, expect, expect_equal, must_not_fail
from support.logs import captured_logs
from support.mistakes import Mistake
from support.task_instance import TaskInstance, context_for
from support.watching import is_plain_json

SENSOR = "monitor_client_uploads"
CALLED = "collect_trigger_metrics(**context)"
STATES = {
    "run_1": {SENSOR: "success", "wait_for_upload": "success", "process_trigger_results": "success"},
    "run_2": {SENSOR: "success", "wait_for_upload": "failed", "process_trigger_results": "upstream_failed"},
    "run_3": {SENSOR: "failed", "wait_for_upload": "deferred", "process_trigger_results": None},
    "run_4": {SENSOR: "success", "wait_for_upload": None, "process_trigger_results": "failed"},
    "run_5": {SENSOR: "skipped", "wait_for_upload": "running"},
}
XCOMS = {
    ("run_1", SENSOR): {"status": "success", "waited_seconds": 30.0},
    ("run_2", SENSOR): {"status": "success", "waited_seconds": 90.0},
    ("run_4", SENSOR): {"status": "success", "waited_seconds": None},
    ("run_3", SENSOR): {"status": "success", "waited_seconds": 10_000.0},  # of an earlier try: the run has failed
}


@pytest.fixture
def collect(submission):
    """Call collect_trigger_metrics as a task of another DAG."""

    def call(states: Any = STATES, xcoms: Any = XCOMS) -> Result:
        ti = TaskInstance("collect_trigger_metrics", xcoms, states, dag_id="trigger_orchestration_challenge")
        with must_not_fail(CALLED):
            metrics = Result(CALLED, submission.collect_trigger_metrics(**context_for(ti)))
        expect(is_plain_json(metrics), called=CALLED, got=metrics, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
        return metrics

    return call


def test_counts_runs_and_waits(collect):
    """runs is the number of runs; waits counts the task instances of the two sensors by state."""
    metrics = collect()
    mistake = Mistake.LOOKS_AT_ANOTHER_DAG if metrics["runs"] == 0 else Mistake.RUNS_COUNTED_WRONGLY
    expect_equal(metrics["runs"], 5, called=f'{CALLED}["runs"], as a task of another DAG', mistake=mistake)
    due = {"success": 4, "failed": 2, "deferred": 1, "none": 1, "skipped": 1, "running": 1}
    expect_equal(metrics["waits"], due, called=f'{CALLED}["waits"]', mistake=Mistake.WAITS_COUNTED_WRONGLY)


def test_rates_are_of_the_waits_that_have_ended(collect):
    """success_rate and failure_rate are of the waits that have ended in success or failed."""
    metrics = collect()
    called, rates = f"{CALLED}: 4 waits succeeded, 2 failed", [metrics["success_rate"], metrics["failure_rate"]]
    expect(None not in rates, called=called, got=rates, mistake=Mistake.KNOWN_FIGURE_NOT_GIVEN)
    rates = [round(rate, 6) for rate in rates]
    expect_equal(rates, [0.666667, 0.333333], called=called, mistake=Mistake.RATE_NOT_OF_THE_WAITS_THAT_HAVE_ENDED)


def test_averages_the_waits_that_are_known(collect):
    """average and longest wait are over the runs whose sensor succeeded and whose wait is known."""
    metrics = collect()
    figures = [metrics["average_wait_seconds"], metrics["longest_wait_seconds"]]
    mistake = Mistake.KNOWN_FIGURE_NOT_GIVEN if None in figures else Mistake.AVERAGE_OVER_FAILED_OR_UNKNOWN_WAITS
    expect_equal(figures, [60.0, 90.0], called=f"{CALLED}: waits of 30 and 90 seconds", mistake=mistake)


@pytest.mark.parametrize(
    "states", [{}, {"run_1": {SENSOR: "deferred", "wait_for_upload": None}}], ids=["no runs", "nothing has ended"]
)
def test_no_waits_make_no_rates(collect, states):
    """Without waits that have ended there are no rates and no averages: None, and no division by zero."""
    metrics = collect(states, {})
    figures = [
        metrics[name] for name in ("success_rate", "failure_rate", "average_wait_seconds", "longest_wait_seconds")
    ]
    expect_equal(
        metrics["runs"], len(states), called=f'{CALLED}["runs"], {states}', mistake=Mistake.RUNS_COUNTED_WRONGLY
    )
    expect_equal(figures, [None] * 4, called=f"{CALLED}, {states}", mistake=Mistake.RATE_WITHOUT_WAITS)


def test_reads_queue_and_pools_from_the_api(collect):
    """triggers_running, triggers_queued and pool_utilization come from the REST API."""
    with rest_api.serving() as api, rest_api.connected(api.url):
        metrics = collect()
    triggers = [metrics["triggers_running"], metrics["triggers_queued"]]
    called = f"{CALLED}: two triggers taken up, one not"
    expect_equal(triggers, [2, 1], called=called, mistake=Mistake.TAKEN_UP_AND_QUEUED_MIXED_UP)
    utilization = {name: float(value) for name, value in metrics["pool_utilization"].items()}
    due = {"default_pool": 0.25, "one_slot": 1.0, "no_slots": 0.0, "unlimited": 0.0}
    mistake = Mistake.POOL_WITHOUT_LIMIT if utilization.get("unlimited") else Mistake.POOLS_COUNTED_WRONGLY
    expect_equal(utilization, due, called=f'{CALLED}["pool_utilization"]', mistake=mistake)


@pytest.mark.parametrize("api", ["absent", "refusing", "silent"])
def test_does_without_the_api(collect, api):
    """What cannot be had from the API is None, with the reason in unavailable; the task does not fail."""
    if api == "absent":
        metrics = collect()
    elif api == "silent":
        with rest_api.silent() as url, rest_api.connected(url):
            metrics = collect()
    else:
        with rest_api.serving() as server, rest_api.connected(server.url):
            server.answer = 401
            metrics = collect()
    names = ("triggers_running", "triggers_queued", "pool_utilization")
    called = f"{CALLED}, the API is {api}"
    expect_equal([metrics[name] for name in names], [None] * 3, called=called, mistake=Mistake.INVENTED_FIGURE)
    reasons = [metrics["unavailable"].get(name) for name in names]
    told, got = all(isinstance(reason, str) and reason for reason in reasons), metrics["unavailable"]
    expect(told, called=called, got=got, mistake=Mistake.DOES_NOT_SAY_WHY_A_FIGURE_IS_MISSING)
    expect_equal([metrics["runs"], "runs" in metrics["unavailable"]], [5, False], called=called)


def test_does_without_the_states(collect):
    """If the states cannot be had, runs is None with the reason, waits is empty, and the task does not fail."""
    metrics = collect(None)
    figures = [metrics["runs"], metrics["waits"], metrics["success_rate"], metrics["average_wait_seconds"]]
    called = f"{CALLED}, the states cannot be had"
    expect_equal(figures, [None, {}, None, None], called=called, mistake=Mistake.INVENTED_FIGURE)
    reason, got = metrics["unavailable"].get("runs"), metrics["unavailable"]
    told = isinstance(reason, str) and bool(reason)
    expect(told, called=f'{CALLED}["unavailable"]', got=got, mistake=Mistake.DOES_NOT_SAY_WHY_A_FIGURE_IS_MISSING)


def test_logs_the_metrics(collect):
    """The metrics are also logged, at INFO."""
    with captured_logs() as lines:
        collect({"run_1": {SENSOR: "success"}}, {("run_1", SENSOR): {"waited_seconds": 711.25}})
    told = any("711" in line.text for line in lines if line.level == 20)
    got = [line.text for line in lines]
    expect(told, called=f"the log of {CALLED}", got=got, mistake=Mistake.FIGURES_NOT_LOGGED_AT_INFO)


class Forgetful(TaskInstance):
    """A task instance that can pull the XCom of one run only."""

    def xcom_pull(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("run_id") != "run_1":
            raise RuntimeError("The API server does not answer")
        return super().xcom_pull(*args, **kwargs)


def test_does_without_an_xcom(submission):
    """No source may fail the task: a run whose XCom cannot be had is one whose wait is not known."""
    ti = Forgetful("collect_trigger_metrics", XCOMS, STATES, dag_id="trigger_orchestration_challenge")
    called = f"{CALLED}, xcom_pull raises for all runs but one"
    with must_not_fail(called):
        metrics = Result(called, submission.collect_trigger_metrics(**context_for(ti)))
    figures = [metrics["runs"], metrics["average_wait_seconds"], metrics["longest_wait_seconds"]]
    expect(None not in figures, called=called, got=figures, mistake=Mistake.KNOWN_FIGURE_NOT_GIVEN)
    expect_equal(figures[0], 5, called=f'{called}: ["runs"]', mistake=Mistake.RUNS_COUNTED_WRONGLY)
    expect_equal(figures, [5, 30.0, 30.0], called=called, mistake=Mistake.AVERAGE_OVER_FAILED_OR_UNKNOWN_WAITS)


def test_asks_the_api_for_deferred_tasks(collect):
    """triggers_running and triggers_queued are of the deferred task instances, as many as the API gives."""
    with rest_api.serving() as api, rest_api.connected(api.url):
        collect()
    asked = [urlsplit(path) for _, path in api.requests]
    queries = [parse_qs(url.query) for url in asked if url.path == "/api/v2/dags/~/dagRuns/~/taskInstances"]
    called, got = f"{CALLED}: the requests for task instances", [path for _, path in api.requests]
    mistake = Mistake.DOES_NOT_ASK_FOR_THE_TASKS_OF_ALL_DAGS if asked else Mistake.DOES_NOT_ASK_THE_API
    expect(bool(queries), called=called, got=got, mistake=mistake)
    deferred = all(query.get("state") == ["deferred"] for query in queries)
    expect(deferred, called=called, got=got, mistake=Mistake.ASKS_FOR_TASKS_THAT_ARE_NOT_DEFERRED)
    all_that_it_gives = all(int(query.get("limit", ["50"])[0]) >= 100 for query in queries)
    expect(all_that_it_gives, called=called, got=got, mistake=Mistake.ASKS_FOR_FEWER_THAN_THE_API_GIVES)
