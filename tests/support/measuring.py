"""What the checks of all tasks that measure have in common, and the faults of what they read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import rest_api
from .contract import Result, expect, expect_equal, must_not_fail, plain_result
from .mistakes import Mistake
from .submission import Submission
from .task_instance import TaskInstance, context_for, execute_task

API_FAULTS = ("absent", "refusing", "failing", "silent")


def measured_by(submission: Submission, name: str, ti: TaskInstance) -> Result:
    """Return what the function of a task returns in the context of ``ti``; Broken if it raises or returns no JSON."""
    called = f"{name}(**context)"
    with must_not_fail(called):
        returned = getattr(submission, name)(**context_for(ti))
    return plain_result(called, returned)


@contextmanager
def airflow_api(fault: str = "") -> Iterator[rest_api.RestApi | None]:
    """Provide Airflow's REST API, or one of ``API_FAULTS`` instead; absent: there is no connection."""
    if fault == "absent":
        yield None
    elif fault == "silent":
        with rest_api.silent() as url, rest_api.connected(url):
            yield None
    else:
        with rest_api.serving() as server, rest_api.connected(server.url):
            server.answer = {"refusing": 401, "failing": 500}.get(fault)
            yield server


def expect_unavailable(measured: Result, *names: str, called: str) -> None:
    """Raise Broken unless these values are None, each with a reason, and no reason is given for any other value."""
    reasons = measured["unavailable"]
    expect(isinstance(reasons, dict), called=f'{called}: ["unavailable"]', got=reasons)
    for name in names:
        expect_equal(measured[name], None, called=f'{called}: ["{name}"]', mistake=Mistake.INVENTED_FIGURE)
        told = isinstance(reasons.get(name), str) and bool(reasons[name])
        mistake = Mistake.DOES_NOT_SAY_WHY_A_FIGURE_IS_MISSING
        expect(told, called=f'{called}: ["unavailable"]["{name}"]', got=reasons, mistake=mistake)
    wrong = [name for name in reasons if measured.get(name) is not None]
    got, mistake = f"{wrong} are available", Mistake.CALLS_UNAVAILABLE_WHAT_IS_THERE
    expect(not wrong, called=f'{called}: ["unavailable"]', got=got, mistake=mistake)


def expect_task_calls(submission: Submission, task_id: str, key: str, ti: TaskInstance) -> None:
    """Raise Broken unless a task calls the function of the same name, whose result alone has ``key``."""
    called = f"the task {task_id}"
    returned = execute_task(submission.task(task_id), ti)
    others = _KEYS - {key}
    of_another = isinstance(returned, dict) and bool(set(returned) & others)
    mistake = Mistake.TASK_CALLS_ANOTHER_FUNCTION if of_another else Mistake.RESULT_WITHOUT_A_KEY
    _ = Result(called, returned, mistake)[key]


_KEYS = {"valid", "pools", "traditional", "report_file"}
