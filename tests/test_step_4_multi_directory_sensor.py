"""Step 4: MultiDirectorySensorAsync checks once, defers, resumes in another process, and returns its result."""

from __future__ import annotations

import inspect
import os
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

import freezegun
import pytest
from airflow.sdk import DAG, BaseSensorOperator
from freezegun import freeze_time

from .support import triggers
from .support.airflow_version import (
    TIMEOUT_IGNORES_SOFT_FAIL,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferralError,
    TaskDeferred,
    deserialize,
    serialize,
)
from .support.contract import ContractViolation, Result, expect, expect_equal, is_plain_json
from .support.environment import UTC_OFFSET
from .support.mistakes import Mistake
from .support.system_calls import recorded_calls
from .support.tasks import TaskInstance, context_for
from .support.trigger_run import watch

TASK_ID = "monitor_client_uploads"
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


@pytest.fixture
def sensor(submission, clients):
    """A sensor over all clients; arguments may be given otherwise. Each call builds another, as each process does."""

    def build(**arguments: Any) -> BaseSensorOperator:
        arguments = {"directories": clients.directories, "poke_interval": 10, "timeout": 300, **arguments}
        return submission.MultiDirectorySensorAsync(task_id=TASK_ID, **arguments)

    return build


@pytest.fixture
def wait_failed(submission):
    """Raise ContractViolation unless an exception is WaitFailed."""

    def expect_wait_failed(error: BaseException | None, called: str, mistake: Mistake) -> None:
        if error is None:
            raise ContractViolation(called, "no exception", mistake)
        if not isinstance(error, submission.WaitFailed):
            raise ContractViolation(called, repr(error), Mistake.RAISES_SOMETHING_OTHER_THAN_WAITFAILED) from error

    return expect_wait_failed


def at(time: str) -> Any:
    """Freeze the time of that day."""
    return freeze_time(f"2026-01-31 {time}", tz_offset=UTC_OFFSET, real_asyncio=True)


def another_monotonic_clock() -> Any:
    """Let time.monotonic() begin elsewhere, as it does on another machine and after a restart."""
    original = freezegun.api._get_fake_monotonic
    return mock.patch.object(freezegun.api, "_get_fake_monotonic", side_effect=lambda: original() + 1_000_000)


def execute(sensor: BaseSensorOperator, ti: TaskInstance | None = None) -> Any:
    """Execute as a worker does; return the result, or the TaskDeferred that was raised."""
    try:
        return sensor.execute(context_for(ti or TaskInstance(TASK_ID)))
    except TaskDeferred as deferred:
        return deferred


def execute_in_worker(sensor: BaseSensorOperator) -> Any:
    """Execute a sensor with deferrable=False; ContractViolation if it defers."""
    result = execute(sensor)
    if isinstance(result, TaskDeferred):
        called = "execute(context), deferrable=False"
        raise ContractViolation(called, "it deferred", Mistake.DEFERS_DESPITE_DEFERRABLE_FALSE)
    return result


def deferred_by(sensor: BaseSensorOperator, ti: TaskInstance | None = None) -> TaskDeferred:
    """Execute and return how it deferred; ContractViolation if it did not."""
    deferred = execute(sensor, ti)
    if not isinstance(deferred, TaskDeferred):
        got = f"it did not defer but returned {deferred!r}"
        raise ContractViolation("execute(context), no file exists yet", got, Mistake.DOES_NOT_DEFER)
    return deferred


def expect_method(sensor: BaseSensorOperator, deferred: TaskDeferred) -> None:
    """Raise ContractViolation unless the task defers with the name of a method that the sensor has."""
    name, called = deferred.method_name, "defer(method_name=...)"
    expect(name is not None, called=called, got=name, mistake=Mistake.NO_METHOD_NAME)
    exists, mistake = hasattr(sensor, name), Mistake.DOES_NOT_RESUME_IN_EXECUTE_COMPLETE
    expect(exists, called=called, got=f"{name!r}, which the sensor does not have", mistake=mistake)


