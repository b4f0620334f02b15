"""Wrong solutions of Step 2: Airflow's own sensor."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_SENSOR = "dag.wait_for_upload"
_LOGS = "test_logs_each_time_a_worker_starts_or_resumes_it"
_NOT_LOGGED = Mistake.NOT_ONE_INFO_LINE_WITH_THE_TASKS_ID
_PASSED = "test_the_trigger_gets_path_interval_and_timeout"

WRONG = [
    Wrong("s2-doc-comment-only", "test_says_why_it_defers", Mistake.UNDOCUMENTED_TASK).within(
        _SENSOR, text="doc_md=", by="doc="
    ),
    Wrong("s2-execution-timeout", _PASSED, Mistake.TIMEOUT_OF_THE_SENSOR_NOT_SET).within(
        _SENSOR, "timeout=600", "execution_timeout=timedelta(seconds=600)"
    ),
    Wrong("s2-log-debug", _LOGS, _NOT_LOGGED).within("log_worker_slot", "log.info", "log.debug"),
    Wrong("s2-log-names-dag", _LOGS, _NOT_LOGGED).within(
        "log_worker_slot", "context['ti'].task_id", 'context["ti"].dag_id'
    ),
    Wrong("s2-log-print", _LOGS, _NOT_LOGGED).within(
        "log_worker_slot",
        "log.info('%s has taken a worker slot', context['ti'].task_id)",
        """print(f"INFO: {context['ti'].task_id} has taken a worker slot")""",
    ),
    Wrong("s2-on-success-callback", _LOGS, Mistake.CALLBACK_AT_THE_WRONG_MOMENT).within(
        _SENSOR, "on_execute_callback=log_worker_slot", "on_success_callback=log_worker_slot"
    ),
    Wrong("s2-poke-interval-minutes", _PASSED, Mistake.CHECKS_TOO_RARELY).within(
        _SENSOR, "poke_interval=10", "poke_interval=300"
    ),
    Wrong("s2-reschedule-not-deferrable", "test_defers_while_the_file_is_missing", Mistake.NOT_DEFERRABLE).within(
        _SENSOR, "deferrable=True", 'mode="reschedule"'
    ),
]
