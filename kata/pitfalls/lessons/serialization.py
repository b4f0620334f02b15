"""
serialize() does not return what the constructor takes

A trigger is stored as a class path and keyword arguments, and the triggerer calls `__init__` with these. A name that
`__init__` does not know fails the task at once. A missing argument is worse: nothing fails, and the default applies.

The fix: `serialize()` returns every argument of `__init__` under its own name, as plain JSON.
"""

import asyncio

from airflow.triggers.base import BaseTrigger, TriggerEvent
from shared import DeferringOperator, two_dags


class Wrong(BaseTrigger):
    def __init__(self, check_interval):
        super().__init__()
        self.check_interval = check_interval

    def serialize(self):
        return "serialization.Wrong", {"interval": self.check_interval}

    async def run(self):
        await asyncio.sleep(self.check_interval)
        yield TriggerEvent("there")


class Right(Wrong):
    def serialize(self):
        return "serialization.Right", {"check_interval": self.check_interval}


two_dags(
    "serialization",
    [DeferringOperator(trigger=Wrong(check_interval=3))],
    [DeferringOperator(trigger=Right(check_interval=3))],
)
