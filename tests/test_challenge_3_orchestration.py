"""Challenge 3: four kinds of triggers, and how they join."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
import threading
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.triggers.file import FileTrigger
from airflow.sdk import BaseSensorOperator
from airflow.triggers.base import BaseTrigger
from freezegun import freeze_time

from .support import triggers
from .support.airflow_version import TaskDeferred
from .support.contract import ContractViolation, Result, expect, expect_equal
from .support.mistakes import Mistake
from .support.rest_api import Answer, Handler, RestApi, short_timeouts
from .support.system_calls import recorded_calls
from .support.tasks import TaskInstance, context_for
from .support.trigger_run import TriggerRun, watch

MODULE = "trigger_implementation_exercise"
DAG_ID = "trigger_orchestration_challenge"
STATUS = "/partner/status"
PENDING, READY = (200, {"status": "pending"}), (200, {"status": "ready", "batch": 7})
RULES = __name__  # the module of the rules below
WAITS_FOR_BOTH = ("all_success", "all_done", "all_done_min_one_success", "none_failed", "none_failed_min_one_success")


def expect_fired(watched: TriggerRun, earliest: float, latest: float, early: Mistake, late: Mistake) -> None:
    """Raise ContractViolation unless the event came in time."""
    got = f"the event came after {watched.fired_at:g} seconds, expected after {earliest:g} to {latest:g}"
    watched.expect_pace(watched.fired_at >= earliest, got, early)
    watched.expect_pace(watched.fired_at <= latest, got, late)


def expect_cancelled(watched: TriggerRun) -> None:
    """Raise ContractViolation unless a trigger that waits let its cancellation propagate, and left nothing behind."""
    watched.expect_waiting()
    watched.expect_prompt_end()
    watched.expect_nothing_left("the task")


def expect_deferral(task: BaseSensorOperator, context: dict[str, Any], name: str) -> TaskDeferred:
    """Execute a task; return how it deferred, or raise ContractViolation if it did not."""
    try:
        result = task.execute(context)
    except TaskDeferred as deferred:
        return deferred
    got = f"it did not defer but returned {result!r}"
    raise ContractViolation(f"{name}.execute(context)", got, Mistake.DOES_NOT_DEFER)


# ── ApiTrigger ──


@pytest.fixture
def api():
    """A partner's service, which says "pending" until told otherwise."""
    with RestApi() as server:
        server.bodies[STATUS] = [PENDING]
        yield server


@pytest.fixture
def watch_api(submission, api):
    """Watch an ApiTrigger for the partner's service, which responds as told, and repeats its last response."""

    def run(*responses: Any, seconds: float = 300, at: Any = None, **arguments: Any) -> TriggerRun:
        api.bodies[STATUS] = list(responses)
        built = submission.ApiTrigger(**{"url": api.url + STATUS, "check_interval": 30, **arguments})
        return watch(built, seconds=seconds, at=at)

    return run


def redirect(status: int, location: str) -> Answer:
    """Redirect to another page."""
    return lambda handler: handler.send(status, b"", {"Location": location})


def cut_off(handler: Handler) -> None:
    """Close the connection in the middle of the body, as a proxy does that has waited for too long."""
    handler.send(200, b'{"status": ', {"Content-Length": "100"})


def reset(handler: Handler) -> None:
    """Reset the connection in the middle of the body, as a server that is killed does."""
    cut_off(handler)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


