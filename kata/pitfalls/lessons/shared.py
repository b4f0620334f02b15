"""What the lessons share: an operator, a trigger, and what makes their two DAGs."""

import asyncio
from datetime import timedelta

from airflow.sdk import DAG, BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent


class DeferringOperator(BaseOperator):
    """Defers to a trigger, for this number of seconds at most, and returns the payload of its event."""

    def __init__(self, *, trigger, task_id="wait", seconds=None, **kwargs):
        super().__init__(task_id=task_id, **kwargs)
        self.trigger = trigger
        self.seconds = seconds

    def execute(self, context):
        timeout = timedelta(seconds=self.seconds) if self.seconds else None
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timeout)

    def execute_complete(self, context, event):
        return event


class Fires(BaseTrigger):
    """Fires after this number of seconds."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def serialize(self):
        return "shared.Fires", {"seconds": self.seconds}

    async def run(self):
        await asyncio.sleep(self.seconds)
        yield TriggerEvent(f"after {self.seconds} seconds")


def two_dags(name, wrong, right):
    """Create the DAGs `<name>_wrong` and `<name>_right`, each with these tasks."""
    for variant, tasks in (("wrong", wrong), ("right", right)):
        with DAG(f"{name}_{variant}", schedule=None) as dag:
            dag.add_tasks(tasks)
