"""
A class path that only the DAG processor knows

Airflow loads a DAG file under a generated module name. A class path that is built from `__module__` contains it, and
the triggerer, which does not import from the DAG folder, cannot import it. (In an installed package, `__module__` is
right.)

The fix: write the path as a literal string, and put the module where the triggerer can import it: in a package, in
`plugins/`, on the `PYTHONPATH`.
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
        return f"{type(self).__module__}.{type(self).__qualname__}", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(3)
        yield TriggerEvent("there")


class Right(BaseTrigger):
    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "class_path.Right", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(3)
        yield TriggerEvent("there")


with DAG("class_path_wrong", schedule=None):
    Wait(task_id="wait", trigger=Wrong())

with DAG("class_path_right", schedule=None):
    Wait(task_id="wait", trigger=Right())