def another_protocol(handler: Handler) -> None:
    """Respond with something other than HTTP."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


def late(seconds: float, body: Any, dripping: bool = False) -> Answer:
    """Take seconds, on the clock of the check, for the body; dripping: byte by byte."""

    def respond(handler: Handler) -> None:
        data = json.dumps(body).encode()
        size = 1 if dripping else len(data)
        handler.send(200, b"", {"Content-Length": str(len(data))})
        for start in range(0, len(data), size):
            handler.wait(seconds * size / len(data))
            handler.wfile.write(data[start : start + size])

    return respond


def expect_retried(watched: TriggerRun, what: str, failures: int = 1, accepted: Mistake | None = None) -> None:
    """
    Raise ContractViolation unless the trigger took a failure as transient and found the status at the next interval.

    :param accepted: the mistake if the trigger took the failure as a success.
    """
    watched.called += f"; {what}"
    mistake = Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT
    watched.expect_event(mistake)
    watched.expect_found(mistake)
    expect_equal(watched.found["answer"], READY[1], called=f"{watched.called}: answer", mistake=accepted)
    # A request may take its 5 seconds before the interval begins.
    latest = 40 * failures + 5
    expect_fired(watched, 25 * failures, latest, Mistake.RETRIES_WITHOUT_WAITING, Mistake.ASKS_TOO_SELDOM)


def test_api_trigger_construction_does_no_work(submission):
    """ApiTrigger.__init__ validates and stores the arguments, nothing else."""
    url = "http://127.0.0.1:9/x"
    built = triggers.expect_no_work(lambda: submission.ApiTrigger(url), root="/nowhere", called=f"ApiTrigger({url!r})")
    triggers.expect_constructed(built)


@pytest.mark.parametrize("arguments", [{"url": ""}, {"check_interval": 0}], ids=["no url", "interval 0"])
def test_api_trigger_refuses_invalid_arguments(submission, arguments):
    """ValueError if url is empty or check_interval is not above 0."""
    valid = {"url": "http://127.0.0.1:9/x", "check_interval": 0.5}
    triggers.expect_taken(submission.ApiTrigger, "ApiTrigger", **valid)
    triggers.expect_refused(submission.ApiTrigger, "ApiTrigger", **{**valid, **arguments})


def test_a_triggerer_can_rebuild_api_trigger(submission, fresh_process):
    """serialize() returns trigger_implementation_exercise.ApiTrigger and all __init__ arguments."""
    arguments = {"url": "http://127.0.0.1:9/x", "expected_status": "done", "check_interval": 2.5}
    triggers.expect_serialized(submission, fresh_process, "ApiTrigger", arguments)
    built = submission.ApiTrigger("http://127.0.0.1:9/x")
    triggers.expect_defaults(built, expected_status="ready", check_interval=30)


def test_api_trigger_sends_a_request_immediately(watch_api, api):
    """Send a GET request immediately. When the response has the expected status, the payload has it as answer."""
    watched = watch_api(READY)
    due = {"status": "success", "url": api.url + STATUS, "answer": READY[1]}
    expect_equal({key: watched.found[key] for key in due}, due, called=watched.called)
    expect_fired(watched, 0, 10, Mistake.ASKS_TOO_OFTEN, Mistake.SLEEPS_BEFORE_THE_FIRST_CALL)
    expect_equal(api.requests, [("GET", STATUS)], called=f"{watched.called}: requests")


def test_api_trigger_sends_requests_about_every_interval(watch_api, api):
    """Send a GET request about every check_interval seconds, until the response has the expected status."""
    watched = watch_api(PENDING, PENDING, READY)
    expect_equal(watched.found["answer"], READY[1], called=f"{watched.called}: answer")
    watched.called += "; the third response is the expected one"
    expect_fired(watched, 55, 95, Mistake.ASKS_TOO_OFTEN, Mistake.ASKS_TOO_SELDOM)
    mistake = Mistake.ASKS_TOO_OFTEN if len(api.requests) > 3 else None
    expect_equal(len(api.requests), 3, called=f"{watched.called}: number of requests", mistake=mistake)


def test_api_trigger_waits_for_the_expected_status(watch_api):
    """Request url until the JSON object in the response has expected_status as its status."""
    watched = watch_api(READY, (200, {"status": "done"}), expected_status="done")
    mistake = Mistake.EXPECTED_STATUS_IGNORED
    watched.expect_event(mistake)
    expect_equal(watched.found["answer"], {"status": "done"}, called=watched.called, mistake=mistake)


def test_api_trigger_follows_redirects(watch_api, api):
    """Follow redirects, to another path or to a whole URL."""
    api.bodies["/moved"] = [redirect(307, f"{api.url}/moved/again")]
    api.bodies["/moved/again"] = [READY]
    watched = watch_api(redirect(302, "/moved"))
    watched.called += "; the API redirects to /moved"
    watched.expect_event(Mistake.REDIRECT_NOT_FOLLOWED)
    watched.expect_found(Mistake.REDIRECT_NOT_FOLLOWED)
    found, due = [watched.found["url"], watched.found["answer"]], [api.url + STATUS, READY[1]]
    expect_equal(found, due, called=f"{watched.called}: url and answer")


@pytest.mark.parametrize("status", [400, 401, 404, 499])
def test_api_trigger_ends_with_an_error_after_a_permanent_status(watch_api, api, status):
    """An HTTP status from 400 to 499 is permanent: an error event of the type api, whose errors have the url."""
    watched = watch_api((status, READY[1]))
    watched.called += f"; the API responds with {status}"
    watched.expect_event(Mistake.PERMANENT_ERROR_RETRIED)
    accepted, mistake = watched.payload.get("status") == "success", Mistake.ERROR_STATUS_ACCEPTED
    expect(not accepted, called=watched.called, got=watched.payload, mistake=mistake)
    watched.expect_error_event("api")
    errors, mistake = list(watched.payload["errors"]), Mistake.INCOMPLETE_ERROR_EVENT
    expect_equal(errors, [api.url + STATUS], called='payload["errors"]', mistake=mistake)
    called, mistake = f"{watched.called}: number of requests", Mistake.PERMANENT_ERROR_RETRIED
    expect_equal(len(api.requests), 1, called=called, mistake=mistake)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 599])
def test_api_trigger_retries_after_a_transient_status(watch_api, status):
    """The HTTP statuses 408, 425, 429 and 500 to 599 are transient, whatever the body says."""
    response = (status, {"status": "ready", "batch": 1})
    watched = watch_api(response, response, READY)
    expect_retried(watched, f"twice, the API responds with {status}", 2, Mistake.ERROR_STATUS_ACCEPTED)


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"\xff\xfe\xfa", b"", None, "ready", ["ready"], {"state": "ready"}],
    ids=["HTML", "no text", "nothing", "null", "a string", "a list", "no status"],
)
def test_api_trigger_retries_after_an_unexpected_body(watch_api, body):
    """A body that is not a JSON object, or has another status, is transient."""
    expect_retried(watch_api((200, body), (200, body), READY), f"twice, the body is {body!r}", failures=2)


@pytest.mark.parametrize("fault", [reset, cut_off, another_protocol])
def test_api_trigger_retries_after_a_connection_error(watch_api, fault):
    """All connection errors are transient, also if the connection breaks in the middle of the response."""
    what = f"the connection fails ({fault.__name__.replace('_', ' ')})"
    expect_retried(watch_api(fault, READY), what)


def test_api_trigger_retries_if_the_connection_is_refused(submission, api):
    """A refused connection is transient."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    trigger = submission.ApiTrigger(f"http://127.0.0.1:{port}{STATUS}", check_interval=30)
    with ExitStack() as later:

        def begin() -> None:
            later.enter_context(RestApi(port)).bodies[STATUS] = [READY]

        watched = watch(trigger, seconds=300, at={15: begin})
    expect_retried(watched, "the connection is refused")


