"""
serialize() does not return what the constructor takes

A trigger is stored as a class path and keyword arguments, and the triggerer calls `__init__` with these. A name that
`__init__` does not know fails the task at once. A missing argument is worse: nothing fails, and the default applies.

The fix: `serialize()` returns every argument of `__init__` under its own name, as plain JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger, TriggerEvent
from wait import Wait


class Wrong(BaseTrigger):
    def __init__(self, check_interval: float) -> None:
        super().__init__()
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "serialization.Wrong", {"interval": self.check_interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(self.check_interval)
        yield TriggerEvent("there")


class Right(BaseTrigger):
    def __init__(self, check_interval: float) -> None:
        super().__init__()
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "serialization.Right", {"check_interval": self.check_interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(self.check_interval)
        yield TriggerEvent("there")


with DAG("serialization_wrong", schedule=None):
    Wait(task_id="wait", trigger=Wrong(check_interval=3))

with DAG("serialization_right", schedule=None):
    Wait(task_id="wait", trigger=Right(check_interval=3))
