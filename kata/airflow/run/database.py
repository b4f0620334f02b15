"""What Airflow's database says about a run, read while the run goes on."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


class DagRunDatabase:
    """Reads the SQLite database of one DAG run; it never writes and never waits.

    :param file: the database. It belongs to this run alone.
    """

    def __init__(self, file: Path) -> None:
        self._address = f"file:{file}?mode=ro"

    def task_states(self) -> dict[str, str]:
        """The state of every task that has one, by task id; empty while the database is busy."""
        rows = self._rows("SELECT task_id, state FROM task_instance WHERE state IS NOT NULL ORDER BY start_date")
        return dict(rows)

    def task_ids(self) -> set[str]:
        """All tasks of the run, begun or not; empty while there is none or the database is busy."""
        return {task_id for (task_id,) in self._rows("SELECT task_id FROM task_instance")}

    def returned(self) -> dict[str, Any]:
        """What the tasks returned, by task id."""
        rows = self._rows("SELECT task_id, value FROM xcom WHERE key = 'return_value'")
        return {task_id: _decoded(value) for task_id, value in rows}

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(self._address, uri=True, timeout=0)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []


def _decoded(value: Any) -> Any:
    # Airflow stores JSON; read through sqlite3 it arrives as its text.
    try:
        decoded = json.loads(value)
        return json.loads(decoded) if isinstance(decoded, str) else decoded
    except (TypeError, ValueError):
        return value
