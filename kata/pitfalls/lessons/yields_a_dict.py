"""
An event that is no TriggerEvent

The worst mistake: on Airflow 3.3.2 it stops the triggerer, and so all other triggers. The task stays deferred, so the
next triggerer takes the same trigger, and stops as well.

The fix: `yield TriggerEvent(...)`. To recover, fail the task, and start the triggerer until it keeps running.
"""

import asyncio

from airflow.triggers.base import BaseTrigger, TriggerEvent
from shared import DeferringOperator, two_dags


class Wrong(BaseTrigger):
    def serialize(self):
        return "yields_a_dict.Wrong", {}

    async def run(self):
        await asyncio.sleep(3)
        yield {"status": "success"}


class Right(BaseTrigger):
    def serialize(self):
        return "yields_a_dict.Right", {}

    async def run(self):
        await asyncio.sleep(3)
        yield TriggerEvent({"status": "success"})


two_dags("yields_a_dict", [DeferringOperator(trigger=Wrong())], [DeferringOperator(trigger=Right())])
