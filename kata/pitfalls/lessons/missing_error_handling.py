"""
An exception that leaves run()

The task fails with `TaskDeferralError: Trigger failure`, whatever has happened. `execute_complete`, which could
explain the error, is never called.

The fix: catch the exception, yield an error event, and let the operator raise.
"""

import asyncio

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from shared import DeferringOperator, two_dags


async def ask():
    await asyncio.sleep(3)
    raise PermissionError("the token has expired")


class Wrong(BaseTrigger):
    def serialize(self):
        return "missing_error_handling.Wrong", {}

    async def run(self):
        yield TriggerEvent({"status": "success", "answer": await ask()})


class Right(BaseTrigger):
    def serialize(self):
        return "missing_error_handling.Right", {}

    async def run(self):
        try:
            event = {"status": "success", "answer": await ask()}
        except Exception as error:
            event = {"status": "error", "message": str(error)}
        yield TriggerEvent(event)


class WaitForAnswer(DeferringOperator):
    def execute_complete(self, context, event):
        if event["status"] != "success":
            raise AirflowException(f"The partner was not asked, {event['message']}: renew it and clear this task.")
        return event["answer"]


two_dags("missing_error_handling", [WaitForAnswer(trigger=Wrong())], [WaitForAnswer(trigger=Right())])
