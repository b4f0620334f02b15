"""Step 4: MultiDirectorySensorAsync, from the first look to the result."""

from __future__ import annotations

import inspect
import os
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.sdk import DAG, BaseSensorOperator
from freezegun import freeze_time
from support import triggers
from support.airflow_version import (
    TIMEOUT_IGNORES_SOFT_FAIL,
    AirflowException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferralError,
    TaskDeferred,
    deserialize,
    serialize,
)
from support.contract import Broken, Result, expect, expect_equal
from support.mistakes import Mistake
from support.spy import spying
from support.task_instance import TaskInstance, context_for
from support.watching import is_plain_json, watch

EVENT = {
    "status": "success",
    "directory": "/data/one",
    "filename": "a.csv",
    "path": "/data/one/a.csv",
    "size": 5,
    "modified": "2026-01-31T12:00:00+00:00",
    "files": ["/data/one/a.csv"],
    "total_files": 1,
    "errors": {},
}
ERROR = {
    "status": "error",
    "error_type": "directory_access",
    "message": "the disk is gone",
    "errors": {"/data/one": "EIO"},
}
LOOKED = "2026-01-31 12:00:00"


@pytest.fixture
def sensor(submission, clients):
    """A sensor over all clients; arguments may be given otherwise. Each call builds another, as each process does."""

    def build(**arguments: Any) -> BaseSensorOperator:
        arguments = {"directories": clients.directories, "poke_interval": 10, "timeout": 300, **arguments}
        return submission.MultiDirectorySensorAsync(task_id="monitor_client_uploads", **arguments)

    return build


def execute(sensor: BaseSensorOperator, **ti: Any) -> Any:
    """Execute as a worker does; return the result, or the TaskDeferred that was raised."""
    try:
        return sensor.execute(context_for(TaskInstance("monitor_client_uploads", **ti)))
    except TaskDeferred as deferred:
        return deferred


def execute_in_worker(sensor: BaseSensorOperator) -> Any:
    """Execute a sensor that was told not to defer; Broken if it does."""
    result = execute(sensor)
    if isinstance(result, TaskDeferred):
        raise Broken("execute(context), deferrable=False", "it deferred", Mistake.DEFERS_THOUGH_IT_MUST_NOT)
    return result


def deferred_by(sensor: BaseSensorOperator) -> TaskDeferred:
    """Execute and return how it deferred; Broken if it did not."""
    deferred = execute(sensor)
    if not isinstance(deferred, TaskDeferred):
        raise Broken(
            "execute(context), nothing is there yet",
            f"it did not defer but returned {deferred!r}",
            Mistake.DOES_NOT_DEFER,
        )
    return deferred


def resume(sensor: BaseSensorOperator, deferred: TaskDeferred, event: Any) -> Any:
    """Go on as a worker does when the trigger has fired: another operator, and what was sent over the wire."""
    kwargs = deserialize(serialize({**(deferred.kwargs or {}), "event": event}))
    return sensor.resume_execution(deferred.method_name, kwargs, context_for(TaskInstance("monitor_client_uploads")))


def arguments_of(deferred: TaskDeferred) -> Result:
    """Return the arguments of the trigger that a sensor has deferred to."""
    return triggers.arguments_of(deferred.trigger, "MultiDirectoryTrigger")


def expect_airflow_exception(error: BaseException | None, called: str, mistake: Mistake) -> None:
    """
    Raise Broken unless it is an AirflowException.

    :param mistake: the name of the mistake if it is no exception at all.
    """
    if error is None:
        raise Broken(called, "no exception", mistake)
    if not isinstance(error, AirflowException):
        raise Broken(called, repr(error), Mistake.RAISES_SOMETHING_ELSE_THAN_AIRFLOWEXCEPTION) from error


def expect_seconds(result: Result, least: float, most: float, called: str, mistake: Mistake) -> None:
    """
    Raise Broken unless ``waited_seconds`` is a float in that range.

    :param mistake: the name of the mistake if it is another number, or none.
    """
    waited = result["waited_seconds"]
    called = f'{called}: result["waited_seconds"]'
    expect(waited is None or isinstance(waited, float), called=called, got=waited, mistake=Mistake.SECONDS_ARE_NO_FLOAT)
    expect(waited is not None and least <= waited <= most, called=called, got=waited, mistake=mistake)


def raised_by(call: Any, *args: Any) -> BaseException | None:
    """Return what a call raises, or None; what is not done yet is not expected by anybody."""
    try:
        call(*args)
    except (Broken, NotImplementedError):
        raise
    except BaseException as error:
        return error
    return None


