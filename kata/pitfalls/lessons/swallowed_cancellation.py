"""
A cancellation that is swallowed

When a task no longer waits, here because of its timeout, Airflow cancels its trigger. A trigger that catches the
cancellation and continues runs forever: it uses capacity of the triggerer, and still checks for a task that has
ended.

The fix: `except Exception`, which does not catch a cancellation; never `except BaseException` or a bare `except`. Put
the cleanup in `finally`.
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
