"""What threads tell the main thread: it can wait for news, or have them wake it from something else."""

from __future__ import annotations

import os
import queue
from types import TracebackType


class Inbox:
    """A queue with a file descriptor that can be read as long as something is in it."""

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
        """The oldest news; waits for some."""
        os.read(self._readable, 1)
        return self._news.get()