def test_api_trigger_retries_if_the_host_is_unknown(submission, api, monkeypatch):
    """An unknown host is transient."""
    known: list[str] = []
    getaddrinfo = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in ("partner.invalid", b"partner.invalid"):
            return getaddrinfo(host, *args, **kwargs)
        if not known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return getaddrinfo("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    api.bodies[STATUS] = [READY]
    trigger = submission.ApiTrigger(f"http://partner.invalid:{api.server_port}{STATUS}", check_interval=30)
    watched = watch(trigger, seconds=300, at={15: lambda: known.append("partner.invalid")})
    expect_retried(watched, "the host is unknown")


def test_api_trigger_retries_if_there_is_no_response(watch_api):
    """A request that takes more than 5 seconds in all is transient: the API accepts it and sends nothing."""
    with ExitStack() as soon:
        soon.enter_context(short_timeouts())
        watched = watch_api(Handler.wait, READY, at={15: soon.close})
    watched.expect_event(Mistake.REQUEST_WITHOUT_A_TIME_LIMIT)
    expect_retried(watched, "the API sends nothing")


def test_api_trigger_retries_if_the_response_takes_too_long(watch_api):
    """A request that takes more than 5 seconds in all is transient, even if a byte arrives every second."""
    watched = watch_api(late(20, {"status": "ready", "batch": 1}, dripping=True), READY)
    watched.expect_unblocked()
    watched.expect_event(Mistake.REQUEST_WITHOUT_A_TIME_LIMIT)
    mistake = Mistake.TIME_LIMIT_NOT_FOR_THE_WHOLE_REQUEST
    expect_retried(watched, "the response takes 20 seconds, byte by byte", accepted=mistake)


def test_api_trigger_waits_up_to_5_seconds_for_a_response(watch_api):
    """Only a request that takes more than 5 seconds in all is transient, not one that takes 4."""
    watched = watch_api(late(4, READY[1]), PENDING)
    watched.called += "; the response takes 4 seconds"
    watched.expect_event(Mistake.TIME_LIMIT_TOO_SHORT)
    expect_equal(watched.found["answer"], READY[1], called=f"{watched.called}: answer")


@pytest.mark.parametrize("url", ["no url at all", "http://[::1"])
def test_api_trigger_ends_with_an_error_if_the_url_is_invalid(submission, url):
    """On an unexpected exception, such as an invalid URL, the error_type is "unexpected"."""
    watched = watch(submission.ApiTrigger(url, check_interval=30), seconds=100)
    watched.called += f"; the url is {url!r}"
    watched.expect_event(Mistake.NO_ERROR_EVENT)
    watched.expect_error_event("unexpected")


def test_api_trigger_is_a_good_neighbor(watch_api):
    """Like MultiDirectoryTrigger: never block the event loop, leave nothing behind."""
    watched = watch_api(PENDING, READY)
    watched.expect_found()
    watched.expect_unblocked()
    watched.expect_nothing_left()


@pytest.mark.parametrize("response", [PENDING, Handler.wait], ids=["between requests", "during a request"])
def test_api_trigger_stops_immediately_when_cancelled(watch_api, response):
    """Like MultiDirectoryTrigger: when cancelled, stop immediately and let the CancelledError propagate."""
    expect_cancelled(watch_api(response, seconds=3))


# ── BusinessRuleTrigger ──

rule_calls: list[int] = []  # the thread of each call
RULE_ERRORS = {error.__name__: error for error in (KeyError, StopIteration, SystemExit, asyncio.CancelledError)}


def agrees_at(call: int) -> str:
    """Return something true, but not True, at the call of this number."""
    rule_calls.append(threading.get_ident())
    return "yes" if len(rule_calls) >= call else ""


def agrees() -> bool:
    """Return True."""
    return True


def raises(error: str) -> None:
    """Raise an error of this name."""
    raise RULE_ERRORS[error]("no such client")


def sleeps(duration: float) -> None:
    """Block, as a rule that queries a database does."""
    time.sleep(duration)


@pytest.fixture
def watch_rule(submission):
    """Watch a BusinessRuleTrigger for a rule of the checks."""

    def run(rule: str, seconds: float = 300, **rule_kwargs: Any) -> TriggerRun:
        rule_calls.clear()
        built = submission.BusinessRuleTrigger(f"{RULES}.{rule}", rule_kwargs, check_interval=30)
        return watch(built, seconds=seconds)

    return run


@pytest.fixture
def new_module(tmp_path, monkeypatch):
    """Write a module that nobody has imported yet and return its name."""

    def write(source: str) -> str:
        (tmp_path / "new_module.py").write_text(source)
        return "new_module"

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    sys.modules.pop("new_module", None)


def test_rule_trigger_construction_does_no_work(submission, new_module):
    """BusinessRuleTrigger.__init__ validates and stores the arguments, nothing else; it does not import the rule."""
    rule = f"{new_module('')}.agrees"
    called = f"BusinessRuleTrigger({rule!r})"
    built = triggers.expect_no_work(lambda: submission.BusinessRuleTrigger(rule), root="/nowhere", called=called)
    triggers.expect_constructed(built)
    imported = "new_module" in sys.modules
    expect(not imported, called=called, got="it imported the rule", mistake=Mistake.WORK_IN_INIT)


@pytest.mark.parametrize(
    "arguments",
    [{"rule": ""}, {"rule": "no_dot"}, {"rule": len}, {"check_interval": 0}],
    ids=["empty", "no dot", "function", "interval"],
)
def test_rule_trigger_refuses_invalid_arguments(submission, arguments):
    """ValueError if rule is not a str that contains a dot, or check_interval is not above 0."""
    valid = {"rule": "some.module.rule", "check_interval": 0.5}
    triggers.expect_taken(submission.BusinessRuleTrigger, "BusinessRuleTrigger", **valid)
    triggers.expect_refused(submission.BusinessRuleTrigger, "BusinessRuleTrigger", **{**valid, **arguments})


def test_a_triggerer_can_rebuild_rule_trigger(submission, fresh_process):
    """serialize() returns trigger_implementation_exercise.BusinessRuleTrigger and all __init__ arguments."""
    arguments = {"rule": "some.module.rule", "rule_kwargs": {"minimum": 3}, "check_interval": 2.5}
    triggers.expect_serialized(submission, fresh_process, "BusinessRuleTrigger", arguments)
    triggers.expect_defaults(submission.BusinessRuleTrigger("some.module.rule"), check_interval=30)


def test_rule_trigger_calls_the_rule_immediately(watch_rule):
    """Call the function immediately. When it returns something true, the payload is success and the rule."""
    watched = watch_rule("agrees_at", call=1)
    watched.expect_event(Mistake.TRUE_VALUE_NOT_ACCEPTED)
    due = {"status": "success", "rule": f"{RULES}.agrees_at"}
    expect_equal({key: watched.found[key] for key in due}, due, called=watched.called)
    expect_fired(watched, 0, 10, Mistake.ASKS_TOO_OFTEN, Mistake.SLEEPS_BEFORE_THE_FIRST_CALL)


def test_rule_trigger_calls_the_rule_about_every_interval(watch_rule):
    """Call the function about every check_interval seconds, until it returns something true."""
    watched = watch_rule("agrees_at", call=3)
    watched.called += "; the third call returns something true"
    watched.expect_event(Mistake.TRUE_VALUE_NOT_ACCEPTED)
    watched.expect_found()
    expect_fired(watched, 55, 95, Mistake.ASKS_TOO_OFTEN, Mistake.ASKS_TOO_SELDOM)
    mistake = Mistake.ASKS_TOO_OFTEN if len(rule_calls) > 3 else None
    expect_equal(len(rule_calls), 3, called=f"{watched.called}: number of calls", mistake=mistake)


def test_rule_trigger_needs_no_arguments(submission):
    """rule_kwargs: None for no arguments."""
    watched = watch(submission.BusinessRuleTrigger(f"{RULES}.agrees"), seconds=60)
    watched.called += "; without rule_kwargs"
    watched.expect_found(Mistake.FAILS_WITHOUT_RULE_KWARGS)


def test_rule_trigger_calls_the_rule_in_a_thread(watch_rule):
    """The function may block, so it must not run on the event loop."""
    watched = watch_rule("agrees_at", call=1)
    watched.expect_found()
    on_loop, mistake = threading.get_ident() in rule_calls, Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP
    expect(not on_loop, called=watched.called, got="the rule ran on the event loop", mistake=mistake)


def test_rule_trigger_imports_the_rule_in_a_thread(submission, new_module):
    """Never block the event loop: to import a rule reads files and runs a module."""
    name = new_module("import threading\nthread = threading.get_ident()\nagrees = lambda: True\n")
    watched = watch(submission.BusinessRuleTrigger(f"{name}.agrees"), seconds=60)
    watched.expect_found()
    on_loop, mistake = sys.modules[name].thread == threading.get_ident(), Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP
    expect(not on_loop, called=watched.called, got="it imported the rule on the event loop", mistake=mistake)


def expect_rule_error(trigger: BaseTrigger, rule: str, texts: list[str], what: str) -> None:
    """Raise ContractViolation unless an error of the rule becomes an error event that contains its type and text."""
    called = f"BusinessRuleTrigger(…).run(); {what}"
    try:
        watched = watch(trigger, seconds=100, called=called)
        escaped = watched.error
    except SystemExit as error:
        escaped = error
    if isinstance(escaped, SystemExit):
        raise ContractViolation(called, f"{escaped!r} came out of run()", Mistake.RULE_STOPS_THE_TRIGGERER) from None
    watched.expect_event(Mistake.RULE_ERROR_WITHOUT_AN_EVENT)
    watched.expect_error_event("rule")
    errors = watched.payload["errors"]
    expect_equal(list(errors), [rule], called='payload["errors"]', mistake=Mistake.INCOMPLETE_ERROR_EVENT)
    for name, text in [("message", watched.payload["message"]), ("errors", str(errors[rule]))]:
        told, mistake = all(each in text for each in texts), Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE
        expect(told, called=f'payload["{name}"]; {what}', got=text, mistake=mistake)


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        (None, ["Error", "nowhere"]),
        ("", ["Error", "agrees"]),
        ("raise LookupError('no licence')", ["LookupError", "no licence"]),
        ("raise SystemExit('no licence')", ["SystemExit", "no licence"]),
    ],
    ids=["no module", "no function", "module raises", "module exits"],
)
def test_rule_trigger_reports_a_rule_that_cannot_be_imported(submission, new_module, source, texts):
    """If the function cannot be imported, the payload is an error with the error_type "rule" and the exception."""
    rule = f"{'nowhere' if source is None else new_module(source)}.agrees"
    expect_rule_error(submission.BusinessRuleTrigger(rule), rule, texts, "the rule cannot be imported")


