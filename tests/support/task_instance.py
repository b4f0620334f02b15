"""A task instance as a task of Airflow 3 sees its own, over a table that stands in for the database."""

from __future__ import annotations

import copy
from collections import defaultdict
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.execution_time import macros
from airflow.sdk.execution_time.context import set_current_context

from .airflow_version import deserialize_result, serialize_result

DAG_ID = "trigger_implementation_exercise"
RUN_ID = "manual__2026-01-31T12:00:00+00:00"
RETURN_VALUE = "return_value"


class TaskInstance:
    """
    Has the methods of the Task SDK that the contracts speak of, with its parameters.

    :param xcoms: return values, ``{task_id: value}`` of this run or ``{(run_id, task_id): value}`` of any; an exception
        is raised when it is pulled.
    :param states: ``{run_id: {task_id: state}}`` of the DAG ``trigger_implementation_exercise``.
    :param first_reschedule: what a sensor in reschedule mode is told of its first look.
    """

    def __init__(
        self,
        task_id: str = "a_task",
        xcoms: dict[Any, Any] | None = None,
        states: dict[str, dict[str, str | None]] | None = None,
        first_reschedule: datetime | None = None,
        dag_id: str = DAG_ID,
        run_id: str = RUN_ID,
    ) -> None:
        self.task_id = task_id
        self.dag_id = dag_id
        self.run_id = run_id
        self.map_index = -1
        self.try_number = 1
        self.max_tries = 1
        self.state = "running"
        self.start_date = datetime.now(timezone.utc)  # of this process, as with dag.test()
        self._xcoms = {
            (*(key if isinstance(key, tuple) else (run_id, key)), RETURN_VALUE): value
            for key, value in (xcoms or {}).items()
        }
        self._states = states
        self._first_reschedule = first_reschedule

    def xcom_pull(
        self,
        task_ids: str | list[str] | None = None,
        dag_id: str | None = None,
        key: str = RETURN_VALUE,
        include_prior_dates: bool = False,
        *,
        map_indexes: Any = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        if (dag_id or self.dag_id) != DAG_ID:
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
        self,
        dag_id: str,
        map_index: int | None = None,
        task_ids: list[str] | None = None,
        task_group_id: str | None = None,
        logical_dates: list[datetime] | None = None,
        run_ids: list[str] | None = None,
        states: list[str] | None = None,
    ) -> int:
        _refuse_text(task_ids=task_ids, run_ids=run_ids, states=states)
        return sum(
            1
            for run_id, tasks in self._table(dag_id).items()
            for task_id, state in tasks.items()
            if (not run_ids or run_id in run_ids)
            and (not task_ids or task_id in task_ids)
            and (not states or state in states)
        )

    def get_task_states(
        self,
        dag_id: str,
        map_index: int | None = None,
        task_ids: list[str] | None = None,
        task_group_id: str | None = None,
        logical_dates: list[datetime] | None = None,
        run_ids: list[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        _refuse_text(task_ids=task_ids, run_ids=run_ids)
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        for run_id, tasks in self._table(dag_id).items():
            for task_id, state in tasks.items():
                if (not run_ids or run_id in run_ids) and (not task_ids or task_id in task_ids):
                    found[run_id][task_id] = state
        return dict(found)

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self._first_reschedule

    def _table(self, dag_id: str) -> dict[str, dict[str, str | None]]:
        if self._states is None:
            raise RuntimeError("The API server does not answer")
        return self._states if dag_id == DAG_ID else {}


def context_for(ti: TaskInstance, **more: Any) -> dict[str, Any]:
    """Return the context of a run that was started by hand: it has no logical date and nothing that follows from it."""
    dag_run = SimpleNamespace(
        run_id=ti.run_id,
        dag_id=ti.dag_id,
        logical_date=None,
        run_after=datetime.fromisoformat("2026-01-31T12:00:00+00:00"),
    )
    given = {"ti": ti, "task_instance": ti, "run_id": ti.run_id, "dag_run": dag_run, "params": {}, "macros": macros}
    return {**given, **more}


def execute_task(task: BaseOperator, ti: TaskInstance) -> Any:
    """Return what a task of a DAG returns when a worker executes it."""
    task = copy.copy(task)  # execution changes it, and others may run the DAG later
    context = context_for(ti, outlet_events={})
    with set_current_context(context):
        task.render_template_fields(context)
        return task.execute(context)


def _refuse_text(**lists: Any) -> None:
    for name, value in lists.items():
        if isinstance(value, str):
            raise TypeError(f"{name} must be a list, not the text {value!r}")
