"""
State stored on self

A task resumes in a new process with a new operator: the DAG file is parsed again and `__init__` runs again. What
`execute` has set on `self` is lost, which shows only after the trigger has fired.

The fix: pass it with `self.defer(..., kwargs={...})`; the method that resumes gets it as an argument.
"""

from airflow.sdk import BaseOperator
from shared import Fires, two_dags


class Wrong(BaseOperator):
    def execute(self, context):
        self.order = "order 17"
        self.defer(trigger=Fires(seconds=3), method_name="execute_complete")

    def execute_complete(self, context, event):
        return f"{self.order} is ready"


class Right(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Fires(seconds=3), method_name="execute_complete", kwargs={"order": "order 17"})

    def execute_complete(self, context, event, order):
        return f"{order} is ready"


two_dags("state_on_self", [Wrong(task_id="wait")], [Right(task_id="wait")])
