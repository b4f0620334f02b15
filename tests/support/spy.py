"""What the learner's code does to the file system and to the clock, and faults to put in its way."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from . import threads
from .clock import JumpingClockLoop, parked_threads
from .contract import Broken
from .mistakes import Mistake

MAX_NAPS = 1000  # of the event loop in a run
MOST_LISTINGS = 50  # of one directory by one trigger while no time passes
LONGEST_NAP = 5  # seconds of real time that anybody may sleep in a worker; checks that let it wait do so themselves

LISTING = {"os.listdir", "os.scandir"}
READING = {"open", *LISTING}
WRITING = {
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
    "os.chmod",
    "os.utime",
    "os.link",
    "os.symlink",
}
WAITING = {"subprocess.Popen", "os.system", "os.posix_spawn", "socket.getaddrinfo", "socket.gethostbyname"}


@dataclass
class Spy:
    """
    What happened below one directory while the spy was on.

    :ivar looks: for each directory, when it was listed, in seconds on ``now``.
    :ivar touched: calls that read below the directory, by whatever thread.
    :ivar written: calls that change something below the directory.
    :ivar method: which method of the trigger runs on the watched thread.
    :ivar blocked: calls that block, made on the watched thread, by method.
    :ivar nap: told how many seconds the watched thread would sleep.
    :ivar spin: called when one directory is listed again and again, and no time passes.
    :ivar listers: how many triggers may list the same directory.
    """

    root: str
    now: Any = time.monotonic
    nap: Any = None
    spin: Any = None
    listers: int = 1
    blocked_thread: int | None = None
    looks: dict[str, list[float]] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    method: str = "run"
    blocked: dict[str, list[str]] = field(default_factory=dict)
    _denied: set[str] = field(default_factory=set)
    _failing: dict[str, list[OSError]] = field(default_factory=dict)
    _hanging: dict[str, threading.Event] = field(default_factory=dict)
    _hung: set[int] = field(default_factory=set)  # the threads that hang
    _slow: dict[str, tuple[float, Any]] = field(default_factory=dict)
    _vanishing: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def blocking(self) -> list[str]:
        """Return all calls that block, by whatever method."""
        return [call for calls in self.blocked.values() for call in calls]

    def deny(self, path: str) -> None:
        """Let every attempt to list or open ``path`` end in PermissionError, also for root."""
        self._denied.add(os.path.normpath(path))
        with unseen():
            os.utime(path)  # as a change of its permissions would show

    def fail(self, directory: str, *errors: OSError) -> None:
        """Let the next attempts to list ``directory`` raise these errors, one each."""
        self._failing[os.path.normpath(directory)] = list(errors)

    def vanish(self, path: str, call: int) -> None:
        """Let the file at ``path`` be removed right before the call of this number, from 1, in its directory."""
        self._vanishing[os.path.dirname(path)] = (path, call)

    def hang(self, directory: str) -> None:
        """Let every look into ``directory`` hang, as a dead network mount does."""
        self._hanging[os.path.normpath(directory)] = threading.Event()

    def slow(self, directory: str, seconds: float, loop: JumpingClockLoop) -> None:
        """Let every attempt to list ``directory`` take seconds of the loop's clock."""
        self._slow[os.path.normpath(directory)] = (seconds, loop)

    def release(self) -> None:
        """Let what hangs go on."""
        # Not in the threads themselves: until they have woken, the clock would jump on.
        parked_threads.difference_update(list(self._hung))
        for gate in self._hanging.values():
            gate.set()
        self._hanging.clear()

    def block_for(self, seconds: float) -> None:
        """The watched thread sleeps, and all that it has to do stands still: the clock goes on, nothing else does."""
        call = f"time.sleep({seconds!r})"
        self._block(call)
        if self.blocking.count(call) > MAX_NAPS:
            raise Broken(call, "it sleeps again and again on the event loop", Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP)
        if self.nap:
            self.nap(seconds)

    def _block(self, call: str) -> None:
        self.blocked.setdefault(self.method, []).append(call)

    def notice(self, call: str, args: tuple[Any, ...]) -> None:
        """Take note of a call and, where a fault was ordered, raise or hang."""
        on_watched_thread = threading.get_ident() == self.blocked_thread
        path = _path(args)
        if path is None or not (path + os.sep).startswith(self.root + os.sep):
            if on_watched_thread and (call in WAITING or _connects_blocking(call, args)):
                self._block(call)
            return
        if call in WRITING or (call == "open" and _opens_for_writing(args)):
            self.written.append(f"{call}({path!r})")
        else:
            self.touched.append(f"{call}({path!r})")
        if on_watched_thread:
            self._block(f"{call}({path!r})")
        self._remove_vanishing(path)
        if call in LISTING:
            listings = self.looks.setdefault(path, [])
            listings.append(self.now())
            most = MOST_LISTINGS * self.listers
            if self.spin and listings[-most:].count(listings[-1]) == most:
                self.spin()
        elif self._failing.get(path):
            os.utime(path)  # nobody may conclude from the directory's times that there is no need to list it
        self._interfere(call, path, on_watched_thread)

    def _remove_vanishing(self, path: str) -> None:
        for directory, (file, calls) in list(self._vanishing.items()):
            if path in (directory, file):
                self._vanishing[directory] = (file, calls - 1)
                if calls == 1:
                    os.remove(file)

    def _interfere(self, call: str, path: str, on_watched_thread: bool) -> None:
        for directory, gate in list(self._hanging.items()):
            if path == directory or path.startswith(directory + os.sep):
                if on_watched_thread:  # to hang here would hang the check
                    raise TimeoutError(f"{path} does not answer")
                thread = threading.get_ident()
                self._hung.add(thread)
                parked_threads.add(thread)
                gate.wait()  # until the check releases it
                parked_threads.discard(thread)
                self._hung.discard(thread)
        if path in self._slow and call in LISTING and not on_watched_thread:
            seconds, loop = self._slow[path]
            loop.park_this_thread(seconds)
        if path in self._denied and call in READING | {"os.access"}:
            raise PermissionError(13, "Permission denied", path)
        if call in LISTING and self._failing.get(path):
            raise self._failing[path].pop(0)


