"""The submission: the learner's module, imported once, and its DAGs as Airflow parses them."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from .airflow_version import DagBag
from .contract import ContractViolation, expect
from .environment import put_on_path
from .mistakes import Mistake

MODULE = "trigger_implementation_exercise"


class Submission:
    """
    The learner's module. ``submission.MultiDirectoryTrigger`` is the class, or ContractViolation if it is missing.

    :param tree: the folder of the module's file.
    """

    def __init__(self, tree: Path) -> None:
        self.path = tree / f"{MODULE}.py"
        put_on_path(os.fspath(tree))
        self.module = importlib.import_module(MODULE)
        self._dag_bag: DagBag | None = None

    def __getattr__(self, name: str) -> Any:
        # Not `getattr`: a module may have a `__getattr__` that makes up whatever it is asked for.
        if name not in vars(self.module):
            called, got = f"from {MODULE} import {name}", f"{MODULE}.py has no {name}"
            raise ContractViolation(called, got, Mistake.MISSING_NAME)
        return vars(self.module)[name]

    def dag(self, dag_id: str) -> DAG:
        """Return a DAG of the file; ContractViolation if the file does not parse or has no such DAG."""
        if self._dag_bag is None:
            self._dag_bag = DagBag(dag_folder=os.fspath(self.path), safe_mode=False)
        called, dags = f"Airflow parses {self.path.name}", self._dag_bag.dags
        for error in self._dag_bag.import_errors.values():
            raise ContractViolation(called, error.strip(), Mistake.THE_DAG_FILE_DOES_NOT_PARSE)
        expect(dag_id in dags, called, f"the DAGs {sorted(dags)}", Mistake.MISSING_DAG)
        return dags[dag_id]

    def task(self, task_id: str, dag_id: str = MODULE) -> Any:
        """Return a task of a DAG; ContractViolation if it is missing."""
        tasks = self.dag(dag_id).task_dict
        got = f"it has the tasks {sorted(tasks)}, but no {task_id}"
        expect(task_id in tasks, f"the DAG {dag_id}", got, Mistake.MISSING_TASK)
        return tasks[task_id]