@pytest.mark.parametrize("error", RULE_ERRORS)
def test_rule_trigger_reports_a_rule_that_raises(submission, error):
    """If the function raises or exits, message and reason contain the exception's type and text."""
    rule = f"{RULES}.raises"
    trigger = submission.BusinessRuleTrigger(rule, {"error": error})
    expect_rule_error(trigger, rule, [error, "no such client"], f"the rule raises {error}")


@pytest.mark.parametrize(
    ("rule", "rule_kwargs"),
    [("agrees_at", {"call": 99}), ("sleeps", {"duration": 1000})],
    ids=["between calls", "during a call"],
)
def test_rule_trigger_stops_immediately_when_cancelled(watch_rule, rule, rule_kwargs):
    """Like MultiDirectoryTrigger: when cancelled, stop immediately and let the CancelledError propagate."""
    expect_cancelled(watch_rule(rule, seconds=100, **rule_kwargs))


def test_enough_clients_delivered(submission, clients):
    """Whether at least minimum of the directories contain a file *.csv; none in what is missing or cannot be read."""
    directories = [*clients.directories, os.path.join(clients.root, "missing"), clients.drop(1, "a_file")]
    called = "enough_clients_delivered(...), with 0, 1 and 2 clients for 2, then for 3"
    answers = []
    try:
        with recorded_calls(clients.root, denied=[clients[5]]):
            for number in (2, 4):
                answers.append(submission.enough_clients_delivered(directories, 2))
                clients.drop(number, "a.csv")
                clients.drop(number, "b.csv")
                clients.drop(number - 1, "a.json")
            answers += [submission.enough_clients_delivered(directories, minimum) for minimum in (2, 3)]
    except OSError as error:
        what = f"{called}; one is missing, one cannot be read, one is a file"
        raise ContractViolation(what, repr(error), Mistake.FAILS_OVER_A_MISSING_DIRECTORY) from error
    answers = [bool(answer) for answer in answers]
    counts_files = answers == [False, True, True, True]
    mistake = Mistake.COUNTS_FILES_NOT_CLIENTS if counts_files else Mistake.CLIENTS_COUNTED_WRONGLY
    expect_equal(answers, [False, False, True, False], called=called, mistake=mistake)


