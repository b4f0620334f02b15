"""What the processes of an Airflow on this machine use: worker slots, CPU, memory, database commits."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

WORKERS = "workers"

# LocalExecutor keeps a process for each slot. The title of the process has the id of its task until the process of the
# task has ended: up to five seconds longer than the state of the task says.
_OCCUPIED = re.compile(r"LocalExecutor.*: ([0-9a-f-]{36})")
# In the header of the index that SQLite keeps beside a database in WAL mode: the number of its transactions.
_TRANSACTIONS = slice(8, 12)


class ComponentUsage:
    """Reads slots, CPU and memory from the processes of each component.

    The children of the scheduler, which are the executor's, count as a component of their own, `workers`.

    :param pids: the process of each component.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._roots = {component: psutil.Process(pid) for component, pid in pids.items()}

    def slot_holders(self) -> Counter[str]:
        """Return the number of slots that each task instance holds, by its id; nothing on macOS (no process titles).

        A task that resumes can hold two for a moment: the executor has not noticed that the first one is free.
        """
        titles = []
        with suppress(psutil.NoSuchProcess):
            for process in self._roots["scheduler"].children():
                with suppress(psutil.NoSuchProcess):
                    titles.append(" ".join(process.cmdline()))
        return holders(titles)

    def cpu(self) -> dict[str, float]:
        """Return the seconds so far, in user mode and in the kernel, of all processes and their ended children."""
        used = dict.fromkeys((*self._roots, WORKERS), 0.0)
        for component, process in self._processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used[component] += times.user + times.system
                ended = times.children_user + times.children_system
                used[WORKERS if component == "scheduler" else component] += ended
        return used

    def memory(self) -> dict[str, int]:
        """Return bytes: PSS, or on macOS, which has none, USS, which leaves out what processes share."""
        used = dict.fromkeys((*self._roots, WORKERS), 0)
        for component, process in self._processes():
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                used[component] += getattr(memory, "pss", memory.uss)
        return used

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        for component, root in self._roots.items():
            yield component, root
            with suppress(psutil.NoSuchProcess):
                for child in root.children(recursive=True):
                    yield WORKERS if component == "scheduler" else component, child


def holders(titles: Iterable[str]) -> Counter[str]:
    """Count the ids of task instances in the titles of the executor's processes."""
    return Counter(found[1] for title in titles if (found := _OCCUPIED.search(title)))


@contextmanager
def commit_counter(database: Path) -> Iterator[Callable[[], int]]:
    """Yield a function that returns the number of transactions that have written something so far.

    It reads SQLite's own count, which costs next to nothing.

    :param database: a file in WAL mode, as Airflow sets it.
    """
    # SQLite removes the index with the last connection. This connection only keeps it.
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    # Closed last: closing it would release the locks that the connection holds on the same file.
    index = os.open(f"{database}-shm", os.O_RDONLY)
    try:
        yield lambda: int.from_bytes(os.pread(index, _TRANSACTIONS.stop, 0)[_TRANSACTIONS], sys.byteorder)
    finally:
        connection.close()
        os.close(index)
