"""Step 6: the failure callback, with every cause and without an exception."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from .support.airflow_version import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
    TaskDeferralError,
    TaskDeferralTimeout,
    serialize_result,
)
from .support.contract import ContractViolation, Result, expect, expect_equal, plain_result
from .support.logs import captured_logs
from .support.mistakes import Mistake
from .support.tasks import RUN_ID, TaskInstance, context_for

CALLED = "handle_trigger_failure(context)"


def raised_beside(other: BaseException) -> BaseException:
    """Return an exception that was raised while another one was handled: that is its ``__context__`` only."""
    error = AirflowException("The task failed")
    error.__context__ = other
    return error


def caused_by(cause: BaseException, error: BaseException | None = None) -> BaseException:
    """Return an exception that was raised from another."""
    error = error or AirflowException("The task failed")
    error.__cause__ = cause
    return error


def serialization_error() -> TypeError:
    """Return what Airflow raises for a result of a task that cannot be serialized."""
    try:
        serialize_result({"directory": Path("/data")})
    except TypeError as error:
        return error
    raise AssertionError("Airflow serializes a Path")


class SerializationError(Exception):
    """An exception whose text does not say what its type does."""


def handled(submission, context: dict[str, Any]) -> Result:
    """Return what handle_trigger_failure returns; ContractViolation if it raises."""
    try:
        returned = submission.handle_trigger_failure(context)
    except NotImplementedError:
        raise
    except Exception as error:
        given = {name: context[name] for name in ("exception", "ti") if name in context}
        called = f"handle_trigger_failure({given})"
        raise ContractViolation(called, f"it raised {error!r}", Mistake.CALLBACK_RAISES) from error
    return plain_result(CALLED, returned)


@pytest.fixture
def failure(submission):
    """Call handle_trigger_failure for an exception."""

    def call(error: Any) -> Result:
        return handled(submission, context_for(TaskInstance("wait_for_upload"), exception=error))

    return call


def expect_cause(result: Result, expected: str, error: Any) -> None:
    """Raise ContractViolation unless the cause is the expected one."""
    mistake = Mistake.CAUSES_MIXED_UP
    if result["cause"] == "unknown":
        is_alone = getattr(error, "__cause__", None) is None
        mistake = Mistake.CAUSE_NOT_RECOGNIZED if is_alone else Mistake.CAUSE_NOT_FOLLOWED
    expect_equal(result["cause"], expected, called=f"{CALLED}, exception={error!r}: cause", mistake=mistake)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (AirflowSensorTimeout("Trigger timeout"), "timeout"),
        (TaskDeferralTimeout("Trigger timeout"), "timeout"),
        (AirflowTaskTimeout("execution_timeout"), "timeout"),
        (PermissionError(13, "Permission denied", "/data/one"), "directory_access"),
        (NotADirectoryError(20, "Not a directory", "/data/one"), "directory_access"),
        (FileNotFoundError(2, "No such file or directory", "/data/one"), "directory_access"),
        (TaskDeferralError("Trigger failure"), "triggerer_failure"),
        (serialization_error(), "serialization"),
        (TypeError("Object of type datetime is not JSON serializable"), "serialization"),
        (RuntimeError("Serialization failed"), "serialization"),
        (SerializationError("no way"), "serialization"),
        ("The trigger could not be deserialized", "serialization"),
        (ConnectionRefusedError(111, "Connection refused"), "unknown"),
        (ValueError("no idea"), "unknown"),
        (AirflowException("something else"), "unknown"),
        ("Trigger timeout", "unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_tells_the_cause(failure, error, cause):
    """cause is timeout, directory_access, triggerer_failure, serialization, or unknown."""
    expect_cause(failure(error), cause, error)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TaskDeferralError("the trigger could not be deserialized"), "triggerer_failure"),
        (FileNotFoundError(2, "No such file or directory", "/data/serialized"), "directory_access"),
        (AirflowSensorTimeout("nothing was serialized in time"), "timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_the_first_cause_that_applies_counts(failure, error, cause):
    """cause is the first of the following that applies to the exception; serialization is any other exception."""
    expect_cause(failure(error), cause, error)


@pytest.mark.parametrize(
    ("error_type", "cause"), [("directory_access", "directory_access"), ("unexpected", "unknown"), (None, "unknown")]
)
def test_recognizes_wait_failed_by_its_error_type(submission, failure, error_type, cause):
    """directory_access: also WaitFailed with this error_type."""
    event = {"status": "error", "error_type": error_type, "message": "No directory can be read", "errors": {}}
    error = submission.WaitFailed(event if error_type else None)
    called = f"{CALLED}, exception=WaitFailed({event if error_type else None!r}): cause"
    mistake = Mistake.WAIT_FAILED_NOT_TOLD_APART_BY_ERROR_TYPE
    expect_equal(failure(error)["cause"], cause, called=called, mistake=mistake)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (caused_by(PermissionError(13, "Permission denied")), "directory_access"),
        (caused_by(TaskDeferralTimeout("Trigger timeout")), "timeout"),
        (caused_by(caused_by(TaskDeferralError("Trigger failure"))), "triggerer_failure"),
        (caused_by(ValueError("no idea")), "unknown"),
        (raised_beside(PermissionError(13, "Permission denied")), "unknown"),
        (caused_by(TaskDeferralError("x"), TaskDeferralTimeout("Trigger timeout")), "timeout"),
        (caused_by(TaskDeferralError("x"), PermissionError(13, "Permission denied")), "directory_access"),
    ],
    ids=[
        "directory_access",
        "timeout",
        "two steps",
        "unknown",
        "context only",
        "known itself: timeout",
        "known itself: directory",
    ],
)
def test_follows_the_causes_of_an_unknown_exception(failure, error, cause):
    """If only "unknown" applies, try __cause__, and so on."""
    expect_cause(failure(error), cause, error)


@pytest.mark.parametrize("error", [ValueError("no idea"), "Trigger timeout", None], ids=["exception", "str", "None"])
def test_the_message_is_the_text(failure, error):
    """message is the exception's text, or "" without an exception."""
    called, expected = f"{CALLED}, exception={error!r}: message", "" if error is None else str(error)
    mistake = Mistake.MESSAGE_IS_NOT_THE_EXCEPTIONS_TEXT
    expect_equal(failure(error)["message"], expected, called=called, mistake=mistake)


