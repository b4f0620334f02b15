"""
A cancellation that is swallowed

When a task no longer waits, here because its time is over, Airflow cancels its trigger. A trigger that catches the
cancellation goes on for ever: it holds a place in the triggerer, and looks on for a task that is long done.

The cure: `except Exception`, to which a cancellation does not belong; never `BaseException`, nor a bare `except`. What
has to be tidied up goes into `finally`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger, TriggerEvent
from wait import Wait


class Wrong(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "swallowed_cancellation.Wrong", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            try:
                await asyncio.sleep(2)
                self.log.info("Nothing there yet")
            except BaseException as error:
                self.log.info("Looking on after %r", error)
        yield TriggerEvent("never")


class Right(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "swallowed_cancellation.Right", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            try:
                await asyncio.sleep(2)
                self.log.info("Nothing there yet")
            except Exception as error:
                self.log.info("Looking on after %r", error)
        yield TriggerEvent("never")


with DAG("swallowed_cancellation_wrong", schedule=None):
    Wait(task_id="wait", trigger=Wrong(), patience=5)

with DAG("swallowed_cancellation_right", schedule=None):
    Wait(task_id="wait", trigger=Right(), patience=5)
