"""What `make watch` waits for: a saved file, a pressed key."""

from __future__ import annotations

import os
import queue
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import watchfiles


class Inbox:
    """A queue with a file descriptor that is readable as long as the queue is not empty."""

    def __init__(self) -> None:
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._readable, self._writable = os.pipe()

    def __enter__(self) -> Inbox:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        os.close(self._writable)
        os.close(self._readable)

    def fileno(self) -> int:
        return self._readable

    def put(self, news: str) -> None:
        self._news.put(news)
        os.write(self._writable, b"!")

    def get(self) -> str:
        """Return the oldest news; wait if there is none."""
        os.read(self._readable, 1)
        return self._news.get()


class Keys:
    """Calls `pressed` from a thread of its own with every key; with none when standard input is no terminal.

    Use it as a context manager: it puts the terminal back as it was.
    """

    def __init__(self, pressed: Callable[[str], None]) -> None:
        self._pressed = pressed
        self._input = sys.stdin.fileno()
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Keys:
        self.are_there = os.isatty(self._input)
        if self.are_there:
            self._before = termios.tcgetattr(self._input)
            tty.setcbreak(self._input)
            self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        os.close(self._stop)
        if self.are_there:
            self._thread.join(timeout=2)
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)
        os.close(self._stopped)

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._input, self._stopped], [], [])
            if self._stopped in ready:
                return
            try:
                typed = os.read(self._input, 32)
            except OSError:
                return
            if not typed:
                return
            self._pressed(typed.decode(errors="replace")[0].lower())


# Where the file system tells of no changes (some network and container mounts), the file is looked at this often.
_POLL_EVERY = 1000  # milliseconds
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
            self._stop.wait(_POLL_EVERY / 1000)

    def _watch_folder(self, folder: int) -> None:
        """Return when the folder is another one, as after a checkout, or gone."""
        changes = watchfiles.watch(
            self._file.parent,
            recursive=False,
            debounce=_ONE_SAVE,
            step=_ONE_SAVE // 3,
            rust_timeout=_POLL_EVERY,
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