# ── Looking and deferring ──


def test_finds_what_is_there_without_deferring(sensor, clients):
    """execute looks once; what is there is the result at once, with deferred False and waited_seconds."""
    path = clients.drop(3, "a.csv")
    result = execute(sensor())
    called = "execute(context), a file is there"
    expect(
        not isinstance(result, TaskDeferred), called=called, got="it deferred", mistake=Mistake.DEFERS_WITHOUT_LOOKING
    )
    result = Result(called, result)
    due = {"status": "success", "path": path, "files": [path], "total_files": 1}
    expect_equal({key: result[key] for key in due}, due, called=called)
    expect_equal(
        result["deferred"],
        False,
        called=f'{called}: result["deferred"]',
        mistake=Mistake.DEFERRED_SAYS_WHAT_WAS_SET_NOT_WHAT_HAPPENED,
    )
    expect_seconds(result, 0, 60, called, Mistake.WAIT_MEASURED_WRONGLY)


def test_defers_to_its_own_trigger(submission, sensor, clients):
    """If nothing is there, the task defers to a MultiDirectoryTrigger over its directories and pattern."""
    deferred = deferred_by(sensor(file_pattern="*.json"))
    called = "execute(context), nothing is there yet"
    expect(
        isinstance(deferred.trigger, submission.MultiDirectoryTrigger),
        called=called,
        got=type(deferred.trigger),
        mistake=Mistake.DEFERS_TO_ANOTHER_TRIGGER,
    )
    kwargs = arguments_of(deferred)
    given = [kwargs["directories"], kwargs["file_pattern"]]
    due = [clients.directories, "*.json"]
    expect_equal(
        given, due, called=f"{called}: the trigger's arguments", mistake=Mistake.TRIGGER_IS_TOLD_SOMETHING_ELSE
    )


@pytest.mark.parametrize("interval", [17, timedelta(seconds=17)], ids=["seconds", "timedelta"])
def test_the_poke_interval_becomes_the_check_interval(sensor, interval):
    """The trigger looks every poke_interval seconds."""
    kwargs = arguments_of(deferred_by(sensor(poke_interval=interval)))
    called = "the trigger's check_interval; poke_interval is 17"
    expect(kwargs["check_interval"] == 17, called=called, got=kwargs, mistake=Mistake.POKE_INTERVAL_NOT_PASSED_ON)


@pytest.mark.parametrize("timeout", [45, timedelta(seconds=45)], ids=["seconds", "timedelta"])
def test_gives_up_after_its_own_timeout(sensor, timeout):
    """The deferral ends after the sensor's own timeout; Airflow does not apply it by itself."""
    given = deferred_by(sensor(timeout=timeout)).timeout
    called = "defer(timeout=...); the sensor's timeout is 45 seconds"
    expect(given is not None, called=called, got="no timeout: it would wait for ever", mistake=Mistake.NO_TIMEOUT)
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    expect(seconds == 45, called=called, got=given, mistake=Mistake.WRONG_TIMEOUT)


def test_goes_on_in_a_method_that_airflow_can_call(sensor):
    """It goes on in execute_complete, which takes context, event, and what execute has handed over."""
    deferred = deferred_by(sensor())
    expect_equal(
        deferred.method_name,
        "execute_complete",
        called="defer(method_name=...)",
        mistake=Mistake.DOES_NOT_GO_ON_IN_EXECUTE_COMPLETE,
    )
    method = getattr(sensor(), deferred.method_name)
    kwargs = {**(deferred.kwargs or {}), "event": EVENT}
    try:
        inspect.signature(method).bind({}, **kwargs)
    except TypeError as error:
        called = f"execute_complete(context, {', '.join(kwargs)})"
        mistake = Mistake.EXECUTE_COMPLETE_CANNOT_TAKE_WHAT_IS_SENT
        if not is_plain_json(deferred.kwargs):
            mistake = Mistake.DEFER_KWARGS_IS_NOT_PLAIN_JSON
        raise Broken(called, str(error), mistake) from None


def test_hands_over_only_what_can_travel(sensor):
    """What defer(kwargs=...) hands over is plain JSON."""
    kwargs = deferred_by(sensor()).kwargs or {}
    expect(
        is_plain_json(kwargs), called="defer(kwargs=...)", got=kwargs, mistake=Mistake.DEFER_KWARGS_IS_NOT_PLAIN_JSON
    )


