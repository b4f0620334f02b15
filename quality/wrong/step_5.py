"""Wrong solutions of Step 5: the files and the resources."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_PROCESS = "process_trigger_results"
_MONITOR = "monitor_resource_usage"
_FAILS = Mistake.INVALID_FILE_FAILS_THE_TASK
_NOT_RECOGNIZED = Mistake.INVALID_FILE_NOT_RECOGNIZED
_NOT_ONE_LINE = Mistake.NOT_ONE_LOG_LINE_PER_FILE
_LOGGED = "log.info('%s: %s', entry['path'], entry.get('reason', 'valid'))"
_ONE_LINE = "test_logs_one_line_per_file"
_READING = "(OSError, UnicodeDecodeError, csv.Error)"
_A_DIRECTORY = "test_says_why_a_file_is_invalid[a directory]"

WRONG = [
    # process_trigger_results
    Wrong("s5-bad-file-fails-task", _A_DIRECTORY, _FAILS).within(
        _PROCESS,
        "entries = [_validate(path) for path in result['files']]",
        """
            entries = [_validate(path) for path in result["files"]]
            if all("reason" in entry for entry in entries):
                raise AirflowException(f"No file is valid: {entries}")
            """,
    ),
    Wrong("s5-decoding-errors-replaced", "test_says_why_a_file_is_invalid[not UTF-8]", _NOT_RECOGNIZED).within(
        "_validate", 'encoding="utf-8"', 'encoding="utf-8", errors="replace"'
    ),
    Wrong("s5-csv-error-fails-task", "test_says_why_a_file_is_invalid[field without an end]", _FAILS).within(
        "_validate", _READING, "(OSError, UnicodeDecodeError)"
    ),
    Wrong("s5-directory-is-missing", _A_DIRECTORY, Mistake.WRONG_REASON).within(
        "_validate", "OSError('not a regular file')", "FileNotFoundError(path)"
    ),
    Wrong("s5-directory-is-valid", "test_says_why_a_file_is_invalid[a directory, not CSV]", _NOT_RECOGNIZED).within(
        "_validate", "raise OSError('not a regular file')", 'return {"path": path, "size": size, "rows": None}'
    ),
    Wrong("s5-header-counted", "test_lists_valid_files", Mistake.ROWS_MISCOUNTED).within(
        "_validate", "sum(1 for _ in csv.reader(file)) - 1", "sum(1 for _ in csv.reader(file))"
    ),
    Wrong("s5-invalid-out-of-order", "test_keeps_the_order_of_the_files", Mistake.NOT_IN_THE_ORDER_OF_FILES).within(
        _PROCESS,
        "[entry for entry in entries if 'reason' in entry]",
        'sorted((entry for entry in entries if "reason" in entry), key=lambda entry: entry["path"])',
    ),
    Wrong("s5-log-names-the-first", _ONE_LINE, _NOT_ONE_LINE).within(_PROCESS, "entry['path']", 'entries[0]["path"]'),
    Wrong("s5-log-says-only-the-path", "test_logs_the_outcome_of_each_file", Mistake.OUTCOME_NOT_LOGGED).within(
        _PROCESS, _LOGGED, 'log.info("Validated %s", entry["path"])'
    ),
    Wrong(
        "s5-missing-xcom-is-empty",
        "test_raises_if_the_sensor_has_no_result[missing]",
        Mistake.MALFORMED_XCOM_NOT_RECOGNIZED,
    ).within(
        _PROCESS,
        "context['ti'].xcom_pull(task_ids=SENSOR_TASK_ID)",
        'context["ti"].xcom_pull(task_ids=SENSOR_TASK_ID) or {"files": [], "total_files": 0}',
    ),
    Wrong("s5-one-line-for-all-files", _ONE_LINE, _NOT_ONE_LINE).within(
        _PROCESS,
        "for entry in entries: log.info('%s: %s', entry['path'], entry.get('reason', 'valid'))",
        'log.info("Validated: %s", entries)',
    ),
    Wrong(
        "s5-only-csv-is-opened", "test_says_why_a_file_is_invalid[cannot be opened, not CSV]", _NOT_RECOGNIZED
    ).within(
        "_validate",
        """
        with open(path, encoding="utf-8", newline="") as file:
            rows = sum(1 for _ in csv.reader(file)) - 1 if path.endswith(".csv") else None
        """,
        """
        rows = None
        if path.endswith(".csv"):
            with open(path, encoding="utf-8", newline="") as file:
                rows = sum(1 for _ in csv.reader(file)) - 1
        """,
    ),
    Wrong("s5-permission-error-fails-task", "test_says_why_a_file_is_invalid[cannot be opened]", _FAILS).within(
        "_validate", _READING, "(IsADirectoryError, UnicodeDecodeError, csv.Error)"
    ),
    Wrong("s5-only-reported-file", "test_lists_valid_files", Mistake.FILE_LEFT_OUT).within(
        _PROCESS, "[_validate(path) for path in result['files']]", '[_validate(path) for path in result["files"][:1]]'
    ),
    Wrong("s5-split-lines", "test_reads_csv_as_utf_8_with_csv_reader[quotes]", Mistake.ROWS_MISCOUNTED).within(
        "_validate", "sum(1 for _ in csv.reader(file))", "len(file.read().splitlines())"
    ),
    Wrong("s5-total-is-listed", "test_copies_the_values_of_the_sensor[90.5]", Mistake.TOTAL_IS_NOT_THE_SENSORS).within(
        _PROCESS, "result.get('total_files')", 'len(result["files"])'
    ),
    Wrong("s5-valid-not-logged", _ONE_LINE, _NOT_ONE_LINE).within(
        _PROCESS,
        _LOGGED,
        """
        if "reason" in entry:
            log.warning("%s: %s", entry["path"], entry["reason"])
        """,
    ),
    # monitor_resource_usage
    Wrong(
        "s5-api-failure-fails-task", "test_counts_the_tasks_of_all_runs", Mistake.A_MISSING_FIGURE_FAILS_THE_TASK
    ).within(_MONITOR, "measure('pools', _pools, unavailable)", "_pools()"),
    Wrong("s5-counts-this-run-only", "test_counts_the_tasks_of_all_runs", Mistake.COUNTS_THIS_RUN_ONLY).within(
        _MONITOR, "dag_id=ti.dag_id", "dag_id=ti.dag_id, run_ids=[ti.run_id]"
    ),
    Wrong("s5-no-recommendation", "test_recommends_something", Mistake.RECOMMENDS_NOTHING).within(
        _MONITOR, "[_recommendation(saved)]", "[_recommendation(saved)] if saved else []"
    ),
    Wrong(
        "s5-null-status-without-reason",
        "test_says_why_the_triggerer_has_no_status",
        Mistake.DOES_NOT_SAY_WHY_A_FIGURE_IS_MISSING,
    ).within(
        _MONITOR,
        "measure('triggerer_status', _triggerer_status, unavailable)",
        '(measure("triggerer_status", lambda: [_triggerer_status()], unavailable) or [None])[0]',
    ),
    Wrong(
        "s5-same-recommendation-always",
        "test_recommends_what_follows_from_the_values",
        Mistake.SAME_RECOMMENDATIONS_FOR_ALL_FIGURES,
    ).within(_MONITOR, "_recommendation(saved)", '"Deferrable sensors save worker slots."'),
    Wrong(
        "s5-saved-nothing-when-unknown",
        "test_never_calls_an_unknown_saving_nothing",
        Mistake.UNKNOWN_SAVING_CALLED_NOTHING,
    ).within(_MONITOR, "_recommendation(saved)", "_recommendation(saved or 0)"),
    Wrong(
        "s5-saved-without-deferral",
        "test_says_what_deferring_saved[not deferred]",
        Mistake.SAVING_CLAIMED_WITHOUT_A_DEFERRAL,
    ).within("_waiting_time", "waited if result.get('deferred') else 0.0", "waited"),
    Wrong(
        "s5-saved-zero-of-unknown-wait",
        "test_does_without_the_task_instance[waited_seconds is None]",
        Mistake.INVENTED_FIGURE,
    ).within(
        _MONITOR, "lambda: saved", "lambda: 0.0 if waited is None and ti.xcom_pull(task_ids=SENSOR_TASK_ID) else saved"
    ),
    Wrong("s5-saved-zero-when-unknown", "test_does_without_the_task_instance[no XCom]", Mistake.INVENTED_FIGURE).within(
        _MONITOR, "lambda: saved", "lambda: saved if ti.xcom_pull(task_ids=SENSOR_TASK_ID) else 0.0"
    ),
    Wrong(
        "s5-task-calls-another-function",
        "test_a_task_calls_the_function_of_its_name[monitor_resource_usage-pools]",
        Mistake.TASK_CALLS_ANOTHER_FUNCTION,
    ).within("dag.monitor", "python_callable=monitor_resource_usage", "python_callable=compare_approaches"),
    Wrong(
        "s5-xcom-error-fails-task",
        "test_does_without_the_task_instance[xcom_pull raises]",
        Mistake.A_MISSING_FIGURE_FAILS_THE_TASK,
    ).within(
        _MONITOR,
        "unavailable: dict[str, str] = {}",
        """
        unavailable: dict[str, str] = {}
        log.info("%s", ti.xcom_pull(task_ids=SENSOR_TASK_ID))
        """,
    ),
    Wrong("s5-zero-when-unavailable", "test_does_without_the_api[absent]", Mistake.INVENTED_FIGURE).within(
        _MONITOR, "measure('pools', _pools, unavailable)", 'measure("pools", _pools, unavailable) or []'
    ),
]
