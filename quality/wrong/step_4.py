"""Wrong solutions of Step 4: the deferrable sensor."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_EXECUTE = "MultiDirectorySensorAsync.execute"
_COMPLETE = "MultiDirectorySensorAsync.execute_complete"
_POKE = "MultiDirectorySensorAsync.poke"
_CHECK = "MultiDirectorySensorAsync._check"
_RESULT = "MultiDirectorySensorAsync._result"
_KWARGS = "kwargs={'started_at': started_at}"
_RETURN = "return self._result(event, started_at, deferred=True)"
_NOT_SUCCESS = "not event or event.get('status') != 'success'"

WRONG = [
    Wrong(
        "s6-look-raises-unrecognised",
        "test_raises_if_all_directories_are_excluded",
        Mistake.RAISES_SOMETHING_OTHER_THAN_WAITFAILED,
    ).within(_CHECK, replace="raise WaitFailed(payload)", by='raise AirflowException(payload["message"])'),
    Wrong(
        "s4-monotonic-clock-between-processes",
        "test_returns_the_payload_of_a_success_event",
        Mistake.WAITING_TIME_MEASURED_WRONGLY,
    )
    .within(_EXECUTE, replace="started_at = time.time()", by="started_at = time.monotonic()")
    .within(_RESULT, replace="time.time() - started_at", by="time.monotonic() - started_at"),
    # Check once, then defer
    Wrong("s4-catches-task-deferred", "test_defers_with_its_own_trigger", Mistake.WAITS_IN_THE_WORKER).within(
        _EXECUTE,
        replace="""
        self.defer(trigger=trigger, method_name="execute_complete", kwargs={"started_at": started_at}, timeout=timeout)
        """,
        by="""
        try:
            self.defer(
                trigger=trigger, method_name="execute_complete", kwargs={"started_at": started_at}, timeout=timeout
            )
        except BaseException as error:
            self.log.error("Deferring failed, waiting in the worker: %s", error)
            return super().execute(context)
        """,
    ),
    Wrong(
        "s4-context-in-kwargs",
        "test_resumes_in_a_method_that_airflow_can_call",
        Mistake.DEFER_KWARGS_IS_NOT_PLAIN_JSON,
    ).within(_EXECUTE, replace=_KWARGS, by='kwargs={"started_at": started_at, "context": context}'),
    Wrong("s4-dag-default-timeout", "test_the_dag_waits_for_all_clients", Mistake.TIMEOUT_OF_THE_SENSOR_NOT_SET).within(
        "dag.monitor_client_uploads", replace="timeout=600", by=""
    ),
    Wrong("s4-datetime-in-kwargs", "test_passes_only_plain_json", Mistake.DEFER_KWARGS_IS_NOT_PLAIN_JSON)
    .within(_EXECUTE, replace=_KWARGS, by='kwargs={"started_at": datetime.now(timezone.utc)}')
    .within(_COMPLETE, replace=_RETURN, by="return self._result(event, started_at and started_at.timestamp(), True)"),
    Wrong("s4-default-deferrable-conf", "test_defers_with_its_own_trigger", Mistake.WAITS_IN_THE_WORKER)
    .adding("from airflow.configuration import conf")
    .within(
        "MultiDirectorySensorAsync.__init__",
        replace="deferrable: bool = True",
        by='deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False)',
    ),
    Wrong(
        "s4-deferred-is-the-flag",
        "test_finds_an_existing_file_without_deferring",
        Mistake.DEFERRED_DOES_NOT_SAY_WHAT_HAPPENED,
    ).within(_RESULT, replace="'deferred': deferred", by='"deferred": self.deferrable'),
    Wrong(
        "s4-does-not-look-first", "test_finds_an_existing_file_without_deferring", Mistake.DEFERS_WITHOUT_CHECKING
    ).within(
        _EXECUTE,
        replace="""
        if payload := self._check():
            return self._result(payload, started_at, deferred=False)
        """,
        by="",
    ),
    Wrong("s4-execution-timeout", "test_passes_its_timeout_to_defer[seconds]", Mistake.NO_TIMEOUT).within(
        _EXECUTE, replace="timedelta(seconds=self.timeout)", by="self.execution_timeout"
    ),
    Wrong("s4-method-name-none", "test_resumes_in_a_method_that_airflow_can_call", Mistake.NO_METHOD_NAME).within(
        _EXECUTE, replace="method_name='execute_complete'", by="method_name=None"
    ),
    Wrong(
        "s4-method-name-typo",
        "test_resumes_in_a_method_that_airflow_can_call",
        Mistake.DOES_NOT_RESUME_IN_EXECUTE_COMPLETE,
    ).within(_EXECUTE, replace="method_name='execute_complete'", by='method_name="execute_completed"'),
    Wrong("s4-pattern-not-templated", "test_renders_its_template_fields", Mistake.NOT_TEMPLATED).within(
        "MultiDirectorySensorAsync", replace="('directories', 'file_pattern')", by='("directories",)'
    ),
    Wrong(
        "s4-poke-interval-not-passed",
        "test_the_trigger_checks_every_poke_interval[seconds]",
        Mistake.POKE_INTERVAL_NOT_PASSED_ON,
    ).within(
        _EXECUTE,
        replace="MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval)",
        by="MultiDirectoryTrigger(self.directories, self.file_pattern)",
    ),
    Wrong("s4-timeout-not-passed", "test_passes_its_timeout_to_defer[seconds]", Mistake.NO_TIMEOUT).within(
        _EXECUTE, replace="timeout=timeout", by=""
    ),
    Wrong("s4-trigger-built-in-init", "test_renders_its_template_fields", Mistake.NOT_TEMPLATED)
    .within(
        "MultiDirectorySensorAsync.__init__",
        replace="self.deferrable = deferrable",
        by="""
        self.deferrable = deferrable
        self._trigger = MultiDirectoryTrigger(directories, file_pattern, self.poke_interval)
        """,
    )
    .within(_EXECUTE, replace="trigger=trigger", by="trigger=self._trigger"),
    # Resume
    Wrong("s4-defers-again", "test_raises_for_an_error_event[error event]", Mistake.DEFERS_AGAIN).within(
        _COMPLETE, replace="raise WaitFailed(event)", by="self.execute(context)"
    ),
    Wrong(
        "s4-error-text-lost",
        "test_raises_for_an_error_event[error event]",
        Mistake.ERROR_RAISED_WITHOUT_THE_EVENTS_MESSAGE,
    ).within(
        _COMPLETE,
        replace="raise WaitFailed(event)",
        by='raise WaitFailed({**(event or {}), "message": "The trigger failed"})',
    ),
    Wrong(
        "s4-none-is-success", "test_raises_for_any_other_event[no status]", Mistake.UNKNOWN_EVENT_ACCEPTED_AS_A_SUCCESS
    ).within(
        _COMPLETE,
        replace="if not event or event.get('status') != 'success': raise WaitFailed(event)",
        by="""
        event = event or {}
        if event.get("status", "success") != "success":
            raise WaitFailed(event)
        """,
    ),
    Wrong("s4-payload-only", "test_returns_the_payload_of_a_success_event", Mistake.RESULT_WITHOUT_A_KEY).within(
        _COMPLETE, replace=_RETURN, by="return event"
    ),
    Wrong("s4-returns-nothing", "test_its_trigger_finds_the_file", Mistake.RETURNS_NOTHING).within(
        _COMPLETE, replace=_RETURN, by="self._result(event, started_at, deferred=True)"
    ),
    Wrong(
        "s4-runtime-error",
        "test_raises_for_an_error_event[error event]",
        Mistake.RAISES_SOMETHING_OTHER_THAN_WAITFAILED,
    ).within(_COMPLETE, replace="WaitFailed(event)", by="RuntimeError(str(WaitFailed(event)))"),
    Wrong("s4-started-at-on-self", "test_returns_the_payload_of_a_success_event", Mistake.STATE_ON_SELF_IS_LOST)
    .within(_EXECUTE, replace="started_at = time.time()", by="started_at = self._started_at = time.time()")
    .within(_EXECUTE, replace=_KWARGS, by="")
    .within(_COMPLETE, replace=_RETURN, by="return self._result(event, self._started_at, deferred=True)"),
    Wrong(
        "s4-started-at-required",
        "test_waited_seconds_is_none_if_the_first_check_is_unknown",
        Mistake.EXECUTE_COMPLETE_DOES_NOT_ACCEPT_THE_ARGUMENTS,
    )
    .within(_COMPLETE, replace="event: dict[str, Any] | None = None", by="event: dict[str, Any] | None")
    .within(_COMPLETE, replace="started_at: Any = None", by="started_at: Any"),
    Wrong(
        "s4-state-on-self-in-execute-complete",
        "test_returns_the_payload_of_a_success_event",
        Mistake.STATE_ON_SELF_IS_LOST,
    )
    .within(_EXECUTE, replace="started_at = time.time()", by="started_at = self.first_check = time.time()")
    .within(_COMPLETE, replace=_RETURN, by="return self._result(event, self.first_check, deferred=True)"),
    Wrong(
        "s4-unknown-status-is-success",
        "test_raises_for_any_other_event[unknown]",
        Mistake.UNKNOWN_EVENT_ACCEPTED_AS_A_SUCCESS,
    ).within(_COMPLETE, replace=_NOT_SUCCESS, by='not event or event.get("status") == "error"'),
    # waited_seconds
    Wrong(
        "s4-waited-from-ti-start-date",
        "test_waited_seconds_is_none_if_the_first_check_is_unknown",
        Mistake.INVENTED_FIGURE,
    ).within(
        _COMPLETE,
        replace=_RETURN,
        by="""
        started_at = started_at or context["ti"].start_date.timestamp()
        return self._result(event, started_at, deferred=True)
        """,
    ),
    Wrong(
        "s4-waited-minutes", "test_returns_the_payload_of_a_success_event", Mistake.WAITING_TIME_MEASURED_WRONGLY
    ).within(_RESULT, replace="time.time() - started_at", by="(time.time() - started_at) / 60"),
    Wrong(
        "s4-waited-negative", "test_finds_an_existing_file_without_deferring", Mistake.WAITING_TIME_MEASURED_WRONGLY
    ).within(_RESULT, replace="time.time() - started_at", by="started_at - time.time()"),
    Wrong(
        "s4-waited-timedelta-seconds", "test_finds_an_existing_file_without_deferring", Mistake.SECONDS_ARE_NOT_A_FLOAT
    ).within(_RESULT, replace="time.time() - started_at", by="timedelta(seconds=time.time() - started_at).seconds"),
    Wrong(
        "s4-waited-zero-when-unknown",
        "test_waited_seconds_is_none_if_the_first_check_is_unknown",
        Mistake.INVENTED_FIGURE,
    ).within(
        _RESULT,
        replace="None if started_at is None else time.time() - started_at",
        by="0.0 if started_at is None else time.time() - started_at",
    ),
    # Directories that are missing or cannot be read
    Wrong(
        "s4-one-unreadable-raises",
        "test_waits_while_a_directory_may_still_be_created",
        Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAITING,
    ).within(
        _CHECK,
        replace="_payload(files, errors, self.directories)",
        by="_payload(files, errors, errors or self.directories)",
    ),
    Wrong(
        "s4-poke-waits-on-unreadable",
        "test_poke_raises_if_all_directories_are_excluded",
        Mistake.DOES_NOT_FAIL_ALTHOUGH_ALL_DIRECTORIES_ARE_EXCLUDED,
    ).within(
        _POKE,
        replace="""
        if payload := self._check():
            return PokeReturnValue(is_done=True, xcom_value=self._result(payload, self._started_at, deferred=False))
        """,
        by="""
        with suppress(WaitFailed):
            if payload := self._check():
                return PokeReturnValue(is_done=True, xcom_value=self._result(payload, self._started_at, deferred=False))
        """,
    ),
    Wrong(
        "s4-waits-on-unreadable",
        "test_raises_if_all_directories_are_excluded",
        Mistake.DOES_NOT_FAIL_ALTHOUGH_ALL_DIRECTORIES_ARE_EXCLUDED,
    ).within(_CHECK, replace="raise WaitFailed(payload)", by="return None"),
    # Wait in the worker
    Wrong(
        "s4-flag-ignored", "test_waits_in_the_worker_if_not_deferrable", Mistake.DEFERS_DESPITE_DEFERRABLE_FALSE
    ).within(_EXECUTE, replace="not self.deferrable", by="False"),
    Wrong(
        "s4-look-in-another-order",
        "test_every_mode_finds_the_same_files",
        Mistake.RESULT_DEPENDS_ON_THE_MODE,
    ).within(_CHECK, replace="dict.fromkeys(self.directories)", by="sorted(set(self.directories))"),
    Wrong("s4-poke-bool", "test_every_mode_has_the_same_result", Mistake.RETURNS_NOTHING).within(
        _POKE,
        replace="""
        return PokeReturnValue(is_done=True, xcom_value=self._result(payload, self._started_at, deferred=False))
        """,
        by="return True",
    ),
    Wrong(
        "s4-reschedule-counts-last-check",
        "test_frees_its_slot_in_reschedule_mode",
        Mistake.WAITING_TIME_NOT_FROM_THE_FIRST_CHECK,
    ).within(
        _EXECUTE,
        replace="self._started_at = None if self.reschedule else started_at",
        by="self._started_at = context['ti'].start_date.timestamp() if self.reschedule else started_at",
    ),
    Wrong(
        "s4-reschedule-forgets-first-look",
        "test_frees_its_slot_in_reschedule_mode",
        Mistake.WAITING_TIME_NOT_FROM_THE_FIRST_CHECK,
    ).within(_EXECUTE, replace="None if self.reschedule else started_at", by="started_at"),
    Wrong("s4-sync-other-shape", "test_every_mode_has_the_same_result", Mistake.RESULT_IS_NOT_A_DICT).within(
        _POKE, replace="self._result(payload, self._started_at, deferred=False)", by='payload["files"]'
    ),
]
