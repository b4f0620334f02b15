"""
A cancellation that is swallowed

When a task no longer waits, here because of its timeout, Airflow cancels its trigger. A trigger that catches the
cancellation and continues runs forever: it uses capacity of the triggerer, and still checks for a task that has
ended.

The fix: `except Exception`, which does not catch a cancellation; never `except BaseException` or a bare `except`. Put
the cleanup in `finally`.
"""

import asyncio

from airflow.triggers.base import BaseTrigger, TriggerEvent
from shared import DeferringOperator, two_dags


class Wrong(BaseTrigger):
    def serialize(self):
        return "swallowed_cancellation.Wrong", {}

    async def run(self):
        while True:
            try:
                await asyncio.sleep(2)
                self.log.info("Nothing there yet")
            except BaseException as error:
                self.log.info("Continuing after %r", error)
        yield TriggerEvent("never")


class Right(BaseTrigger):
    def serialize(self):
        return "swallowed_cancellation.Right", {}

    async def run(self):
        while True:
            try:
                await asyncio.sleep(2)
                self.log.info("Nothing there yet")
            except Exception as error:
                self.log.info("Continuing after %r", error)
        yield TriggerEvent("never")


two_dags(
    "swallowed_cancellation",
    [DeferringOperator(trigger=Wrong(), seconds=5)],
    [DeferringOperator(trigger=Right(), seconds=5)],
)
