"""
A blocking call in run()

All triggers of a triggerer share one event loop. A trigger that sleeps, lists a directory, opens a file or calls a
service with a blocking call stops all of them until the call returns. The neighbor here waits for three seconds.

The fix: `await` everything that waits; run a call that can only block in a thread, for example with
`asyncio.to_thread`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger, TriggerEvent
from wait import Wait


class Wrong(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "blocking_call.Wrong", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        for _ in range(5):
            time.sleep(4)  # noqa: ASYNC251
        yield TriggerEvent("after 20 seconds")


class Right(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "blocking_call.Right", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        for _ in range(5):
            await asyncio.sleep(4)
        yield TriggerEvent("after 20 seconds")


class Neighbour(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "blocking_call.Neighbour", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(3)
        yield TriggerEvent("after 3 seconds")


with DAG("blocking_call_wrong", schedule=None):
    Wait(task_id="wait", trigger=Wrong())
    Wait(task_id="neighbour", trigger=Neighbour())

with DAG("blocking_call_right", schedule=None):
    Wait(task_id="wait", trigger=Right())
    Wait(task_id="neighbour", trigger=Neighbour())
