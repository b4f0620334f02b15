"""Challenge 2: collect_trigger_metrics."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from .support.contract import Result, expect, expect_equal
from .support.logs import captured_logs
from .support.mistakes import Mistake
from .support.rest_api import ANSWERS, API_FAULTS, airflow_api
from .support.tasks import TaskInstance, expect_unavailable, measured_by

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
    ("run_3", SENSOR): {"status": "success", "waited_seconds": 10_000.0},  # of an earlier try: the sensor has failed
}
ERROR = RuntimeError("The API server does not respond")


@pytest.fixture
def collect(submission):
    """Call collect_trigger_metrics as a task of another DAG."""

    def call(states: Any = STATES, xcoms: Any = XCOMS) -> Result:
        ti = TaskInstance("collect_trigger_metrics", xcoms, states, dag_id="trigger_orchestration_challenge")
        return measured_by(submission, "collect_trigger_metrics", ti)

    return call


def test_counts_the_runs(collect):
    """runs: int, number of runs of trigger_implementation_exercise; the task may belong to another DAG."""
    runs = collect()["runs"]
    mistake = Mistake.READS_ANOTHER_DAG if runs == 0 else Mistake.RUNS_COUNTED_WRONGLY
    expect_equal(runs, 5, called=f'{CALLED}["runs"], as a task of another DAG', mistake=mistake)


@pytest.mark.parametrize(
    ("more", "counted"),
    [({}, {}), ({"run_6": {"process_trigger_results": "success"}}, {}), ({"run_6": {SENSOR: "failed"}}, {"failed": 1})],
    ids=["both sensors in each run", "a run without the sensors", "a run with one of them"],
)
def test_counts_the_waits_per_state(collect, more, counted):
    """waits: number of the sensors' task instances per state, "none" for no state; a run without any is not counted."""
    expected = {"success": 4, "failed": 2, "deferred": 1, "none": 1, "skipped": 1, "running": 1}
    expected |= {state: expected[state] + number for state, number in counted.items()}
    waits = collect({**STATES, **more})["waits"]
    expect_equal(waits, expected, called=f'{CALLED}["waits"], {more}', mistake=Mistake.WAITS_COUNTED_WRONGLY)


def test_rates_are_of_the_waits_that_ended(collect):
    """success_rate, failure_rate: share of success and of failed in the waits that ended in one of the two."""
    metrics = collect()
    called, rates = f"{CALLED}: 4 waits succeeded, 2 failed", [metrics["success_rate"], metrics["failure_rate"]]
    expect(None not in rates, called=called, got=rates, mistake=Mistake.KNOWN_FIGURE_NOT_GIVEN)
    rates = [round(rate, 6) for rate in rates]
    expect_equal(rates, [0.666667, 0.333333], called=called, mistake=Mistake.RATE_NOT_OF_THE_WAITS_THAT_ENDED)


def test_averages_the_waiting_times_that_are_known(collect):
    """average_wait_seconds, longest_wait_seconds: over the runs whose sensor succeeded and whose time is known."""
    metrics = collect()
    values = [metrics["average_wait_seconds"], metrics["longest_wait_seconds"]]
    mistake = Mistake.KNOWN_FIGURE_NOT_GIVEN if None in values else Mistake.AVERAGE_OVER_FAILED_OR_UNKNOWN_WAITS
    expect_equal(values, [60.0, 90.0], called=f"{CALLED}: they waited 30 and 90 seconds", mistake=mistake)


@pytest.mark.parametrize(
    "states", [{}, {"run_1": {SENSOR: "deferred", "wait_for_upload": None}}], ids=["no runs", "nothing has ended"]
)
def test_rates_and_averages_of_no_waits_are_none(collect, states):
    """success_rate, failure_rate, average_wait_seconds, longest_wait_seconds: None if there are none."""
    metrics, called = collect(states, {}), f"{CALLED}, {states}"
    names = ("success_rate", "failure_rate", "average_wait_seconds", "longest_wait_seconds")
    values = {name: metrics[name] for name in names}
    expect_equal(values, dict.fromkeys(names), called=called, mistake=Mistake.RATE_WITHOUT_WAITS)
    expect_equal(metrics["runs"], len(states), called=f'{called}: ["runs"]', mistake=Mistake.RUNS_COUNTED_WRONGLY)


def test_counts_running_and_queued_triggers(collect, monkeypatch):
    """triggers_queued: deferred tasks that no triggerer runs because trigger or trigger.triggerer_id is null."""
    triggers = [{"id": 1, "triggerer_id": 4}, {"id": 2, "triggerer_id": 4}, {"id": 3, "triggerer_id": None}, None]
    tasks = [{"task_id": f"task_{n}", "state": "deferred", "trigger": trigger} for n, trigger in enumerate(triggers)]
    answer = {"task_instances": tasks, "total_entries": len(tasks)}
    monkeypatch.setitem(ANSWERS, "/api/v2/dags/~/dagRuns/~/taskInstances", answer)
    with airflow_api():
        metrics = collect()
    values = [metrics["triggers_running"], metrics["triggers_queued"]]
    called = f"{CALLED}: the triggers of the deferred tasks are {triggers}"
    expect_equal(values, [2, 2], called=called, mistake=Mistake.RUNNING_AND_QUEUED_MIXED_UP)


