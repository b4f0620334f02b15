"""The operator around the triggers of the lessons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.triggers.base import BaseTrigger


class Wait(BaseOperator):
    """
    Defer to a trigger and return what it sends.

    :param trigger: its event's payload becomes the XCom of the task.
    :param patience: seconds after which the task fails; None for never.
    """

    def __init__(self, *, trigger: BaseTrigger, patience: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trigger = trigger
        self.patience = patience

    def execute(self, context: Context) -> None:
        timeout = timedelta(seconds=self.patience) if self.patience else None
        self.defer(trigger=self.trigger, method_name="execute_complete", timeout=timeout)

    def execute_complete(self, context: Context, event: Any) -> Any:
        return event