def test_a_directory_is_no_delivery(submission, clients):
    """A client has delivered if its directory contains a file *.csv, not a directory of such a name."""
    clients.drop(1, "a.csv")
    os.mkdir(clients.path(2, "a.csv"))
    answers = [bool(submission.enough_clients_delivered(clients.directories, minimum)) for minimum in (1, 2)]
    called = "enough_clients_delivered(...), with a file a.csv and a directory a.csv, for 1, then for 2"
    expect_equal(answers, [True, False], called=called, mistake=Mistake.CLIENTS_COUNTED_WRONGLY)


# ── WaitForTrigger ──


def test_wait_for_trigger_defers_and_returns_the_payload(submission):
    """Defer with the trigger and the sensor's timeout, resume in execute_complete, and return the payload."""
    trigger = FileTrigger("/data/one")
    # The worker that resumes has another instance than the one that deferred.
    first, second = (submission.WaitForTrigger(task_id="wait", trigger=trigger, timeout=45) for _ in range(2))
    context = context_for(TaskInstance("wait"))
    deferred = expect_deferral(first, context, "WaitForTrigger(...)")
    called, mistake = "the trigger that it defers with", Mistake.DEFERS_TO_ANOTHER_TRIGGER
    expect_equal(deferred.trigger.serialize(), trigger.serialize(), called=called, mistake=mistake)
    timeout = deferred.timeout
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    mistake = Mistake.NO_TIMEOUT if timeout is None else Mistake.WRONG_TIMEOUT
    expect(seconds == 45, called="defer(timeout=...); the sensor's timeout is 45", got=timeout, mistake=mistake)
    called, mistake = "defer(method_name=...)", Mistake.DOES_NOT_RESUME_IN_EXECUTE_COMPLETE
    expect_equal(deferred.method_name, "execute_complete", called=called, mistake=mistake)
    event = {"status": "success", "answer": {"status": "ready"}}
    returned = second.resume_execution(deferred.method_name, {**(deferred.kwargs or {}), "event": event}, context)
    mistake = Mistake.RETURNS_NOTHING if returned is None else Mistake.EVENT_NOT_PASSED_ON
    result = {key: returned.get(key) for key in event} if isinstance(returned, dict) else returned
    expect_equal(result, event, called="execute_complete(context, event)", mistake=mistake)


