"""Challenge 3: four kinds of triggers, and how they join."""

from __future__ import annotations

import os
import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseSensorOperator
from jinja2 import UndefinedError
from support import rest_api, rules, triggers
from support.airflow_version import AirflowException, AirflowSensorTimeout, TaskDeferred
from support.contract import Broken, Result, expect, expect_equal
from support.mistakes import Mistake
from support.task_instance import TaskInstance, context_for
from support.watching import is_plain_json, watch

MODULE = "trigger_implementation_exercise"
DAG_ID = "trigger_orchestration_challenge"
STATUS = "/partner/status"


def deferral(submission, task_id: str) -> TaskDeferred:
    """Execute a task of the DAG as a worker does; return how it deferred."""
    task = submission.task(task_id, DAG_ID)
    context = context_for(TaskInstance(task_id))
    try:
        task.render_template_fields(context)
    except UndefinedError as error:
        called = f"the templates of {task_id}, in a run that was started by hand"
        raise Broken(called, repr(error), Mistake.TEMPLATE_CANNOT_BE_RENDERED) from error
    try:
        result = task.execute(context)
    except TaskDeferred as deferred:
        return deferred
    raise Broken(f"execute(context) of {task_id}", f"it did not defer but returned {result!r}", Mistake.DOES_NOT_DEFER)


def expect_rebuilt(submission, elsewhere, name: str, arguments: dict[str, Any]) -> None:
    """Raise Broken unless a triggerer can build the trigger from what it serializes."""
    cls = triggers.class_loaded_by_airflow(submission, name)
    try:
        built = cls(**arguments)
        class_path, kwargs = built.serialize()
    except ImportError as error:
        called = f"{name}({triggers.written(arguments)})"
        raise Broken(called, f"{error!r}, before anybody has asked", Mistake.WORK_IN_INIT) from error
    triggers.expect_constructed(built)
    expect_equal(class_path, f"{MODULE}.{name}", called=f"{name}(...).serialize()[0]", mistake=Mistake.WRONG_CLASS_PATH)
    given = {key: kwargs.get(key) for key in arguments}
    called = f"{name}(...).serialize()[1]"
    expect_equal(given, arguments, called=called, mistake=triggers.lost_or_changed(kwargs, arguments))
    expect(is_plain_json(kwargs), called=called, got=kwargs, mistake=Mistake.TRIGGERS_ARGUMENTS_ARE_NOT_PLAIN_JSON)
    triggers.expect_rebuilt(elsewhere, class_path, kwargs)


# ── ApiTrigger ──


@pytest.fixture
def api():
    """A partner's service, which says "pending" until told otherwise."""
    with rest_api.serving() as server:
        server.bodies[STATUS] = [(200, {"status": "pending"})]
        yield server


@pytest.fixture
def asking(submission, api):
    """An ApiTrigger for the partner's service, run to its end."""

    def run(*answers: tuple[int, Any], seconds: float = 300, **arguments: Any):
        api.bodies[STATUS] = list(answers)
        trigger = submission.ApiTrigger(**{"url": api.url + STATUS, "check_interval": 30, **arguments})
        return watch(trigger, seconds=seconds, root="/nowhere")

    return run


def test_api_trigger_travels_to_the_triggerer(submission, elsewhere):
    """ApiTrigger.serialize() gives the literal class path and all arguments of __init__."""
    arguments = {"url": "http://127.0.0.1:9/x", "expected_status": "done", "check_interval": 2.5}
    expect_rebuilt(submission, elsewhere, "ApiTrigger", arguments)
    built = submission.ApiTrigger("http://127.0.0.1:9/x")
    triggers.expect_defaults(built, expected_status="ready", check_interval=30)


@pytest.mark.parametrize("arguments", [{"url": ""}, {"check_interval": 0}], ids=["no url", "interval 0"])
def test_api_trigger_refuses_what_cannot_work(submission, arguments):
    """ValueError if url is empty or check_interval not more than 0."""
    given = {"url": "http://127.0.0.1:9/x", **arguments}
    called = 'ApiTrigger("http://127.0.0.1:9/x", check_interval=0.5)'
    triggers.expect_taken(lambda: submission.ApiTrigger("http://127.0.0.1:9/x", check_interval=0.5), called=called)
    triggers.expect_refused(lambda: submission.ApiTrigger(**given), called=f"ApiTrigger({triggers.written(given)})")


