"""Which tasks hold a worker slot, as the processes tell it."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable

import psutil

# LocalExecutor keeps a process for each slot. It bears the id of the task that it is occupied with in its title, and is
# occupied until the task's process is gone: up to five seconds longer than the state of the task says.
_OCCUPIED = re.compile(r"LocalExecutor.*: ([0-9a-f-]{36})")


class Slots:
    """The slots of an Airflow with LocalExecutor.

    :param scheduler: process id of the scheduler.
    """

    def __init__(self, scheduler: int) -> None:
        self._scheduler = psutil.Process(scheduler)

    def holders(self) -> Counter[str]:
        """How many each task instance holds, by its id. Empty on macOS, where processes have no titles.

        A task that goes on after its wait can hold two for a moment: the first has not noticed that it is free.
        """
        with contextlib.suppress(psutil.NoSuchProcess):
            return holders(_title(process) for process in self._scheduler.children())
        return Counter()


def holders(titles: Iterable[str]) -> Counter[str]:
    """The ids in the titles of the executor's processes, and how often each is there."""
    return Counter(found[1] for title in titles if (found := _OCCUPIED.search(title)))


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""
