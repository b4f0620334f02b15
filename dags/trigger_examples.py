"""
Four triggers to read before you write one, each with its operator. The DAG at the end lets all of them wait at once.

A triggerer imports a trigger by the class path that `serialize()` returns, and never looks into the folder of the DAGs:
so every way of running this kata has `dags/` on the `PYTHONPATH` of all components. The path is written to the letter,
as Airflow loads a DAG file under a made-up module name, which `__module__` would repeat and no triggerer could import.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, Context, Variable, timezone
from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

CHECK_INTERVAL = 2  # seconds between two looks

# ── 1. The smallest one: what every trigger has ───────────────────────────────────────────────────────────────────────


class PauseTrigger(BaseTrigger):
    """
    Fire after a while.

    :param seconds: how long that is.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds  # keep the arguments, and nothing else: this runs in the worker and in the triggerer

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How the triggerer builds it again: the path of the class, and what `__init__` is to be given, plain JSON."""
        return "trigger_examples.PauseTrigger", {"seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, yield one event, end. All triggers share an event loop: `time.sleep` would halt every one of them."""
        await asyncio.sleep(self.seconds)
        yield TriggerEvent({"slept": self.seconds})


class Pause(BaseOperator):
    """
    Wait for a while and return how long, in seconds.

    :param seconds: how long that is.
    """

    def __init__(self, *, seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seconds = seconds

    def execute(self, context: Context) -> None:
        """Hand the trigger over and leave the worker slot: `defer` raises, no line after it runs."""
        self.defer(trigger=PauseTrigger(self.seconds), method_name="execute_complete")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> float:
        """Go on, perhaps on another worker. What `execute` had set on `self` would be gone; the event is what came."""
        return event["slept"]


# ── 2. One that asks a service: polling without blocking, for no longer than it is worth ──────────────────────────────


class HeartbeatTrigger(BaseTrigger):
    """
    Fire when Airflow's health endpoint shows a new heartbeat of the scheduler.

    :param url: of the endpoint.
    :param since: the heartbeat has to be later than this moment, in ISO 8601.
    """

    def __init__(self, url: str, since: str) -> None:
        super().__init__()
        self.url = url
        self.since = since

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_examples.HeartbeatTrigger", {"url": self.url, "since": self.since}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Open the client here, not in `__init__`, and close it however this ends, also by a cancellation."""
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                await asyncio.sleep(CHECK_INTERVAL)  # first of all, so that no way round the loop leaves it out
                try:
                    health = (await client.get(self.url)).raise_for_status().json()
                    heartbeat = health["scheduler"]["latest_scheduler_heartbeat"]
                    is_new = timezone.parse(heartbeat) > timezone.parse(self.since)
                except (httpx.HTTPError, LookupError, TypeError, ValueError) as error:
                    self.log.warning("%s told no heartbeat, asking again: %r", self.url, error)
                    continue
                if is_new:
                    yield TriggerEvent({"heartbeat": heartbeat})
                    return  # without it the loop would go on, and yield again


class WaitForHeartbeat(BaseOperator):
    """
    Wait for the scheduler's next heartbeat and return its time, in ISO 8601.

    :param url: of Airflow's health endpoint (templated).
    :param patience: seconds after which the task fails.
    """

    template_fields: Sequence[str] = ("url",)

    def __init__(self, *, url: str, patience: float = 60, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.url = url
        self.patience = patience

    def execute(self, context: Context) -> None:
        """Say how long it may take: without a `timeout` a task stays deferred until its trigger fires, if ever."""
        self.defer(
            trigger=HeartbeatTrigger(self.url, since=timezone.utcnow().isoformat()),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.patience),
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        return event["heartbeat"]


# ── 3. One that waits for a time: what survives a restart ─────────────────────────────────────────────────────────────


class MomentTrigger(BaseTrigger):
    """
    Fire when a moment has come.

    A trigger may be built again by another triggerer at any time, and knows nothing then but its arguments. `Pause`
    starts its seconds again; a moment stays where it is.

    :param moment: in ISO 8601 with an offset, as a `datetime` is no plain JSON.
    """

    def __init__(self, moment: str) -> None:
        super().__init__()
        self.moment = moment

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_examples.MomentTrigger", {"moment": self.moment}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the clock again every minute: somebody may set it."""
        while (seconds := seconds_until(self.moment)) > 0:
            await asyncio.sleep(min(seconds, 60))
        yield TriggerEvent({"moment": self.moment})


class WaitForMoment(BaseOperator):
    """
    Wait for a moment and return it.

    :param moment: in ISO 8601 with an offset (templated).
    """

    template_fields: Sequence[str] = ("moment",)

    def __init__(self, *, moment: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.moment = moment

    def execute(self, context: Context) -> str:
        """Look before deferring: what has come already needs no way through the triggerer."""
        if seconds_until(self.moment) > 0:
            self.defer(trigger=MomentTrigger(self.moment), method_name="execute_complete")
        return self.moment

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        return event["moment"]


def seconds_until(moment: str) -> float:
    """Seconds from now to a moment in ISO 8601; less than 0 when it is over."""
    return (datetime.fromisoformat(moment) - timezone.utcnow()).total_seconds()


# ── 4. One with several outcomes: the trigger says what happened, the operator what follows ───────────────────────────


class DecisionTrigger(BaseTrigger):
    """
    Fire when an Airflow variable holds a decision, when it is too late for one, or when it cannot be had.

    :param variable: its key; `approved` and `rejected` are decisions.
    :param deadline: in ISO 8601 with an offset.
    """

    def __init__(self, variable: str, deadline: str) -> None:
        super().__init__()
        self.variable = variable
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_examples.DecisionTrigger", {"variable": self.variable, "deadline": self.deadline}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Whatever happens becomes an event: an exception would leave the task no more than "Trigger failure"."""
        try:
            event = {"outcome": await self._outcome()}
        except Exception as error:  # a cancellation is none of these, and passes
            event = {"outcome": "error", "message": repr(error)}
        yield TriggerEvent(event)

    async def _outcome(self) -> str:
        read = sync_to_async(Variable.get)  # it blocks, so it goes to a thread
        while seconds_until(self.deadline) > 0:
            decision = await read(self.variable, default="")
            if decision in ("approved", "rejected"):
                return decision
            await asyncio.sleep(CHECK_INTERVAL)
        return "expired"


class Decision(BaseBranchOperator):
    """
    Ask a human to decide, and go on with the task `approved`, `rejected` or `expired`.

    The answer is given in Airflow's UI, under Admin, Variables. (In earnest take the `ApprovalOperator` of Airflow's
    standard provider.)

    :param variable: key of the variable; it is emptied when the question is put.
    :param patience: seconds after which nobody answers any more.
    """

    def __init__(self, *, variable: str, patience: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.variable = variable
        self.patience = patience

    def execute(self, context: Context) -> None:
        Variable.set(self.variable, "")
        deadline = timezone.utcnow() + timedelta(seconds=self.patience)
        self.defer(trigger=DecisionTrigger(self.variable, deadline.isoformat()), method_name="execute_complete")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Know every outcome by name: an event is no success just because it came."""
        if event["outcome"] not in ("approved", "rejected", "expired"):
            raise AirflowException(f"No decision can be had from the variable {self.variable}: {event['message']}")
        return self.do_branch(context, event["outcome"])


with DAG(
    dag_id="trigger_examples",
    description="Four small triggers, side by side",
    schedule=None,
    tags=["kata", "examples"],
    default_args={"retries": 1, "retry_delay": timedelta(seconds=5)},
    doc_md=__doc__,
):
    Pause(task_id="pause", seconds=10)
    WaitForHeartbeat(
        task_id="next_heartbeat",
        # The connection is defined by every way of running this kata.
        url="{{ conn.airflow_api.host }}:{{ conn.airflow_api.port }}/api/v2/monitor/health",
    )
    WaitForMoment(task_id="half_a_minute_later", moment="{{ dag_run.start_date + macros.timedelta(seconds=30) }}")
    Decision(task_id="decision", variable="trigger_examples_decision", patience=60) >> [
        EmptyOperator(task_id=outcome) for outcome in ("approved", "rejected", "expired")
    ]
