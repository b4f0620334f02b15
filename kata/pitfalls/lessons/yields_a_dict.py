"""
An event that is no TriggerEvent

The worst mistake: on Airflow 3.3.2 it stops the triggerer, and so all other triggers. The task stays deferred, so the
next triggerer takes the same trigger, and stops as well.

The fix: `yield TriggerEvent(...)`. To recover, fail the task, and start the triggerer until it keeps running.
"""

import asyncio

from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger, TriggerEvent
from deferring_operator import DeferringOperator


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


with DAG("yields_a_dict_wrong", schedule=None):
    DeferringOperator(task_id="wait", trigger=Wrong())

with DAG("yields_a_dict_right", schedule=None):
    DeferringOperator(task_id="wait", trigger=Right())
