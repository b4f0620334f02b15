"""Wrong solutions of Challenge 2: metrics over all runs."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

WRONG = [
    Wrong(
        "c2-counts-all-task-instances",
        "test_requests_the_deferred_tasks_of_all_dags",
        Mistake.REQUESTS_TASKS_THAT_ARE_NOT_DEFERRED,
    ).within("_count_triggers", text="?state=deferred&limit=100", by=""),
    Wrong(
        "c2-division-by-zero",
        "test_rates_and_averages_of_no_waits_are_none[no runs]",
        Mistake.A_MISSING_FIGURE_FAILS_THE_TASK,
    ).within(
        "collect_trigger_metrics", replace="waits['success'] / ended if ended else None", by='waits["success"] / ended'
    ),
    Wrong(
        "c2-failed-runs-averaged",
        "test_averages_the_waiting_times_that_are_known",
        Mistake.AVERAGE_OVER_FAILED_OR_UNKNOWN_WAITS,
    ).within(
        "collect_trigger_metrics",
        replace="(task_id, state) == (SENSOR_TASK_ID, 'success')",
        by="task_id == SENSOR_TASK_ID",
    ),
    Wrong("c2-one-slot-is-none", "test_computes_the_utilization_of_the_pools", Mistake.POOLS_COUNTED_WRONGLY).within(
        "_pool_utilization",
        replace="max(pool['occupied_slots'] / pool['slots'], 0.0) if pool['slots'] else 0.0",
        by='pool["occupied_slots"] / pool["slots"] if pool["slots"] > 1 else 0.0',
    ),
    Wrong(
        "c2-null-trigger-fails", "test_counts_running_and_queued_triggers", Mistake.RUNNING_AND_QUEUED_MIXED_UP
    ).within(
        "_count_triggers", replace="(task['trigger'] or {}).get('triggerer_id')", by='task["trigger"]["triggerer_id"]'
    ),
    Wrong(
        "c2-missing-sensor-has-no-state",
        "test_counts_the_waits_per_state[a run without the sensors]",
        Mistake.WAITS_COUNTED_WRONGLY,
    ).within(
        "collect_trigger_metrics",
        replace="waits = Counter(state or 'none' for _, task_id, state in states if task_id in WAITING_TASK_IDS)",
        by="""
        pairs = [(tasks, task_id) for tasks in (runs or {}).values() for task_id in WAITING_TASK_IDS]
        waits = Counter(tasks.get(task_id) or "none" for tasks, task_id in pairs)
        """,
    ),
    Wrong("c2-own-dag", "test_counts_the_runs", Mistake.READS_ANOTHER_DAG).within(
        "collect_trigger_metrics", replace="EXERCISE_DAG_ID", by="ti.dag_id"
    ),
    Wrong(
        "c2-queued-counts-taken-up", "test_counts_running_and_queued_triggers", Mistake.RUNNING_AND_QUEUED_MIXED_UP
    ).within(
        "_count_triggers",
        replace="sum((triggerer is not None) == assigned for triggerer in triggerers)",
        by="sum(map(bool, triggerers)) if assigned else len(triggerers)",
    ),
    Wrong(
        "c2-rate-of-all-waits",
        "test_rates_are_of_the_waits_that_ended",
        Mistake.RATE_NOT_OF_THE_WAITS_THAT_ENDED,
    ).within("collect_trigger_metrics", replace="waits['success'] + waits['failed']", by="sum(waits.values())"),
    Wrong(
        "c2-rate-zero-without-waits",
        "test_rates_and_averages_of_no_waits_are_none[no runs]",
        Mistake.RATE_WITHOUT_WAITS,
    ).within(
        "collect_trigger_metrics",
        replace="waits['failed'] / ended if ended else None",
        by='waits["failed"] / max(ended, 1)',
    ),
    Wrong(
        "c2-unavailable-not-named", "test_does_without_the_states", Mistake.DOES_NOT_SAY_WHY_A_FIGURE_IS_MISSING
    ).within(
        "collect_trigger_metrics",
        replace="measure('runs', lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID), unavailable)",
        by='measure("runs", lambda: ti.get_task_states(dag_id=EXERCISE_DAG_ID), {})',
    ),
    Wrong(
        "c2-unknown-wait-is-zero",
        "test_averages_the_waiting_times_that_are_known",
        Mistake.AVERAGE_OVER_FAILED_OR_UNKNOWN_WAITS,
    ).within("_waited_in_run", replace="pull()['waited_seconds']", by='pull()["waited_seconds"] or 0.0'),
    Wrong(
        "c2-unlimited-pool-negative", "test_computes_the_utilization_of_the_pools", Mistake.POOL_WITHOUT_LIMIT
    ).within(
        "_pool_utilization",
        replace="max(pool['occupied_slots'] / pool['slots'], 0.0)",
        by='pool["occupied_slots"] / pool["slots"]',
    ),
    Wrong("c2-xcom-error-fails-task", "test_does_without_an_xcom", Mistake.A_MISSING_FIGURE_FAILS_THE_TASK).within(
        "_waited_in_run",
        replace="measure(run_id, lambda: pull()['waited_seconds'], unavailable={})",
        by='(pull() or {}).get("waited_seconds")',
    ),
    Wrong(
        "c2-xcom-of-this-run", "test_averages_the_waiting_times_that_are_known", Mistake.KNOWN_FIGURE_NOT_GIVEN
    ).within("_waited_in_run", replace="run_id=run_id", by=""),
]
