"""Wrong solutions of Challenge 3: four kinds of triggers in one workflow."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_API_INIT = "ApiTrigger.__init__"
_WAIT = "ApiTrigger._wait_for_status"
_RULE_INIT = "BusinessRuleTrigger.__init__"
_RULE_RUN = "BusinessRuleTrigger.run"
_ENOUGH = "enough_clients_delivered"
_ENOUGH_CHECK = "test_enough_clients_delivered"
_WINDOW = "orchestration_dag.wait_for_window"
_WINDOW_CHECK = "test_wait_for_window_is_a_time_sensor"
_FINAL = Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT
_BLOCKS = Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP
_GET = "await asyncio.wait_for(client.get(self.url), timeout=5)"
_RETRIED = "(httpx.HTTPError, asyncio.TimeoutError, ValueError)"
_LOGGED = "self.log.warning('Requesting %s failed, retrying: %s', self.url, _reason(error))"
_TIME_DELTA = "TimeDeltaSensor(task_id='wait_for_window', delta=timedelta(minutes=1), deferrable=True)"
_RULE_BUILT = "test_rule_trigger_construction_does_no_work"
_RAISES_KEY_ERROR = "test_rule_trigger_reports_a_rule_that_raises[KeyError]"
_NO_RESPONSE = "test_api_trigger_retries_if_there_is_no_response"
_HTML = "test_api_trigger_retries_after_an_unexpected_body[HTML]"
_RULE_CALLED = "test_rule_trigger_calls_the_rule_immediately"
_NOT_REPORTED = Mistake.RULE_ERROR_WITHOUT_AN_EVENT

WRONG = [
    # ApiTrigger: construction
    Wrong(
        "c3-api-interval-below-one-refused",
        "test_api_trigger_refuses_invalid_arguments[interval 0]",
        Mistake.VALID_ARGUMENT_REFUSED,
    ).within(_API_INIT, "check_interval <= 0", "check_interval < 1"),
    Wrong("c3-api-no-super-init", "test_api_trigger_construction_does_no_work", Mistake.SUPER_INIT_IS_MISSING).within(
        _API_INIT, "super().__init__()", ""
    ),
    Wrong("c3-api-other-default", "test_a_triggerer_can_rebuild_api_trigger", Mistake.ARGUMENT_LOST_OR_CHANGED).within(
        _API_INIT, "check_interval: float = 30", "check_interval: float = 60"
    ),
    Wrong("c3-init-clock", "test_api_trigger_construction_does_no_work", Mistake.CLOCK_IN_INIT).within(
        _API_INIT, "self.url = url", "self.url = url; self.started_at = time.time()"
    ),
    Wrong("c3-init-connection", _RULE_BUILT, Mistake.CONNECTION_OR_VARIABLE_IN_INIT).within(
        _RULE_INIT,
        "self.rule = rule",
        """
        self.rule = rule
        self.login = measure("login", lambda: Connection.get(API_CONNECTION_ID).login, {})
        """,
    ),
    # ApiTrigger: requests
    Wrong("c3-api-408-permanent", "test_api_trigger_retries_after_a_transient_status[408]", _FINAL).within(
        _WAIT, "(408, 425, 429)", "(425, 429)"
    ),
    Wrong("c3-api-429-permanent", "test_api_trigger_retries_after_a_transient_status[429]", _FINAL).within(
        _WAIT, "(408, 425, 429)", "(408, 425)"
    ),
    Wrong(
        "c3-api-499-off-by-one",
        "test_api_trigger_ends_with_an_error_after_a_permanent_status[400]",
        Mistake.PERMANENT_ERROR_RETRIED,
    ).within(_WAIT, "response.is_client_error", "400 < response.status_code < 499"),
    Wrong(
        "c3-api-4xx-retried",
        "test_api_trigger_ends_with_an_error_after_a_permanent_status[401]",
        Mistake.PERMANENT_ERROR_RETRIED,
    ).within(_WAIT, "response.is_client_error", "response.status_code == 400"),
    Wrong("c3-api-5xx-fatal", "test_api_trigger_retries_after_a_transient_status[500]", _FINAL).within(
        _WAIT, "response.is_client_error", "response.is_error"
    ),
    Wrong("c3-api-blocking", "test_api_trigger_is_a_good_neighbor", _BLOCKS).within(
        _WAIT, _GET, "httpx.get(self.url, follow_redirects=True, timeout=5)"
    ),
    Wrong(
        "c3-api-expected-status-hard-coded",
        "test_api_trigger_waits_for_the_expected_status",
        Mistake.EXPECTED_STATUS_IGNORED,
    ).within(_WAIT, "self.expected_status", '"ready"'),
    Wrong(
        "c3-api-five-seconds-per-read",
        "test_api_trigger_retries_if_the_response_takes_too_long",
        Mistake.TIME_LIMIT_NOT_FOR_THE_WHOLE_REQUEST,
    ).within(_WAIT, _GET, "await client.get(self.url, timeout=5)"),
    Wrong("c3-api-hot-retry", _HTML, Mistake.RETRIES_WITHOUT_WAITING).within(_WAIT, _LOGGED, "continue"),
    Wrong("c3-api-html-is-error", _HTML, _FINAL).within(_WAIT, _RETRIED, "(httpx.HTTPError, asyncio.TimeoutError)"),
    Wrong("c3-api-no-object-crashes", "test_api_trigger_retries_after_an_unexpected_body[a list]", _FINAL).within(
        _WAIT,
        "isinstance(answer, dict) and answer.get('status') == self.expected_status",
        'answer.get("status") == self.expected_status',
    ),
    Wrong("c3-api-no-time-limit", _NO_RESPONSE, Mistake.REQUEST_WITHOUT_A_TIME_LIMIT).within(
        _WAIT, _GET, "await client.get(self.url, timeout=None)"
    ),
    Wrong("c3-api-redirect-not-followed", "test_api_trigger_follows_redirects", Mistake.REDIRECT_NOT_FOLLOWED).within(
        _WAIT, "follow_redirects=True", ""
    ),
    Wrong("c3-api-refused-is-error", "test_api_trigger_retries_if_the_connection_is_refused", _FINAL).within(
        _WAIT, "httpx.UnsupportedProtocol", "(httpx.UnsupportedProtocol, httpx.ConnectError)"
    ),
    Wrong("c3-api-reset-ends-the-wait", "test_api_trigger_retries_after_a_connection_error[reset]", _FINAL).within(
        _WAIT, _RETRIED, "(httpx.HTTPStatusError, httpx.ConnectError, asyncio.TimeoutError, ValueError)"
    ),
    Wrong(
        "c3-api-sleeps-first", "test_api_trigger_sends_a_request_immediately", Mistake.SLEEPS_BEFORE_THE_FIRST_CALL
    ).within(
        "ApiTrigger.run",
        "payload = await self._wait_for_status()",
        "await asyncio.sleep(self.check_interval); payload = await self._wait_for_status()",
    ),
    Wrong("c3-api-timeout-is-error", _NO_RESPONSE, _FINAL).within(_WAIT, _RETRIED, "(httpx.HTTPError, ValueError)"),
    Wrong(
        "c3-api-unexpected-escapes",
        "test_api_trigger_ends_with_an_error_if_the_url_is_invalid[no url at all]",
        Mistake.EXCEPTION_ESCAPES_RUN,
    ).within("ApiTrigger.run", "Exception", "OSError"),
    Wrong("c3-api-unknown-host-ends-the-wait", "test_api_trigger_retries_if_the_host_is_unknown", _FINAL).within(
        _WAIT,
        _LOGGED,
        """
        if "Name or service not known" in str(error):
            return _error_payload("api", _reason(error), {self.url: _reason(error)})
        """,
    ),
    # BusinessRuleTrigger
    Wrong("c3-rule-error-is-no", _RAISES_KEY_ERROR, _NOT_REPORTED).within(
        "_call_rule",
        """
        return _error_payload("rule", f"The rule {rule} failed: {_reason(error)}", {rule: _reason(error)})
        """,
        'log.warning("The rule %s failed: %s", rule, error)',
    ),
    Wrong(
        "c3-rule-exit-escapes",
        "test_rule_trigger_reports_a_rule_that_raises[SystemExit]",
        Mistake.RULE_STOPS_THE_TRIGGERER,
    ).within("_call_rule", "BaseException", "Exception"),
    Wrong("c3-rule-imported-in-init", _RULE_BUILT, Mistake.WORK_IN_INIT).within(
        _RULE_INIT,
        "self.rule = rule",
        """
        import_module(rule.rpartition(".")[0])
        self.rule = rule
        """,
    ),
    Wrong("c3-rule-imported-on-the-loop", "test_rule_trigger_imports_the_rule_in_a_thread", _BLOCKS).within(
        _RULE_RUN,
        "loop = asyncio.get_running_loop()",
        """
        loop = asyncio.get_running_loop()
        with suppress(Exception, SystemExit):
            import_module(self.rule.rpartition(".")[0])
        """,
    ),
    Wrong(
        "c3-rule-interval-below-one-refused",
        "test_rule_trigger_refuses_invalid_arguments[interval]",
        Mistake.VALID_ARGUMENT_REFUSED,
    ).within(_RULE_INIT, "check_interval <= 0", "check_interval < 1"),
    Wrong("c3-rule-kwargs-needed", "test_rule_trigger_needs_no_arguments", Mistake.FAILS_WITHOUT_RULE_KWARGS).within(
        _RULE_RUN, "self.rule_kwargs or {}", "self.rule_kwargs"
    ),
    Wrong("c3-rule-must-be-true-itself", _RULE_CALLED, Mistake.TRUE_VALUE_NOT_ACCEPTED).within(
        "_call_rule", "agreed", "agreed is True"
    ),
    Wrong("c3-rule-no-super-init", _RULE_BUILT, Mistake.SUPER_INIT_IS_MISSING).within(
        _RULE_INIT, "super().__init__()", ""
    ),
    Wrong("c3-rule-on-the-loop", "test_rule_trigger_calls_the_rule_in_a_thread", _BLOCKS).within(
        _RULE_RUN, "await loop.run_in_executor(DIRECTORY_THREADS, call)", "call()"
    ),
    Wrong(
        "c3-rule-other-default", "test_a_triggerer_can_rebuild_rule_trigger", Mistake.ARGUMENT_LOST_OR_CHANGED
    ).within(_RULE_INIT, "check_interval: float = 30", "check_interval: float = 60"),
    Wrong("c3-rule-sleeps-first", _RULE_CALLED, Mistake.SLEEPS_BEFORE_THE_FIRST_CALL).within(
        _RULE_RUN,
        "loop = asyncio.get_running_loop()",
        "loop = asyncio.get_running_loop(); await asyncio.sleep(self.check_interval)",
    ),
    # asyncio refuses to hand a StopIteration from a thread to the loop, so the trigger would wait forever.
    Wrong("c3-rule-stop-iteration-hangs", "test_rule_trigger_reports_a_rule_that_raises[StopIteration]", _NOT_REPORTED)
    .within(
        "_call_rule",
        by="""
        def _call_rule(rule: str, rule_kwargs: dict[str, Any]) -> Any:
            module, _, function = rule.rpartition(".")
            return getattr(import_module(module), function)(**rule_kwargs)
        """,
    )
    .within(
        _RULE_RUN,
        """
        while not (payload := await loop.run_in_executor(DIRECTORY_THREADS, call)):
            await asyncio.sleep(self.check_interval)
        """,
        """
        try:
            while not await loop.run_in_executor(DIRECTORY_THREADS, call):
                await asyncio.sleep(self.check_interval)
            payload = {"status": "success", "rule": self.rule}
        except (Exception, SystemExit) as error:
            payload = _error_payload("rule", _reason(error), {self.rule: _reason(error)})
        """,
    ),
    Wrong("c3-rule-type-without-text", _RAISES_KEY_ERROR, Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE).within(
        "_call_rule", "{rule: _reason(error)}", "{rule: type(error).__name__}"
    ),
    Wrong("c3-directory-is-a-delivery", "test_a_directory_is_no_delivery", Mistake.CLIENTS_COUNTED_WRONGLY).within(
        _ENOUGH,
        "partial(_list_files, each, '*.csv')",
        'partial(lambda path: _matching(os.listdir(path), "*.csv"), each)',
    ),
    Wrong("c3-enough-counts-files", _ENOUGH_CHECK, Mistake.COUNTS_FILES_NOT_CLIENTS).within(
        _ENOUGH, "len(delivered)", 'sum(len(_list_files(each, "*.csv")) for each in delivered)'
    ),
    Wrong("c3-enough-counts-more-than", _ENOUGH_CHECK, Mistake.CLIENTS_COUNTED_WRONGLY).within(
        _ENOUGH, "len(delivered) >= minimum", "len(delivered) > minimum"
    ),
    Wrong("c3-enough-missing-raises", _ENOUGH_CHECK, Mistake.FAILS_OVER_A_MISSING_DIRECTORY).within(
        _ENOUGH, "_result_of(partial(_list_files, each, '*.csv'), each, errors={})", '_list_files(each, "*.csv")'
    ),
    # WaitForTrigger
    Wrong(
        "c3-wait-error-passes",
        "test_wait_for_trigger_raises_unless_it_succeeded[error]",
        Mistake.ERROR_EVENT_ACCEPTED_AS_A_SUCCESS,
    ).within("WaitForTrigger.execute_complete", "not event or event.get('status') != 'success'", "not event"),
    Wrong("c3-wait-no-timeout", "test_wait_for_trigger_defers_and_returns_the_payload", Mistake.NO_TIMEOUT).within(
        "WaitForTrigger.execute", "timeout=timedelta(seconds=self.timeout)", ""
    ),
    # The DAG
    Wrong(
        "c3-api-sensor-of-another-kind",
        "test_three_sensors_defer_with_triggers_of_their_own[wait_for_api-WaitForTrigger-ApiTrigger]",
        Mistake.NOT_THE_REQUIRED_SENSOR,
    )
    .adding(
        """
        class _WaitForApi(BaseSensorOperator):
            def execute(self, context: Context) -> NoReturn:
                timeout = timedelta(seconds=self.timeout)
                self.defer(trigger=ApiTrigger(PARTNER_API_URL), method_name="execute_complete", timeout=timeout)

            def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
                return WaitForTrigger.execute_complete(self, context, event)
        """
    )
    .within(
        "orchestration_dag.wait_for_api",
        "WaitForTrigger(task_id='wait_for_api', trigger=ApiTrigger(PARTNER_API_URL), timeout=3600)",
        '_WaitForApi(task_id="wait_for_api", timeout=3600)',
    ),
    Wrong(
        "c3-approve-on-one-done", "test_approve_runs_as_soon_as_one_has_succeeded", Mistake.CONTENT_WITH_A_FAILURE
    ).within("orchestration_dag.approve", text="one_success", by="one_done"),
    Wrong("c3-approve-waits-for-both", "test_approve_runs_as_soon_as_one_has_succeeded", Mistake.WAITS_FOR_BOTH).within(
        "orchestration_dag.approve", text="one_success", by="all_done_min_one_success"
    ),
    Wrong(
        "c3-publish-in-spite-of-failure",
        "test_publish_runs_when_all_have_succeeded",
        Mistake.PUBLISHES_IN_SPITE_OF_A_FAILURE,
    ).within(
        "orchestration_dag.publish",
        "task_id='publish'",
        'task_id="publish", trigger_rule="none_failed_min_one_success"',
    ),
    Wrong("c3-window-from-logical-date", _WINDOW_CHECK, Mistake.TEMPLATE_CANNOT_BE_RENDERED)
    .adding("from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync")
    .within(
        _WINDOW,
        _TIME_DELTA,
        """
        DateTimeSensorAsync(
            task_id="wait_for_window", target_time="{{ logical_date + macros.timedelta(minutes=1) }}"
        )
        """,
    ),
    Wrong("c3-window-not-deferrable", _WINDOW_CHECK, Mistake.WAITS_IN_THE_WORKER).within(
        _WINDOW, "deferrable=True", ""
    ),
    Wrong("c3-window-of-our-own", _WINDOW_CHECK, Mistake.NOT_THE_REQUIRED_SENSOR)
    .adding(
        """
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger


        class _Window(BaseSensorOperator):
            def execute(self, context: Context) -> NoReturn:
                self.defer(trigger=DateTimeTrigger(pendulum.now("UTC").add(minutes=1)), method_name="execute_complete")

            def execute_complete(self, context: Context, event: Any = None) -> None:
                pass
        """
    )
    .within(_WINDOW, _TIME_DELTA, '_Window(task_id="wait_for_window")'),
]
