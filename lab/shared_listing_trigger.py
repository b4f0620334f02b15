"""
A contender of the bench on Airflow's own shared streams: triggers that watch the same directory share its listings.

It follows Airflow's `DirectoryFileDeleteTrigger`, but it leaves the file in place and lists a directory in one executor
call, not in one per entry.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import os
from collections.abc import AsyncIterator, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

log = logging.getLogger(__name__)

# As many as the reference solution's DIRECTORY_THREADS.
_THREADS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="directory")


class SharedListingTrigger(BaseEventTrigger):
    """Fire as soon as the directory has a matching file. The payload is its path."""

    def __init__(self, directory: str, file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        """
        Store the arguments.

        :param file_pattern: a shell-style wildcard for file names.
        :param check_interval: seconds between checks.
        """
        super().__init__()
        self.directory = directory
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and all ``__init__`` arguments."""
        return (
            "lab.shared_listing_trigger.SharedListingTrigger",
            {"directory": self.directory, "file_pattern": self.file_pattern, "check_interval": self.check_interval},
        )

    def shared_stream_key(self) -> Hashable:
        """
        Return what triggers must have in common to share listings.

        Resolving symbolic links blocks the event loop. Airflow's own trigger does the same: the method is not async.
        """
        return ("listing", os.path.realpath(self.directory), self.file_pattern, self.check_interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[str]:
        """Check the directory once per interval, for all its triggers, and yield the first matching file, if any."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                path = await loop.run_in_executor(_THREADS, _first_file, kwargs["directory"], kwargs["file_pattern"])
            except (PermissionError, NotADirectoryError):  # fails all triggers of this directory
                raise
            except OSError as error:
                log.warning("Cannot check %s: %s", kwargs["directory"], error)
            else:
                if path:
                    yield path
            await asyncio.sleep(kwargs["check_interval"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[str]) -> AsyncIterator[TriggerEvent]:
        """Fire at the first file."""
        async for path in shared_stream:
            yield TriggerEvent(path)
            return

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire at the first file, without sharing: for an Airflow that has no shared streams."""
        async for event in self.filter_shared_stream(self.open_shared_stream(self.serialize()[1])):
            yield event


def _first_file(directory: str, file_pattern: str) -> str | None:
    paths = (os.path.join(directory, name) for name in sorted(fnmatch.filter(os.listdir(directory), file_pattern)))
    return next(filter(os.path.isfile, paths), None)
