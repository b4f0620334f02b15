"""
A class path that only the DAG processor knows

Airflow loads a DAG file under a generated module name. A class path that is built from `__module__` contains it, and
the triggerer, which does not import from the DAG folder, cannot import it. (In an installed package, `__module__` is
right.)

The fix: write the path as a literal string, and put the module where the triggerer can import it: in a package, in
`plugins/`, on the `PYTHONPATH`.
"""

import asyncio

from airflow.triggers.base import BaseTrigger, TriggerEvent
from shared import DeferringOperator, two_dags


class Wrong(BaseTrigger):
    def serialize(self):
        return f"{type(self).__module__}.{type(self).__qualname__}", {}

    async def run(self):
        await asyncio.sleep(3)
        yield TriggerEvent("there")


class Right(Wrong):
    def serialize(self):
        return "class_path.Right", {}


two_dags("class_path", [DeferringOperator(trigger=Wrong())], [DeferringOperator(trigger=Right())])
