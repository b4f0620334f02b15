"""The system calls that a submission makes: recorded, and with faults where a check has ordered them."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..virtual_time import Spinning, VirtualTimeLoop
from .contract import ContractViolation
from .mistakes import Mistake

MAX_SLEEPS = 1000  # of the event loop in a run
MAX_LISTINGS = 50  # of one directory by one trigger while no time passes
LONGEST_SLEEP = 5  # seconds of real time that anybody may sleep in a worker; checks that let it wait do so themselves

LISTING = {"os.listdir", "os.scandir"}
READING = {"open", *LISTING}
WRITING = {f"os.{name}" for name in ("chmod", "link", "mkdir", "remove", "rename", "rmdir", "symlink", "utime")}
WRITING.add("os.truncate")
WAITING = {"subprocess.Popen", "os.system", "os.posix_spawn", "socket.getaddrinfo", "socket.gethostbyname"}
AUDITED = {*READING, *WRITING, *WAITING, "socket.connect"}


@dataclass
class SystemCalls:
    """The calls below one directory, and those that block one thread; faults of paths as written in the calls."""

    root: str
    thread: int | None = None  # the ident of the thread that must not block
    loop: VirtualTimeLoop | None = None  # runs in that thread; its clock is that of all sleeping
    triggers: int = 1  # how many triggers may list the same directory

    # Faults.
    denied: Collection[str] = ()  # to list or open it ends in PermissionError, also for root
    hanging: Collection[str] = ()  # every call below it hangs until `released`, as on a dead network mount
    released: threading.Event = field(default_factory=threading.Event)
    failing: dict[str, list[Exception]] = field(default_factory=dict)  # what the next listings raise, one each
    slow: dict[str, float] = field(default_factory=dict)  # how many seconds of the loop's clock a listing takes
    vanishing: dict[str, int] = field(default_factory=dict)  # the call in a file's directory, from 1, that removes it

    # Records.
    listings: dict[str, list[float]] = field(default_factory=dict)  # of a directory, in seconds since the beginning
    reads: list[str] = field(default_factory=list)  # below the directory, by any thread
    writes: list[str] = field(default_factory=list)  # what changes something below the directory
    method: str = "run"  # the trigger's method that runs in the thread
    blocking: dict[str, list[str]] = field(default_factory=dict)  # what blocks the thread, by method

    def __post_init__(self) -> None:
        self.root = os.path.normpath(self.root)
        self._began = self.loop.time() if self.loop else 0
        for path in self.denied:
            os.utime(path)  # as a change of its permissions would show

    def now(self) -> float:
        """Return the time on the loop's clock, in seconds since the beginning."""
        return self.loop.time() - self._began if self.loop else 0

    def sleep(self, call: str, seconds: float) -> None:
        """Sleep in the thread that must not block: the clock moves on, nothing else does."""
        self._block(call)
        if sum(calls.count(call) for calls in self.blocking.values()) > MAX_SLEEPS:
            got = "it sleeps again and again on the event loop"
            raise ContractViolation(call, got, Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP)
        if self.loop:
            self.loop.jump(seconds)

    def _block(self, call: str) -> None:
        self.blocking.setdefault(self.method, []).append(call)

    def record(self, call: str, args: tuple[Any, ...]) -> None:
        """Record a call and, where a fault was ordered, raise or hang."""
        must_not_block = threading.get_ident() == self.thread
        path = _path(args)
        if path is None or not _is_below(path, self.root):
            if must_not_block and (call in WAITING or (call == "socket.connect" and args[0].gettimeout() != 0)):
                self._block(call)
            return
        opens_for_writing = call == "open" and any(letter in str(args[1] or "") for letter in "wxa+")
        (self.writes if call in WRITING or opens_for_writing else self.reads).append(f"{call}({path!r})")
        if must_not_block:
            self._block(f"{call}({path!r})")
        for file, calls in list(self.vanishing.items()):
            if path in (os.path.dirname(file), file):
                self.vanishing[file] = calls - 1
                if calls == 1:
                    os.remove(file)
        if call in LISTING:
            times = self.listings.setdefault(path, [])
            times.append(self.now())
            most = MAX_LISTINGS * self.triggers
            if self.loop and times[-most:].count(times[-1]) == most:
                self.loop.stop_with(Spinning())
        elif self.failing.get(path):
            os.utime(path)  # nobody may conclude from the directory's times that there is no need to list it
        self._interfere(call, path, must_not_block)

    def _interfere(self, call: str, path: str, must_not_block: bool) -> None:
        if any(_is_below(path, directory) for directory in self.hanging):
            if must_not_block and not self.released.is_set():  # to hang here would hang the check
                raise TimeoutError(f"{path} does not respond")
            self.released.wait()
        if path in self.slow and call in LISTING and not must_not_block:
            threading.Event().wait(self.slow[path])
        if path in self.denied and call in READING | {"os.access"}:
            raise PermissionError(13, "Permission denied", path)
        if call in LISTING and self.failing.get(path):
            raise self.failing[path].pop(0)


_current: SystemCalls | None = None
_paused = threading.local()


def current() -> SystemCalls | None:
    """Return what records the calls at the moment; None in the code of a check, and if nothing does."""
    return None if getattr(_paused, "on", False) else _current


@contextmanager
def recorded_calls(*args: Any, **kwargs: Any) -> Iterator[SystemCalls]:
    """Record what is called meanwhile, by any function; the arguments are those of `SystemCalls`."""
    global _current
    _current = calls = SystemCalls(*args, **kwargs)
    try:
        yield calls
    finally:
        calls.released.set()
        _current = None


@contextmanager
def unrecorded() -> Iterator[None]:
    """Let the check itself use the file system without being recorded."""
    _paused.on = True
    try:
        yield
    finally:
        _paused.on = False


def _record(call: str, args: tuple[Any, ...]) -> None:
    if calls := current():
        with unrecorded():
            calls.record(call, args)


def _audit(call: str, args: tuple[Any, ...]) -> None:
    if _current and call in AUDITED:
        _record(call, args)


def _path(args: tuple[Any, ...]) -> str | None:
    if not args or not isinstance(args[0], (str, bytes, os.PathLike)):
        return None
    return os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(args[0])))


def _is_below(path: str, directory: str) -> bool:
    return (path + os.sep).startswith(directory + os.sep)


def _recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(path: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            _record(f"os.{function.__name__}", (path,))
        except PermissionError:  # only os.access() is denied
            return False
        return function(path, *args, **kwargs)

    return call


_sleep = time.sleep


def _recorded_sleep(seconds: float) -> None:
    calls, call = current(), f"time.sleep({seconds!r})"
    if calls and threading.get_ident() == calls.thread:
        calls.sleep(call, seconds)
    elif calls and seconds > 0:
        threading.Event().wait(seconds)  # on the clock of the loop, if there is one
    elif seconds > LONGEST_SLEEP and threading.current_thread() is threading.main_thread():
        raise ContractViolation(call, "a sleep in the worker, for as long", Mistake.WAITS_IN_THE_WORKER)
    else:
        _sleep(seconds)


def install() -> None:
    """Record calls from now on. To be called before the submission is imported: it may import functions by name."""
    sys.addaudithook(_audit)
    # These raise no audit event.
    os.stat, os.lstat, os.access = _recorded(os.stat), _recorded(os.lstat), _recorded(os.access)
    time.sleep = _recorded_sleep
