"""
Connections that nobody closes

A triggerer runs for weeks. What its triggers leave open stays open after they have fired, until the process has no
file descriptor left. Then no trigger can open anything.

The fix: `async with`, or `finally`. Both also close if the trigger is cancelled.
"""

import asyncio
import os
from urllib.parse import urlsplit

from airflow.triggers.base import BaseTrigger, TriggerEvent
from shared import DeferringOperator, two_dags

API = urlsplit(os.environ.get("AIRFLOW__API__BASE_URL", ""))  # any server that accepts connections
OPEN = []  # stored for the next check, which never uses them


class Wrong(BaseTrigger):
    def serialize(self):
        return "resource_leak.Wrong", {}

    async def run(self):
        for _ in range(100):
            _, writer = await asyncio.open_connection(API.hostname, API.port)
            OPEN.append(writer)
            await asyncio.sleep(0.1)
        yield TriggerEvent("checked 100 times")


class Right(BaseTrigger):
    def serialize(self):
        return "resource_leak.Right", {}

    async def run(self):
        for _ in range(100):
            _, writer = await asyncio.open_connection(API.hostname, API.port)
            try:
                await asyncio.sleep(0.1)
            finally:
                writer.close()
        yield TriggerEvent("checked 100 times")


two_dags("resource_leak", [DeferringOperator(trigger=Wrong())], [DeferringOperator(trigger=Right())])