def resume(sensor: BaseSensorOperator, deferred: TaskDeferred, event: Any, ti: TaskInstance | None = None) -> Any:
    """Resume as a worker does when the trigger has fired: another operator, and what was sent between processes."""
    called = "execute_complete(context, event), in another process than execute"
    expect_method(sensor, deferred)
    try:
        kwargs = deserialize(serialize({**(deferred.kwargs or {}), "event": event}))
    except Exception as error:
        raise ContractViolation("defer(kwargs=...)", repr(error), Mistake.DEFER_KWARGS_IS_NOT_PLAIN_JSON) from None
    try:
        return sensor.resume_execution(deferred.method_name, kwargs, context_for(ti or TaskInstance(TASK_ID)))
    except TaskDeferred as again:
        raise ContractViolation(called, f"it deferred again, to {again.trigger!r}", Mistake.DEFERS_AGAIN) from None
    except AttributeError as error:
        if getattr(error, "obj", None) is not sensor:
            raise
        raise ContractViolation(called, repr(error), Mistake.STATE_ON_SELF_IS_LOST) from error


def arguments_of(deferred: TaskDeferred) -> Result:
    """Return the arguments of the trigger that a sensor has deferred with."""
    return triggers.arguments_of(deferred.trigger, "MultiDirectoryTrigger")


def expect_seconds(result: Result, least: float, most: float, called: str, mistake: Mistake) -> None:
    """
    Raise ContractViolation unless ``waited_seconds`` is a float in that range.

    :param mistake: the mistake if it is another number, or None.
    """
    waited = result["waited_seconds"]
    called = f'{called}: result["waited_seconds"]'
    is_float = waited is None or isinstance(waited, float)
    expect(is_float, called=called, got=waited, mistake=Mistake.SECONDS_ARE_NOT_A_FLOAT)
    expect(waited is not None and least <= waited <= most, called=called, got=waited, mistake=mistake)


def raised_by(call: Any, *args: Any) -> BaseException | None:
    """Return what a call raises, or None; no check expects that something is not done yet."""
    try:
        call(*args)
    except (ContractViolation, NotImplementedError):
        raise
    except BaseException as error:
        return error
    return None


# ── Check once, then defer ──


def test_finds_an_existing_file_without_deferring(sensor, clients):
    """Check once: if a matching file exists, the result comes at once, with deferred False and waited_seconds."""
    path = clients.drop(3, "a.csv")
    result = execute(sensor())
    called = "execute(context), a file exists"
    is_result = not isinstance(result, TaskDeferred)
    expect(is_result, called=called, got="it deferred", mistake=Mistake.DEFERS_WITHOUT_CHECKING)
    result = Result(called, result)
    due = {"status": "success", "path": path, "files": [path], "total_files": 1}
    expect_equal({key: result[key] for key in due}, due, called=called)
    mistake = Mistake.DEFERRED_DOES_NOT_SAY_WHAT_HAPPENED
    expect_equal(result["deferred"], False, called=f'{called}: result["deferred"]', mistake=mistake)
    expect_seconds(result, 0, 60, called, Mistake.WAITING_TIME_MEASURED_WRONGLY)


def test_defers_with_its_own_trigger(submission, sensor, clients):
    """If there is no matching file, defer with a MultiDirectoryTrigger for its directories and pattern."""
    deferred = deferred_by(sensor(file_pattern="*.json"))
    called = "execute(context), no file exists yet"
    is_ours = isinstance(deferred.trigger, submission.MultiDirectoryTrigger)
    expect(is_ours, called=called, got=type(deferred.trigger), mistake=Mistake.DEFERS_TO_ANOTHER_TRIGGER)
    kwargs = arguments_of(deferred)
    given, due = [list(kwargs["directories"]), kwargs["file_pattern"]], [clients.directories, "*.json"]
    called = f"{called}: directories and file_pattern of the trigger"
    expect_equal(given, due, called=called, mistake=Mistake.TRIGGER_GETS_WRONG_ARGUMENTS)


