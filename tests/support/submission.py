"""The learner's module, imported once, with its names or a word on what is missing."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from .airflow_version import DagBag
from .contract import Broken
from .mistakes import Mistake

MODULE = "trigger_implementation_exercise"


class Submission:
    """
    The learner's module. ``submission.MultiDirectoryTrigger`` is the class, or Broken if it is missing.

    :ivar tree: the folder of the module's file.
    """

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.module = importlib.import_module(MODULE)
        self._dag_bag: DagBag | None = None

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self.module, name)
        except AttributeError:
            raise Broken(f"from {MODULE} import {name}", f"{MODULE}.py has no {name}", Mistake.MISSING_NAME) from None

    @property
    def path(self) -> Path:
        """The module's file."""
        return self.tree / f"{MODULE}.py"

    def dag(self, dag_id: str) -> DAG:
        """Return a DAG of the file as Airflow parses it; Broken if it does not parse or has no such DAG."""
        if self._dag_bag is None:
            self._dag_bag = DagBag(dag_folder=os.fspath(self.path), safe_mode=False)
        for error in self._dag_bag.import_errors.values():
            raise Broken(f"Airflow parses {self.path.name}", error.strip(), Mistake.THE_DAG_FILE_DOES_NOT_PARSE)
        if dag_id not in self._dag_bag.dags:
            raise Broken(
                f"Airflow parses {self.path.name}", f"the DAGs {sorted(self._dag_bag.dags)}", Mistake.MISSING_DAG
            )
        return self._dag_bag.dags[dag_id]

    def task(self, task_id: str, dag_id: str = MODULE) -> Any:
        """Return a task of a DAG; Broken if it is missing."""
        dag = self.dag(dag_id)
        if task_id not in dag.task_dict:
            raise Broken(
                f"the DAG {dag_id}", f"it has the tasks {sorted(dag.task_dict)}, but no {task_id}", Mistake.MISSING_TASK
            )
        return dag.task_dict[task_id]