@pytest.mark.parametrize(
    "event",
    [{"status": "error", "error_type": "api", "message": "the API is gone"}, {"status": "odd"}, {}, None],
    ids=["error", "another status", "empty", "missing"],
)
def test_wait_for_trigger_raises_unless_it_succeeded(submission, event):
    """Raise WaitFailed if the payload is missing or empty, or its status is not "success"."""
    task = submission.WaitForTrigger(task_id="wait", trigger=FileTrigger("/data/one"))
    called = f"execute_complete(context, {event})"
    try:
        result = task.execute_complete(context_for(TaskInstance("wait")), event)
    except submission.WaitFailed as error:
        text = (event or {}).get("message", "")
        mistake = Mistake.ERROR_RAISED_WITHOUT_THE_EVENTS_MESSAGE
        expect(text in str(error), called=called, got=f"{error!r}, without the event's message", mistake=mistake)
    except NotImplementedError:
        raise
    except (AttributeError, KeyError, TypeError) as error:
        raise ContractViolation(called, repr(error), Mistake.EVENT_NOT_VALIDATED) from error
    except Exception as error:
        raise ContractViolation(called, repr(error), Mistake.RAISES_SOMETHING_OTHER_THAN_WAITFAILED) from error
    else:
        is_error = bool(event) and event.get("status") == "error"
        mistake = Mistake.ERROR_EVENT_ACCEPTED_AS_A_SUCCESS if is_error else Mistake.UNKNOWN_EVENT_ACCEPTED_AS_A_SUCCESS
        raise ContractViolation(called, f"it returned {result!r}", mistake)