def test_its_trigger_finds_the_file(sensor, clients):
    """The trigger that the sensor defers to, run by a triggerer, finds what the sensor waits for."""
    deferred = deferred_by(sensor(file_pattern="*.json"))
    watched = watch(deferred.trigger, seconds=60, root=clients.root, at={12: lambda: clients.drop(4, "a.json")})
    called = "execute, the trigger's run(), execute_complete"
    result = Result(called, resume(sensor(file_pattern="*.json"), deferred, watched.found))
    expect_equal(result["path"], clients.path(4, "a.json"), called=called)


def test_refuses_when_no_directory_can_be_read(sensor, clients):
    """AirflowException if not one of the directories can ever be read, as the trigger would report."""
    blocked = clients.drop(1, "a_file")
    error = raised_by(execute, sensor(directories=[blocked]))
    called = "execute(context), the only directory is a file"
    expect_airflow_exception(error, called, Mistake.GOES_ON_THOUGH_NO_DIRECTORY_CAN_BE_READ)


def test_waits_on_while_a_directory_may_still_be_read(sensor, clients):
    """AirflowException only if not one of the directories can ever be read: a missing one may still be made."""
    blocked = clients.drop(1, "a_file")
    directories = [blocked, f"{clients.root}/missing"]
    called = "execute(context), one directory is a file, the other is missing"
    for deferrable in (True, False):
        built = sensor(directories=directories, deferrable=deferrable, mode="reschedule")
        error = raised_by(built.execute, context_for(TaskInstance("monitor_client_uploads")))
        waits = isinstance(error, TaskDeferred if deferrable else AirflowRescheduleException)
        mistake = Mistake.MISSING_DIRECTORY_NOT_WAITED_FOR
        if error is None:
            mistake = Mistake.ENDED_WHILE_IT_SHOULD_WAIT
        elif isinstance(error, (TaskDeferred, AirflowRescheduleException)):
            mistake = None if deferrable else Mistake.DEFERS_THOUGH_IT_MUST_NOT
        elif blocked in str(error) and directories[1] not in str(error):
            mistake = Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAIT
        expect(waits, called=f"{called}, deferrable={deferrable}", got=repr(error), mistake=mistake)


# ── Resuming ──


def test_returns_the_payload_of_a_success(sensor):
    """A success event is the result: the trigger's payload, deferred True, and waited_seconds."""
    with freeze_time(LOOKED, real_asyncio=True) as clock:
        deferred = deferred_by(sensor())
        clock.tick(90)
        again = sensor()
        try:
            result = resume(again, deferred, EVENT)
        except AttributeError as error:
            if getattr(error, "obj", None) is not again:
                raise
            called = "execute_complete(context, event), in another process than execute"
            raise Broken(called, repr(error), Mistake.STATE_ON_SELF_IS_LOST) from error
    called = "execute_complete(context, event), 90 seconds after execute"
    result = Result(called, result)
    expect_equal({key: result[key] for key in EVENT}, EVENT, called=called)
    expect_equal(
        result["deferred"],
        True,
        called=f'{called}: result["deferred"]',
        mistake=Mistake.DEFERRED_SAYS_WHAT_WAS_SET_NOT_WHAT_HAPPENED,
    )
    lost = result["waited_seconds"] is None
    expect_seconds(result, 89.9, 90.1, called, Mistake.STATE_ON_SELF_IS_LOST if lost else Mistake.WAIT_MEASURED_WRONGLY)


def test_does_not_know_the_wait_if_nobody_says(sensor):
    """Called with nothing but context and event, waited_seconds is None: dag.test() drops what defer handed over."""
    complete, called = sensor().execute_complete, "execute_complete(context, event)"
    try:
        inspect.signature(complete).bind({}, EVENT)
    except TypeError as error:
        raise Broken(called, str(error), Mistake.EXECUTE_COMPLETE_CANNOT_TAKE_WHAT_IS_SENT) from None
    result = Result(called, complete(context_for(TaskInstance("monitor_client_uploads")), EVENT))
    expect_equal(result["waited_seconds"], None, called=f'{called}["waited_seconds"]', mistake=Mistake.INVENTED_FIGURE)
    expect_equal(result["path"], EVENT["path"], called=f'{called}["path"]')


