"""What the children of the fork server use up, seen from outside. Linux only; elsewhere there is nothing to see."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection
from pathlib import Path

from kata.grading import limits

_PAGE = os.sysconf("SC_PAGE_SIZE")


def excess(child: int, server: int) -> str:
    """Which limit a child and all that it has started exceed together, "" if none."""
    processes = _tree(child)
    if len(processes) > limits.PROCESSES:
        return limits.TOO_MANY_PROCESSES
    # What a process has from the server it shares with it.
    inherited = _memory(server)
    if sum(max(0, _memory(pid) - inherited) for pid in processes) > limits.MEMORY:
        return limits.MEMORY_EXCEEDED
    if sum(_written(pid) for pid in processes) > limits.WRITTEN:
        return limits.WROTE_TOO_MUCH
    return ""


def is_stopped(pid: int) -> bool:
    """Whether a process was halted by a signal and waits to be let go on."""
    return _read(pid, "stat").rpartition(")")[2].split()[:1] == ["T"]


def end_orphans(server: int, children: Collection[int]) -> None:
    """End what has left its child and was adopted by the server."""
    for pid in _children(server):
        if pid not in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        if len(found) > limits.PROCESSES:
            break
        found += _children(each)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(pid, f"task/{thread}/children").split())
    return found


def _memory(pid: int) -> int:
    pages = _read(pid, "statm").split()
    return int(pages[1]) * _PAGE if pages else 0


def _written(pid: int) -> int:
    fields = dict(line.split(": ") for line in _read(pid, "io").splitlines())
    return int(fields.get("wchar", 0))


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
