"""
A timeout that nobody passes on

A sensor applies its `timeout` only while it pokes. A deferred task waits as long as `defer()` was told, and without a
`timeout` there, forever: purple, with no error. `execution_timeout` does not help: Airflow 3.3.2 ignores it while a
task is deferred by a worker.

The fix: `self.defer(..., timeout=timedelta(seconds=self.timeout))`.
"""

from datetime import timedelta

from airflow.sdk import BaseSensorOperator
from shared import Fires, two_dags


class Wrong(BaseSensorOperator):
    def execute(self, context):
        self.defer(trigger=Fires(seconds=3600), method_name="execute_complete")

    def execute_complete(self, context, event):
        return event


class Right(Wrong):
    def execute(self, context):
        self.defer(trigger=Fires(seconds=3600), method_name="execute_complete", timeout=timedelta(seconds=self.timeout))


two_dags("no_timeout", [Wrong(task_id="wait", timeout=5)], [Right(task_id="wait", timeout=5)])