def test_names_the_task_and_the_run(failure):
    """Returns task_id, run_id, cause, message and advice."""
    returned = failure(AirflowSensorTimeout("nothing came in 600 seconds"))
    expect_equal([returned["task_id"], returned["run_id"]], ["wait_for_upload", RUN_ID], called=f"{CALLED}: ids")
    advice = returned["advice"]
    expect(isinstance(advice, str) and bool(advice), called=f"{CALLED}: advice", got=advice)


def test_advises_by_the_cause(failure):
    """Explain why a sensor failed: the advice depends on the cause."""
    errors = [TaskDeferralTimeout("x"), PermissionError(13, "x"), TaskDeferralError("x"), serialization_error()]
    advice = {failure(error)["advice"] for error in errors}
    called, mistake = f"{CALLED}: advice for four causes", Mistake.SAME_ADVICE_FOR_EVERY_CAUSE
    expect(len(advice) > 1, called=called, got=f"always {sorted(advice)}", mistake=mistake)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"exception": ValueError("no idea")},
        {"exception": "Trigger timeout"},
        {"ti": TaskInstance("wait_for_upload")},
        {"ti": TaskInstance("wait_for_upload"), "exception": None},
    ],
    ids=["empty", "no task instance", "a str, no task instance", "no exception", "exception is None"],
)
def test_never_raises(submission, context):
    """Never raise: context["exception"] may be missing, None or a str; context["ti"] may be missing."""
    returned = handled(submission, context)
    given = f"handle_trigger_failure({{{', '.join(sorted(context))}}})"
    expected = ("wait_for_upload", RUN_ID) if "ti" in context else (None, None)
    expect_equal((returned["task_id"], returned["run_id"]), expected, called=f"{given}: task_id and run_id")
    expected = ["unknown", str(context.get("exception") or "")]
    expect_equal([returned["cause"], returned["message"]], expected, called=f"{given}: cause and message")
    expect(bool(returned["advice"]), called=f"{given}: advice", got=returned)


@pytest.mark.parametrize(
    "error",
    [TaskDeferralTimeout("Trigger timeout"), ValueError("no idea"), "Trigger timeout", None],
    ids=["timeout", "unknown", "str", "None"],
)
def test_logs_one_record_at_error(submission, error):
    """Log exactly one record, at ERROR, with the task id, the cause and the advice."""
    with captured_logs() as lines:
        returned = handled(submission, context_for(TaskInstance("wait_for_upload"), exception=error))
    errors = [line.text for line in lines if line.level >= logging.ERROR]
    called, got = f"the log of {CALLED}, exception={error!r}", f"{len(errors)} records at ERROR: {errors}"
    expect(len(errors) == 1, called=called, got=got, mistake=Mistake.NOT_EXACTLY_ONE_RECORD_AT_ERROR)
    parts = {"the task id": "wait_for_upload", "the cause": returned["cause"], "the advice": returned["advice"]}
    missing = [name for name, text in parts.items() if text not in errors[0]]
    got, mistake = f"{errors[0]}, without {missing}", Mistake.LOG_LACKS_TASK_CAUSE_OR_ADVICE
    expect(not missing, called=called, got=got, mistake=mistake)


@pytest.mark.parametrize("task_id", ["wait_for_upload", "monitor_client_uploads"])
def test_is_the_callback_of_both_sensors(submission, task_id):
    """handle_trigger_failure is the on_failure_callback of both sensors."""
    callbacks = submission.task(task_id).on_failure_callback or []
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    names = [getattr(callback, "__name__", repr(callback)) for callback in callbacks]
    called, mistake = f"on_failure_callback of {task_id}", Mistake.NO_FAILURE_CALLBACK
    expect("handle_trigger_failure" in names, called=called, got=names, mistake=mistake)
