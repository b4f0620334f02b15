"""Step 2: the traditional sensor, converted."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.sensors.filesystem import FileSensor

from .support.airflow_version import TaskDeferred
from .support.contract import ContractViolation, expect, expect_equal
from .support.logs import captured_logs
from .support.mistakes import Mistake
from .support.tasks import TaskInstance, context_for

EXECUTED = "wait_for_upload.execute(context)"
OTHER_MOMENTS = ("on_success_callback", "on_failure_callback", "on_retry_callback", "on_skipped_callback")


def expect_logged(call: Callable[[dict[str, Any]], object], task_id: str, called: str, only: bool = False) -> None:
    """
    Raise ContractViolation unless a callback logs a line at INFO with the task id and the words "worker slot".

    :param only: whether it must not log anything else.
    """
    with captured_logs() as lines:
        call(context_for(TaskInstance(task_id)))
    right = [line for line in lines if task_id in line.text and "worker slot" in line.text.lower()]
    right = [line for line in right if line.level == logging.INFO and not (only and len(lines) > 1)]
    got = f"logged: {[(logging.getLevelName(line.level), line.text) for line in lines]}"
    expect(bool(right), called=called, got=got, mistake=Mistake.NOT_ONE_INFO_LINE_WITH_THE_TASKS_ID)


def test_log_worker_slot_names_the_task(submission):
    """Log one line at INFO that contains the task id and the words "worker slot"."""
    task_id = "wait_for_the_mailman"
    expect_logged(submission.log_worker_slot, task_id, f"log_worker_slot(context) of {task_id}", only=True)


@pytest.fixture
def sensor(submission):
    """The task wait_for_upload, as Airflow parses it."""
    return submission.task("wait_for_upload")


def deferral(submission, sensor, upload: str | None = None) -> TaskDeferred | None:
    """Execute the sensor as a worker does, with an upload or without; return how it deferred."""
    called = "wait_for_upload.deferrable"
    expect(sensor.deferrable is True, called=called, got=sensor.deferrable, mistake=Mistake.NOT_DEFERRABLE)
    path = Path(submission.UPLOAD_FILE)
    path.unlink(missing_ok=True)
    if upload is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(upload)
    try:
        sensor.execute(context_for(TaskInstance("wait_for_upload")))
    except TaskDeferred as deferred:
        return deferred
    finally:
        path.unlink(missing_ok=True)
    return None


def test_is_a_file_sensor_for_the_upload(submission, sensor):
    """wait_for_upload is a deferrable FileSensor for UPLOAD_FILE."""
    called = 'the task "wait_for_upload"'
    expect(isinstance(sensor, FileSensor), called=called, got=type(sensor), mistake=Mistake.NOT_A_FILESENSOR)
    expect_equal(os.path.normpath(sensor.path), os.path.normpath(submission.UPLOAD_FILE), called=f"{called}: path")


def test_defers_while_the_file_is_missing(submission, sensor):
    """wait_for_upload is a deferrable FileSensor: while the file is missing, it defers."""
    deferred = deferral(submission, sensor) is not None
    expect(deferred, called=EXECUTED, got="it did not defer", mistake=Mistake.DOES_NOT_DEFER)


def test_succeeds_at_once_if_the_file_exists(submission, sensor):
    """wait_for_upload is a deferrable FileSensor: if the file exists, it succeeds at once."""
    at_once = deferral(submission, sensor, upload="id\n1\n") is None
    called, mistake = f"{EXECUTED}, the file exists", Mistake.DEFERS_WITHOUT_CHECKING
    expect(at_once, called=called, got="it deferred", mistake=mistake)


def test_the_trigger_gets_path_interval_and_timeout(submission, sensor):
    """It checks every 30 seconds or more often and times out after 600 seconds."""
    deferred = deferral(submission, sensor)
    expect(deferred is not None, called=EXECUTED, got="it did not defer", mistake=Mistake.DOES_NOT_DEFER)
    kwargs = deferred.trigger.serialize()[1]
    expect_equal(kwargs["filepath"], submission.UPLOAD_FILE, called="the trigger's filepath")
    interval = kwargs["poke_interval"]
    mistake = Mistake.CHECKS_TOO_RARELY if interval > 30 else None
    expect(0 < interval <= 30, called="the trigger's poke_interval", got=interval, mistake=mistake)
    timeout = deferred.timeout
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    called = "the timeout of the deferral, in seconds"
    expect_equal(seconds, 600, called=called, mistake=Mistake.TIMEOUT_OF_THE_SENSOR_NOT_SET)


def test_logs_each_time_a_worker_starts_or_resumes_it(sensor):
    """It calls log_worker_slot each time a worker starts or resumes it."""
    callbacks = all_of(sensor.on_execute_callback)
    called = "wait_for_upload.on_execute_callback"
    others = [name for name in OTHER_MOMENTS for each in all_of(getattr(sensor, name, None)) if is_ours(each)]
    if not callbacks and others:
        got = f"no callback, but {others[0]} is log_worker_slot"
        raise ContractViolation(called, got, Mistake.CALLBACK_AT_THE_WRONG_MOMENT)
    expect(bool(callbacks), called=called, got="no callback", mistake=Mistake.WORKER_SLOT_NOT_LOGGED)
    expect_logged(lambda context: [callback(context) for callback in callbacks], "wait_for_upload", called)


def all_of(callbacks: Any) -> list[Any]:
    """Return what may be one callback, several, or none as a list."""
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []


def is_ours(callback: object) -> bool:
    """Whether a callback is log_worker_slot."""
    return getattr(callback, "__name__", "") == "log_worker_slot"


def test_says_why_it_defers(sensor):
    """Its doc_md says why it defers, using "worker slot" and "triggerer"."""
    text = " ".join((sensor.doc_md or "").lower().split())
    missing = [word for word in ("worker slot", "triggerer") if word not in text]
    got = f"{text!r}, without {missing}"
    expect(not missing, called="wait_for_upload.doc_md", got=got, mistake=Mistake.UNDOCUMENTED_TASK)
