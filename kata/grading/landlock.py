"""Landlock: what this process and all that it starts may read and write, told to the kernel by the process itself.

There is no package of it that is kept well. Rights and versions: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls
_PR_SET_NO_NEW_PRIVS = 38

_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, list a directory
_WRITE = 1 << 1 | sum(1 << right for right in range(4, 13))  # write a file, remove, make
_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
# Rights that came with a later version: to move between directories, to truncate, to control devices.
_LATER = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_SIGNALS_SINCE, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """Return the version of the kernel's interface, 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, 1))


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Deny this process everything but these files and folders, and signals to what it has not started itself.

    :param readable: what may be read; what is not there is passed over.
    :param writable: what may be read, written and removed.
    :raises OSError: if the kernel refuses.
    """
    since = version()
    write = _WRITE | sum(right for first, right in _LATER.items() if first <= since)
    rules = _Ruleset(_READ | write, 0, _ABSTRACT_SOCKETS_AND_SIGNALS if since >= _SIGNALS_SINCE else 0)
    size = ctypes.sizeof(rules) if since >= _SIGNALS_SINCE else ctypes.sizeof(ctypes.c_uint64)
    ruleset = _call(_CREATE_RULESET, ctypes.byref(rules), size, 0)
    for paths, allowed in ((readable, _READ), (writable, _READ | write)):
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                _allow(ruleset, path, allowed)
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: Path, allowed: int) -> None:
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = _Beneath(allowed if path.is_dir() else allowed & _OF_FILES, folder)
    try:
        _call(_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0)
    finally:
        os.close(folder)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)