@pytest.mark.parametrize("interval", [17, timedelta(seconds=17)], ids=["seconds", "timedelta"])
def test_the_trigger_checks_every_poke_interval(sensor, interval):
    """The trigger checks every poke_interval seconds."""
    kwargs = arguments_of(deferred_by(sensor(poke_interval=interval)))
    called = "the trigger's check_interval; poke_interval is 17"
    is_passed = kwargs["check_interval"] == 17
    expect(is_passed, called=called, got=kwargs, mistake=Mistake.POKE_INTERVAL_NOT_PASSED_ON)


@pytest.mark.parametrize("timeout", [45, timedelta(seconds=45)], ids=["seconds", "timedelta"])
def test_passes_its_timeout_to_defer(sensor, timeout):
    """Pass the sensor's timeout to defer: Airflow does not do it."""
    given = deferred_by(sensor(timeout=timeout)).timeout
    called = "defer(timeout=...); the sensor's timeout is 45 seconds"
    expect(given is not None, called=called, got="no timeout: it would wait forever", mistake=Mistake.NO_TIMEOUT)
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    expect(seconds == 45, called=called, got=given, mistake=Mistake.WRONG_TIMEOUT)


def test_resumes_in_a_method_that_airflow_can_call(sensor):
    """Resume in execute_complete, which takes context, event, and what execute has passed."""
    deferred = deferred_by(sensor())
    expect_method(sensor(), deferred)
    name, mistake = deferred.method_name, Mistake.DOES_NOT_RESUME_IN_EXECUTE_COMPLETE
    expect_equal(name, "execute_complete", called="defer(method_name=...)", mistake=mistake)
    kwargs = {**(deferred.kwargs or {}), "event": EVENT}
    try:
        inspect.signature(getattr(sensor(), name)).bind({}, **kwargs)
    except TypeError as error:
        mistake = Mistake.EXECUTE_COMPLETE_DOES_NOT_ACCEPT_THE_ARGUMENTS
        if not is_plain_json(deferred.kwargs):
            mistake = Mistake.DEFER_KWARGS_IS_NOT_PLAIN_JSON
        called = f"execute_complete(context, {', '.join(kwargs)})"
        raise ContractViolation(called, str(error), mistake) from None


def test_passes_only_plain_json(sensor):
    """What defer(kwargs=...) passes must survive json.loads(json.dumps(value))."""
    kwargs = deferred_by(sensor()).kwargs or {}
    mistake = Mistake.DEFER_KWARGS_IS_NOT_PLAIN_JSON
    expect(is_plain_json(kwargs), called="defer(kwargs=...)", got=kwargs, mistake=mistake)


def test_its_trigger_finds_the_file(sensor, clients):
    """The trigger that the sensor defers with, run by a triggerer, finds the file."""
    deferred = deferred_by(sensor(file_pattern="*.json"))
    watched = watch(deferred.trigger, seconds=60, root=clients.root, at={12: lambda: clients.drop(4, "a.json")})
    called = "execute, the trigger's run(), execute_complete"
    result = Result(called, resume(sensor(file_pattern="*.json"), deferred, dict(watched.found)))
    expect_equal(result["path"], clients.path(4, "a.json"), called=f"{called}: path")


# ── Resume ──


def test_returns_the_payload_of_a_success_event(sensor):
    """The result is the success payload plus deferred, True, and waited_seconds from the first check on."""
    ti = TaskInstance(TASK_ID)
    with at("12:00:00") as clock:
        deferred = deferred_by(sensor(), ti)
        clock.tick(90)
        with another_monotonic_clock():
            result = resume(sensor(), deferred, EVENT, ti)
    called = "execute_complete(context, event), 90 seconds after execute"
    result = Result(called, result)
    expect_equal({key: result[key] for key in EVENT}, EVENT, called=called)
    mistake = Mistake.DEFERRED_DOES_NOT_SAY_WHAT_HAPPENED
    expect_equal(result["deferred"], True, called=f'{called}: result["deferred"]', mistake=mistake)
    is_lost = result["waited_seconds"] is None
    mistake = Mistake.STATE_ON_SELF_IS_LOST if is_lost else Mistake.WAITING_TIME_MEASURED_WRONGLY
    expect_seconds(result, 89.9, 90.1, called, mistake)


