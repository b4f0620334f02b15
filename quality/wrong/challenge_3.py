"""Wrong solutions of Challenge 3: four kinds of triggers in one workflow."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

WRONG = [
    # ApiTrigger: construction
    Wrong(
        "c3-api-interval-below-one-refused",
        "test_api_trigger_refuses_invalid_arguments[interval 0]",
        Mistake.VALID_ARGUMENT_REFUSED,
    ).within("ApiTrigger.__init__", replace="check_interval <= 0", by="check_interval < 1"),
    Wrong("c3-api-no-super-init", "test_api_trigger_construction_does_no_work", Mistake.SUPER_INIT_IS_MISSING).within(
        "ApiTrigger.__init__", replace="super().__init__()", by=""
    ),
    Wrong(
        "c3-api-other-default",
        "test_a_triggerer_can_rebuild_api_trigger",
        Mistake.ARGUMENT_LOST_OR_CHANGED,
    ).within("ApiTrigger.__init__", replace="check_interval: float = 30", by="check_interval: float = 60"),
    Wrong("c3-init-clock", "test_api_trigger_construction_does_no_work", Mistake.CLOCK_IN_INIT).within(
        "ApiTrigger.__init__", replace="self.url = url", by="self.url = url; self.started_at = time.time()"
    ),
    Wrong(
        "c3-init-connection",
        "test_rule_trigger_construction_does_no_work",
        Mistake.CONNECTION_OR_VARIABLE_IN_INIT,
    ).within(
        "BusinessRuleTrigger.__init__",
        replace="self.rule = rule",
        by="""
        self.rule = rule
        self.login = measure("login", lambda: Connection.get(API_CONNECTION_ID).login, {})
        """,
    ),
    # ApiTrigger: requests
    Wrong(
        "c3-api-408-permanent",
        "test_api_trigger_retries_after_a_transient_status[408]",
        Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT,
    ).within("ApiTrigger._wait_for_status", replace="(408, 425, 429)", by="(425, 429)"),
    Wrong(
        "c3-api-429-permanent",
        "test_api_trigger_retries_after_a_transient_status[429]",
        Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT,
    ).within("ApiTrigger._wait_for_status", replace="(408, 425, 429)", by="(408, 425)"),
    Wrong(
        "c3-api-499-off-by-one",
        "test_api_trigger_ends_with_an_error_after_a_permanent_status[400]",
        Mistake.PERMANENT_ERROR_RETRIED,
    ).within("ApiTrigger._wait_for_status", replace="response.is_client_error", by="400 < response.status_code < 499"),
    Wrong(
        "c3-api-4xx-retried",
        "test_api_trigger_ends_with_an_error_after_a_permanent_status[401]",
        Mistake.PERMANENT_ERROR_RETRIED,
    ).within("ApiTrigger._wait_for_status", replace="response.is_client_error", by="response.status_code == 400"),
    Wrong(
        "c3-api-5xx-fatal",
        "test_api_trigger_retries_after_a_transient_status[500]",
        Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT,
    ).within("ApiTrigger._wait_for_status", replace="response.is_client_error", by="response.is_error"),
    Wrong("c3-api-blocking", "test_api_trigger_is_a_good_neighbor", Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP).within(
        "ApiTrigger._wait_for_status",
        replace="await asyncio.wait_for(client.get(self.url), timeout=5)",
        by="httpx.get(self.url, follow_redirects=True, timeout=5)",
    ),
    Wrong(
        "c3-api-expected-status-hard-coded",
        "test_api_trigger_waits_for_the_expected_status",
        Mistake.EXPECTED_STATUS_IGNORED,
    ).within("ApiTrigger._wait_for_status", replace="self.expected_status", by='"ready"'),
    Wrong(
        "c3-api-five-seconds-per-read",
        "test_api_trigger_retries_if_the_response_takes_too_long",
        Mistake.TIME_LIMIT_NOT_FOR_THE_WHOLE_REQUEST,
    ).within(
        "ApiTrigger._wait_for_status",
        replace="await asyncio.wait_for(client.get(self.url), timeout=5)",
        by="await client.get(self.url, timeout=5)",
    ),
    Wrong(
        "c3-api-hot-retry",
        "test_api_trigger_retries_after_an_unexpected_body[HTML]",
        Mistake.RETRIES_WITHOUT_WAITING,
    ).within(
        "ApiTrigger._wait_for_status",
        replace="self.log.warning('Requesting %s failed, retrying: %s', self.url, _reason(error))",
        by="continue",
    ),
    Wrong(
        "c3-api-html-is-error",
        "test_api_trigger_retries_after_an_unexpected_body[HTML]",
        Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT,
    ).within(
        "ApiTrigger._wait_for_status",
        replace="(httpx.HTTPError, asyncio.TimeoutError, ValueError)",
        by="(httpx.HTTPError, asyncio.TimeoutError)",
    ),
    Wrong(
        "c3-api-no-object-crashes",
        "test_api_trigger_retries_after_an_unexpected_body[a list]",
        Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT,
    ).within(
        "ApiTrigger._wait_for_status",
        replace="isinstance(answer, dict) and answer.get('status') == self.expected_status",
        by='answer.get("status") == self.expected_status',
    ),
    Wrong(
        "c3-api-no-time-limit",
        "test_api_trigger_retries_if_there_is_no_response",
        Mistake.REQUEST_WITHOUT_A_TIME_LIMIT,
    ).within(
        "ApiTrigger._wait_for_status",
        replace="await asyncio.wait_for(client.get(self.url), timeout=5)",
        by="await client.get(self.url, timeout=None)",
    ),
    Wrong("c3-api-redirect-not-followed", "test_api_trigger_follows_redirects", Mistake.REDIRECT_NOT_FOLLOWED).within(
        "ApiTrigger._wait_for_status", replace="follow_redirects=True", by=""
    ),
    Wrong(
        "c3-api-refused-is-error",
        "test_api_trigger_retries_if_the_connection_is_refused",
        Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT,
    ).within(
        "ApiTrigger._wait_for_status",
        replace="httpx.UnsupportedProtocol",
        by="(httpx.UnsupportedProtocol, httpx.ConnectError)",
    ),
    Wrong(
        "c3-api-reset-ends-the-wait",
        "test_api_trigger_retries_after_a_connection_error[reset]",
        Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT,
    ).within(
        "ApiTrigger._wait_for_status",
        replace="(httpx.HTTPError, asyncio.TimeoutError, ValueError)",
        by="(httpx.HTTPStatusError, httpx.ConnectError, asyncio.TimeoutError, ValueError)",
    ),
    Wrong(
        "c3-api-sleeps-first", "test_api_trigger_sends_a_request_immediately", Mistake.SLEEPS_BEFORE_THE_FIRST_CALL
    ).within(
        "ApiTrigger.run",
        replace="payload = await self._wait_for_status()",
        by="await asyncio.sleep(self.check_interval); payload = await self._wait_for_status()",
    ),
    Wrong(
        "c3-api-timeout-is-error",
        "test_api_trigger_retries_if_there_is_no_response",
        Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT,
    ).within(
        "ApiTrigger._wait_for_status",
        replace="(httpx.HTTPError, asyncio.TimeoutError, ValueError)",
        by="(httpx.HTTPError, ValueError)",
    ),
    Wrong(
        "c3-api-unexpected-escapes",
        "test_api_trigger_ends_with_an_error_if_the_url_is_invalid[no url at all]",
        Mistake.EXCEPTION_ESCAPES_RUN,
    ).within("ApiTrigger.run", replace="Exception", by="OSError"),
    Wrong(
        "c3-api-unknown-host-ends-the-wait",
        "test_api_trigger_retries_if_the_host_is_unknown",
        Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT,
    ).within(
        "ApiTrigger._wait_for_status",
        replace="self.log.warning('Requesting %s failed, retrying: %s', self.url, _reason(error))",
        by="""
        if "Name or service not known" in str(error):
            return _error_payload("api", _reason(error), {self.url: _reason(error)})
        """,
    ),
    # BusinessRuleTrigger
    Wrong(
        "c3-rule-error-is-no",
        "test_rule_trigger_reports_a_rule_that_raises[KeyError]",
        Mistake.RULE_ERROR_WITHOUT_AN_EVENT,
    ).within(
        "_call_rule",
        replace="""
        return _error_payload("rule", f"The rule {rule} failed: {_reason(error)}", {rule: _reason(error)})
        """,
        by='log.warning("The rule %s failed: %s", rule, error)',
    ),
    Wrong(
        "c3-rule-exit-escapes",
        "test_rule_trigger_reports_a_rule_that_raises[SystemExit]",
        Mistake.RULE_STOPS_THE_TRIGGERER,
    ).within("_call_rule", replace="BaseException", by="Exception"),
    Wrong("c3-rule-imported-in-init", "test_rule_trigger_construction_does_no_work", Mistake.WORK_IN_INIT).within(
        "BusinessRuleTrigger.__init__",
        replace="self.rule = rule",
        by="""
        import_module(rule.rpartition(".")[0])
        self.rule = rule
        """,
    ),
    Wrong(
        "c3-rule-imported-on-the-loop",
        "test_rule_trigger_imports_the_rule_in_a_thread",
        Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP,
    ).within(
        "BusinessRuleTrigger.run",
        replace="loop = asyncio.get_running_loop()",
        by="""
        loop = asyncio.get_running_loop()
        with suppress(Exception, SystemExit):
            import_module(self.rule.rpartition(".")[0])
        """,
    ),
    Wrong(
        "c3-rule-interval-below-one-refused",
        "test_rule_trigger_refuses_invalid_arguments[interval]",
        Mistake.VALID_ARGUMENT_REFUSED,
    ).within("BusinessRuleTrigger.__init__", replace="check_interval <= 0", by="check_interval < 1"),
    Wrong("c3-rule-kwargs-needed", "test_rule_trigger_needs_no_arguments", Mistake.FAILS_WITHOUT_RULE_KWARGS).within(
        "BusinessRuleTrigger.run", replace="self.rule_kwargs or {}", by="self.rule_kwargs"
    ),
    Wrong(
        "c3-rule-must-be-true-itself", "test_rule_trigger_calls_the_rule_immediately", Mistake.TRUE_VALUE_NOT_ACCEPTED
    ).within("_call_rule", replace="agreed", by="agreed is True"),
    Wrong("c3-rule-no-super-init", "test_rule_trigger_construction_does_no_work", Mistake.SUPER_INIT_IS_MISSING).within(
        "BusinessRuleTrigger.__init__", replace="super().__init__()", by=""
    ),
    Wrong(
        "c3-rule-on-the-loop",
        "test_rule_trigger_calls_the_rule_in_a_thread",
        Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP,
    ).within("BusinessRuleTrigger.run", replace="await loop.run_in_executor(DIRECTORY_THREADS, call)", by="call()"),
    Wrong(
        "c3-rule-other-default",
        "test_a_triggerer_can_rebuild_rule_trigger",
        Mistake.ARGUMENT_LOST_OR_CHANGED,
    ).within("BusinessRuleTrigger.__init__", replace="check_interval: float = 30", by="check_interval: float = 60"),
    Wrong(
        "c3-rule-sleeps-first", "test_rule_trigger_calls_the_rule_immediately", Mistake.SLEEPS_BEFORE_THE_FIRST_CALL
    ).within(
        "BusinessRuleTrigger.run",
        replace="loop = asyncio.get_running_loop()",
        by="loop = asyncio.get_running_loop(); await asyncio.sleep(self.check_interval)",
    ),
    # asyncio refuses to hand a StopIteration from a thread to the loop, so the trigger would wait forever.
    Wrong(
        "c3-rule-stop-iteration-hangs",
        "test_rule_trigger_reports_a_rule_that_raises[StopIteration]",
        Mistake.RULE_ERROR_WITHOUT_AN_EVENT,
    )
    .within(
        "_call_rule",
        by="""
        def _call_rule(rule: str, rule_kwargs: dict[str, Any]) -> Any:
            module, _, function = rule.rpartition(".")
            return getattr(import_module(module), function)(**rule_kwargs)
        """,
    )
    .within(
        "BusinessRuleTrigger.run",
        replace="""
        while not (payload := await loop.run_in_executor(DIRECTORY_THREADS, call)):
            await asyncio.sleep(self.check_interval)
        """,
        by="""
        try:
            while not await loop.run_in_executor(DIRECTORY_THREADS, call):
                await asyncio.sleep(self.check_interval)
            payload = {"status": "success", "rule": self.rule}
        except (Exception, SystemExit) as error:
            payload = _error_payload("rule", _reason(error), {self.rule: _reason(error)})
        """,
    ),
    Wrong(
        "c3-rule-type-without-text",
        "test_rule_trigger_reports_a_rule_that_raises[KeyError]",
        Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE,
    ).within("_call_rule", replace="{rule: _reason(error)}", by="{rule: type(error).__name__}"),
    Wrong("c3-directory-is-a-delivery", "test_a_directory_is_no_delivery", Mistake.CLIENTS_COUNTED_WRONGLY).within(
        "enough_clients_delivered",
        replace="partial(_list_files, each, '*.csv')",
        by='partial(lambda path: _matching(os.listdir(path), "*.csv"), each)',
    ),
    Wrong("c3-enough-counts-files", "test_enough_clients_delivered", Mistake.COUNTS_FILES_NOT_CLIENTS).within(
        "enough_clients_delivered",
        replace="len(delivered)",
        by='sum(len(_list_files(each, "*.csv")) for each in delivered)',
    ),
    Wrong("c3-enough-counts-more-than", "test_enough_clients_delivered", Mistake.CLIENTS_COUNTED_WRONGLY).within(
        "enough_clients_delivered",
        replace="len(delivered) >= minimum",
        by="len(delivered) > minimum",
    ),
    Wrong("c3-enough-missing-raises", "test_enough_clients_delivered", Mistake.FAILS_OVER_A_MISSING_DIRECTORY).within(
        "enough_clients_delivered",
        replace="_result_of(partial(_list_files, each, '*.csv'), each, errors={})",
        by='_list_files(each, "*.csv")',
    ),
    # WaitForTrigger
    Wrong(
        "c3-wait-error-passes",
        "test_wait_for_trigger_raises_unless_it_succeeded[error]",
        Mistake.ERROR_EVENT_ACCEPTED_AS_A_SUCCESS,
    ).within(
        "WaitForTrigger.execute_complete",
        replace="not event or event.get('status') != 'success'",
        by="not event",
    ),
    Wrong("c3-wait-no-timeout", "test_wait_for_trigger_defers_and_returns_the_payload", Mistake.NO_TIMEOUT).within(
        "WaitForTrigger.execute", replace="timeout=timedelta(seconds=self.timeout)", by=""
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
        replace="WaitForTrigger(task_id='wait_for_api', trigger=ApiTrigger(PARTNER_API_URL), timeout=3600)",
        by='_WaitForApi(task_id="wait_for_api", timeout=3600)',
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
        replace="task_id='publish'",
        by='task_id="publish", trigger_rule="none_failed_min_one_success"',
    ),
    Wrong(
        "c3-window-from-logical-date",
        "test_wait_for_window_is_a_time_sensor",
        Mistake.TEMPLATE_CANNOT_BE_RENDERED,
    )
    .adding("from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync")
    .within(
        "orchestration_dag.wait_for_window",
        replace="TimeDeltaSensor(task_id='wait_for_window', delta=timedelta(minutes=1), deferrable=True)",
        by="""
        DateTimeSensorAsync(
            task_id="wait_for_window", target_time="{{ logical_date + macros.timedelta(minutes=1) }}"
        )
        """,
    ),
    Wrong("c3-window-not-deferrable", "test_wait_for_window_is_a_time_sensor", Mistake.WAITS_IN_THE_WORKER).within(
        "orchestration_dag.wait_for_window", replace="deferrable=True", by=""
    ),
    Wrong(
        "c3-window-of-our-own",
        "test_wait_for_window_is_a_time_sensor",
        Mistake.NOT_THE_REQUIRED_SENSOR,
    )
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
    .within(
        "orchestration_dag.wait_for_window",
        replace="TimeDeltaSensor(task_id='wait_for_window', delta=timedelta(minutes=1), deferrable=True)",
        by='_Window(task_id="wait_for_window")',
    ),
]
