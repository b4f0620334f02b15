"""
The classes of the tree that Airflow was started with, without the DAGs that stand in the same file.

Whoever imports a DAG file from another DAG file takes its DAGs along: Airflow notes every DAG that comes into being
while it reads a file, and would count them as this file's. In production the classes are in a package, and nobody has
to think of it.
"""

from __future__ import annotations

from airflow.sdk.definitions._internal.contextmanager import DagContext

_noting, DagContext.current_autoregister_module_name = DagContext.current_autoregister_module_name, None
try:
    from trigger_implementation_exercise import DATA_DIR, MultiDirectorySensorAsync, handle_trigger_failure
finally:
    DagContext.current_autoregister_module_name = _noting

__all__ = ["DATA_DIR", "MultiDirectorySensorAsync", "handle_trigger_failure"]
