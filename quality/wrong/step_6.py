"""Wrong solutions of Step 6: what failed, and why."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

WRONG = [
    Wrong(
        "s6-advice-not-logged", "test_logs_one_record_at_error[timeout]", Mistake.LOG_LACKS_TASK_CAUSE_OR_ADVICE
    ).within("handle_trigger_failure", text=". %(advice)s", by=""),
    Wrong(
        "s6-any-oserror-is-directory", "test_tells_the_cause[ConnectionRefusedError-unknown]", Mistake.CAUSES_MIXED_UP
    ).within("_cause", replace="(PermissionError, NotADirectoryError, FileNotFoundError)", by="OSError"),
    Wrong(
        "s6-any-wait-failed-is-directory",
        "test_recognizes_wait_failed_by_its_error_type[unexpected-unknown]",
        Mistake.WAIT_FAILED_NOT_TOLD_APART_BY_ERROR_TYPE,
    ).within(
        "_cause",
        replace="isinstance(error, WaitFailed) and error.error_type == 'directory_access'",
        by="isinstance(error, WaitFailed)",
    ),
    Wrong(
        "s6-callback-on-one-sensor",
        "test_is_the_callback_of_both_sensors[wait_for_upload]",
        Mistake.NO_FAILURE_CALLBACK,
    ).within("dag.wait_for_upload", replace="on_failure_callback=handle_trigger_failure", by=""),
    Wrong(
        "s6-cause-not-followed",
        "test_follows_the_causes_of_an_unknown_exception[directory_access]",
        Mistake.CAUSE_NOT_FOLLOWED,
    ).within("handle_trigger_failure", replace="getattr(error, '__cause__', None)", by="None"),
    Wrong(
        "s6-context-instead-of-cause",
        "test_follows_the_causes_of_an_unknown_exception[directory_access]",
        Mistake.CAUSE_NOT_FOLLOWED,
    ).within("handle_trigger_failure", replace="'__cause__'", by='"__context__"'),
    Wrong(
        "s6-context-followed-too",
        "test_follows_the_causes_of_an_unknown_exception[context only]",
        Mistake.CAUSES_MIXED_UP,
    ).within(
        "handle_trigger_failure",
        replace="getattr(error, '__cause__', None)",
        by='getattr(error, "__cause__", None) or getattr(error, "__context__", None)',
    ),
    Wrong(
        "s6-deferral-timeout-missed", "test_tells_the_cause[TaskDeferralTimeout-timeout]", Mistake.CAUSE_NOT_RECOGNIZED
    ).within(
        "_cause",
        replace="(AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)",
        by="(AirflowSensorTimeout, TimeoutError)",
    ),
    Wrong(
        "s6-innermost-cause-first",
        "test_follows_the_causes_of_an_unknown_exception[known itself: timeout]",
        Mistake.CAUSES_MIXED_UP,
    )
    .within("handle_trigger_failure", replace="error is not None and cause == 'unknown'", by="error is not None")
    .within(
        "handle_trigger_failure", replace="_cause(error)", by='_cause(error) if _cause(error) != "unknown" else cause'
    ),
    Wrong(
        "s6-message-with-type", "test_the_message_is_the_text[exception]", Mistake.MESSAGE_IS_NOT_THE_EXCEPTIONS_TEXT
    ).within("handle_trigger_failure", replace="str(exception)", by="repr(exception)"),
    Wrong(
        "s6-none-as-message", "test_the_message_is_the_text[None]", Mistake.MESSAGE_IS_NOT_THE_EXCEPTIONS_TEXT
    ).within("handle_trigger_failure", replace="'' if exception is None else str(exception)", by="str(exception)"),
    Wrong("s6-raises-on-a-str", "test_never_raises[a str, no task instance]", Mistake.CALLBACK_RAISES).within(
        "handle_trigger_failure", replace="getattr(error, '__cause__', None)", by="error.__cause__"
    ),
    Wrong("s6-raises-on-empty-context", "test_never_raises[empty]", Mistake.CALLBACK_RAISES).within(
        "handle_trigger_failure", replace="context.get('ti')", by='context["ti"]'
    ),
    Wrong("s6-returns-exception", "test_the_message_is_the_text[exception]", Mistake.RESULT_IS_NOT_PLAIN_JSON).within(
        "handle_trigger_failure", replace="str(exception)", by="exception"
    ),
    Wrong("s6-returns-nothing", "test_tells_the_cause[AirflowSensorTimeout-timeout]", Mistake.RETURNS_NOTHING).within(
        "handle_trigger_failure", replace="return failure", by=""
    ),
    Wrong(
        "s6-serialization-case", "test_tells_the_cause[RuntimeError-serialization]", Mistake.CAUSE_NOT_RECOGNIZED
    ).within("_cause", replace="f'{type(error).__name__} {error}'.lower()", by='f"{type(error).__name__} {error}"'),
    Wrong(
        "s6-serialization-first",
        "test_the_first_cause_that_applies_counts[TaskDeferralError-triggerer_failure]",
        Mistake.CAUSES_MIXED_UP,
    ).within(
        "_cause",
        replace="if isinstance(error, TaskDeferralError): return 'triggerer_failure'",
        by="""
        if isinstance(error, TaskDeferralError) and "serializ" not in str(error).lower():
            return "triggerer_failure"
        """,
    ),
    Wrong("s6-two-errors", "test_logs_one_record_at_error[timeout]", Mistake.NOT_EXACTLY_ONE_RECORD_AT_ERROR).within(
        "handle_trigger_failure",
        replace="return failure",
        by="""
        log.error("What to do: %s", failure["advice"])
        return failure
        """,
    ),
    Wrong(
        "s6-type-not-asked", "test_tells_the_cause[SerializationError-serialization]", Mistake.CAUSE_NOT_RECOGNIZED
    ).within("_cause", replace="f'{type(error).__name__} {error}'", by="str(error)"),
]