_spy: Spy | None = None
_paused = threading.local()


@contextmanager
def spying(root: str, **options: Any) -> Iterator[Spy]:
    """Watch what happens below ``root``, by whatever function it is done."""
    global _spy
    before, _spy = _spy, Spy(os.path.normpath(root), **options)
    spy = _spy
    try:
        yield spy
    finally:
        spy.release()
        _spy = before


@contextmanager
def unseen() -> Iterator[None]:
    """Let the check itself use the file system without being noticed."""
    before = getattr(_paused, "on", False)
    _paused.on = True
    try:
        yield
    finally:
        _paused.on = before


def _notice(call: str, args: tuple[Any, ...]) -> None:
    if _spy is not None and not getattr(_paused, "on", False):
        with unseen():
            _spy.notice(call, args)


def _audit(call: str, args: tuple[Any, ...]) -> None:
    if _spy is not None and (call in READING or call in WRITING or call in WAITING or call == "socket.connect"):
        _notice(call, args)


def _path(args: tuple[Any, ...]) -> str | None:
    if not args or not isinstance(args[0], (str, bytes, os.PathLike)):
        return None
    return os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(args[0])))


def _opens_for_writing(args: tuple[Any, ...]) -> bool:
    return any(letter in str(args[1] or "") for letter in "wxa+")


def _connects_blocking(call: str, args: tuple[Any, ...]) -> bool:
    return call == "socket.connect" and args[0].gettimeout() != 0


# os.stat, os.access and time.sleep raise no audit event, so they are replaced, and that before the learner's module is
# imported: it may take them by name.
_stat, _lstat, _access, _sleep = os.stat, os.lstat, os.access, time.sleep


def _noticed_stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
    _notice("os.stat", (path,))
    return _stat(path, *args, **kwargs)


def _noticed_lstat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
    _notice("os.lstat", (path,))
    return _lstat(path, *args, **kwargs)


def _noticed_access(path: Any, *args: Any, **kwargs: Any) -> bool:
    try:
        _notice("os.access", (path,))
    except PermissionError:
        return False
    return _access(path, *args, **kwargs)


def _noticed_sleep(seconds: float) -> None:
    if _spy is None or getattr(_paused, "on", False):
        if seconds > LONGEST_NAP and threading.current_thread() is threading.main_thread():
            raise Broken(f"time.sleep({seconds!r})", "a sleep in the worker, for as long", Mistake.WAITS_IN_THE_WORKER)
        return _sleep(seconds)
    if threading.get_ident() == _spy.blocked_thread:
        _spy.block_for(seconds)
        return None
    return None if threads.sleep(seconds) else _sleep(seconds)


def install() -> None:
    """Put the spy's ears in place, once for a process."""
    sys.addaudithook(_audit)
    os.stat, os.lstat, os.access, time.sleep = _noticed_stat, _noticed_lstat, _noticed_access, _noticed_sleep