def test_api_trigger_fires_when_the_answer_is_the_expected_one(asking, api):
    """It asks about every check_interval seconds and fires when the answer's status is the expected one."""
    pending, ready = (200, {"status": "pending"}), (200, {"status": "ready", "batch": 7})
    watched = asking(pending, pending, ready)
    due = {"status": "success", "url": api.url + STATUS, "answer": {"status": "ready", "batch": 7}}
    expect_equal({key: watched.found[key] for key in due}, due, called=watched.called)
    called = f"{watched.called}; the third answer is the expected one"
    got = f"the event came after {watched.fired_at} seconds"
    mistake = Mistake.ASKS_TOO_OFTEN if watched.fired_at < 55 else Mistake.ASKS_TOO_SELDOM
    expect(55 <= watched.fired_at <= 95, called=called, got=got, mistake=mistake)
    mistake = Mistake.ASKS_TOO_OFTEN if len(api.requests) > 3 else None
    expect_equal(len(api.requests), 3, called=f"{called}: requests", mistake=mistake)


def test_api_trigger_waits_for_the_status_it_was_told(asking):
    """expected_status is the status that is waited for."""
    watched = asking((200, {"status": "ready"}), (200, {"status": "done"}), expected_status="done")
    mistake = Mistake.EXPECTED_STATUS_IGNORED
    watched.expect_event(mistake)
    expect_equal(watched.found["answer"], {"status": "done"}, called=watched.called, mistake=mistake)


@pytest.mark.parametrize("status", [400, 401, 404, 499])
def test_api_trigger_gives_up_when_it_will_not_get_better(asking, api, status):
    """An HTTP status from 400 to 499 will not get better: an error event of the type api that names the url."""
    watched = asking((status, {"detail": "no"}))
    watched.expect_event(Mistake.FINAL_ANSWER_ASKED_FOR_AGAIN)
    triggers.expect_error_event(watched.payload, "api", called=f"{watched.called}; the API answers {status}")
    named = list(watched.payload["errors"])
    expect_equal(named, [api.url + STATUS], called='payload["errors"]', mistake=Mistake.INCOMPLETE_ERROR_EVENT)
    called = f"{watched.called}: requests"
    expect_equal(len(api.requests), 1, called=called, mistake=Mistake.FINAL_ANSWER_ASKED_FOR_AGAIN)


@pytest.mark.parametrize(
    "answer",
    [(500, {}), (503, {}), (200, b"<html>"), (200, b"\xff\xfe\xfa"), (200, ["ready"]), (200, {"state": "ready"})],
    ids=["500", "503", "no JSON", "no text", "no object", "no status"],
)
def test_api_trigger_asks_again_when_it_may_pass(asking, api, answer):
    """Another answer and an HTTP status from 500 on may pass: it asks again at the next interval."""
    watched = asking(answer, answer, (200, {"status": "ready"}))
    watched.called += f"; two answers are {answer}"
    watched.expect_event(Mistake.PASSING_FAILURE_TAKEN_FOR_FINAL)
    watched.expect_found(Mistake.PASSING_FAILURE_TAKEN_FOR_FINAL)
    expect_equal(len(api.requests), 3, called=f"{watched.called}: requests")
    expect(
        watched.fired_at >= 55,
        called=watched.called,
        got="it asked again at once",
        mistake=Mistake.RETRIES_WITHOUT_WAITING,
    )