@pytest.mark.parametrize(
    "event",
    [ERROR, {"status": "error", "message": "the disk is gone"}],
    ids=["error event", "error event without its other keys"],
)
def test_raises_for_an_error_event(sensor, event):
    """AirflowException for an error event; its message is in the exception's text."""
    error = raised_by(resume, sensor(), deferred_by(sensor()), event)
    called = f"execute_complete(context, {event})"
    expect_airflow_exception(error, called, Mistake.ERROR_EVENT_TAKEN_FOR_A_SUCCESS)
    expect(
        "the disk is gone" in str(error),
        called=called,
        got=f"{error!r}, without the event's message",
        mistake=Mistake.ERROR_RAISED_WITHOUT_THE_EVENTS_MESSAGE,
    )


@pytest.mark.parametrize(
    "event",
    [{**EVENT, "status": "paused"}, {"path": "/data/one/a.csv"}, {}, None],
    ids=["unknown", "no status", "empty", "None"],
)
def test_raises_for_any_other_event(sensor, event):
    """AirflowException for any other status, and for an event that is empty or missing."""
    error = raised_by(resume, sensor(), deferred_by(sensor()), event)
    called = f"execute_complete(context, {event})"
    if isinstance(error, (AttributeError, KeyError, TypeError)):
        raise Broken(called, repr(error), Mistake.EVENT_NOT_LOOKED_AT_BEFORE_IT_IS_USED) from error
    expect_airflow_exception(error, called, Mistake.UNKNOWN_EVENT_TAKEN_FOR_A_SUCCESS)


