"""Why a task is not in the expected state: the cause, from Airflow's logs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kata.airflow.deployment import Deployment
from kata.core.dag_run import DagRun, Task
from kata.core.files import read_toml

BLOCKED_LOOP = "blocking call on the event loop"

_SHOWN_LINES = 12
_shortened = partial(textwrap.shorten, width=300, placeholder=" …")

SIGNS: list[dict[str, str]] = read_toml(Path(__file__).with_name("signs.toml"))["sign"]


@dataclass(eq=False)
class CheckFailed(Exception):
    """A check of the proof has failed.

    :param called: what was done.
    :param got: the result.
    :param mistake: its name in `kata.grading.mistakes`, "" if it is not known.
    :param error: the line of a log that shows the cause.
    :param printed: the lines around it.
    """

    called: str
    got: str
    mistake: str = ""
    error: str = ""
    printed: str = ""


def explain(deployment: Deployment, run: DagRun, task: Task, called: str, got: str) -> CheckFailed:
    """Return the failure of a check on a task, with its cause as far as the logs show it."""
    of_task = run.log_lines(task)
    cause = _known_mistake((*of_task, *_latest_first(deployment)))
    if not cause and task.state == "running":
        cause = {"mistake": "waits in the worker"}
    elif not cause and task.state == "deferred":
        cause = {"mistake": "never fires"} if task.is_watched else {"error": triggerer_trouble(deployment)}
    return CheckFailed(called, got, **(cause or {"error": _last_error(of_task[::-1])}), printed=_end_of(of_task))


def triggerer_ended(deployment: Deployment) -> CheckFailed:
    """Return the failure of the check during which the triggerer ended by itself."""
    log = _latest_first(deployment)
    cause = _known_mistake(log) or {"error": _last_error(log)}
    return CheckFailed("the triggerer", "it has ended, and all triggers in it", **cause, printed=_end_of(log[::-1]))


def check_loop_was_free(deployment: Deployment) -> None:
    """Raise `CheckFailed` if a trigger has blocked the event loop of the triggerer."""
    known = _known_mistake(_latest_first(deployment))
    if known.get("mistake") == BLOCKED_LOOP:
        raise CheckFailed("the log of the triggerer", "it was blocked, and all triggers in it", **known)


def triggerer_trouble(deployment: Deployment) -> str:
    """Return what to say if no triggerer is healthy, otherwise ""."""
    status = deployment.api.health().get("triggerer")
    if status == "healthy":
        return ""
    return (
        f"No triggerer is healthy (the health endpoint says {status}): deferred tasks wait forever, without an error. "
        "Start one with `airflow triggerer`."
    )


def _latest_first(deployment: Deployment) -> list[str]:
    return deployment.log_of("triggerer").splitlines()[::-1]


def _known_mistake(lines: Iterable[str]) -> dict[str, str]:
    """Return the `mistake` and, as `error`, the line that shows it; nothing if no sign matches."""
    text = "\n".join(line.strip() for line in lines)
    for sign in SIGNS:
        if found := re.search(rf"(^|\] )({sign['pattern']}).*", text, re.MULTILINE):
            line = _shortened(text[: found.end()].rpartition("\n")[2])
            return {"mistake": sign["mistake"], "error": f"{sign.get('words', '')} {line}".lstrip()}
    return {}


def _last_error(latest_first: list[str]) -> str:
    return next((line for line in latest_first if re.match(r"[\w.]*(Error|Exception|Timeout|Failed)\b", line)), "")


def _end_of(lines: list[str]) -> str:
    return "\n".join(_shortened(line) for text in lines[-_SHOWN_LINES:] for line in text.splitlines())
