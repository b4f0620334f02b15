"""The tasks of the DAG: the task instance that they see, their context and their results."""

from __future__ import annotations

import copy
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.execution_time import macros
from airflow.sdk.execution_time.context import set_current_context

from .airflow_version import deserialize_result, serialize_result
from .contract import ContractViolation, Result, expect, expect_equal, plain_result
from .mistakes import Mistake
from .submission import MODULE, Submission

RUN_ID = "manual__2026-01-31T12:00:00+00:00"

_KEYS = {"valid", "pools", "traditional", "report_file"}

States = dict[str, dict[str, "str | None"]]


class TaskInstance:
    """
    A task instance as a task of Airflow 3 sees its own, over a table that replaces the database.

    It has the methods of the Task SDK that the contract names, with the same parameters in the same order.

    :param xcoms: return values, ``{task_id: value}`` of this run or ``{(run_id, task_id): value}`` of any; an exception
        is raised when it is pulled.
    :param states: ``{run_id: {task_id: state}}`` of the DAG ``trigger_implementation_exercise``; None if the API server
        does not respond.
    :param first_reschedule: when a sensor in reschedule mode has checked first.
    """

    def __init__(
        self,
        task_id: str = "a_task",
        xcoms: dict[Any, Any] | None = None,
        states: States | None = None,
        first_reschedule: datetime | None = None,
        dag_id: str = MODULE,
        run_id: str = RUN_ID,
    ) -> None:
        self.task_id, self.dag_id, self.run_id, self.map_index = task_id, dag_id, run_id, -1
        self.state, self.try_number, self.max_tries = "running", 1, 1
        self.start_date = datetime.now(timezone.utc)  # of this process, as with dag.test()
        self._xcoms = {
            (*(key if isinstance(key, tuple) else (run_id, key)), "return_value"): value
            for key, value in (xcoms or {}).items()
        }
        self._states = states
        self._first_reschedule = first_reschedule

    def xcom_pull(
        self,
        task_ids: str | list[str] | None = None,
        dag_id: str | None = None,
        key: str = "return_value",
        include_prior_dates: bool = False,
        *,
        map_indexes: Any = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        if (dag_id or self.dag_id) != MODULE:
            return default
        if isinstance(task_ids, (list, tuple)):
            return [self.xcom_pull(task_id, dag_id, key, default=default, run_id=run_id) for task_id in task_ids]
        value = self._xcoms.get((run_id or self.run_id, task_ids or self.task_id, key), default)
        if isinstance(value, Exception):
            raise value
        return value

    def xcom_push(self, key: str, value: Any) -> None:
        self._xcoms[self.run_id, self.task_id, key] = deserialize_result(serialize_result(value))

    def get_ti_count(
        self, dag_id, map_index=None, task_ids=None, task_group_id=None, logical_dates=None, run_ids=None, states=None
    ) -> int:
        _refuse_str(states=states)
        found = self.get_task_states(dag_id, task_ids=task_ids, run_ids=run_ids)
        return sum(not states or state in states for tasks in found.values() for state in tasks.values())

    def get_task_states(
        self, dag_id, map_index=None, task_ids=None, task_group_id=None, logical_dates=None, run_ids=None
    ) -> States:
        _refuse_str(task_ids=task_ids, run_ids=run_ids)
        if self._states is None:
            raise RuntimeError("The API server does not answer")
        found = {
            run_id: {task_id: state for task_id, state in tasks.items() if not task_ids or task_id in task_ids}
            for run_id, tasks in self._states.items()
            if dag_id == MODULE and (not run_ids or run_id in run_ids)
        }
        return {run_id: tasks for run_id, tasks in found.items() if tasks}

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self._first_reschedule


def context_for(ti: TaskInstance, **more: Any) -> dict[str, Any]:
    """Return the context of a run that was started by hand: it has no logical date and nothing that follows from it."""
    run_after = datetime.fromisoformat("2026-01-31T12:00:00+00:00")
    dag_run = SimpleNamespace(run_id=ti.run_id, dag_id=ti.dag_id, logical_date=None, run_after=run_after)
    given = {"ti": ti, "task_instance": ti, "run_id": ti.run_id, "dag_run": dag_run, "params": {}, "macros": macros}
    return {**given, **more}


def execute_task(task: BaseOperator, ti: TaskInstance) -> Any:
    """Return what a task of a DAG returns when a worker executes it."""
    task = copy.copy(task)  # execution changes it, and others may run the DAG later
    context = context_for(ti, outlet_events={})
    with set_current_context(context):
        task.render_template_fields(context)
        return task.execute(context)


def measured_by(submission: Submission, name: str, ti: TaskInstance) -> Result:
    """Return the result of a task's function in the context of ``ti``; ContractViolation if it raises or is no JSON."""
    called = f"{name}(**context)"
    try:
        returned = getattr(submission, name)(**context_for(ti))
    except (AssertionError, NotImplementedError):
        raise
    except Exception as error:  # nothing that cannot be measured may fail the task
        got = f"it raised {error!r}, which fails the task"
        raise ContractViolation(called, got, Mistake.A_MISSING_FIGURE_FAILS_THE_TASK) from error
    return plain_result(called, returned)


def expect_unavailable(measured: Result, *names: str, called: str) -> None:
    """Raise ContractViolation unless these values are None, each with a reason, and no other value has a reason."""
    reasons = measured["unavailable"]
    expect(isinstance(reasons, dict), f'{called}: ["unavailable"]', reasons)
    for name in names:
        expect_equal(measured[name], None, f'{called}: ["{name}"]', Mistake.INVENTED_FIGURE)
        has_reason = isinstance(reasons.get(name), str) and bool(reasons[name])
        mistake = Mistake.DOES_NOT_SAY_WHY_A_FIGURE_IS_MISSING
        expect(has_reason, f'{called}: ["unavailable"]["{name}"]', reasons, mistake)
    wrong = [name for name in reasons if measured.get(name) is not None]
    got, mistake = f"{wrong} are available", Mistake.CALLS_UNAVAILABLE_WHAT_IS_THERE
    expect(not wrong, f'{called}: ["unavailable"]', got, mistake)


def expect_task_calls(submission: Submission, task_id: str, key: str, ti: TaskInstance) -> None:
    """Raise ContractViolation unless a task calls the function of the same name, whose result alone has ``key``."""
    returned = execute_task(submission.task(task_id), ti)
    of_another = isinstance(returned, dict) and bool(set(returned) & (_KEYS - {key}))
    mistake = Mistake.TASK_CALLS_ANOTHER_FUNCTION if of_another else Mistake.RESULT_WITHOUT_A_KEY
    _ = Result(f"the task {task_id}", returned, mistake)[key]


def _refuse_str(**lists: Any) -> None:
    for name, value in lists.items():
        if isinstance(value, str):
            raise TypeError(f"{name} must be a list, not the text {value!r}")