def test_all_ways_end_with_the_same_result(sensor, clients):
    """All ways of waiting end with the same result."""
    deferred = deferred_by(sensor())
    clients.drop(2, "a.csv")
    payload = dict(watch(deferred.trigger, seconds=30, root=clients.root).found)
    results = {
        "deferred": resume(sensor(), deferred, payload),
        "found at once": execute(sensor()),
        "poked": execute(sensor(deferrable=False)),
        "poked in reschedule mode": execute(sensor(deferrable=False, mode="reschedule")),
    }
    for way, result in results.items():
        called = f"the result when {way}"
        kept = way == "deferred" or not isinstance(result, TaskDeferred)
        mistake = Mistake.DEFERS_WITHOUT_LOOKING if way == "found at once" else Mistake.DEFERS_THOUGH_IT_MUST_NOT
        expect(kept, called=called, got="it deferred", mistake=mistake)
        result = Result(called, result, Mistake.NOT_EVERY_WAY_ENDS_WITH_THE_SAME_RESULT)
        expect(is_plain_json(result), called=called, got=result, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
        same = {key: result[key] for key in payload}
        expect_equal(same, payload, called=called, mistake=Mistake.NOT_EVERY_WAY_ENDS_WITH_THE_SAME_RESULT)
        expect_equal(
            result["deferred"],
            way == "deferred",
            called=f'{called}: "deferred"',
            mistake=Mistake.DEFERRED_SAYS_WHAT_WAS_SET_NOT_WHAT_HAPPENED,
        )
        expect_seconds(result, float("-inf"), float("inf"), called, Mistake.NOT_EVERY_WAY_ENDS_WITH_THE_SAME_RESULT)


def test_all_ways_agree_on_what_counts(sensor, clients):
    """All ways of waiting end with the same result: the payload that MultiDirectoryTrigger yields for a file."""
    deferred = deferred_by(sensor(directories=[clients[5], clients[2], clients[5], f"{clients.root}/missing"]))
    os.mkdir(clients.path(5, "folder.csv"))
    os.symlink("circle.csv", clients.path(5, "circle.csv"))
    clients.drop(5, ".hidden.csv")
    for number, name in [(2, "a.csv"), (5, "z.csv"), (5, "c.csv"), *((2, f"{number:03}.csv") for number in range(110))]:
        clients.drop(number, name)
    payload = dict(watch(deferred.trigger, seconds=30, root=clients.root).found)
    arguments = {"directories": arguments_of(deferred)["directories"]}
    for way, deferrable in (("found at once", True), ("poked", False)):
        result = execute(sensor(**arguments, deferrable=deferrable))
        called = f"the result when {way}"
        mistake = Mistake.DEFERS_WITHOUT_LOOKING if deferrable else Mistake.DEFERS_THOUGH_IT_MUST_NOT
        expect(not isinstance(result, TaskDeferred), called=called, got="it deferred", mistake=mistake)
        result = Result(called, result, Mistake.NOT_EVERY_WAY_ENDS_WITH_THE_SAME_RESULT)
        same = {key: result[key] for key in payload}
        expect_equal(same, payload, called=called, mistake=Mistake.NOT_EVERY_WAY_ENDS_WITH_THE_SAME_RESULT)


# ── What Airflow does when it goes wrong ──


SKIPPED_AT_TIMEOUT = (AirflowSkipException, AirflowSensorTimeout) if TIMEOUT_IGNORES_SOFT_FAIL else AirflowSkipException


@pytest.mark.parametrize(
    ("soft_fail", "kind"), [(False, AirflowSensorTimeout), (True, SKIPPED_AT_TIMEOUT)], ids=["hard", "soft_fail"]
)
def test_a_timeout_fails_or_skips_it(sensor, soft_fail, kind):
    """A timeout never comes to execute_complete: Airflow fails the task, or skips it with soft_fail."""
    deferred_by(sensor(soft_fail=soft_fail))
    context = context_for(TaskInstance())
    error = raised_by(sensor(soft_fail=soft_fail).resume_execution, "__fail__", {"error": "Trigger timeout"}, context)
    expect(isinstance(error, kind), called=f"a trigger timeout, soft_fail={soft_fail}", got=repr(error))


@pytest.mark.parametrize(
    ("soft_fail", "kind"), [(False, TaskDeferralError), (True, AirflowSkipException)], ids=["hard", "soft_fail"]
)
def test_a_crashed_trigger_fails_or_skips_it(sensor, soft_fail, kind):
    """A crashed trigger never comes to execute_complete: Airflow fails the task, or skips it with soft_fail."""
    deferred_by(sensor(soft_fail=soft_fail))
    failure = {"error": "Trigger failure", "traceback": ["Traceback", "ValueError"]}
    error = raised_by(sensor(soft_fail=soft_fail).resume_execution, "__fail__", failure, context_for(TaskInstance()))
    expect(isinstance(error, kind), called=f"a trigger failure, soft_fail={soft_fail}", got=repr(error))


def test_soft_fail_skips_on_an_error_event(sensor):
    """With soft_fail an error event skips the task."""
    error = raised_by(resume, sensor(soft_fail=True), deferred_by(sensor(soft_fail=True)), ERROR)
    expect(isinstance(error, AirflowSkipException), called="execute_complete with an error event", got=repr(error))


# ── The wait in the worker ──


def test_does_not_defer_if_told_not_to(sensor, clients):
    """With deferrable=False it never defers but pokes until a file is there, in the worker."""
    waiting = sensor(deferrable=False, poke_interval=30)
    with freeze_time(LOOKED, real_asyncio=True) as clock, spying(clients.root) as spy:
        naps: list[float] = []

        def nap(seconds: float) -> None:
            naps.append(seconds)
            clock.tick(seconds)
            if len(naps) == 3:
                clients.drop(1, "a.csv")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.sleep", nap)
            result = execute(waiting)
        looks = len(spy.looks.get(clients[1], []))
    called = "execute(context), deferrable=False, the file comes after three pokes"
    expect(
        not isinstance(result, TaskDeferred),
        called=called,
        got="it deferred",
        mistake=Mistake.DEFERS_THOUGH_IT_MUST_NOT,
    )
    result = Result(called, result)
    expect_equal([len(naps), result["path"]], [3, clients.path(1, "a.csv")], called=called)
    waited = result["waited_seconds"]
    mistake = Mistake.WAIT_MEASURED_WRONGLY if looks >= 4 else None
    expect(89 <= waited <= 91 and looks >= 4, called=f'{called}: result["waited_seconds"]', got=waited, mistake=mistake)


def test_gives_its_slot_back_in_reschedule_mode(sensor, clients):
    """With deferrable=False and mode="reschedule" each look is a run of its own; the wait counts from the first."""
    waiting = {"deferrable": False, "mode": "reschedule", "poke_interval": 60}
    error = raised_by(execute_in_worker, sensor(**waiting))
    called = 'execute(context), deferrable=False, mode="reschedule"'
    expect(
        isinstance(error, AirflowRescheduleException),
        called=called,
        got=repr(error),
        mistake=Mistake.SLOT_NOT_GIVEN_BACK_IN_RESCHEDULE_MODE,
    )
    clients.drop(1, "a.csv")
    first = datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc)
    with freeze_time("2026-01-31 12:04:00", real_asyncio=True):
        result = execute(sensor(**waiting), first_reschedule=first)
    called = f"{called}, the first look was 240 seconds ago"
    waited = Result(called, result)["waited_seconds"]
    expect(
        waited is not None and 239 <= waited <= 241,
        called=called,
        got=waited,
        mistake=Mistake.WAIT_NOT_COUNTED_FROM_THE_FIRST_LOOK,
    )