def test_waited_seconds_is_none_if_the_first_check_is_unknown(sensor):
    """waited_seconds is None if the time of the first check is unknown: started_at may be missing."""
    complete, called = sensor().execute_complete, "execute_complete(context, event)"
    try:
        inspect.signature(complete).bind({}, EVENT)
    except TypeError as error:
        raise ContractViolation(called, str(error), Mistake.EXECUTE_COMPLETE_DOES_NOT_ACCEPT_THE_ARGUMENTS) from None
    result = Result(called, complete(context_for(TaskInstance(TASK_ID)), EVENT))
    waited, called = result["waited_seconds"], f'{called}: result["waited_seconds"]'
    expect_equal(waited, None, called=called, mistake=Mistake.INVENTED_FIGURE)
    expect_equal(result["path"], EVENT["path"], called=f"{called}: path")


@pytest.mark.parametrize(
    "event",
    [ERROR, {"status": "error", "message": "the disk is gone"}],
    ids=["error event", "error event without its other keys"],
)
def test_raises_for_an_error_event(sensor, wait_failed, event):
    """WaitFailed if the status of the event is not success."""
    error = raised_by(resume, sensor(), deferred_by(sensor()), event)
    called = f"execute_complete(context, {event})"
    wait_failed(error, called, Mistake.ERROR_EVENT_ACCEPTED_AS_A_SUCCESS)
    is_told = "the disk is gone" in str(error)
    got, mistake = f"{error!r}, without the event's message", Mistake.ERROR_RAISED_WITHOUT_THE_EVENTS_MESSAGE
    expect(is_told, called=called, got=got, mistake=mistake)


@pytest.mark.parametrize(
    "event",
    [{**EVENT, "status": "paused"}, {"path": "/data/one/a.csv"}, {}, None],
    ids=["unknown", "no status", "empty", "None"],
)
def test_raises_for_any_other_event(sensor, wait_failed, event):
    """WaitFailed if the event is missing or empty, or its status is not success."""
    error = raised_by(resume, sensor(), deferred_by(sensor()), event)
    called = f"execute_complete(context, {event})"
    if isinstance(error, (AttributeError, KeyError, TypeError)):
        raise ContractViolation(called, repr(error), Mistake.EVENT_NOT_VALIDATED) from error
    wait_failed(error, called, Mistake.UNKNOWN_EVENT_ACCEPTED_AS_A_SUCCESS)


# ── Directories that are missing or cannot be read ──


def test_raises_if_all_directories_are_excluded(sensor, clients, wait_failed):
    """WaitFailed if all directories are excluded."""
    error = raised_by(execute, sensor(directories=[clients.drop(1, "a_file")]))
    called = "execute(context), the only directory is a file"
    wait_failed(error, called, Mistake.DOES_NOT_FAIL_ALTHOUGH_ALL_DIRECTORIES_ARE_EXCLUDED)


def test_waits_while_a_directory_may_still_be_created(sensor, clients):
    """WaitFailed only if all directories are excluded: a missing one may be created later."""
    blocked = clients.drop(1, "a_file")
    directories = [blocked, f"{clients.root}/missing"]
    called = "execute(context), one directory is a file, the other is missing"
    for deferrable in (True, False):
        built = sensor(directories=directories, deferrable=deferrable, mode="reschedule")
        error = raised_by(built.execute, context_for(TaskInstance(TASK_ID)))
        waits = isinstance(error, TaskDeferred if deferrable else AirflowRescheduleException)
        mistake = Mistake.MISSING_DIRECTORY_NOT_WATCHED
        if error is None:
            mistake = Mistake.ENDED_INSTEAD_OF_WAITING
        elif isinstance(error, (TaskDeferred, AirflowRescheduleException)):
            mistake = Mistake.WAITS_IN_THE_WORKER if deferrable else Mistake.DEFERS_DESPITE_DEFERRABLE_FALSE
        elif blocked in str(error) and directories[1] not in str(error):
            mistake = Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAITING
        expect(waits, called=f"{called}, deferrable={deferrable}", got=repr(error), mistake=mistake)


