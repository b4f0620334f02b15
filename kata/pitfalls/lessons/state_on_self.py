"""
State stored on self

A task resumes in a new process with a new operator: the DAG file is parsed again and `__init__` runs again. What
`execute` has set on `self` is lost, which shows only after the trigger has fired.

The fix: pass it with `self.defer(..., kwargs={...})`; the method that resumes gets it as an argument.
"""

import asyncio

from airflow.sdk import DAG, BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent


class Ready(BaseTrigger):
    def serialize(self):
        return "state_on_self.Ready", {}

    async def run(self):
        await asyncio.sleep(3)
        yield TriggerEvent("is ready")


class Wrong(BaseOperator):
    def execute(self, context):
        self.order = "order 17"
        self.defer(trigger=Ready(), method_name="execute_complete")

    def execute_complete(self, context, event):
        return f"{self.order} {event}"


class Right(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Ready(), method_name="execute_complete", kwargs={"order": "order 17"})

    def execute_complete(self, context, event, order):
        return f"{order} {event}"


with DAG("state_on_self_wrong", schedule=None):
    Wrong(task_id="wait")

with DAG("state_on_self_right", schedule=None):
    Right(task_id="wait")
