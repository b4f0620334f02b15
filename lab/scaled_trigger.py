"""
A trigger for 1,000 waiting tasks on one triggerer, each with several directories.

`ScaledMultiDirectoryTrigger` has the arguments, the events and the contract of `MultiDirectoryTrigger`, the trigger of
the exercise. The reference solution meets that contract in the plain way, with one executor call per directory and
check: read and copy that one. This one is for a triggerer that the plain way can no longer serve. It makes fewer and
cheaper checks, in fewer threads. Its parts, and what each of them is worth:

* **Threads of its own** (`_DaemonThreads`). Hung directories leave asyncio's default executor alone, which everything
  in the triggerer shares. As the threads are daemons, a hung one does not delay a shutdown. A thread is added only
  while that helps: threads that compete for Python's global lock slow down the event loop.
* **One thread for all directories of a trigger, in turn** (`_DirectoryChecks`). Further threads start only if a
  directory hangs. This saves an executor call, a future and a wakeup of the event loop per directory and check.
* **Checks at common times** (`_next_check`). One wakeup of the event loop and one thread serve many triggers.
* **A listing only after a change** (`_CachedListing`). A check of an unchanged directory takes the same time, however
  many files it has. Reading 1,000 names per directory at each check takes more than one core.

The table in docs/measurements.md has the figures of each part. `make bench` measures the whole.

Where it ends: with about 1,000 waiting tasks of five directories at an interval of 5 seconds. With 5,000, the event
loop is late: use a longer interval, or a second triggerer. A listing is reused only on file systems that are known to
keep the time of changes. On any other, such as object storage that is mounted as a directory, every check lists.

Why no library does this: watchdog and watchfiles rely on inotify, which does not report what another machine writes to
a network drive, and their polling modes list everything at each check. A ThreadPoolExecutor starts a thread whenever
none is idle, up to its limit, never ends one, and joins all of them at shutdown. Airflow's shared streams
(`BaseEventTrigger.shared_stream_key`) merge the checks of triggers that watch the same directory, not of triggers that
watch different ones.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import closing, suppress
from datetime import datetime, timezone
from queue import Empty, SimpleQueue
from stat import S_ISREG
from typing import Any, NamedTuple

from airflow.triggers.base import BaseTrigger, TriggerEvent

log = logging.getLogger(__name__)

MAX_LISTED_FILES = 100


# ── The trigger ───────────────────────────────────────────────────────────────────────────────────────────────────────


class ScaledMultiDirectoryTrigger(BaseTrigger):
    """
    Watch several directories at once and fire as soon as any of them has a matching file.

    The contract is that of `MultiDirectoryTrigger`. Instances share the threads of this module instead of
    ``DIRECTORY_THREADS``.
    """

    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        """
        Validate and store the arguments, nothing else.

        :param directories: one or more paths, highest priority first.
        :param file_pattern: a shell-style wildcard for file names.
        :param check_interval: seconds between checks, above 0.
        :raises ValueError: if ``directories`` is empty or a ``str``, ``file_pattern`` is empty, or ``check_interval``
            is not above 0.
        """
        super().__init__()
        if isinstance(directories, str) or not directories:
            raise ValueError(f"directories must be a list of one or more paths, not {directories!r}")
        if not file_pattern or check_interval <= 0:
            raise ValueError(f"empty file_pattern, or check_interval not above 0: {file_pattern!r}, {check_interval!r}")
        self.directories = list(directories)
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and all ``__init__`` arguments."""
        return (
            "lab.scaled_trigger.ScaledMultiDirectoryTrigger",
            {"directories": self.directories, "file_pattern": self.file_pattern, "check_interval": self.check_interval},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield exactly one ``TriggerEvent``, then return. Only ``CancelledError`` may propagate from this method."""
        try:
            payload = await self._wait_for_files()
        except Exception as error:
            self.log.exception("Watching %s failed", self.directories)
            payload = _error_payload("unexpected", _reason(error), {})
        yield TriggerEvent(payload)

    async def _wait_for_files(self) -> dict[str, Any]:
        now = asyncio.get_running_loop().time
        listings = {directory: _CachedListing(directory, self.file_pattern) for directory in self.directories}
        errors: dict[str, str] = {}
        with closing(_DirectoryChecks(lambda directory: _find_files(listings[directory]))) as checks:
            while True:
                readable = [directory for directory in listings if directory not in errors]
                results = await checks.run(readable, self.check_interval)
                found = {path: _result_of(results[path], path, errors) for path in readable if path in results}
                if payload := _payload({path: files for path, files in found.items() if files}, errors, listings):
                    return payload
                await asyncio.sleep(_next_check(checks.began, self.check_interval) - now())


def _next_check(last: float, interval: float) -> float:
    """Return the time of the next check: one of a hundred per interval, which are the same for all triggers."""
    tick = interval / 100
    return math.ceil((last + interval) / tick) * tick


# ── One check of one directory ────────────────────────────────────────────────────────────────────────────────────────


class _Files(NamedTuple):
    """The matching files of one directory: at least one."""

    names: list[str]  # the first MAX_LISTED_FILES, sorted
    total: int
    stat: os.stat_result  # of the first


def _find_files(listing: _CachedListing) -> _Files | None:
    """Return the matching files, or None if there are none. Blocks. Raises OSError if the listing fails."""
    files = [(name, stat) for name in listing.names() if (stat := _stat_file(listing.directory, name))]
    return _Files([name for name, _ in files[:MAX_LISTED_FILES]], len(files), files[0][1]) if files else None


def _stat_file(directory: str, name: str) -> os.stat_result | None:
    try:
        stat = os.stat(os.path.join(directory, name))
    except OSError:  # removed since the listing, or a broken link
        return None
    return stat if S_ISREG(stat.st_mode) else None


def _result_of(result: _Files | Exception | None, directory: str, errors: dict[str, str]) -> _Files | None:
    """Return the files that a check found. Add the directory to ``errors`` if it can never be read."""
    if not isinstance(result, Exception):
        return result
    if not isinstance(result, OSError):
        raise result
    if isinstance(result, (PermissionError, NotADirectoryError)):
        errors[directory] = _reason(result)
    if not isinstance(result, FileNotFoundError):  # the directory may still be created
        log.warning("Cannot check %s: %s", directory, _reason(result))
    return None


def _payload(found: dict[str, _Files], errors: dict[str, str], directories: Iterable[str]) -> dict[str, Any] | None:
    """Return the event's payload once there are files or all directories are excluded, None before that."""
    if found:
        paths = [os.path.join(directory, name) for directory, files in found.items() for name in files.names]
        directory, first = next(iter(found.items()))
        return {
            "status": "success",
            "directory": directory,
            "filename": first.names[0],
            "path": paths[0],
            "size": first.stat.st_size,
            "modified": datetime.fromtimestamp(first.stat.st_mtime, tz=timezone.utc).isoformat(),
            "files": paths[:MAX_LISTED_FILES],
            "total_files": sum(files.total for files in found.values()),
            "errors": errors,
        }
    if errors.keys() >= set(directories):
        return _error_payload("directory_access", f"All directories are excluded: {errors}", errors)
    return None


def _error_payload(error_type: str, message: str, errors: dict[str, str]) -> dict[str, Any]:
    return {"status": "error", "error_type": error_type, "message": message, "errors": errors}


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


class _CachedListing:
    """
    The matching names in a directory, listed again only if they may have changed.

    The time that a listing takes grows with the number of files; the time to ask for the last change does not.
    """

    def __init__(self, directory: str, file_pattern: str) -> None:
        self.directory = directory
        self._file_pattern = file_pattern
        self._version: tuple[int, ...] = ()
        self._version_since = 0.0  # when this version was first seen, in seconds
        self._is_final = False
        self._names: list[str] = []

    def names(self) -> list[str]:
        """Return the names, sorted. Blocks. Raises OSError if the directory cannot be read."""
        stat = os.stat(self.directory)
        version = (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
        if version != self._version:
            self._version, self._version_since, self._is_final = version, time.monotonic(), False
        if not self._is_final:
            began = time.monotonic()
            self._names = sorted(_matching(os.listdir(self.directory), self._file_pattern))
            # Two changes within one tick of the file system's clock give the same version. So the listing is final
            # only if it began after that tick.
            self._is_final = began - self._version_since > _COARSEST_CLOCK and _keeps_time_of_changes(stat.st_dev)
        return self._names


def _matching(names: Iterable[str], file_pattern: str) -> list[str]:
    # Wherever Airflow runs, fnmatch.filter matches as fnmatchcase does, but compiles the pattern once.
    return [name for name in fnmatch.filter(names, file_pattern) if file_pattern[0] == "." or name[0] != "."]


_COARSEST_CLOCK = 2.0  # seconds: that of FAT, which may be behind an NFS server. The others count in 1 second or less
# Others may not, such as those that show object storage as directories.
_FILE_SYSTEMS_THAT_KEEP_TIME = {"ext2", "ext3", "ext4", "nfs", "nfs4", "overlay", "tmpfs", "xfs"}


def _keeps_time_of_changes(device: int) -> bool:
    """Return whether a directory on this device has a new modification time whenever a file appears or disappears."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            fields = next((each for line in mounts if (each := line.split())[2] == number), [])
    except OSError:  # not on Linux
        return False
    return bool(fields) and fields[fields.index("-") + 1] in _FILE_SYSTEMS_THAT_KEEP_TIME


# ── The checks of one trigger ─────────────────────────────────────────────────────────────────────────────────────────


class _DirectoryChecks:
    """
    Checks directories without blocking the event loop: all in one thread, and if that one hangs, the rest in others.

    :param check: checks one directory. Blocks.
    :ivar began: when the last round of checks began, in seconds on the event loop's clock.
    """

    def __init__(self, check: Callable[[str], Any]) -> None:
        self.began = 0.0
        self._check = check
        self._queue: deque[str] = deque()  # directories that no thread has taken yet
        self._unfinished: set[str] = set()  # directories in the queue, or under way
        self._results: dict[str, Any] = {}

    async def run(self, directories: Iterable[str], interval: float) -> dict[str, Any]:
        """
        Check each directory whose previous check has finished.

        :param interval: seconds between two checks; the results are awaited for a little less.
        :return: what each check has returned, or the exception it has raised; also those of earlier, slow checks.
        """
        loop = asyncio.get_running_loop()
        started = [directory for directory in directories if directory not in self._unfinished]
        finished = loop.create_future()

        def set_finished() -> None:
            if not finished.done() and self._results.keys() >= set(started):
                finished.set_result(None)

        def work() -> None:
            self.began = loop.time()
            self._empty_queue()
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(set_finished)

        self.began = loop.time()
        deadline = self.began + 0.8 * interval
        if started:
            self._unfinished.update(started)
            self._queue.extend(started)
            _THREADS.submit(work)
        else:
            finished.set_result(None)
        total = left = len(self._queue)
        for threads in (1, 2, 4, 8, 16, 32, 64):
            await asyncio.wait([finished], timeout=interval / 10)
            before, left = left, len(self._queue)
            if not left:
                break
            has_begun = left < total
            if left == before and (has_begun or _THREADS.have_hung_for(interval / 10)):
                for _ in range(min(threads, left)):
                    _THREADS.start(work)
        await asyncio.wait([finished], timeout=deadline - loop.time())
        results = {directory: self._results.pop(directory) for directory in list(self._results)}
        self._unfinished.difference_update(results)
        return results

    def close(self) -> None:
        """Start no further check."""
        self._queue.clear()

    def _empty_queue(self) -> None:
        with suppress(IndexError):
            while True:
                directory = self._queue.popleft()
                try:
                    self._results[directory] = self._check(directory)
                except Exception as error:
                    self._results[directory] = error


# ── The threads of all triggers ───────────────────────────────────────────────────────────────────────────────────────


class _DaemonThreads:
    """Daemon threads for blocking calls: as few as keep up with the calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[tuple[Callable[[], None], float]] = deque()  # with the time of submission
        self._idle: list[SimpleQueue[Callable[[], None]]] = []  # the last is used first, so that the others can end
        self._last_idle = self._last_start = 0.0
        self._cpu_at_start = 0.0  # of the process, in seconds

    def submit(self, call: Callable[[], None]) -> None:
        """Queue a call. It must not raise."""
        with self._lock:
            self._calls.append((call, time.monotonic()))
            is_first = len(self._calls) == 1  # otherwise a thread has been woken already, and takes all of them
        if is_first and (self._idle or not self._last_start):
            self.start(_take_from_queue)

    def start(self, call: Callable[[], None]) -> None:
        """Run a call at once, in a new thread if none is idle."""
        with self._lock:
            if self._idle:
                self._idle.pop().put(call)
                return
            self._last_start, self._cpu_at_start = time.monotonic(), time.process_time()
        threading.Thread(target=self._work, args=[call], daemon=True).start()

    def have_hung_for(self, seconds: float) -> bool:
        """Return whether no thread has been idle or new for this time."""
        return time.monotonic() - max(self._last_idle, self._last_start) > seconds

    def _could_use_another(self) -> bool:
        """Return False if the threads wait for the processor, or if one has just been started."""
        passed = time.monotonic() - self._last_start
        is_busy = time.process_time() - self._cpu_at_start > _BUSY_CORES * passed
        return not is_busy and (bool(self._idle) or passed > _LATE_SECONDS)

    def _work(self, call: Callable[[], None] | None) -> None:
        inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        while call:
            call()
            del call  # and everything it refers to: the next call may come much later
            call = self._next_call(inbox)

    def _next_call(self, inbox: SimpleQueue[Callable[[], None]]) -> Callable[[], None] | None:
        """Return the next call, or None if there was none for long and other threads are idle, too."""
        while True:
            with self._lock:
                self._last_idle = time.monotonic()
                if not self._calls:
                    self._idle.append(inbox)
                    break
                call, submitted_at = self._calls.popleft()
            if self._last_idle - submitted_at < _LATE_SECONDS or not self._could_use_another():
                return call
            self.start(call)  # in one more thread. Not started by the event loop: to start a thread takes time
        while True:
            with suppress(Empty):
                return inbox.get(timeout=_IDLE_SECONDS)
            with self._lock:
                if inbox in self._idle[:-1]:
                    self._idle.remove(inbox)
                    return None


def _take_from_queue() -> None:
    """Do nothing: the thread that is woken by this call takes the next one from the queue."""


# What these do to the number of threads is measured in docs/measurements.md.
_IDLE_SECONDS = 10.0  # a thread that is idle for longer ends, if others are idle, too
_LATE_SECONDS = 0.1  # a call that waits longer for a thread may get a new one
_BUSY_CORES = 0.7  # a process that uses more than this of a core has no time for a new thread
_THREADS = _DaemonThreads()
