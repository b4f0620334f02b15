"""What the learner's code may use up, and how it is said that it wanted more."""

from __future__ import annotations

import contextlib
import errno
import resource
import sys

# Really used, by a child and all that it has started. The checks of a right solution stay below 0.3 GiB; two children
# at once fit into a small machine in any case.
MEMORY = 2**30
# Only set aside: the five hundred threads of one check set 4 GiB aside for their stacks and use next to nothing of it.
_ADDRESSES = 6 * 2**30
FILE = 64 * 2**20
# Of all that a child and the processes that it has started write.
WRITTEN = 512 * 2**20
PROCESSES = 100

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
