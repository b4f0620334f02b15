"""Wrong solutions of Step 6: what failed, and why."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_HANDLE = "handle_trigger_failure"
_MIXED_UP = Mistake.CAUSES_MIXED_UP
_NEXT = "getattr(error, '__cause__', None)"
_ONE_RECORD = "test_logs_one_record_at_error[timeout]"
_FOLLOWS = "test_follows_the_causes_of_an_unknown_exception[directory_access]"
_NOT_RECOGNIZED = Mistake.CAUSE_NOT_RECOGNIZED
_MESSAGE = "test_the_message_is_the_text[exception]"

WRONG = [
    Wrong("s6-advice-not-logged", _ONE_RECORD, Mistake.LOG_LACKS_TASK_CAUSE_OR_ADVICE).within(
        _HANDLE, text=". %(advice)s", by=""
    ),
    Wrong("s6-any-oserror-is-directory", "test_tells_the_cause[ConnectionRefusedError-unknown]", _MIXED_UP).within(
        "_cause", "(PermissionError, NotADirectoryError, FileNotFoundError)", "OSError"
    ),
    Wrong(
        "s6-any-wait-failed-is-directory",
        "test_recognizes_wait_failed_by_its_error_type[unexpected-unknown]",
        Mistake.WAIT_FAILED_NOT_TOLD_APART_BY_ERROR_TYPE,
    ).within(
        "_cause",
        "isinstance(error, WaitFailed) and error.error_type == 'directory_access'",
        "isinstance(error, WaitFailed)",
    ),
    Wrong(
        "s6-callback-on-one-sensor",
        "test_is_the_callback_of_both_sensors[wait_for_upload]",
        Mistake.NO_FAILURE_CALLBACK,
    ).within("dag.wait_for_upload", "on_failure_callback=handle_trigger_failure", ""),
    Wrong("s6-cause-not-followed", _FOLLOWS, Mistake.CAUSE_NOT_FOLLOWED).within(_HANDLE, _NEXT, "None"),
    Wrong("s6-context-instead-of-cause", _FOLLOWS, Mistake.CAUSE_NOT_FOLLOWED).within(
        _HANDLE, "'__cause__'", '"__context__"'
    ),
    Wrong("s6-context-followed-too", "test_follows_the_causes_of_an_unknown_exception[context only]", _MIXED_UP).within(
        _HANDLE, _NEXT, 'getattr(error, "__cause__", None) or getattr(error, "__context__", None)'
    ),
    Wrong("s6-deferral-timeout-missed", "test_tells_the_cause[TaskDeferralTimeout-timeout]", _NOT_RECOGNIZED).within(
        "_cause",
        "(AirflowSensorTimeout, TaskDeferralTimeout, AirflowTaskTimeout)",
        "(AirflowSensorTimeout, TimeoutError)",
    ),
    Wrong(
        "s6-innermost-cause-first", "test_follows_the_causes_of_an_unknown_exception[known itself: timeout]", _MIXED_UP
    )
    .within(_HANDLE, "error is not None and cause == 'unknown'", "error is not None")
    .within(_HANDLE, "_cause(error)", '_cause(error) if _cause(error) != "unknown" else cause'),
    Wrong("s6-message-with-type", _MESSAGE, Mistake.MESSAGE_IS_NOT_THE_EXCEPTIONS_TEXT).within(
        _HANDLE, "str(exception)", "repr(exception)"
    ),
    Wrong(
        "s6-none-as-message", "test_the_message_is_the_text[None]", Mistake.MESSAGE_IS_NOT_THE_EXCEPTIONS_TEXT
    ).within(_HANDLE, "'' if exception is None else str(exception)", "str(exception)"),
    Wrong("s6-raises-on-a-str", "test_never_raises[a str, no task instance]", Mistake.CALLBACK_RAISES).within(
        _HANDLE, _NEXT, "error.__cause__"
    ),
    Wrong("s6-raises-on-empty-context", "test_never_raises[empty]", Mistake.CALLBACK_RAISES).within(
        _HANDLE, "context.get('ti')", 'context["ti"]'
    ),
    Wrong("s6-returns-exception", _MESSAGE, Mistake.RESULT_IS_NOT_PLAIN_JSON).within(
        _HANDLE, "str(exception)", "exception"
    ),
    Wrong("s6-returns-nothing", "test_tells_the_cause[AirflowSensorTimeout-timeout]", Mistake.RETURNS_NOTHING).within(
        _HANDLE, "return failure", ""
    ),
    Wrong("s6-serialization-case", "test_tells_the_cause[RuntimeError-serialization]", _NOT_RECOGNIZED).within(
        "_cause", "f'{type(error).__name__} {error}'.lower()", 'f"{type(error).__name__} {error}"'
    ),
    Wrong(
        "s6-serialization-first",
        "test_the_first_cause_that_applies_counts[TaskDeferralError-triggerer_failure]",
        _MIXED_UP,
    ).within(
        "_cause",
        "if isinstance(error, TaskDeferralError): return 'triggerer_failure'",
        """
        if isinstance(error, TaskDeferralError) and "serializ" not in str(error).lower():
            return "triggerer_failure"
        """,
    ),
    Wrong("s6-two-errors", _ONE_RECORD, Mistake.NOT_EXACTLY_ONE_RECORD_AT_ERROR).within(
        _HANDLE,
        "return failure",
        """
        log.error("What to do: %s", failure["advice"])
        return failure
        """,
    ),
    Wrong("s6-type-not-asked", "test_tells_the_cause[SerializationError-serialization]", _NOT_RECOGNIZED).within(
        "_cause", "f'{type(error).__name__} {error}'", "str(error)"
    ),
]
