"""Wrong solutions of Step 7: the comparison, the report and the whole DAG."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_COMPARE = "compare_approaches"
_REPORT = "generate_trigger_report"
_ALL_VALUES = "test_the_report_shows_all_values"
_MISSING = "test_a_missing_xcom_is_unavailable[process_trigger_results]"
_NOT_UNAVAILABLE = Mistake.MISSING_FIGURE_NOT_CALLED_UNAVAILABLE

WRONG = [
    # compare_approaches
    Wrong(
        "s7-held-zero-though-not-deferred",
        "test_compares_the_slot_time_of_both_approaches[not deferred]",
        Mistake.SAVING_CLAIMED_WITHOUT_A_DEFERRAL,
    ).within(_COMPARE, "waited - saved", "0.0"),
    Wrong(
        "s7-saved-sign", "test_compares_the_slot_time_of_both_approaches[deferred]", Mistake.APPROACHES_COMPARED_WRONGLY
    ).within(_COMPARE, "'saved_slot_seconds': saved", '"saved_slot_seconds": saved and -saved'),
    Wrong("s7-state-none-key", "test_counts_the_states_of_this_run", Mistake.NONE_AS_A_STATE).within(
        _COMPARE, "state or 'none'", "str(state)"
    ),
    Wrong("s7-states-of-all-runs", "test_counts_the_states_of_this_run", Mistake.STATES_OF_ALL_RUNS_COUNTED).within(
        "compare_approaches.count_states",
        "states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]",
        """
        runs = ti.get_task_states(dag_id=ti.dag_id)
        states = {(run, task): state for run, tasks in runs.items() for task, state in tasks.items()}
        """,
    ),
    Wrong(
        "s7-zero-wait-is-unknown", "test_zero_seconds_are_a_value[0.0]", Mistake.ZERO_SECONDS_TAKEN_FOR_UNKNOWN
    ).within(_COMPARE, "'saved_slot_seconds': saved", '"saved_slot_seconds": saved or None'),
    # generate_trigger_report
    Wrong(
        "s7-directory-not-made",
        "test_returns_the_path_of_the_report_and_of_the_files",
        Mistake.DIRECTORY_OF_THE_REPORT_NOT_CREATED,
    ).within(_REPORT, "os.makedirs(os.path.dirname(REPORT_FILE), exist_ok=True)", ""),
    Wrong("s7-missing-xcom-crashes", _MISSING, Mistake.A_MISSING_XCOM_FAILS_THE_TASK).within(
        _REPORT, "ti.xcom_pull(task_ids=task_id) or {}", "ti.xcom_pull(task_ids=task_id)"
    ),
    Wrong("s7-none-is-none", "test_a_value_of_none_is_unavailable[triggerer_status]", _NOT_UNAVAILABLE).within(
        _REPORT, "usage=usage", 'usage={key: "–" if value is None else value for key, value in usage.items()}'
    ),
    Wrong("s7-none-shown-as-zero", _MISSING, _NOT_UNAVAILABLE).within(
        _REPORT, "processed=processed", 'processed=processed or {"valid": [], "invalid": []}'
    ),
    Wrong("s7-only-the-seconds-waited", _ALL_VALUES, Mistake.REPORT_IS_INCOMPLETE).within(
        _REPORT, "comparison=comparison", 'comparison={"waited_seconds": comparison.get("waited_seconds")}'
    ),
    Wrong(
        "s7-one-report-only",
        "test_creates_the_directory_of_the_report_if_needed",
        Mistake.DIRECTORY_OF_THE_REPORT_NOT_CREATED,
    ).within(_REPORT, "exist_ok=True", ""),
    Wrong("s7-reason-missing", _ALL_VALUES, Mistake.REPORT_IS_INCOMPLETE).within(
        _REPORT,
        "processed=processed",
        'processed={**processed, "invalid": [file["path"] for file in processed.get("invalid", [])]}',
    ),
    Wrong(
        "s7-returns-dicts",
        "test_returns_the_path_of_the_report_and_of_the_files",
        Mistake.REPORT_RETURNED_IN_ANOTHER_FORM,
    ).within(_REPORT, "[file['path'] for file in processed.get('valid', [])]", 'processed.get("valid", [])'),
    Wrong("s7-unescaped", "test_the_report_is_escaped", Mistake.NOT_ESCAPED).within(
        "REPORT_TEMPLATE", "autoescape=True", ""
    ),
    # The DAG
    Wrong(
        "s7-order-one-sensor",
        "test_the_tasks_are_in_order[wait_for_upload-process_trigger_results]",
        Mistake.RUNS_BEFORE_WHAT_IT_NEEDS,
    ).within(
        "dag",
        "set_up >> [wait_for_upload, monitor_client_uploads]",
        "(set_up >> [wait_for_upload, monitor_client_uploads])[1]",
    ),
    Wrong(
        "s7-sensors-one-after-the-other",
        "test_the_tasks_run_in_parallel[wait_for_upload-monitor_client_uploads]",
        Mistake.WAITS_FOR_A_TASK_THAT_IT_DOES_NOT_NEED,
    ).within(
        "dag",
        "set_up >> [wait_for_upload, monitor_client_uploads] >> process",
        "set_up >> wait_for_upload >> monitor_client_uploads >> process",
    ),
    Wrong(
        "s7-report-before-comparison",
        "test_the_tasks_are_in_order[compare_approaches-generate_trigger_report]",
        Mistake.RUNS_BEFORE_WHAT_IT_NEEDS,
    ).within(
        "dag",
        "set_up >> [wait_for_upload, monitor_client_uploads] >> process >> [monitor, compare] >> report >> clean_up",
        """
        set_up >> [wait_for_upload, monitor_client_uploads] >> process >> monitor >> report
        process >> compare
        [report, compare] >> clean_up
        """,
    ),
    Wrong(
        "s7-task-runs-another-function",
        "test_a_task_calls_the_function_of_its_name[compare_approaches-traditional]",
        Mistake.TASK_CALLS_ANOTHER_FUNCTION,
    ).within("dag.compare", "python_callable=compare_approaches", "python_callable=monitor_resource_usage"),
]
