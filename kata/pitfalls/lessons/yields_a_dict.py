"""
An event that is no TriggerEvent

The worst mistake: on Airflow 3.3.2 it stops the triggerer, and so all other triggers. The task stays deferred, so the
next triggerer takes the same trigger, and stops as well.

The fix: `yield TriggerEvent(...)`. To recover, fail the task, and start the triggerer until it keeps running.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger, TriggerEvent
from wait import Wait


class Wrong(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "yields_a_dict.Wrong", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(3)
        yield {"status": "success"}


class Right(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "yields_a_dict.Right", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(3)
        yield TriggerEvent({"status": "success"})


with DAG("yields_a_dict_wrong", schedule=None):
    Wait(task_id="wait", trigger=Wrong())

with DAG("yields_a_dict_right", schedule=None):
    Wait(task_id="wait", trigger=Right())