# ── The DAG ──


def deferral(submission, task_id: str) -> TaskDeferred:
    """Execute a task of the DAG as a worker does, a second after a manual run without a logical date has begun."""
    task = submission.task(task_id, DAG_ID)
    ti = TaskInstance(task_id, dag_id=DAG_ID)
    begun = datetime.fromisoformat("2026-01-31T12:00:00+00:00")
    ti.start_date = begun
    dates = {"run_after": begun, "start_date": begun, "queued_at": begun, "logical_date": None}
    dag_run = SimpleNamespace(
        run_id=ti.run_id, dag_id=DAG_ID, conf={}, data_interval_start=None, data_interval_end=None, **dates
    )
    context = context_for(ti, dag_run=dag_run)
    called = f"the task {task_id}, in a manual run without a logical date"
    with freeze_time("2026-01-31 12:00:01", real_asyncio=True):
        try:
            task.render_template_fields(context)
        except Exception as error:
            mistake = Mistake.TEMPLATE_CANNOT_BE_RENDERED
            raise ContractViolation(f"the templates of {called}", repr(error), mistake) from error
        return expect_deferral(task, context, called)


@pytest.mark.parametrize(
    ("task_id", "sensor", "trigger"),
    [
        ("wait_for_data", "MultiDirectorySensorAsync", "MultiDirectoryTrigger"),
        ("wait_for_api", "WaitForTrigger", "ApiTrigger"),
        ("wait_for_rule", "WaitForTrigger", "BusinessRuleTrigger"),
    ],
)
def test_three_sensors_defer_with_triggers_of_their_own(submission, data_dir, task_id, sensor, trigger):
    """wait_for_data is a MultiDirectorySensorAsync; wait_for_api and wait_for_rule are each a WaitForTrigger."""
    kinds = [cls.__name__ for cls in type(submission.task(task_id, DAG_ID)).__mro__]
    mistake = Mistake.NOT_THE_REQUIRED_SENSOR
    expect(sensor in kinds, called=f"the task {task_id}", got=kinds[0], mistake=mistake)
    class_path, kwargs = deferral(submission, task_id).trigger.serialize()
    called, mistake = f"the trigger of {task_id}", Mistake.DEFERS_TO_ANOTHER_TRIGGER
    expect_equal(class_path, f"{MODULE}.{trigger}", called=called, mistake=mistake)
    due = {
        "wait_for_data": ("directories", submission.CLIENT_DIRECTORIES),
        "wait_for_api": ("url", submission.PARTNER_API_URL),
        "wait_for_rule": ("rule", f"{MODULE}.enough_clients_delivered"),
    }
    key, value = due[task_id]
    found = Result(called, kwargs, Mistake.ARGUMENT_NOT_SERIALIZED)[key]
    expect_equal(found, value, called=f"{called}: {key}", mistake=Mistake.TRIGGER_GETS_WRONG_ARGUMENTS)


