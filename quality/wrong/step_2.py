"""Wrong solutions of Step 2: Airflow's own sensor."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

WRONG = [
    Wrong("s2-doc-comment-only", "test_says_why_it_defers", Mistake.UNDOCUMENTED_TASK).within(
        "dag.wait_for_upload", text="doc_md=", by="doc="
    ),
    Wrong(
        "s2-execution-timeout",
        "test_the_trigger_gets_path_interval_and_timeout",
        Mistake.TIMEOUT_OF_THE_SENSOR_NOT_SET,
    ).within("dag.wait_for_upload", replace="timeout=600", by="execution_timeout=timedelta(seconds=600)"),
    Wrong(
        "s2-log-debug", "test_logs_each_time_a_worker_starts_or_resumes_it", Mistake.NOT_ONE_INFO_LINE_WITH_THE_TASKS_ID
    ).within("log_worker_slot", replace="log.info", by="log.debug"),
    Wrong(
        "s2-log-names-dag",
        "test_logs_each_time_a_worker_starts_or_resumes_it",
        Mistake.NOT_ONE_INFO_LINE_WITH_THE_TASKS_ID,
    ).within("log_worker_slot", replace="context['ti'].task_id", by='context["ti"].dag_id'),
    Wrong(
        "s2-log-print", "test_logs_each_time_a_worker_starts_or_resumes_it", Mistake.NOT_ONE_INFO_LINE_WITH_THE_TASKS_ID
    ).within(
        "log_worker_slot",
        replace="log.info('%s has taken a worker slot', context['ti'].task_id)",
        by="""print(f"INFO: {context['ti'].task_id} has taken a worker slot")""",
    ),
    Wrong(
        "s2-on-success-callback",
        "test_logs_each_time_a_worker_starts_or_resumes_it",
        Mistake.CALLBACK_AT_THE_WRONG_MOMENT,
    ).within(
        "dag.wait_for_upload", replace="on_execute_callback=log_worker_slot", by="on_success_callback=log_worker_slot"
    ),
    Wrong(
        "s2-poke-interval-minutes", "test_the_trigger_gets_path_interval_and_timeout", Mistake.CHECKS_TOO_RARELY
    ).within("dag.wait_for_upload", replace="poke_interval=10", by="poke_interval=300"),
    Wrong("s2-reschedule-not-deferrable", "test_defers_while_the_file_is_missing", Mistake.NOT_DEFERRABLE).within(
        "dag.wait_for_upload", replace="deferrable=True", by='mode="reschedule"'
    ),
]