def test_requests_the_deferred_tasks_of_all_dags(collect):
    """triggers_running, triggers_queued: from /api/v2/dags/~/dagRuns/~/taskInstances?state=deferred&limit=100."""
    with airflow_api() as api:
        collect()
    requests = [urlsplit(path) for _, path in api.requests]
    queries = [parse_qs(url.query) for url in requests if url.path == "/api/v2/dags/~/dagRuns/~/taskInstances"]
    called, got = f"{CALLED}: the requests for task instances", [path for _, path in api.requests]
    mistake = Mistake.DOES_NOT_REQUEST_THE_TASKS_OF_ALL_DAGS if requests else Mistake.DOES_NOT_ASK_THE_API
    expect(bool(queries), called=called, got=got, mistake=mistake)
    deferred = all(query.get("state") == ["deferred"] for query in queries)
    expect(deferred, called=called, got=got, mistake=Mistake.REQUESTS_TASKS_THAT_ARE_NOT_DEFERRED)
    limits = [int(query.get("limit", ["50"])[0]) for query in queries]  # 50 is the API's default
    expect(min(limits) >= 100, called=called, got=got, mistake=Mistake.REQUESTS_FEWER_TASKS_THAN_THE_API_RETURNS)


def test_computes_the_utilization_of_the_pools(collect):
    """pool_utilization: occupied_slots / slots; 0 for a pool with no slots or with unlimited slots (-1)."""
    with airflow_api():
        metrics = collect()
    utilization = {name: float(value) for name, value in (metrics["pool_utilization"] or {}).items()}
    expected = {"default_pool": 0.25, "one_slot": 1.0, "no_slots": 0.0, "unlimited": 0.0}
    mistake = Mistake.POOL_WITHOUT_LIMIT if utilization.get("unlimited") else Mistake.POOLS_COUNTED_WRONGLY
    expect_equal(utilization, expected, called=f'{CALLED}["pool_utilization"]', mistake=mistake)
    expect_unavailable(metrics, called=CALLED)


@pytest.mark.parametrize("fault", API_FAULTS)
def test_does_without_the_api(collect, fault):
    """An error in read_airflow_api must not fail the task: None, with the reason in unavailable."""
    with airflow_api(fault):
        metrics = collect()
    called = f"{CALLED}, the API is {fault}"
    expect_unavailable(metrics, "triggers_running", "triggers_queued", "pool_utilization", called=called)
    expect_equal(metrics["runs"], 5, called=f'{called}: ["runs"]', mistake=Mistake.RUNS_COUNTED_WRONGLY)


def test_does_without_the_states(collect):
    """An error in ti.get_task_states must not fail the task: waits is empty if the states are unavailable."""
    metrics, called = collect(None), f"{CALLED}, get_task_states raises"
    expect_unavailable(metrics, "runs", called=called)
    expected = {"waits": {}, "success_rate": None, "average_wait_seconds": None}
    values = {name: metrics[name] for name in expected}
    expect_equal(values, expected, called=called, mistake=Mistake.INVENTED_FIGURE)


def test_does_without_an_xcom(collect):
    """An error in the XComs must not fail the task: then the run's waited_seconds is not known."""
    metrics = collect(xcoms={**XCOMS, ("run_2", SENSOR): ERROR, ("run_4", SENSOR): ERROR})
    called = f"{CALLED}, xcom_pull raises for all runs but one, which waited 30 seconds"
    values = [metrics["average_wait_seconds"], metrics["longest_wait_seconds"]]
    mistake = Mistake.KNOWN_FIGURE_NOT_GIVEN if None in values else Mistake.AVERAGE_OVER_FAILED_OR_UNKNOWN_WAITS
    expect_equal(values, [30.0, 30.0], called=called, mistake=mistake)
    expect_equal(metrics["runs"], 5, called=f'{called}: ["runs"]', mistake=Mistake.RUNS_COUNTED_WRONGLY)


def test_logs_the_metrics(collect):
    """Log the metrics at INFO."""
    with captured_logs() as lines:
        collect({"run_1": {SENSOR: "success"}}, {("run_1", SENSOR): {"waited_seconds": 711.25}})
    logged = any("711" in line.text for line in lines if line.level == logging.INFO)
    got, mistake = [line.text for line in lines], Mistake.FIGURES_NOT_LOGGED_AT_INFO
    expect(logged, called=f"the log of {CALLED}, waited_seconds=711.25", got=got, mistake=mistake)
