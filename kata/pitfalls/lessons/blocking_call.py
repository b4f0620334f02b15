"""
A blocking call in run()

All triggers of a triggerer share one event loop. A trigger that sleeps, lists a directory, opens a file or calls a
service with a blocking call stops all of them until the call returns. The neighbor here waits for three seconds.

The fix: `await` everything that waits; run a call that can only block in a thread, for example with
`asyncio.to_thread`.
"""

import asyncio
import time

from airflow.triggers.base import BaseTrigger, TriggerEvent
from shared import DeferringOperator, Fires, two_dags


class Wrong(BaseTrigger):
    def serialize(self):
        return "blocking_call.Wrong", {}

    async def run(self):
        for _ in range(5):
            time.sleep(4)  # noqa: ASYNC251
        yield TriggerEvent("after 20 seconds")


class Right(BaseTrigger):
    def serialize(self):
        return "blocking_call.Right", {}

    async def run(self):
        for _ in range(5):
            await asyncio.sleep(4)
        yield TriggerEvent("after 20 seconds")


two_dags(
    "blocking_call",
    [DeferringOperator(trigger=Wrong()), DeferringOperator(task_id="neighbor", trigger=Fires(seconds=3))],
    [DeferringOperator(trigger=Right()), DeferringOperator(task_id="neighbor", trigger=Fires(seconds=3))],
)
