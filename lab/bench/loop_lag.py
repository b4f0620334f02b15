"""How late an event loop is."""

from __future__ import annotations

import asyncio
import time

_PERIOD = 0.01  # seconds


class LoopLag:
    """How long whatever is due on an event loop has to wait until its turn comes.

    What is due while the loop is blocked counts each time that it is due, not once: a loop that is blocked for half of
    the time is late for half of all triggers.
    """

    def __init__(self) -> None:
        self._due = time.monotonic()
        self._seen: list[tuple[float, float]] = []  # when it was due, how late it was

    async def watch(self) -> None:
        """Watch the loop that this runs on, for ever."""
        self._due = time.monotonic() + _PERIOD
        while True:
            await asyncio.sleep(self._due - time.monotonic())
            now = time.monotonic()
            while self._due <= now:
                self._seen.append((self._due, now - self._due))
                self._due += _PERIOD

    def between(self, begin: float, end: float) -> list[float]:
        """All that was due in this time, and how late it was, in seconds; from any thread, also of a loop that hangs.

        :param begin: as of `time.monotonic`, like the end.
        """
        now, seen, next_due = time.monotonic(), self._seen.copy(), self._due
        overdue = (next_due + number * _PERIOD for number in range(int((now - next_due) / _PERIOD)))
        return [late for due, late in [*seen, *((due, now - due) for due in overdue)] if begin <= due < end]