# ── Wait in the worker ──


def test_waits_in_the_worker_if_not_deferrable(sensor, clients):
    """With deferrable=False, BaseSensorOperator.execute waits; it calls poke until a file exists."""
    waiting = sensor(deferrable=False, poke_interval=30)
    with at("12:00:00") as clock, recorded_calls(clients.root) as calls:
        naps: list[float] = []

        def nap(seconds: float) -> None:
            naps.append(seconds)
            clock.tick(seconds)
            if len(naps) == 3:
                clients.drop(1, "a.csv")

        with mock.patch("time.sleep", nap):
            result = execute_in_worker(waiting)
        checks = len(calls.listings.get(clients[1], []))
    called = "execute(context), deferrable=False, the file comes after three pokes"
    result = Result(called, result)
    found, due = [len(naps), result["path"]], [3, clients.path(1, "a.csv")]
    expect_equal(found, due, called=f"{called}: pokes before it, and path")
    waited, called = result["waited_seconds"], f'{called}: result["waited_seconds"]'
    mistake = Mistake.WAITING_TIME_MEASURED_WRONGLY if checks >= 4 else None
    is_right = waited is not None and 89 <= waited <= 91 and checks >= 4
    expect(is_right, called=called, got=waited, mistake=mistake)


def test_frees_its_slot_in_reschedule_mode(sensor, clients):
    """With deferrable=False and mode="reschedule", each check is a start of its own; waited_seconds may be None."""
    waiting = {"deferrable": False, "mode": "reschedule", "poke_interval": 60}
    error = raised_by(execute_in_worker, sensor(**waiting))
    called, mistake = 'execute(context), mode="reschedule"', Mistake.SLOT_NOT_RELEASED_IN_RESCHEDULE_MODE
    expect(isinstance(error, AirflowRescheduleException), called=called, got=repr(error), mistake=mistake)
    clients.drop(1, "a.csv")
    first = datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc)
    with at("12:04:00"):
        result = execute(sensor(**waiting), TaskInstance(TASK_ID, first_reschedule=first))
    called = f'{called}, the first check was 240 seconds ago: result["waited_seconds"]'
    waited, mistake = Result(called, result)["waited_seconds"], Mistake.WAITING_TIME_NOT_FROM_THE_FIRST_CHECK
    expect(waited is None or 239 <= waited <= 241, called=called, got=waited, mistake=mistake)


def test_times_out_in_the_worker(sensor, clients):
    """With deferrable=False, the timeout is that of BaseSensorOperator."""
    with at("12:00:00") as clock, mock.patch("time.sleep", clock.tick):
        error = raised_by(execute_in_worker, sensor(deferrable=False, timeout=100, poke_interval=30))
    called, mistake = "execute(context), deferrable=False, no file", Mistake.NO_TIMEOUT_IN_THE_WORKER
    expect(isinstance(error, AirflowSensorTimeout), called=called, got=repr(error), mistake=mistake)


def test_poke_raises_if_all_directories_are_excluded(sensor, clients, wait_failed):
    """poke: WaitFailed if all directories are excluded."""
    built = sensor(directories=[clients.drop(1, "a_file")], deferrable=False)
    error = raised_by(built.poke, context_for(TaskInstance(TASK_ID)))
    called = "poke(context), the only directory is a file"
    wait_failed(error, called, Mistake.DOES_NOT_FAIL_ALTHOUGH_ALL_DIRECTORIES_ARE_EXCLUDED)


