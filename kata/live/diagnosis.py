"""Why a task does not do what it should: the cause, taken from the logs of Airflow."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kata.airflow.deployment import Deployment
from kata.core.rest_api import ApiUnavailable
from kata.live.card import CheckFailed
from kata.live.dag_run import DagRun, Task

BLOCKED_LOOP = "blocking call on the event loop"

_SHOWN_LINES = 12
_OF_NO_INTEREST = {"DAG bundles loaded: tree, dags", "Worker startup parse complete"}
_LONGEST_LINE = 300


@dataclass(frozen=True)
class _Sign:
    """What a known mistake leaves in a log.

    :param pattern: of a line, from the beginning of what it says; or of several, of which the last is shown.
    :param mistake: its name in `kata.grading.mistakes`.
    :param words: what it means; the line follows.
    """

    pattern: str
    mistake: str
    words: str


# The first that is found counts: the triggers' own failures before what follows from them.
_SIGNS = (
    _Sign(
        r"Trigger failed to load code",
        "wrong class path",
        "The triggerer cannot import the trigger's class: it imports the class path that serialize() returns, to the "
        "letter, and does not see the folder of the DAGs.",
    ),
    _Sign(
        r"Trigger failed to inflate",
        "serialize() does not fit __init__",
        "The triggerer cannot build the trigger from what serialize() returns.",
    ),
    _Sign(
        r".*requires an object with __aiter__ method",
        "run() is not an async generator",
        "run() is not an async generator: it has no `yield`.",
    ),
    _Sign(
        r"Trigger .* exited with error",
        "exception escapes run()",
        "run() raised. What goes wrong belongs into an event, or the task only learns that its trigger is gone.",
    ),
    _Sign(
        r".*(TriggerEvent.__init__\(\) |validation error for TriggerStateChanges)",
        "yields something other than a TriggerEvent",
        "run() yielded something that is no TriggerEvent: that ends the triggerer, with all triggers in it.",
    ),
    _Sign(
        r"Trigger \d+ returned non-serializable result|.*event payload could not be serialized",
        "payload is not plain JSON",
        "run() yielded an event that cannot travel: bytes, an object, or a coroutine that lacks its `await`.",
    ),
    _Sign(
        r"Pausing task as DEFERRED\.\nTask failed with exception\nTypeError: Cannot serialize object of type",
        "trigger's arguments are not plain JSON",
        "What serialize() returns, or defer(kwargs=...) was given, cannot travel.",
    ),
    _Sign(
        r"Pushing xcom\nTask failed with exception\nTypeError: Cannot serialize object of type",
        "result is not plain JSON",
        "What the task returns cannot travel to the next one.",
    ),
    _Sign(
        r"KeyError: <Encoding\.VAR: '__var'>",
        "trigger's arguments are not plain JSON",
        "serialize() returns a dataclass. It leaves the worker, and ends each triggerer that is to read it.",
    ),
    _Sign(
        r"Trigger runner failed .*'name': 'create_triggers'}, .*'name': '__init__'",
        "cannot be built in another process",
        "__init__ raised on the triggerer: that ends it, with all triggers in it.",
    ),
    _Sign(
        r"Trigger exited without sending an event",
        "ends without an event",
        "run() ended without yielding an event.",
    ),
    _Sign(
        r".*coroutine 'sleep' was never awaited",
        "loops without sleeping",
        "asyncio.sleep(...) lacks its `await`: run() turns without a pause, and lets nobody else have the event loop.",
    ),
    _Sign(
        r".*event loop appears deadlocked",
        BLOCKED_LOOP,
        "A trigger blocks the event loop that all triggers share, for so long that the triggerer counts as dead.",
    ),
    _Sign(
        # Importing a trigger's module takes a busy machine a second, and is no reason to blame anybody.
        r".*async thread was blocked for (?:\d{2,}|[2-9])\.\d+ seconds",
        BLOCKED_LOOP,
        "A trigger blocks the event loop that all triggers share.",
    ),
)


def explain(deployment: Deployment, run: DagRun, task: Task, called: str, got: str) -> CheckFailed:
    """The failure of a check on a task, with its cause as far as the logs tell it."""
    of_task = lines_of(run, task)
    printed = _end_of(of_task)
    of_triggerer = reversed(deployment.log_of("triggerer").splitlines())
    if found := _known((*of_task, *of_triggerer)):
        return CheckFailed(called, got, **found, printed=printed)
    if task.state == "running":
        return CheckFailed(called, got, mistake="waits in the worker", printed=printed)
    if task.state == "deferred" and not task.is_watched:
        return CheckFailed(called, got, error=triggerer_trouble(deployment), printed=printed)
    if task.state == "deferred":
        return CheckFailed(called, got, mistake="never fires", printed=printed)
    return CheckFailed(called, got, error=_last_error(of_task), printed=printed)


def triggerer_ended(deployment: Deployment) -> CheckFailed:
    """The failure of whatever was looked at when the triggerer ended by itself."""
    log = deployment.log_of("triggerer").splitlines()
    found = _known(reversed(log)) or {"error": _last_error(log)}
    return CheckFailed("the triggerer", "it has ended, and all triggers in it", **found, printed=_end_of(log))


def loop_is_free(deployment: Deployment) -> None:
    """Raises `CheckFailed` if a trigger has blocked the event loop of the triggerer."""
    found = _known(reversed(deployment.log_of("triggerer").splitlines()))
    if found.get("mistake") == BLOCKED_LOOP:
        raise CheckFailed("the log of the triggerer", "it was blocked, and all triggers in it", **found)


def triggerer_trouble(deployment: Deployment) -> str:
    """What the kata says when no triggerer is there to run triggers; "" when one is."""
    status = deployment.api.health().get("triggerer")
    if status == "healthy":
        return ""
    return (
        f"No triggerer is well (the health endpoint says {status}): what is deferred waits for ever, without an error. "
        "Start one with `airflow triggerer`."
    )


def _known(lines: Iterable[str]) -> dict[str, str]:
    """The name of the mistake and the line that gives it away; empty if none is known."""
    text = "\n".join(line.strip() for line in lines)
    for sign in _SIGNS:
        if found := re.search(rf"(^|\] )({sign.pattern}).*", text, re.MULTILINE):
            line = text[: found.end()].rpartition("\n")[2]
            return {"mistake": sign.mistake, "error": f"{sign.words} {_short(line)}"}
    return {}


def lines_of(run: DagRun, task: Task) -> list[str]:
    """The log of the task's last try, that of its triggers included, without what Airflow says about itself."""
    try:
        return list(_lines(run.log(task)))
    except ApiUnavailable as error:
        return [f"The log cannot be had: {error}"]


def _lines(entries: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The entries as text, without what Airflow says about where it has them from."""
    for entry in itertools.dropwhile(lambda entry: "timestamp" not in entry, entries):
        event = str(entry.get("event", "")).strip()
        if event.startswith("::") or event in _OF_NO_INTEREST:
            continue
        yield event + "".join(f" {name}={entry[name]}" for name in ("error", "classpath", "result") if entry.get(name))
        for each in entry.get("error_detail") or []:
            yield f"{each['exc_type']}: {each['exc_value']}"


def _last_error(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if re.match(r"[\w.]*(Error|Exception|Timeout|Failed)\b", line)), "")


def _end_of(lines: list[str]) -> str:
    return "\n".join(_short(line) for text in lines[-_SHOWN_LINES:] for line in text.splitlines())


def _short(line: str) -> str:
    line = line.strip()
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …"
