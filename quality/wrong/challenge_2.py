"""Wrong solutions of Challenge 2: metrics over all runs."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

WRONG = [
    Wrong(
        "c2-counts-all-task-instances",
        "test_asks_the_api_for_deferred_tasks",
        Mistake.ASKS_FOR_TASKS_THAT_ARE_NOT_DEFERRED,
    ).within("_count_triggers", text="?state=deferred&limit=100", by=""),
    Wrong(
        "c2-division-by-zero", "test_no_waits_make_no_rates[no runs]", Mistake.A_MISSING_FIGURE_FAILS_THE_TASK
    ).within(
        "collect_trigger_metrics", replace="waits['success'] / ended if ended else None", by='waits["success"] / ended'
    ),
    Wrong(
        "c2-failed-runs-averaged",
        "test_averages_the_waits_that_are_known",
        Mistake.AVERAGE_OVER_FAILED_OR_UNKNOWN_WAITS,
    ).within(
        "collect_trigger_metrics",
        replace="(task_id, state) == (SENSOR_TASK_ID, 'success')",
        by="task_id == SENSOR_TASK_ID",
    ),
    Wrong("c2-one-slot-is-none", "test_reads_queue_and_pools_from_the_api", Mistake.POOLS_COUNTED_WRONGLY).within(
        "_pool_utilization",
        replace="max(pool['occupied_slots'] / pool['slots'], 0.0) if pool['slots'] else 0.0",
        by='pool["occupied_slots"] / pool["slots"] if pool["slots"] > 1 else 0.0',
    ),
    Wrong("c2-own-dag", "test_counts_runs_and_waits", Mistake.LOOKS_AT_ANOTHER_DAG).within(
        "collect_trigger_metrics", replace="EXERCISE_DAG_ID", by="ti.dag_id"
    ),
    Wrong(
        "c2-queued-counts-taken-up", "test_reads_queue_and_pools_from_the_api", Mistake.TAKEN_UP_AND_QUEUED_MIXED_UP
    ).within(
        "_count_triggers",
        replace="sum((triggerer is not None) == assigned for triggerer in triggerers)",
        by="sum(map(bool, triggerers)) if assigned else len(triggerers)",
    ),
    Wrong(
        "c2-rate-of-all-waits",
        "test_rates_are_of_the_waits_that_have_ended",
        Mistake.RATE_NOT_OF_THE_WAITS_THAT_HAVE_ENDED,
    ).within("collect_trigger_metrics", replace="waits['success'] + waits['failed']", by="sum(waits.values())"),
    Wrong("c2-rate-zero-without-waits", "test_no_waits_make_no_rates[no runs]", Mistake.RATE_WITHOUT_WAITS).within(
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
        "test_averages_the_waits_that_are_known",
        Mistake.AVERAGE_OVER_FAILED_OR_UNKNOWN_WAITS,
    ).within("_waited_in_run", replace="pull()['waited_seconds']", by='pull()["waited_seconds"] or 0.0'),
    Wrong("c2-unlimited-pool-negative", "test_reads_queue_and_pools_from_the_api", Mistake.POOL_WITHOUT_LIMIT).within(
        "_pool_utilization",
        replace="max(pool['occupied_slots'] / pool['slots'], 0.0)",
        by='pool["occupied_slots"] / pool["slots"]',
    ),
    Wrong("c2-xcom-error-fails-task", "test_does_without_an_xcom", Mistake.A_MISSING_FIGURE_FAILS_THE_TASK).within(
        "_waited_in_run",
        replace="measure(run_id, lambda: pull()['waited_seconds'], unavailable={})",
        by='(pull() or {}).get("waited_seconds")',
    ),
    Wrong("c2-xcom-of-this-run", "test_averages_the_waits_that_are_known", Mistake.KNOWN_FIGURE_NOT_GIVEN).within(
        "_waited_in_run", replace="run_id=run_id", by=""
    ),
]
