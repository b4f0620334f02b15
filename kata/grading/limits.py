"""What the learner's code may use up, and how it is said that it wanted more."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

# Really used, by a child and all that it has started. The checks of a right solution stay below 0.3 GiB; two children
# at once fit into a small machine in any case.
MEMORY = 2**30
# Only set aside: the five hundred threads of one check set 4 GiB aside for their stacks and use next to nothing of it.
_ADDRESSES = 6 * 2**30
FILE = 64 * 2**20
# Of all that a child and the processes that it has started write.
WRITTEN = 512 * 2**20
PROCESSES = 100

# Seconds, for what is no check's own: @pytest.mark.deadline(seconds) takes the place of the first.
CHECK_DEADLINE = 15.0
STEP_DEADLINE = 120.0
IMPORT_DEADLINE = 10.0
COLLECTION_DEADLINE = 60.0

MEMORY_EXCEEDED = f"it needed more than {MEMORY // 2**30} GiB of memory"
FILE_TOO_LARGE = f"it wrote more than {FILE // 2**20} MiB into one file, or printed as much"
WROTE_TOO_MUCH = f"it wrote more than {WRITTEN // 2**20} MiB"
TOO_MANY_PROCESSES = f"it started more than {PROCESSES} processes"


def limit_this_process() -> None:
    """Hold this process, and each that it starts, to what one may use."""
    _limit(resource.RLIMIT_FSIZE, FILE)
    _limit(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":
        _limit(resource.RLIMIT_AS, _ADDRESSES)


def beyond_a_limit(error: BaseException) -> str:
    """Which limit an exception tells of, "" if of none."""
    if isinstance(error, MemoryError):
        return MEMORY_EXCEEDED
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return FILE_TOO_LARGE
    return ""


def _limit(kind: int, most: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


# What follows is how the server sees its children. Linux only; elsewhere there is nothing to see.

_PAGE = os.sysconf("SC_PAGE_SIZE")


def excess(child: int) -> str:
    """Which limit a child of this process and all that it has started exceed together, "" if none."""
    processes = _tree(child)
    if len(processes) > PROCESSES:
        return TOO_MANY_PROCESSES
    # What a process has from this one it shares with it.
    inherited = _memory(os.getpid())
    if sum(max(0, _memory(pid) - inherited) for pid in processes) > MEMORY:
        return MEMORY_EXCEEDED
    if sum(_written(pid) for pid in processes) > WRITTEN:
        return WROTE_TOO_MUCH
    return ""


def is_stopped(pid: int) -> bool:
    """Whether a process was halted by a signal and waits to be let go on."""
    return _read(pid, "stat").rpartition(")")[2].split()[:1] == ["T"]


def children(pid: int) -> Iterator[int]:
    """Yield the processes that this one has started or adopted."""
    for thread in _threads(pid):
        yield from map(int, _read(pid, f"task/{thread}/children").split())


def kept_waiting(child: int) -> float:
    """Return for how many seconds a child, or one of its own, was ready to run and no processor was free."""
    waits = [_read(pid, f"task/{thread}/schedstat") for pid in _tree(child) for thread in _threads(pid)]
    return max((int(wait.split()[1]) for wait in waits if wait), default=0) / 1e9


def _tree(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        if len(found) > PROCESSES:
            break
        found += children(each)
    return found


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


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