def test_api_trigger_asks_again_when_nobody_answers(submission, api):
    """A refused connection may pass: it asks again at the next interval."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}{STATUS}"
    called = "ApiTrigger(…).run(), watched for 100 seconds; the connection is refused"
    trigger = submission.ApiTrigger(url, check_interval=30)
    watched = watch(trigger, seconds=100, root="/nowhere", called=called)
    watched.expect_waiting(Mistake.PASSING_FAILURE_TAKEN_FOR_FINAL)
    ended = watched.cancelled_within is not None
    expect(ended, called=called, got="it does not end on cancellation", mistake=Mistake.SWALLOWS_THE_CANCELLATION)
    api.bodies[STATUS] = [(200, {"status": "ready"})]
    found = watch(submission.ApiTrigger(api.url + STATUS), seconds=60, root="/nowhere")
    found.expect_found()


def test_api_trigger_does_not_wait_for_ever_for_an_answer(submission):
    """A request that gets no answer within 5 seconds may pass: it asks again at the next interval."""
    callers: list[socket.socket] = []
    with rest_api.silent(callers) as url:
        watched = watch(submission.ApiTrigger(url + STATUS, check_interval=30), seconds=100, root="/nowhere")
        watched.expect_waiting(Mistake.PASSING_FAILURE_TAKEN_FOR_FINAL)
        called = f"{watched.called}; the API is silent"
        expect(
            len(callers) >= 3,
            called=called,
            got=f"{len(callers)} requests",
            mistake=Mistake.REQUEST_WITHOUT_A_TIME_LIMIT,
        )


def test_api_trigger_does_not_block_the_event_loop(asking):
    """The loop is not blocked: no request is made on it, and nothing is left behind."""
    watched = asking((200, {"status": "pending"}), (200, {"status": "ready"}))
    watched.expect_found()
    watched.expect_unblocked()
    watched.expect_nothing_left()


def test_api_trigger_ends_at_once_when_cancelled(asking):
    """Cancelling ends run() at once."""
    watched = asking((200, {"status": "pending"}), seconds=100)
    watched.expect_waiting()
    watched.expect_prompt_end()


def test_api_trigger_asks_at_once(asking):
    """It asks at once, not after the first interval."""
    watched = asking((200, {"status": "ready"}))
    watched.expect_found()
    got = f"the event came after {watched.fired_at} seconds, the answer was ready from the beginning"
    watched.expect_pace(watched.fired_at < 15, got, Mistake.DOES_NOT_FIRE_AT_THE_FIRST_YES)


def test_api_trigger_reports_the_unexpected(submission, asking):
    """Anything unexpected is an error event as of MultiDirectoryTrigger: a url that is none is nothing that passes."""
    asking((200, {"status": "ready"})).expect_found()
    watched = watch(submission.ApiTrigger("no url at all", check_interval=30), seconds=100, root="/nowhere")
    watched.called += "; the url is 'no url at all'"
    watched.expect_event(Mistake.NO_ERROR_EVENT)
    triggers.expect_error_event(watched.payload, "unexpected", called=watched.called)


# ── BusinessRuleTrigger ──

RULES = rules.__name__


@pytest.fixture
def ruled(submission):
    """A BusinessRuleTrigger, run to its end."""

    def run(rule: str, seconds: float = 300, **rule_kwargs: Any):
        rules.asked.clear()
        trigger = submission.BusinessRuleTrigger(f"{RULES}.{rule}", rule_kwargs, check_interval=30)
        return watch(trigger, seconds=seconds, root="/nowhere")

    return run


def test_rule_trigger_travels_to_the_triggerer(submission, elsewhere):
    """BusinessRuleTrigger.serialize() gives the literal class path and all arguments of __init__."""
    arguments = {"rule": "some.module.rule", "rule_kwargs": {"minimum": 3}, "check_interval": 2.5}
    expect_rebuilt(submission, elsewhere, "BusinessRuleTrigger", arguments)
    triggers.expect_defaults(submission.BusinessRuleTrigger("some.module.rule"), check_interval=30)


@pytest.mark.parametrize(
    "arguments",
    [{"rule": ""}, {"rule": "no_dot"}, {"rule": len}, {"check_interval": 0}],
    ids=["empty", "no dot", "function", "interval"],
)
def test_rule_trigger_refuses_what_cannot_work(submission, arguments):
    """ValueError if rule is not a text with a dot in it, or check_interval not more than 0."""
    given = {"rule": "some.module.rule", **arguments}
    called = 'BusinessRuleTrigger("some.module.rule", check_interval=0.5)'
    triggers.expect_taken(lambda: submission.BusinessRuleTrigger("some.module.rule", check_interval=0.5), called=called)
    called = f"BusinessRuleTrigger({triggers.written(given)})"
    triggers.expect_refused(lambda: submission.BusinessRuleTrigger(**given), called=called)


def test_rule_trigger_fires_when_the_rule_agrees(ruled):
    """It asks the rule about every check_interval seconds, and fires when it returns something true."""
    watched = ruled("agrees_at", times=3)
    due = {"status": "success", "rule": f"{RULES}.agrees_at"}
    watched.expect_event(Mistake.SOMETHING_TRUE_NOT_TAKEN_FOR_A_YES)
    expect_equal({key: watched.found[key] for key in due}, due, called=watched.called)
    mistake = Mistake.ASKS_TOO_OFTEN if len(rules.asked) > 3 else None
    expect_equal(len(rules.asked), 3, called=f"{watched.called}: questions", mistake=mistake)
    got = f"the event came after {watched.fired_at} seconds"
    mistake = Mistake.ASKS_TOO_OFTEN if watched.fired_at < 55 else Mistake.ASKS_TOO_SELDOM
    expect(55 <= watched.fired_at <= 95, called=watched.called, got=got, mistake=mistake)


def test_rule_trigger_asks_in_a_thread(ruled):
    """The rule may block, so it runs in a thread."""
    watched = ruled("agrees_at", times=1)
    watched.expect_found()
    on_loop = threading.get_ident() in rules.asked
    expect(
        not on_loop,
        called=watched.called,
        got="the rule ran on the event loop",
        mistake=Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP,
    )


@pytest.mark.parametrize(
    ("rule", "reason"),
    [("raises", "KeyError"), ("missing", "AttributeError"), ("nowhere.at_all", "Error")],
)
def test_rule_trigger_reports_a_broken_rule(ruled, rule, reason):
    """A rule that cannot be imported, or that raises, is broken: an error event of the type rule with the exception."""
    watched = ruled(rule)
    watched.expect_event(Mistake.BROKEN_RULE_TAKEN_FOR_A_NO)
    triggers.expect_error_event(watched.payload, "rule", called=f"{watched.called}; the rule {rule}")
    message = watched.payload["message"]
    expect(reason in message, called='payload["message"]', got=message, mistake=Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE)
    errors = watched.payload["errors"]
    named = list(errors) == [f"{RULES}.{rule}"] and reason in errors[f"{RULES}.{rule}"]
    expect(named, called='payload["errors"]', got=errors, mistake=Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE)


def test_rule_trigger_imports_in_a_thread(submission):
    """Nothing blocks the event loop: importing a rule reads files and runs a module, so it is done in a thread."""
    trigger = submission.BusinessRuleTrigger("support.late_rules.agrees", {}, check_interval=30)
    watched = watch(trigger, seconds=60, root="/nowhere")
    watched.expect_found()
    from support import late_rules

    on_loop = late_rules.imported_by == threading.get_ident()
    called = f"{watched.called}; the rule"
    expect(
        not on_loop, called=called, got="imported on the event loop", mistake=Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP
    )


def test_rule_trigger_ends_at_once_when_cancelled(ruled):
    """Cancelling ends run() at once and leaves nothing behind."""
    watched = ruled("agrees_at", seconds=100, times=99)
    watched.expect_waiting()
    watched.expect_prompt_end()
    watched.expect_nothing_left()


def test_rule_trigger_asks_at_once(ruled):
    """It asks at once, not after the first interval."""
    watched = ruled("agrees_at", times=1)
    watched.expect_found()
    got = f"the event came after {watched.fired_at} seconds, the rule agreed from the beginning"
    watched.expect_pace(watched.fired_at < 15, got, Mistake.DOES_NOT_FIRE_AT_THE_FIRST_YES)


def test_rule_trigger_needs_no_arguments(submission):
    """rule_kwargs: None for none."""
    watched = watch(submission.BusinessRuleTrigger(f"{RULES}.agrees"), seconds=60, root="/nowhere")
    watched.called += "; without rule_kwargs"
    watched.expect_found(Mistake.FAILS_WITHOUT_RULE_KWARGS)


@pytest.mark.parametrize("place", ["message", "errors"])
def test_rule_trigger_gives_type_and_text(ruled, place):
    """The exception stands with its type and its text in both, message and errors."""
    watched = ruled("raises")
    watched.expect_event(Mistake.BROKEN_RULE_TAKEN_FOR_A_NO)
    payload = watched.payload
    mistake = Mistake.INCOMPLETE_ERROR_EVENT if payload.get("status") == "error" else Mistake.NO_ERROR_EVENT
    text = str(Result(watched.called, payload, mistake)[place])
    told = "KeyError" in text and "no such client" in text
    expect(told, called=f'payload["{place}"]', got=text, mistake=Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE)


def test_rule_trigger_outlives_a_rule_that_exits(ruled):
    """No exception leaves run() but the cancellation: a rule that calls sys.exit is broken like any that raises."""
    try:
        watched = ruled("exits")
    except SystemExit as error:
        called = "BusinessRuleTrigger(…).run(); the rule calls sys.exit"
        raise Broken(called, f"{error!r} came out of run()", Mistake.RULE_ENDS_THE_TRIGGERER) from None
    watched.called += "; the rule calls sys.exit"
    watched.expect_event(Mistake.BROKEN_RULE_TAKEN_FOR_A_NO)
    triggers.expect_error_event(watched.payload, "rule", called=watched.called)
    message = watched.payload["message"]
    told = "SystemExit" in message
    expect(told, called='payload["message"]', got=message, mistake=Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE)


def test_enough_clients_delivered(submission, clients):
    """True if at least minimum of the directories hold a file *.csv; one that is missing or unreadable holds none."""
    directories = [*clients.directories, f"{clients.root}/missing", clients.drop(1, "a_file")]
    called = "enough_clients_delivered(...), with 0, 1 and 2 clients for 2, then for 3"
    answers = []
    try:
        for number in (2, 4):
            answers.append(submission.enough_clients_delivered(directories, 2))
            clients.drop(number, "a.csv")
            clients.drop(number, "b.csv")
            clients.drop(number - 1, "a.json")
        answers.append(submission.enough_clients_delivered(directories, 2))
        answers.append(submission.enough_clients_delivered(directories, 3))
    except OSError as error:
        raise Broken(
            f"{called}; one is missing, one is a file", repr(error), Mistake.FAILS_OVER_A_MISSING_DIRECTORY
        ) from error
    answers = [bool(answer) for answer in answers]
    mistake = (
        Mistake.COUNTS_FILES_NOT_CLIENTS if answers == [False, True, True, True] else Mistake.CLIENTS_COUNTED_WRONGLY
    )
    expect_equal(answers, [False, False, True, False], called=called, mistake=mistake)


def test_a_directory_is_no_delivery(submission, clients):
    """A client has delivered if its directory holds a file *.csv: not a directory of such a name."""
    clients.drop(1, "a.csv")
    os.mkdir(clients.path(2, "a.csv"))
    answers = [bool(submission.enough_clients_delivered(clients.directories, minimum)) for minimum in (1, 2)]
    called = "enough_clients_delivered(...), with a file a.csv and a directory a.csv, for 1, then for 2"
    expect_equal(answers, [True, False], called=called, mistake=Mistake.CLIENTS_COUNTED_WRONGLY)


# ── WaitForTrigger ──


def test_wait_for_trigger_defers_and_returns_the_event(submission):
    """Defers to the trigger with the sensor's own timeout, and returns the event's payload."""
    trigger = submission.ApiTrigger("http://127.0.0.1:9/x")
    task = submission.WaitForTrigger(task_id="wait", trigger=trigger, timeout=45)
    context = context_for(TaskInstance("wait"))
    try:
        task.execute(context)
    except TaskDeferred as raised:
        deferred = raised
    else:
        raise Broken("WaitForTrigger(...).execute(context)", "it did not defer", Mistake.DOES_NOT_DEFER)
    expect_equal(deferred.trigger.serialize(), trigger.serialize(), called="the trigger that it defers to")
    timeout = deferred.timeout
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    mistake = Mistake.NO_TIMEOUT if timeout is None else Mistake.WRONG_TIMEOUT
    expect(seconds == 45, called="defer(timeout=...); the sensor's timeout is 45", got=timeout, mistake=mistake)
    event = {"status": "success", "answer": {"status": "ready"}}
    again = submission.WaitForTrigger(task_id="wait", trigger=trigger, timeout=45)
    kwargs = {**(deferred.kwargs or {}), "event": event}
    returned = again.resume_execution(deferred.method_name, kwargs, context)
    mistake = Mistake.RETURNS_NOTHING if returned is None else Mistake.EVENT_NOT_PASSED_ON
    passed_on = {key: returned.get(key) for key in event} if isinstance(returned, dict) else returned
    expect_equal(passed_on, event, called="execute_complete(context, event)", mistake=mistake)


@pytest.mark.parametrize(
    "event", [{"status": "error", "message": "the API is gone"}, {"status": "odd"}, {}, None], ids=str
)
def test_wait_for_trigger_raises_for_all_else(submission, event):
    """AirflowException for an error event, any other status, and an event that is empty or missing."""
    task = submission.WaitForTrigger(task_id="wait", trigger=submission.ApiTrigger("http://127.0.0.1:9/x"))
    called = f"execute_complete(context, {event})"
    try:
        result = task.execute_complete(context_for(TaskInstance("wait")), event)
    except AirflowException as error:
        told = not event or "message" not in event or event["message"] in str(error)
        got = f"{error!r}, without the event's message"
        expect(told, called=called, got=got, mistake=Mistake.ERROR_RAISED_WITHOUT_THE_EVENTS_MESSAGE)
    except NotImplementedError:
        raise
    except (AttributeError, KeyError, TypeError) as error:
        raise Broken(called, repr(error), Mistake.EVENT_NOT_LOOKED_AT_BEFORE_IT_IS_USED) from error
    except Exception as error:
        raise Broken(called, repr(error), Mistake.RAISES_SOMETHING_ELSE_THAN_AIRFLOWEXCEPTION) from error
    else:
        is_error = bool(event) and event.get("status") == "error"
        mistake = Mistake.ERROR_EVENT_TAKEN_FOR_A_SUCCESS if is_error else Mistake.UNKNOWN_EVENT_TAKEN_FOR_A_SUCCESS
        raise Broken(called, f"it returned {result!r}", mistake)


# ── The DAG ──


@pytest.mark.parametrize(
    ("task_id", "name"),
    [
        ("wait_for_data", "MultiDirectoryTrigger"),
        ("wait_for_api", "ApiTrigger"),
        ("wait_for_rule", "BusinessRuleTrigger"),
    ],
)
def test_three_waits_defer_to_triggers_of_our_own(submission, task_id, name):
    """wait_for_data, wait_for_api and wait_for_rule defer to our three triggers, for a time that ends."""
    deferred = deferral(submission, task_id)
    class_path, kwargs = deferred.trigger.serialize()
    expect_equal(
        class_path, f"{MODULE}.{name}", called=f"the trigger of {task_id}", mistake=Mistake.DEFERS_TO_ANOTHER_TRIGGER
    )
    expect(deferred.timeout is not None, called=f"the timeout of {task_id}", got=None, mistake=Mistake.NO_TIMEOUT)
    due = {
        "wait_for_data": ("directories", submission.CLIENT_DIRECTORIES),
        "wait_for_api": ("url", submission.PARTNER_API_URL),
        "wait_for_rule": ("rule", f"{MODULE}.enough_clients_delivered"),
    }
    key, value = due[task_id]
    called = f"the trigger of {task_id}: {key}"
    expect_equal(Result(called, kwargs, Mistake.ARGUMENT_NOT_SERIALIZED)[key], value, called=called)
    failing = submission.task(task_id, DAG_ID)
    try:
        failing.resume_execution("__fail__", {"error": "Trigger timeout"}, context_for(TaskInstance(task_id)))
    except AirflowSensorTimeout:
        return
    raise Broken(f"a timeout of {task_id}", "no AirflowSensorTimeout")


def test_the_fourth_waits_for_a_moment(submission):
    """wait_for_window is a deferrable sensor that waits for a moment with a DateTimeTrigger, without a logical date."""
    trigger = deferral_in_the_future(submission).trigger
    called = "the trigger of wait_for_window"
    expect(
        isinstance(trigger, DateTimeTrigger),
        called=called,
        got=type(trigger),
        mistake=Mistake.DEFERS_TO_ANOTHER_TRIGGER,
    )


def deferral_in_the_future(submission) -> TaskDeferred:
    """Execute wait_for_window when its run has only just begun."""
    from freezegun import freeze_time

    with freeze_time("2026-01-31 12:00:01", real_asyncio=True):
        return deferral(submission, "wait_for_window")


def test_the_rule_of_the_dag_works(submission, data_dir):
    """wait_for_rule asks enough_clients_delivered with arguments that it takes."""
    trigger = deferral(submission, "wait_for_rule").trigger
    watched = watch(trigger, seconds=10, root="/nowhere")
    watched.expect_waiting()
    expect(
        isinstance(trigger.serialize()[1]["rule_kwargs"], dict), called="its rule_kwargs", got=trigger.serialize()[1]
    )


WAITS_FOR_BOTH = ("all_success", "all_done", "all_done_min_one_success", "none_failed", "none_failed_min_one_success")


def test_approve_runs_as_soon_as_one_agrees(submission):
    """approve comes after wait_for_api and wait_for_rule and runs as soon as one of them has succeeded."""
    approve = submission.task("approve", DAG_ID)
    expect_equal(
        sorted(approve.upstream_task_ids), ["wait_for_api", "wait_for_rule"], called="what comes before approve"
    )
    rule = str(getattr(approve.trigger_rule, "value", approve.trigger_rule))
    mistake = Mistake.WAITS_FOR_BOTH if rule in WAITS_FOR_BOTH else None
    expect(rule in ("one_success", "one_done"), called="approve.trigger_rule", got=rule, mistake=mistake)
    expect_equal(rule, "one_success", called="approve.trigger_rule", mistake=Mistake.CONTENT_WITH_A_FAILURE)


def test_publish_runs_when_all_have_succeeded(submission):
    """publish comes after wait_for_data, wait_for_window and approve and runs when all three have succeeded."""
    publish = submission.task("publish", DAG_ID)
    before = sorted(publish.upstream_task_ids)
    expect_equal(before, ["approve", "wait_for_data", "wait_for_window"], called="what comes before publish")
    rule = str(getattr(publish.trigger_rule, "value", publish.trigger_rule))
    mistake = Mistake.PUBLISHES_IN_SPITE_OF_A_FAILURE
    expect_equal(rule, "all_success", called="publish.trigger_rule", mistake=mistake)


@pytest.mark.parametrize(
    ("task_id", "name"),
    [
        ("wait_for_data", "MultiDirectorySensorAsync"),
        ("wait_for_api", "WaitForTrigger"),
        ("wait_for_rule", "WaitForTrigger"),
    ],
)
def test_three_waits_are_sensors_of_our_own(submission, task_id, name):
    """wait_for_data is a MultiDirectorySensorAsync, wait_for_api and wait_for_rule are each a WaitForTrigger."""
    kinds = [cls.__name__ for cls in type(submission.task(task_id, DAG_ID)).__mro__]
    expect(name in kinds, called=f"the task {task_id}", got=kinds[0], mistake=Mistake.NOT_THE_SENSOR_THAT_WAS_ASKED_FOR)


def test_the_fourth_is_a_sensor_of_airflows_own(submission):
    """wait_for_window is a sensor of Airflow's own."""
    kind = type(submission.task("wait_for_window", DAG_ID))
    own = kind.__module__.partition(".")[0] == "airflow" and issubclass(kind, BaseSensorOperator)
    expect(own, called="the task wait_for_window", got=kind, mistake=Mistake.NOT_THE_SENSOR_THAT_WAS_ASKED_FOR)
