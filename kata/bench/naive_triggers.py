"""Two triggers as they are often written first, to compare with. Do not imitate them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from glob import glob
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class _NaiveTrigger(BaseTrigger):
    def __init__(self, patterns: list[str], interval: float) -> None:
        """Keep the arguments.

        :param patterns: one for each directory, with the directory.
        :param interval: seconds between two looks.
        """
        super().__init__()
        self.patterns = patterns
        self.interval = interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", {"patterns": self.patterns, "interval": self.interval}


class BlockingTrigger(_NaiveTrigger):
    """Looks at all its directories on the event loop."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while not (found := [path for pattern in self.patterns for path in glob(pattern)]):
            await asyncio.sleep(self.interval)
        yield TriggerEvent(found[0])


class ThreadsTrigger(_NaiveTrigger):
    """Keeps a thread for each directory as long as it waits."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        loop = asyncio.get_running_loop()
        found: asyncio.Queue[str] = asyncio.Queue()
        ended = threading.Event()

        def watch(pattern: str) -> None:
            while not ended.is_set():
                if paths := glob(pattern):
                    loop.call_soon_threadsafe(found.put_nowait, paths[0])
                    return
                time.sleep(self.interval)

        try:
            for pattern in self.patterns:
                threading.Thread(target=watch, args=[pattern], daemon=True).start()
            yield TriggerEvent(await found.get())
        finally:
            ended.set()
