"""Wrong solutions of Step 4: the deferrable sensor."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_SUCCESS = "test_returns_the_payload_of_a_success_event"
_FOUND_FIRST = "test_finds_an_existing_file_without_deferring"
_RESUMES = "test_resumes_in_a_method_that_airflow_can_call"
_ERROR_EVENT = "test_raises_for_an_error_event[error event]"
_UNKNOWN = "test_waited_seconds_is_none_if_the_first_check_is_unknown"
_ALL_EXCLUDED = "test_raises_if_all_directories_are_excluded"
_SLOT = "test_frees_its_slot_in_reschedule_mode"
_SAME_RESULT = "test_every_mode_has_the_same_result"
_TIMEOUT = "test_passes_its_timeout_to_defer[seconds]"
_MEASURED = Mistake.WAITING_TIME_MEASURED_WRONGLY
_NOT_FIRST = Mistake.WAITING_TIME_NOT_FROM_THE_FIRST_CHECK
_ANOTHER = Mistake.RAISES_SOMETHING_OTHER_THAN_WAITFAILED
_WAITS = Mistake.DOES_NOT_FAIL_ALTHOUGH_ALL_DIRECTORIES_ARE_EXCLUDED
_ACCEPTED = Mistake.UNKNOWN_EVENT_ACCEPTED_AS_A_SUCCESS
_LOST = Mistake.STATE_ON_SELF_IS_LOST
_WAITED = "time.time() - started_at"
_STARTED = "started_at = time.time()"

_EXECUTE = "MultiDirectorySensorAsync.execute"
_COMPLETE = "MultiDirectorySensorAsync.execute_complete"
_POKE = "MultiDirectorySensorAsync.poke"
_CHECK = "MultiDirectorySensorAsync._check"
_RESULT = "MultiDirectorySensorAsync._result"
_KWARGS = "kwargs={'started_at': started_at}"
_RETURN = "return self._result(event, started_at, deferred=True)"
_NOT_SUCCESS = "not event or event.get('status') != 'success'"

WRONG = [
    Wrong("s6-look-raises-unrecognised", _ALL_EXCLUDED, _ANOTHER).within(
        _CHECK, "raise WaitFailed(payload)", 'raise AirflowException(payload["message"])'
    ),
    Wrong("s4-monotonic-clock-between-processes", _SUCCESS, _MEASURED)
    .within(_EXECUTE, _STARTED, "started_at = time.monotonic()")
    .within(_RESULT, _WAITED, "time.monotonic() - started_at"),
    # Check once, then defer
    Wrong("s4-catches-task-deferred", "test_defers_with_its_own_trigger", Mistake.WAITS_IN_THE_WORKER).within(
        _EXECUTE,
        """
        self.defer(trigger=trigger, method_name="execute_complete", kwargs={"started_at": started_at}, timeout=timeout)
        """,
        """
        try:
            self.defer(
                trigger=trigger, method_name="execute_complete", kwargs={"started_at": started_at}, timeout=timeout
            )
        except BaseException as error:
            self.log.error("Deferring failed, waiting in the worker: %s", error)
            return super().execute(context)
        """,
    ),
    Wrong("s4-context-in-kwargs", _RESUMES, Mistake.DEFER_KWARGS_IS_NOT_PLAIN_JSON).within(
        _EXECUTE, _KWARGS, 'kwargs={"started_at": started_at, "context": context}'
    ),
    Wrong("s4-dag-default-timeout", "test_the_dag_waits_for_all_clients", Mistake.TIMEOUT_OF_THE_SENSOR_NOT_SET).within(
        "dag.monitor_client_uploads", "timeout=600", ""
    ),
    Wrong("s4-datetime-in-kwargs", "test_passes_only_plain_json", Mistake.DEFER_KWARGS_IS_NOT_PLAIN_JSON)
    .within(_EXECUTE, _KWARGS, 'kwargs={"started_at": datetime.now(timezone.utc)}')
    .within(_COMPLETE, _RETURN, "return self._result(event, started_at and started_at.timestamp(), True)"),
    Wrong("s4-default-deferrable-conf", "test_defers_with_its_own_trigger", Mistake.WAITS_IN_THE_WORKER)
    .adding("from airflow.configuration import conf")
    .within(
        "MultiDirectorySensorAsync.__init__",
        "deferrable: bool = True",
        'deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False)',
    ),
    Wrong("s4-deferred-is-the-flag", _FOUND_FIRST, Mistake.DEFERRED_DOES_NOT_SAY_WHAT_HAPPENED).within(
        _RESULT, "'deferred': deferred", '"deferred": self.deferrable'
    ),
    Wrong("s4-does-not-look-first", _FOUND_FIRST, Mistake.DEFERS_WITHOUT_CHECKING).within(
        _EXECUTE,
        """
        if payload := self._check():
            return self._result(payload, started_at, deferred=False)
        """,
        "",
    ),
    Wrong("s4-execution-timeout", _TIMEOUT, Mistake.NO_TIMEOUT).within(
        _EXECUTE, "timedelta(seconds=self.timeout)", "self.execution_timeout"
    ),
    Wrong("s4-method-name-none", _RESUMES, Mistake.NO_METHOD_NAME).within(
        _EXECUTE, "method_name='execute_complete'", "method_name=None"
    ),
    Wrong("s4-method-name-typo", _RESUMES, Mistake.DOES_NOT_RESUME_IN_EXECUTE_COMPLETE).within(
        _EXECUTE, "method_name='execute_complete'", 'method_name="execute_completed"'
    ),
    Wrong("s4-pattern-not-templated", "test_renders_its_template_fields", Mistake.NOT_TEMPLATED).within(
        "MultiDirectorySensorAsync", "('directories', 'file_pattern')", '("directories",)'
    ),
    Wrong(
        "s4-poke-interval-not-passed",
        "test_the_trigger_checks_every_poke_interval[seconds]",
        Mistake.POKE_INTERVAL_NOT_PASSED_ON,
    ).within(
        _EXECUTE,
        "MultiDirectoryTrigger(self.directories, self.file_pattern, self.poke_interval)",
        "MultiDirectoryTrigger(self.directories, self.file_pattern)",
    ),
    Wrong("s4-timeout-not-passed", _TIMEOUT, Mistake.NO_TIMEOUT).within(_EXECUTE, "timeout=timeout", ""),
    Wrong("s4-trigger-built-in-init", "test_renders_its_template_fields", Mistake.NOT_TEMPLATED)
    .within(
        "MultiDirectorySensorAsync.__init__",
        "self.deferrable = deferrable",
        """
        self.deferrable = deferrable
        self._trigger = MultiDirectoryTrigger(directories, file_pattern, self.poke_interval)
        """,
    )
    .within(_EXECUTE, "trigger=trigger", "trigger=self._trigger"),
    # Resume
    Wrong("s4-defers-again", _ERROR_EVENT, Mistake.DEFERS_AGAIN).within(
        _COMPLETE, "raise WaitFailed(event)", "self.execute(context)"
    ),
    Wrong("s4-error-text-lost", _ERROR_EVENT, Mistake.ERROR_RAISED_WITHOUT_THE_EVENTS_MESSAGE).within(
        _COMPLETE, "raise WaitFailed(event)", 'raise WaitFailed({**(event or {}), "message": "The trigger failed"})'
    ),
    Wrong("s4-none-is-success", "test_raises_for_any_other_event[no status]", _ACCEPTED).within(
        _COMPLETE,
        "if not event or event.get('status') != 'success': raise WaitFailed(event)",
        """
        event = event or {}
        if event.get("status", "success") != "success":
            raise WaitFailed(event)
        """,
    ),
    Wrong("s4-payload-only", _SUCCESS, Mistake.RESULT_WITHOUT_A_KEY).within(_COMPLETE, _RETURN, "return event"),
    Wrong("s4-returns-nothing", "test_its_trigger_finds_the_file", Mistake.RETURNS_NOTHING).within(
        _COMPLETE, _RETURN, "self._result(event, started_at, deferred=True)"
    ),
    Wrong("s4-runtime-error", _ERROR_EVENT, _ANOTHER).within(
        _COMPLETE, "WaitFailed(event)", "RuntimeError(str(WaitFailed(event)))"
    ),
    Wrong("s4-started-at-on-self", _SUCCESS, _LOST)
    .within(_EXECUTE, _STARTED, "started_at = self._started_at = time.time()")
    .within(_EXECUTE, _KWARGS, "")
    .within(_COMPLETE, _RETURN, "return self._result(event, self._started_at, deferred=True)"),
    Wrong("s4-started-at-required", _UNKNOWN, Mistake.EXECUTE_COMPLETE_DOES_NOT_ACCEPT_THE_ARGUMENTS)
    .within(_COMPLETE, "event: dict[str, Any] | None = None", "event: dict[str, Any] | None")
    .within(_COMPLETE, "started_at: Any = None", "started_at: Any"),
    Wrong("s4-state-on-self-in-execute-complete", _SUCCESS, _LOST)
    .within(_EXECUTE, _STARTED, "started_at = self.first_check = time.time()")
    .within(_COMPLETE, _RETURN, "return self._result(event, self.first_check, deferred=True)"),
    Wrong("s4-unknown-status-is-success", "test_raises_for_any_other_event[unknown]", _ACCEPTED).within(
        _COMPLETE, _NOT_SUCCESS, 'not event or event.get("status") == "error"'
    ),
    # waited_seconds
    Wrong("s4-waited-from-ti-start-date", _UNKNOWN, Mistake.INVENTED_FIGURE).within(
        _COMPLETE,
        _RETURN,
        """
        started_at = started_at or context["ti"].start_date.timestamp()
        return self._result(event, started_at, deferred=True)
        """,
    ),
    Wrong("s4-waited-minutes", _SUCCESS, _MEASURED).within(_RESULT, _WAITED, "(time.time() - started_at) / 60"),
    Wrong("s4-waited-negative", _FOUND_FIRST, _MEASURED).within(_RESULT, _WAITED, "started_at - time.time()"),
    Wrong("s4-waited-timedelta-seconds", _FOUND_FIRST, Mistake.SECONDS_ARE_NOT_A_FLOAT).within(
        _RESULT, _WAITED, "timedelta(seconds=time.time() - started_at).seconds"
    ),
    Wrong("s4-waited-zero-when-unknown", _UNKNOWN, Mistake.INVENTED_FIGURE).within(
        _RESULT,
        "None if started_at is None else time.time() - started_at",
        "0.0 if started_at is None else time.time() - started_at",
    ),
    # Directories that are missing or cannot be read
    Wrong(
        "s4-one-unreadable-raises",
        "test_waits_while_a_directory_may_still_be_created",
        Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAITING,
    ).within(
        _CHECK, "_payload(files, errors, self.directories)", "_payload(files, errors, errors or self.directories)"
    ),
    Wrong("s4-poke-waits-on-unreadable", "test_poke_raises_if_all_directories_are_excluded", _WAITS).within(
        _POKE,
        """
        if payload := self._check():
            return PokeReturnValue(is_done=True, xcom_value=self._result(payload, self._started_at, deferred=False))
        """,
        """
        with suppress(WaitFailed):
            if payload := self._check():
                return PokeReturnValue(is_done=True, xcom_value=self._result(payload, self._started_at, deferred=False))
        """,
    ),
    Wrong("s4-waits-on-unreadable", _ALL_EXCLUDED, _WAITS).within(_CHECK, "raise WaitFailed(payload)", "return None"),
    # Wait in the worker
    Wrong(
        "s4-flag-ignored", "test_waits_in_the_worker_if_not_deferrable", Mistake.DEFERS_DESPITE_DEFERRABLE_FALSE
    ).within(_EXECUTE, "not self.deferrable", "False"),
    Wrong(
        "s4-look-in-another-order", "test_every_mode_finds_the_same_files", Mistake.RESULT_DEPENDS_ON_THE_MODE
    ).within(_CHECK, "dict.fromkeys(self.directories)", "sorted(set(self.directories))"),
    Wrong("s4-poke-bool", _SAME_RESULT, Mistake.RETURNS_NOTHING).within(
        _POKE,
        """
        return PokeReturnValue(is_done=True, xcom_value=self._result(payload, self._started_at, deferred=False))
        """,
        "return True",
    ),
    Wrong("s4-reschedule-counts-last-check", _SLOT, _NOT_FIRST).within(
        _EXECUTE,
        "self._started_at = None if self.reschedule else started_at",
        "self._started_at = context['ti'].start_date.timestamp() if self.reschedule else started_at",
    ),
    Wrong("s4-reschedule-forgets-first-look", _SLOT, _NOT_FIRST).within(
        _EXECUTE, "None if self.reschedule else started_at", "started_at"
    ),
    Wrong("s4-sync-other-shape", _SAME_RESULT, Mistake.RESULT_IS_NOT_A_DICT).within(
        _POKE, "self._result(payload, self._started_at, deferred=False)", 'payload["files"]'
    ),
]