def test_every_mode_has_the_same_result(sensor, clients):
    """In every mode, the result is the success payload plus deferred and waited_seconds, all of it plain JSON."""
    ti = TaskInstance(TASK_ID)
    deferred = deferred_by(sensor(), ti)
    clients.drop(2, "a.csv")
    payload = dict(watch(deferred.trigger, seconds=30, root=clients.root).found)
    known = {key: value for key, value in payload.items() if key in EVENT}  # others are the learner's own
    results = {
        "deferred": resume(sensor(), deferred, payload, ti),
        "found at once": execute(sensor()),
        "poked": execute(sensor(deferrable=False)),
        "poked in reschedule mode": execute(sensor(deferrable=False, mode="reschedule")),
    }
    for way, result in results.items():
        called = f"the result when {way}"
        other = Mistake.RESULT_DEPENDS_ON_THE_MODE
        is_result = way == "deferred" or not isinstance(result, TaskDeferred)
        mistake = Mistake.DEFERS_WITHOUT_CHECKING if way == "found at once" else Mistake.DEFERS_DESPITE_DEFERRABLE_FALSE
        expect(is_result, called=called, got="it deferred", mistake=mistake)
        result = Result(called, result, other)
        expect(is_plain_json(result), called=called, got=result, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
        expect_equal({key: result[key] for key in known}, known, called=called, mistake=other)
        mistake = Mistake.DEFERRED_DOES_NOT_SAY_WHAT_HAPPENED
        expect_equal(result["deferred"], way == "deferred", called=f'{called}: "deferred"', mistake=mistake)
        if way != "poked in reschedule mode" or result["waited_seconds"] is not None:
            expect_seconds(result, float("-inf"), float("inf"), called, other)


def test_every_mode_finds_the_same_files(sensor, clients):
    """In every mode, the result is the success payload of MultiDirectoryTrigger."""
    deferred = deferred_by(sensor(directories=[clients[5], clients[2], clients[5], f"{clients.root}/missing"]))
    os.mkdir(clients.path(5, "folder.csv"))
    os.symlink("circle.csv", clients.path(5, "circle.csv"))
    clients.drop(5, ".hidden.csv")
    for number, name in [(2, "a.csv"), (5, "z.csv"), (5, "c.csv"), *((2, f"{number:03}.csv") for number in range(110))]:
        clients.drop(number, name)
    payload = watch(deferred.trigger, seconds=30, root=clients.root).found
    known = {key: value for key, value in payload.items() if key in EVENT}
    arguments = {"directories": list(arguments_of(deferred)["directories"])}
    for way, deferrable in (("found at once", True), ("poked", False)):
        result = execute(sensor(**arguments, deferrable=deferrable))
        called, other = f"the result when {way}", Mistake.RESULT_DEPENDS_ON_THE_MODE
        mistake = Mistake.DEFERS_WITHOUT_CHECKING if deferrable else Mistake.DEFERS_DESPITE_DEFERRABLE_FALSE
        expect(not isinstance(result, TaskDeferred), called=called, got="it deferred", mistake=mistake)
        result = Result(called, result, other)
        expect_equal({key: result[key] for key in known}, known, called=called, mistake=other)


# ── As an operator of Airflow ──


def test_its_defaults(sensor):
    """MultiDirectorySensorAsync is a BaseSensorOperator; deferrable is True by default, file_pattern *.csv."""
    built = sensor()
    expect(isinstance(built, BaseSensorOperator), called="MultiDirectorySensorAsync(...)", got=type(built).__mro__)
    kwargs = arguments_of(deferred_by(built))
    expect_equal(kwargs["file_pattern"], "*.csv", called="the default of file_pattern")


def test_renders_its_template_fields(submission, clients):
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
    rendered = [list(kwargs["directories"]), kwargs["file_pattern"]]
    expect_equal(rendered, [[clients[1], clients[2]], "orders_*.csv"], called=called, mistake=Mistake.NOT_TEMPLATED)
    path = clients.drop(2, "orders_1.csv")
    result = execute(task)
    expect(not isinstance(result, TaskDeferred), called=called, got="it deferred", mistake=Mistake.NOT_TEMPLATED)
    expect_equal(Result(called, result)["path"], path, called=f"{called}: path")


def test_supports_dynamic_task_mapping(submission, clients):
    """The sensor supports dynamic task mapping: .partial(...).expand(directories=[...])."""
    with DAG("mapped", schedule=None):
        mapped = submission.MultiDirectorySensorAsync.partial(task_id="wait", poke_interval=10, timeout=60).expand(
            directories=[[clients[1]], [clients[2]]]
        )
    task = mapped.unmap({"directories": [clients[2]]})
    kwargs = arguments_of(deferred_by(task))
    expect_equal(list(kwargs["directories"]), [clients[2]], called="the second of two mapped sensors: directories")


SKIPPED_AT_TIMEOUT = (AirflowSkipException, AirflowSensorTimeout) if TIMEOUT_IGNORES_SOFT_FAIL else AirflowSkipException


@pytest.mark.parametrize(
    ("soft_fail", "kind"), [(False, AirflowSensorTimeout), (True, SKIPPED_AT_TIMEOUT)], ids=["hard", "soft_fail"]
)
def test_a_timeout_fails_or_skips_it(sensor, soft_fail, kind):
    """After a timeout, Airflow fails the task instead, or skips it with soft_fail."""
    deferred_by(sensor(soft_fail=soft_fail))
    context = context_for(TaskInstance())
    error = raised_by(sensor(soft_fail=soft_fail).resume_execution, "__fail__", {"error": "Trigger timeout"}, context)
    expect(isinstance(error, kind), called=f"a trigger timeout, soft_fail={soft_fail}", got=repr(error))


@pytest.mark.parametrize(
    ("soft_fail", "kind"), [(False, TaskDeferralError), (True, AirflowSkipException)], ids=["hard", "soft_fail"]
)
def test_a_trigger_crash_fails_or_skips_it(sensor, soft_fail, kind):
    """After a trigger crash, Airflow fails the task instead, or skips it with soft_fail."""
    deferred_by(sensor(soft_fail=soft_fail))
    failure = {"error": "Trigger failure", "traceback": ["Traceback", "ValueError"]}
    error = raised_by(sensor(soft_fail=soft_fail).resume_execution, "__fail__", failure, context_for(TaskInstance()))
    expect(isinstance(error, kind), called=f"a trigger crash, soft_fail={soft_fail}", got=repr(error))


def test_soft_fail_skips_on_an_error_event(sensor):
    """kwargs are passed to BaseSensorOperator: with soft_fail, an error event skips the task."""
    error = raised_by(resume, sensor(soft_fail=True), deferred_by(sensor(soft_fail=True)), ERROR)
    expect(isinstance(error, AirflowSkipException), called="execute_complete with an error event", got=repr(error))


def test_the_dag_waits_for_all_clients(submission):
    """monitor_client_uploads: *.csv in CLIENT_DIRECTORIES, every 30 seconds or more often, times out after 600."""
    task = submission.task(TASK_ID)
    called = f'the task "{TASK_ID}"'
    expect_equal(type(task).__name__, "MultiDirectorySensorAsync", called=called)
    kwargs = arguments_of(deferred_by(task))
    given, due = [list(kwargs["directories"]), kwargs["file_pattern"]], [submission.CLIENT_DIRECTORIES, "*.csv"]
    expect_equal(given, due, called=f"{called}: directories and file_pattern")
    mistake = Mistake.CHECKS_TOO_RARELY if kwargs["check_interval"] > 30 else None
    expect(0 < kwargs["check_interval"] <= 30, called=f"{called}: check_interval", got=kwargs, mistake=mistake)
    expect_equal(float(task.timeout), 600.0, called=f"{called}: timeout", mistake=Mistake.TIMEOUT_OF_THE_SENSOR_NOT_SET)
