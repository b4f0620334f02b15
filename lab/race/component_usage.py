"""CPU and memory of an Airflow on this machine, by component."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import psutil

WORKERS = "workers"


class ComponentUsage:
    """Reads them from the processes. The scheduler's children, the executor's, count as a component: `workers`.

    :param pids: the process of each component.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._roots = {component: psutil.Process(pid) for component, pid in pids.items()}

    def cpu(self) -> dict[str, float]:
        """Seconds so far, in user and kernel, of living processes and of their children that have ended."""
        used = dict.fromkeys((*self._roots, WORKERS), 0.0)
        for component, process in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used[component] += times.user + times.system
                ended = times.children_user + times.children_system
                used[WORKERS if component == "scheduler" else component] += ended
        return used

    def memory(self) -> dict[str, int]:
        """Bytes: PSS, and where the system has none (macOS) USS, which leaves out what is shared."""
        used = dict.fromkeys((*self._roots, WORKERS), 0)
        for component, process in self._all():
            with contextlib.suppress(psutil.Error):
                told = process.memory_full_info()
                used[component] += getattr(told, "pss", told.uss)
        return used

    def _all(self) -> Iterator[tuple[str, psutil.Process]]:
        for component, root in self._roots.items():
            yield component, root
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in root.children(recursive=True):
                    yield WORKERS if component == "scheduler" else component, child
