"""Notices that a file was saved, however an editor does it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import watchfiles

# Where the file system tells of no changes (some network and container mounts), the file is looked at this often.
_LOOK_EVERY = 1000  # milliseconds
# An editor may save in several steps: what follows within this time is one save.
_ONE_SAVE = 60  # milliseconds

_Version = tuple[int, int, int] | None


class Saves:
    """Calls `saved` from a thread of its own when the file has changed, was deleted, or is there again.

    Its folder is watched, not the file: many editors write another file and rename it. Use it as a context manager.
    """

    def __init__(self, file: Path, saved: Callable[[], None]) -> None:
        self._file = file
        self._saved = saved
        self._version = _version(file)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Saves:
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(timeout=2)

    def _watch(self) -> None:
        while not self._stop.is_set():
            folder = _identity(self._file.parent)
            if folder is not None:
                self._watch_folder(folder)
            self._compare()
            self._stop.wait(_LOOK_EVERY / 1000)

    def _watch_folder(self, folder: int) -> None:
        """Return when the folder is another one, as after a checkout, or gone."""
        changes = watchfiles.watch(
            self._file.parent,
            recursive=False,
            debounce=_ONE_SAVE,
            step=_ONE_SAVE // 3,
            rust_timeout=_LOOK_EVERY,
            yield_on_timeout=True,
            raise_interrupt=False,
            stop_event=self._stop,
        )
        try:
            for _ in changes:
                self._compare()
                if _identity(self._file.parent) != folder:
                    return
        except OSError:
            return

    def _compare(self) -> None:
        version = _version(self._file)
        if version != self._version:
            self._version = version
            self._saved()


def _version(file: Path) -> _Version:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _identity(folder: Path) -> int | None:
    try:
        return folder.stat().st_ino
    except OSError:
        return None