def test_times_out_in_the_worker_as_sensors_always_did(sensor, clients):
    """With deferrable=False the sensor's timeout is BaseSensorOperator's."""
    with freeze_time(LOOKED, real_asyncio=True) as clock, pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", clock.tick)
        error = raised_by(execute_in_worker, sensor(deferrable=False, timeout=100, poke_interval=30))
    called = "execute(context), deferrable=False, no file"
    expect(
        isinstance(error, AirflowSensorTimeout),
        called=called,
        got=repr(error),
        mistake=Mistake.NO_TIMEOUT_IN_THE_WORKER,
    )


def test_poke_refuses_when_no_directory_can_be_read(sensor, clients):
    """poke raises AirflowException if not one of the directories can ever be read."""
    built = sensor(directories=[clients.drop(1, "a_file")], deferrable=False)
    error = raised_by(built.poke, context_for(TaskInstance("monitor_client_uploads")))
    called = "poke(context), the only directory is a file"
    expect_airflow_exception(error, called, Mistake.GOES_ON_THOUGH_NO_DIRECTORY_CAN_BE_READ)


# ── As an operator ──


def test_renders_its_templates(submission, clients):
    """directories and file_pattern are template fields."""
    directories = ["{{ params.root }}/client_1", "{{ params.root }}/client_2"]
    with DAG("templates", schedule=None):
        task = submission.MultiDirectorySensorAsync(
            task_id="wait", directories=directories, file_pattern="{{ params.kind }}_*.csv"
        )
    task.render_template_fields(context_for(TaskInstance(), params={"root": clients.root, "kind": "orders"}))
    clients.drop(1, "others_1.csv")
    called = "execute(context) with templates"
    kwargs = arguments_of(deferred_by(task))
    rendered = [kwargs["directories"], kwargs["file_pattern"]]
    expect_equal(rendered, [[clients[1], clients[2]], "orders_*.csv"], called=called, mistake=Mistake.NOT_TEMPLATED)
    path = clients.drop(2, "orders_1.csv")
    result = execute(task)
    expect(not isinstance(result, TaskDeferred), called=called, got="it deferred", mistake=Mistake.NOT_TEMPLATED)
    expect_equal(Result(called, result)["path"], path, called=called)


def test_can_be_mapped_over_clients(submission, clients):
    """The sensor can be mapped over clients with .partial(...).expand(directories=[...])."""
    with DAG("mapped", schedule=None):
        mapped = submission.MultiDirectorySensorAsync.partial(task_id="wait", poke_interval=10, timeout=60).expand(
            directories=[[clients[1]], [clients[2]]]
        )
    task = mapped.unmap({"directories": [clients[2]]})
    kwargs = arguments_of(deferred_by(task))
    expect_equal(kwargs["directories"], [clients[2]], called="the second of two mapped sensors")


def test_is_deferrable_unless_told_otherwise(submission, sensor):
    """MultiDirectorySensorAsync is a BaseSensorOperator; deferrable is True by default, file_pattern *.csv."""
    built = sensor()
    expect(isinstance(built, BaseSensorOperator), called="MultiDirectorySensorAsync(...)", got=type(built).__mro__)
    kwargs = arguments_of(deferred_by(built))
    expect_equal(kwargs["file_pattern"], "*.csv", called="the default of file_pattern")


def test_the_dag_waits_for_all_clients(submission):
    """monitor_client_uploads: deferrable, over CLIENT_DIRECTORIES for *.csv, every 30 seconds or less, for 600."""
    task = submission.task("monitor_client_uploads")
    called = 'the task "monitor_client_uploads"'
    expect_equal(type(task).__name__, "MultiDirectorySensorAsync", called=called)
    kwargs = arguments_of(deferred_by(task))
    expect_equal(
        [kwargs["directories"], kwargs["file_pattern"]], [submission.CLIENT_DIRECTORIES, "*.csv"], called=called
    )
    mistake = Mistake.LOOKS_TOO_SELDOM if kwargs["check_interval"] > 30 else None
    expect(0 < kwargs["check_interval"] <= 30, called=f"{called}: check_interval", got=kwargs, mistake=mistake)
    expect_equal(float(task.timeout), 600.0, called=f"{called}: timeout", mistake=Mistake.TIMEOUT_OF_THE_WAIT_NOT_SET)
