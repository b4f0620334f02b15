"""Step 2: the traditional sensor, converted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from airflow.providers.standard.sensors.filesystem import FileSensor
from support.airflow_version import TaskDeferred
from support.contract import Broken, expect, expect_equal
from support.logs import captured_logs
from support.mistakes import Mistake
from support.task_instance import TaskInstance, context_for


@pytest.fixture
def sensor(submission):
    """The task wait_for_upload, as Airflow parses it."""
    return submission.task("wait_for_upload")


def deferral(sensor) -> TaskDeferred | None:
    """Execute the sensor as a worker does; return how it deferred."""
    try:
        sensor.execute(context_for(TaskInstance("wait_for_upload")))
    except TaskDeferred as deferred:
        return deferred
    return None


@pytest.fixture
def no_upload(submission):
    """No upload yet."""
    Path(submission.UPLOAD_FILE).unlink(missing_ok=True)


def test_is_a_file_sensor_for_the_upload(submission, sensor):
    """wait_for_upload is a FileSensor for UPLOAD_FILE."""
    expect(
        isinstance(sensor, FileSensor),
        called='the task "wait_for_upload"',
        got=type(sensor),
        mistake=Mistake.NO_FILESENSOR,
    )
    expect_equal(os.path.normpath(sensor.path), os.path.normpath(submission.UPLOAD_FILE), called="its path")


def test_defers_while_the_file_is_missing(sensor, no_upload):
    """The sensor is deferrable: while the file is missing it hands a trigger over and leaves its worker slot."""
    expect(
        sensor.deferrable is True,
        called="wait_for_upload.deferrable",
        got=sensor.deferrable,
        mistake=Mistake.NOT_DEFERRABLE,
    )
    deferred = deferral(sensor)
    expect(
        deferred is not None,
        called="wait_for_upload.execute(context)",
        got="it did not defer",
        mistake=Mistake.DOES_NOT_DEFER,
    )


def test_the_triggerer_takes_over_path_interval_and_timeout(submission, sensor, no_upload):
    """It looks at least every 30 seconds and gives up after 600."""
    deferred = deferral(sensor)
    expect(
        deferred is not None,
        called="wait_for_upload.execute(context)",
        got="it did not defer",
        mistake=Mistake.DOES_NOT_DEFER,
    )
    kwargs = deferred.trigger.serialize()[1]
    expect_equal(kwargs["filepath"], submission.UPLOAD_FILE, called="the trigger's filepath")
    expect(
        0 < kwargs["poke_interval"] <= 30,
        called="the trigger's poke_interval",
        got=kwargs["poke_interval"],
        mistake=Mistake.LOOKS_TOO_SELDOM if kwargs["poke_interval"] > 30 else None,
    )
    timeout = deferred.timeout
    seconds = timeout if isinstance(timeout, (int, float)) else timeout and timeout.total_seconds()
    due = 600.0 if isinstance(seconds, float) else 600
    expect_equal(seconds, due, called="the timeout of the deferral", mistake=Mistake.TIMEOUT_OF_THE_WAIT_NOT_SET)


def test_goes_on_at_once_when_the_file_is_there(submission, sensor):
    """When the file is there already, the sensor is done without deferring."""
    expect(
        sensor.deferrable is True,
        called="wait_for_upload.deferrable",
        got=sensor.deferrable,
        mistake=Mistake.NOT_DEFERRABLE,
    )
    upload = Path(submission.UPLOAD_FILE)
    upload.parent.mkdir(parents=True, exist_ok=True)
    upload.write_text("id\n1\n")
    try:
        deferred = deferral(sensor)
    finally:
        upload.unlink()
    called = "wait_for_upload.execute(context), the file is there"
    expect(deferred is None, called=called, got="it deferred", mistake=Mistake.DEFERS_WITHOUT_LOOKING)


def test_says_why_it_defers(sensor):
    """Its doc_md says why it defers: the words "worker slot" and "triggerer" occur in it."""
    text = " ".join((sensor.doc_md or "").lower().split())
    missing = [word for word in ("worker slot", "triggerer") if word not in text]
    expect(
        not missing,
        called="wait_for_upload.doc_md",
        got=f"{text!r}, without {missing}",
        mistake=Mistake.UNDOCUMENTED_TASK,
    )


def test_logs_whenever_a_worker_takes_it_up(submission, sensor):
    """It calls log_worker_slot whenever a worker takes it up."""
    callbacks = sensor.on_execute_callback or []
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    called = "wait_for_upload.on_execute_callback"
    others = [name for name in OTHER_MOMENTS if calls_log_worker_slot(getattr(sensor, name, None))]
    if not callbacks and others:
        raise Broken(called, f"no callback, but {others[0]} is log_worker_slot", Mistake.CALLBACK_OF_ANOTHER_MOMENT)
    expect(bool(callbacks), called=called, got="no callback", mistake=Mistake.WORKER_SLOT_NOT_LOGGED)
    with captured_logs() as lines:
        for callback in callbacks:
            callback(context_for(TaskInstance("wait_for_upload")))
    texts = [line.text for line in lines]
    told = any("wait_for_upload" in text and "worker slot" in text.lower() for text in texts)
    got = f"{len(callbacks)} callbacks, which logged {texts}"
    expect(told, called=called, got=got, mistake=Mistake.NOT_ONE_INFO_LINE_WITH_THE_TASKS_ID)


OTHER_MOMENTS = ("on_success_callback", "on_failure_callback", "on_retry_callback", "on_skipped_callback")


def calls_log_worker_slot(callbacks: object) -> bool:
    """Whether log_worker_slot is among the callbacks, one or several."""
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    return any(getattr(callback, "__name__", "") == "log_worker_slot" for callback in callbacks)


def test_log_worker_slot_names_the_task(submission):
    """log_worker_slot logs one line at INFO that names the task's id and contains the words "worker slot"."""
    with captured_logs() as lines:
        submission.log_worker_slot(context_for(TaskInstance("wait_for_the_mailman")))
    texts = [(line.level, line.text) for line in lines]
    right = len(lines) == 1 and lines[0].level == 20
    right = right and "wait_for_the_mailman" in lines[0].text and "worker slot" in lines[0].text.lower()
    expect(right, called="log_worker_slot(context)", got=texts, mistake=Mistake.NOT_ONE_INFO_LINE_WITH_THE_TASKS_ID)
