"""
Connections that nobody closes

A triggerer runs for weeks. What its triggers leave open stays open after they have fired, until the process has no
file descriptor left. Then no trigger can open anything.

The fix: `async with`, or `finally`. Both also close if the trigger is cancelled.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger, TriggerEvent
from wait import Wait

API = urlsplit(os.environ.get("AIRFLOW__API__BASE_URL", ""))  # whatever takes a connection

OPEN: list[asyncio.StreamWriter] = []  # for the next look, which never asks for them


class Wrong(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "resource_leak.Wrong", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        for _ in range(100):
            _, writer = await asyncio.open_connection(API.hostname, API.port)
            OPEN.append(writer)
            await asyncio.sleep(0.1)
        yield TriggerEvent("looked 100 times")


class Right(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "resource_leak.Right", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        for _ in range(100):
            _, writer = await asyncio.open_connection(API.hostname, API.port)
            try:
                await asyncio.sleep(0.1)
            finally:
                writer.close()
        yield TriggerEvent("looked 100 times")


with DAG("resource_leak_wrong", schedule=None):
    Wait(task_id="wait", trigger=Wrong())

with DAG("resource_leak_right", schedule=None):
    Wait(task_id="wait", trigger=Right())
