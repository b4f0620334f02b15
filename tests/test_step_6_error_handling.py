"""Step 6: the failure callback, with every cause and with nothing at all."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from support.airflow_version import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowTaskTimeout,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
    serialize_result,
)
from support.contract import Broken, Result, expect, expect_equal
from support.logs import captured_logs
from support.mistakes import Mistake
from support.task_instance import RUN_ID, TaskInstance, context_for
from support.watching import is_plain_json

CALLED = "handle_trigger_failure(context)"


def caused_by(cause: BaseException) -> AirflowException:
    """Return an exception that was raised from another."""
    error = AirflowException("The wait failed")
    error.__cause__ = cause
    return error


def serialization_error() -> TypeError:
    """Return what Airflow raises for a result of a task that cannot travel."""
    try:
        serialize_result({"directory": Path("/data")})
    except TypeError as error:
        return error
    raise AssertionError("Airflow serializes a Path")


class Unshowable(Exception):
    """An exception that cannot even be turned into text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Broke:
    """A task instance of which nothing can be read."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


def handled(submission, context: dict[str, Any]) -> Result:
    """Return what handle_trigger_failure returns; Broken if it raises."""
    try:
        found = submission.handle_trigger_failure(context)
    except NotImplementedError:
        raise
    except Exception as error:
        called = f"handle_trigger_failure({{{', '.join(sorted(context))}}})"
        raise Broken(called, f"it raised {error!r}", Mistake.CALLBACK_RAISES) from error
    return Result(CALLED, found)


def expect_cause(found: Result, due: str, called: str) -> None:
    """Raise Broken unless the failure of an exception that is no cause of another has that cause."""
    mistake = Mistake.CAUSE_NOT_RECOGNISED if found["cause"] == "unknown" else Mistake.CAUSES_MIXED_UP
    expect_equal(found["cause"], due, called=called, mistake=mistake)


@pytest.fixture
def failure(submission):
    """Call handle_trigger_failure for an exception."""

    def call(error: Any) -> Result:
        return handled(submission, context_for(TaskInstance("wait_for_upload"), exception=error))

    return call


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
        (TaskDeferralError("the trigger could not be deserialized"), "triggerer_failure"),
        (ConnectionRefusedError(111, "Connection refused"), "unknown"),
        (ValueError("no idea"), "unknown"),
        (AirflowException("something else"), "unknown"),
        (caused_by(PermissionError(13, "Permission denied")), "directory_access"),
        (caused_by(TaskDeferralTimeout("Trigger timeout")), "timeout"),
        (caused_by(caused_by(TaskDeferralError("Trigger failure"))), "triggerer_failure"),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else f"{type(value).__name__}{' from' * (value.__cause__ is not None)}"
    ),
)
def test_tells_the_cause(failure, error, cause):
    """cause is timeout, directory_access, triggerer_failure, serialization or unknown, also of its __cause__."""
    found = failure(error)["cause"]
    mistake = Mistake.CAUSES_MIXED_UP
    if found == "unknown":
        mistake = Mistake.CAUSE_NOT_FOLLOWED if error.__cause__ else Mistake.CAUSE_NOT_RECOGNISED
    expect_equal(found, cause, called=f"{CALLED}, exception={error!r}", mistake=mistake)


def test_recognises_what_the_sensor_raises(submission, failure):
    """directory_access is also what MultiDirectorySensorAsync raises when no directory is left."""
    event = {
        "status": "error",
        "error_type": "directory_access",
        "message": "No directory is left",
        "errors": {"/data/one": "PermissionError: Permission denied"},
    }
    sensor = submission.MultiDirectorySensorAsync(task_id="wait", directories=["/data/one"])
    try:
        sensor.execute_complete(context_for(TaskInstance()), event)
    except AirflowException as error:
        raised = error
    else:
        raise Broken(
            "execute_complete(context, error event)", "it raised nothing", Mistake.ERROR_EVENT_TAKEN_FOR_A_SUCCESS
        )
    mistake = Mistake.FAILED_WAITS_NOT_TOLD_APART_BY_ERROR_TYPE
    called = f"{CALLED}, exception={raised!r}"
    expect_equal(failure(raised)["cause"], "directory_access", called=called, mistake=mistake)
    unexpected = {**event, "error_type": "unexpected", "message": "KeyError: 1", "errors": {}}
    try:
        sensor.execute_complete(context_for(TaskInstance()), unexpected)
    except AirflowException as error:
        expect_equal(failure(error)["cause"], "unknown", called=f"{CALLED}, exception={error!r}", mistake=mistake)


def test_returns_what_it_found(failure):
    """It returns task_id, run_id, cause, message and advice, all plain JSON."""
    found = failure(AirflowSensorTimeout("nothing came in 600 seconds"))
    expect(is_plain_json(found), called=CALLED, got=found, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
    expect_equal([found["task_id"], found["run_id"]], ["wait_for_upload", RUN_ID], called=CALLED)
    expect("nothing came in 600 seconds" in found["message"], called=f'{CALLED}["message"]', got=found["message"])
    expect(isinstance(found["advice"], str) and bool(found["advice"]), called=f'{CALLED}["advice"]', got=found)


def test_advises_by_the_cause(failure):
    """advice says what to do, and that is not the same for every cause."""
    errors = [TaskDeferralTimeout("x"), PermissionError(13, "x"), TaskDeferralError("x"), serialization_error()]
    advice = {failure(error)["advice"] for error in errors}
    called = f'{CALLED}["advice"] for four causes'
    expect(len(advice) == 4, called=called, got=sorted(advice), mistake=Mistake.SAME_ADVICE_FOR_EVERY_CAUSE)


@pytest.mark.parametrize(
    "error",
    [TaskDeferralTimeout("Trigger timeout"), ValueError("no idea"), None],
    ids=["timeout", "unknown", "nothing"],
)
def test_logs_one_error_line(submission, error):
    """Logs exactly one line at ERROR with the task's id, the cause, and what to do."""
    with captured_logs() as lines:
        found = handled(submission, context_for(TaskInstance("wait_for_upload"), exception=error))
    errors = [line.text for line in lines if line.level >= logging.ERROR]
    called = f"the log of {CALLED}"
    got = f"{len(errors)} lines at ERROR: {errors}"
    expect(len(errors) == 1, called=called, got=got, mistake=Mistake.NOT_EXACTLY_ONE_LINE_AT_ERROR)
    told = all(word in errors[0] for word in ("wait_for_upload", found["cause"], found["advice"]))
    expect(told, called=called, got=errors[0], mistake=Mistake.LOG_LACKS_TASK_CAUSE_OR_ADVICE)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"exception": None, "ti": None},
        {"exception": "Trigger timeout", "ti": None},
        {"ti": TaskInstance("wait_for_upload")},
        {"ti": Broke(), "exception": ValueError("x")},
        {"ti": TaskInstance("wait_for_upload"), "exception": Unshowable()},
    ],
    ids=[
        "empty",
        "all None",
        "exception is a text",
        "no exception",
        "broken task instance",
        "exception without a text",
    ],
)
def test_never_raises(submission, context):
    """Never raises, whatever is missing from context or broken in it."""
    found = handled(submission, context)
    expect(is_plain_json(found), called=CALLED, got=found, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
    complete = set(found) >= {"task_id", "run_id", "cause", "message", "advice"}
    expect(complete, called=CALLED, got=found, mistake=Mistake.RESULT_WITHOUT_A_KEY)
    known = context.get("ti") if isinstance(context.get("ti"), TaskInstance) else None
    expect_equal(found["task_id"], known and known.task_id, called=f'{CALLED}["task_id"]')
    if not isinstance(context.get("exception"), str):
        expect_equal(found["cause"], "unknown", called=f'{CALLED}["cause"]')


@pytest.mark.deadline(6)
def test_survives_exceptions_that_cause_each_other(failure):
    """Never raises and always ends, also for exceptions whose causes go round in a circle."""
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    expect_equal(failure(one)["cause"], "unknown", called=f"{CALLED}, two exceptions that cause each other")


@pytest.mark.parametrize("task_id", ["wait_for_upload", "monitor_client_uploads"])
def test_is_the_callback_of_both_sensors(submission, task_id):
    """handle_trigger_failure is the failure callback of both sensors."""
    callbacks = submission.task(task_id).on_failure_callback or []
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    names = [getattr(callback, "__name__", repr(callback)) for callback in callbacks]
    expect(
        "handle_trigger_failure" in names,
        called=f"on_failure_callback of {task_id}",
        got=names,
        mistake=Mistake.NO_FAILURE_CALLBACK,
    )


@pytest.mark.parametrize("method", ["execute", "poke"])
def test_recognises_what_the_look_of_a_worker_raises(submission, failure, clients, method):
    """directory_access is what MultiDirectorySensorAsync raises when no directory is left, wherever it looks."""
    directories = [clients.drop(1, "a_file")]
    sensor = submission.MultiDirectorySensorAsync(
        task_id="wait", directories=directories, deferrable=method == "execute"
    )
    called = f"{method}(context), the only directory is a file"
    try:
        getattr(sensor, method)(context_for(TaskInstance("wait")))
    except AirflowException as error:
        found = failure(error)
    except TaskDeferred as deferred:
        raise Broken(called, f"it raised {deferred!r}", Mistake.GOES_ON_THOUGH_NO_DIRECTORY_CAN_BE_READ) from None
    else:
        raise Broken(called, "it raised nothing", Mistake.GOES_ON_THOUGH_NO_DIRECTORY_CAN_BE_READ)
    expect_cause(found, "directory_access", called=f"{CALLED} after {called}")


@pytest.mark.parametrize("error", [ValueError("no idea"), "Trigger timeout"], ids=["exception", "text"])
def test_the_message_is_the_text(failure, error):
    """message is the text of the exception, which may be a text itself."""
    called = f'{CALLED}["message"], exception={error!r}'
    expect_equal(
        failure(error)["message"], str(error), called=called, mistake=Mistake.MESSAGE_IS_NOT_THE_EXCEPTIONS_TEXT
    )


@pytest.mark.parametrize(
    ("error", "due"),
    [(TaskDeferralTimeout("Trigger timeout"), "timeout"), (PermissionError(13, "x"), "directory_access")],
    ids=["timeout", "directory_access"],
)
def test_the_exception_comes_before_its_cause(failure, error, due):
    """cause is that of the exception, or else of what it was raised from."""
    error.__cause__ = TaskDeferralError("Trigger failure")
    expect_cause(failure(error), due, called=f"{CALLED}, exception={error!r}, raised from a TaskDeferralError")


def test_a_type_may_speak_of_serializing(failure):
    """serialization is any other whose type's name speaks of serializing, whatever its text."""

    class SerializationError(Exception):
        pass

    found = failure(SerializationError("no way"))
    expect_cause(found, "serialization", called=f"{CALLED}, exception=SerializationError('no way')")


def test_the_line_stays_one_line(failure):
    """Logs exactly one line at ERROR, also if the exception's text has several."""
    with captured_logs() as lines:
        failure(TaskDeferralError("Trigger failure\nTraceback (most recent call last):\nValueError"))
    errors = [line.text for line in lines if line.level >= logging.ERROR]
    called = f"the log of {CALLED}, the exception's text has three lines"
    expect(len(errors) == 1, called=called, got=errors, mistake=Mistake.NOT_EXACTLY_ONE_LINE_AT_ERROR)
    expect("\n" not in errors[0].strip(), called=called, got=errors, mistake=Mistake.LINE_BREAKS_IN_THE_ERROR_LINE)
