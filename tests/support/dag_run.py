"""Run the whole DAG once, as ``airflow dags test`` does, while files arrive, almost without waiting."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from unittest import mock

from airflow.models import DagRun
from airflow.triggers.base import BaseTrigger
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from virtual_time import VirtualTimeLoop

from .airflow_version import deserialize_result
from .submission import MODULE, Submission

MAX_SLEEPS = 300  # in a whole run
LONGEST_RETRY = 5  # seconds; Airflow sleeps at most so long until it queries its database again


@dataclass
class Outcome:
    """
    The outcome of a run.

    :ivar state: the state of the run.
    :ivar states: the state of each task.
    :ivar xcoms: what each task returned.
    """

    state: str
    states: dict[str, str]
    xcoms: dict[str, Any]


def run_dag(submission: Submission, arrivals: list[Callable[[], object]]) -> Outcome:
    """
    Run the exercise's DAG with ``dag.test()``.

    :param arrivals: what is done while a trigger waits: one after the other, each when a trigger begins to sleep.
    """
    # Not at the top: the guard watches the modules that the checks import there, and Airflow changes this one itself.
    from airflow.sdk.definitions import dag as dag_module
    from airflow.sdk.execution_time import supervisor

    _prepare_database()
    arrivals = list(arrivals)
    times = [0.0]  # after each sleep, in seconds
    real_sleep = time.sleep

    def pass_time(seconds: float) -> None:
        times.append(times[-1] + seconds)
        if arrivals:
            arrivals.pop(0)()

    def run(main: Coroutine[Any, Any, Any], **options: Any) -> Any:
        with closing(VirtualTimeLoop(clock=lambda: times[-1], tick=pass_time)) as loop:
            try:
                return loop.run_until_complete(main)
            finally:
                loop.run_until_complete(loop.shutdown_default_executor())

    def sleep(seconds: float) -> None:
        if len(times) > MAX_SLEEPS:
            raise RuntimeError("A task waits in the worker, again and again, in place of deferring")
        if seconds > LONGEST_RETRY:
            pass_time(seconds)
        else:
            times.append(times[-1])
            real_sleep(min(seconds, 0.05))

    def run_trigger(trigger: BaseTrigger, *ti: Any) -> Any:
        # dag.test() leaves this out; the triggerer does it before run().
        trigger.task_instance = ti[0] if ti else None
        return run_inline(trigger, *ti)

    run_inline = getattr(dag_module, "_run_inline_trigger", None)  # older versions have none
    dag = submission.dag(MODULE)
    # Before 3.3 each task gets an API server of its own, which takes seconds to start; one is enough for all.
    one_server = functools.cache(supervisor.in_process_api_server)
    with (
        mock.patch.object(asyncio, "run", run),
        mock.patch.object(time, "sleep", sleep),
        mock.patch.object(supervisor, "in_process_api_server", one_server),
        mock.patch.object(dag_module, "_run_inline_trigger", run_trigger, create=run_inline is None),
    ):
        dag_run: DagRun = dag.test()
    with create_session() as session:
        tasks = session.merge(dag_run).get_task_instances(session=session)
        xcoms = {task.task_id: task.xcom_pull(task_ids=task.task_id, session=session) for task in tasks}
        return Outcome(
            state=str(dag_run.state),
            states={task.task_id: str(task.state) for task in tasks},
            xcoms={task_id: deserialize_result(value) for task_id, value in xcoms.items()},
        )


def _prepare_database() -> None:
    """Create Airflow's tables, unless they exist."""
    from airflow import settings
    from sqlalchemy import inspect

    os.makedirs(os.environ["AIRFLOW_HOME"], exist_ok=True)
    if not inspect(settings.engine or settings.get_engine()).has_table("dag_run"):
        initdb()
