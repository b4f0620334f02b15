"""The operator around the triggers of the lessons."""

from datetime import timedelta

from airflow.sdk import BaseOperator


class DeferringOperator(BaseOperator):
    """Defers to a trigger, for this number of seconds at most, and returns the payload of its event."""

    def __init__(self, *, trigger, seconds=None, **kwargs):
        super().__init__(**kwargs)
        self.trigger = trigger
        self.seconds = seconds

    def execute(self, context):
        timeout = timedelta(seconds=self.seconds) if self.seconds else None
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timeout)

    def execute_complete(self, context, event):
        return event
