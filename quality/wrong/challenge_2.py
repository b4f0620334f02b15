"""Wrong solutions of Challenge 2: metrics over all runs."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_METRICS = "collect_trigger_metrics"
_AVERAGES = "test_averages_the_waiting_times_that_are_known"
_AVERAGED = Mistake.AVERAGE_OVER_FAILED_OR_UNKNOWN_WAITS
_NO_RUNS = "test_rates_and_averages_of_no_waits_are_none[no runs]"
_COUNTS = "test_counts_running_and_queued_triggers"
_UTILIZATION = "test_computes_the_utilization_of_the_pools"

WRONG = [
    Wrong(
        "c2-counts-all-task-instances",
        "test_requests_the_deferred_tasks_of_all_dags",
        Mistake.REQUESTS_TASKS_THAT_ARE_NOT_DEFERRED,
    ).within("_count_triggers", text="?state=deferred&limit=100", by=""),
    Wrong("c2-division-by-zero", _NO_RUNS, Mistake.A_MISSING_FIGURE_FAILS_THE_TASK).within(
        _METRICS, "waits['success'] / ended if ended else None", 'waits["success"] / ended'
    ),
    Wrong("c2-failed-runs-averaged", _AVERAGES, _AVERAGED).within(
        _METRICS, "(task_id, state) == (SENSOR_TASK_ID, 'success')", "task_id == SENSOR_TASK_ID"
    ),
    Wrong("c2-one-slot-is-none", _UTILIZATION, Mistake.POOLS_COUNTED_WRONGLY).within(
        "_pool_utilization",
        "max(pool['occupied_slots'] / pool['slots'], 0.0) if pool['slots'] else 0.0",
        'pool["occupied_slots"] / pool["slots"] if pool["slots"] > 1 else 0.0',
    ),
    Wrong("c2-null-trigger-fails", _COUNTS, Mistake.RUNNING_AND_QUEUED_MIXED_UP).within(
        "_count_triggers", "(task['trigger'] or {}).get('triggerer_id')", 'task["trigger"]["triggerer_id"]'
    ),
    Wrong(
        "c2-missing-sensor-has-no-state",
        "test_counts_the_waits_per_state[a run without the sensors]",
        Mistake.WAITS_COUNTED_WRONGLY,
    ).within(
        _METRICS,
        "waits = Counter(state or 'none' for _, task_id, state in states if task_id in WAITING_TASK_IDS)",
        """
        pairs = [(tasks, task_id) for tasks in (runs or {}).values() for task_id in WAITING_TASK_IDS]
        waits = Counter(tasks.get(task_id) or "none" for tasks, task_id in pairs)
        """,
    ),
    Wrong("c2-own-dag", "test_counts_the_runs", Mistake.READS_ANOTHER_DAG).within(
        _METRICS, "EXERCISE_DAG_ID", "ti.dag_id"
    ),
    Wrong("c2-queued-counts-taken-up", _COUNTS, Mistake.RUNNING_AND_QUEUED_MIXED_UP).within(
        "_count_triggers",
        "sum((triggerer is not None) == assigned for triggerer in triggerers)",
        "sum(map(bool, triggerers)) if assigned else len(triggerers)",
    ),
    Wrong(
        "c2-rate-of-all-waits", "test_rates_are_of_the_waits_that_ended", Mistake.RATE_NOT_OF_THE_WAITS_THAT_ENDED
    ).within(_METRICS, "waits['success'] + waits['failed']", "sum(waits.values())"),
    Wrong("c2-rate-zero-without-waits", _NO_RUNS, Mistake.RATE_WITHOUT_WAITS).within(
        _METRICS, "waits['failed'] / ended if ended else None", 'waits["failed"] / max(ended, 1)'
    ),
    Wrong(
        "c2-unavailable-not-named", "test_does_without_the_states", Mistake.DOES_NOT_SAY_WHY_A_FIGURE_IS_MISSING
    ).within(
        _METRICS,
        "measure('runs', lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID), unavailable)",
        'measure("runs", lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID), {})',
    ),
    Wrong("c2-unknown-wait-is-zero", _AVERAGES, _AVERAGED).within(
        "_waited_in_run", "pull()['waited_seconds']", 'pull()["waited_seconds"] or 0.0'
    ),
    Wrong("c2-unlimited-pool-negative", _UTILIZATION, Mistake.POOL_WITHOUT_LIMIT).within(
        "_pool_utilization",
        "max(pool['occupied_slots'] / pool['slots'], 0.0)",
        'pool["occupied_slots"] / pool["slots"]',
    ),
    Wrong("c2-xcom-error-fails-task", "test_does_without_an_xcom", Mistake.A_MISSING_FIGURE_FAILS_THE_TASK).within(
        "_waited_in_run",
        "measure(run_id, lambda: pull()['waited_seconds'], unavailable={})",
        '(pull() or {}).get("waited_seconds")',
    ),
    Wrong("c2-xcom-of-this-run", _AVERAGES, Mistake.KNOWN_FIGURE_NOT_GIVEN).within(
        "_waited_in_run", "run_id=run_id", ""
    ),
]
