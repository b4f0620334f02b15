"""The load of the database: how often something was written to it."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path
from types import TracebackType

# In the header of the index that SQLite keeps beside a database in WAL mode: a count of its transactions.
_CHANGES = slice(8, 12)


class DatabaseCommits:
    """Reads SQLite's own count of the transactions that have written something; reading it costs next to nothing.

    :param database: a file in WAL mode, as Airflow sets it.
    """

    def __init__(self, database: Path) -> None:
        # The index is removed with the last connection. This one does nothing but keep it there.
        self._connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
        self._connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        # Stays open: closing it would drop the locks that the connection holds on the same file.
        self._index = os.open(f"{database}-shm", os.O_RDONLY)

    def __enter__(self) -> DatabaseCommits:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._connection.close()
        os.close(self._index)

    def count(self) -> int:
        """How many so far."""
        return int.from_bytes(os.pread(self._index, _CHANGES.stop, 0)[_CHANGES], sys.byteorder)
