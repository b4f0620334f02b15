"""What `make watch` waits for: a saved file, a pressed key."""

from __future__ import annotations

import os
import sys
import termios
import threading
import time
import tty
from pathlib import Path
from types import TracebackType

SAVED = "\0"  # no key

# Seconds. Polling one file costs nothing, and works where a file system reports no changes, as some mounts.
_POLL_EVERY = 0.05


class Events:
    """Saves of a file and pressed keys, in a pipe. Use it as a context manager: the terminal is restored at its end.

    A save is any change of the file, also that it was deleted or exists again. Its threads end with the process.

    :ivar has_keys: whether keys can be pressed: whether standard input is a terminal.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._keyboard = sys.stdin.fileno()
        self.has_keys = os.isatty(self._keyboard)
        self._readable, self._writable = os.pipe()

    def __enter__(self) -> Events:
        threading.Thread(target=self._watch_file, args=[_version(self._file)], daemon=True).start()
        if self.has_keys:
            self._before = termios.tcgetattr(self._keyboard)
            tty.setcbreak(self._keyboard)
            threading.Thread(target=self._read_keys, daemon=True).start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self.has_keys:
            termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._before)

    def fileno(self) -> int:
        """Return what can be read as soon as there is an event."""
        return self._readable

    def get(self) -> str:
        """Return the oldest event, `SAVED` or a key; wait if there is none."""
        return os.read(self._readable, 1).decode(errors="replace")

    def _read_keys(self) -> None:
        # A key may send several bytes; the first is enough to tell it from the keys that have a meaning.
        while typed := os.read(self._keyboard, 32):
            os.write(self._writable, typed[:1].lower())

    def _watch_file(self, reported: tuple[int, ...]) -> None:
        before = reported
        while True:
            time.sleep(_POLL_EVERY)
            version = _version(self._file)
            # An editor may save in several steps: the file is complete when it no longer changes.
            if before == version != reported:
                reported = version
                os.write(self._writable, SAVED.encode())
            before = version


def _version(file: Path) -> tuple[int, ...]:
    try:
        stat = file.stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