def test_the_rule_of_the_dag_works(submission, data_dir):
    """wait_for_rule waits for enough_clients_delivered: it fires when all clients have delivered, not before."""
    trigger = deferral(submission, "wait_for_rule").trigger
    watched = watch(trigger, seconds=10, called="run() of the trigger of wait_for_rule")
    watched.expect_waiting()
    for directory in submission.CLIENT_DIRECTORIES:
        os.makedirs(directory)
        open(os.path.join(directory, "a.csv"), "w").close()
    watch(trigger, seconds=10, called="run() of the trigger of wait_for_rule").expect_found()


def test_wait_for_window_is_a_time_sensor(submission):
    """wait_for_window is a deferrable time sensor of Airflow, which defers although there is no logical date."""
    kind = type(submission.task("wait_for_window", DAG_ID))
    package, _, module = kind.__module__.rpartition(".")
    own = package.partition(".")[0] == "airflow" and "time" in module and issubclass(kind, BaseSensorOperator)
    mistake = Mistake.NOT_THE_REQUIRED_SENSOR
    expect(own, called="the task wait_for_window", got=kind, mistake=mistake)
    deferral(submission, "wait_for_window")


def test_approve_runs_as_soon_as_one_has_succeeded(submission):
    """approve runs as soon as wait_for_api or wait_for_rule has succeeded."""
    approve = submission.task("approve", DAG_ID)
    upstream = sorted(approve.upstream_task_ids)
    expect_equal(upstream, ["wait_for_api", "wait_for_rule"], called="the tasks upstream of approve")
    rule = str(getattr(approve.trigger_rule, "value", approve.trigger_rule))
    mistake = Mistake.WAITS_FOR_BOTH if rule in WAITS_FOR_BOTH else Mistake.CONTENT_WITH_A_FAILURE
    expect_equal(rule, "one_success", called="approve.trigger_rule", mistake=mistake)


def test_publish_runs_when_all_have_succeeded(submission):
    """publish runs when wait_for_data, wait_for_window and approve have all succeeded."""
    publish = submission.task("publish", DAG_ID)
    upstream = sorted(publish.upstream_task_ids)
    expect_equal(upstream, ["approve", "wait_for_data", "wait_for_window"], called="the tasks upstream of publish")
    rule = str(getattr(publish.trigger_rule, "value", publish.trigger_rule))
    mistake = Mistake.PUBLISHES_IN_SPITE_OF_A_FAILURE
    expect_equal(rule, "all_success", called="publish.trigger_rule", mistake=mistake)
