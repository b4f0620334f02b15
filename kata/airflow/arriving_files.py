"""The files that arrive at a customer's directories while the DAG waits for them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

UPLOAD = "client_data/upload.csv"
ORDERS = "uploads/client_3/orders.csv"

# Each file arrives when the task that waits for it has waited so long, or at the latest so long after the set-up.
WAITED_FOR_BY = {UPLOAD: "wait_for_upload", ORDERS: "monitor_client_uploads"}
_SECONDS_OF_WAITING = 3.0
_SECONDS_AT_LATEST = 40.0

_CONTENT = "order_id,client,amount\n1,client_3,19.90\n2,client_3,5.00\n"


class ArrivingFiles:
    """Drops the files, each once, after the DAG has made its directories.

    :param data: the folder that the DAG works below.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._waiting = list(WAITED_FOR_BY)
        self._set_up_at: float | None = None
        self._begun_at: dict[str, float] = {}

    def drop_due(self, begun_tasks: Iterable[str]) -> list[Path]:
        """Drop the files whose time has come, and say which; to be called again and again.

        :param begun_tasks: ids of the tasks that have begun so far.
        """
        now = time.monotonic()
        for task_id in begun_tasks:
            self._begun_at.setdefault(task_id, now)
        if self._set_up_at is None and (self._data / "uploads" / "client_1").is_dir():
            self._set_up_at = now
        due = [name for name in self._waiting if self._is_due(name, now)]
        self._waiting = [name for name in self._waiting if name not in due]
        return [drop(self._data / name) for name in due]

    def _is_due(self, name: str, now: float) -> bool:
        if self._set_up_at is None:
            return False
        begun = self._begun_at.get(WAITED_FOR_BY[name])
        waited = begun is not None and now >= begun + _SECONDS_OF_WAITING
        return waited or now >= self._set_up_at + _SECONDS_AT_LATEST


def drop(file: Path) -> Path:
    """Put a CSV file with two rows there; the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # It shows up under its name only when it is whole.
    hidden = file.with_name(f".{file.name}.part")
    hidden.write_text(_CONTENT)
    os.replace(hidden, file)
    return file
