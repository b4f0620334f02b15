"""
A timeout that nobody passes on

A sensor applies its `timeout` only while it pokes. A deferred task waits as long as `defer()` was told, and without a
`timeout` there, forever: purple, with no error. `execution_timeout` does not help: Airflow 3.3.2 ignores it while a
task is deferred by a worker.

The fix: `self.defer(..., timeout=timedelta(seconds=self.timeout))`.
"""

import asyncio
from datetime import timedelta

from airflow.sdk import DAG, BaseSensorOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent


class Never(BaseTrigger):
    def serialize(self):
        return "no_timeout.Never", {}

    async def run(self):
        await asyncio.sleep(3600)
        yield TriggerEvent("an hour later")


class Wrong(BaseSensorOperator):
    def execute(self, context):
        self.defer(trigger=Never(), method_name="execute_complete")

    def execute_complete(self, context, event):
        return event


class Right(Wrong):
    def execute(self, context):
        self.defer(trigger=Never(), method_name="execute_complete", timeout=timedelta(seconds=self.timeout))


with DAG("no_timeout_wrong", schedule=None):
    Wrong(task_id="wait", timeout=5)

with DAG("no_timeout_right", schedule=None):
    Right(task_id="wait", timeout=5)
