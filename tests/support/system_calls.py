"""The system calls that a submission makes: recorded, and with faults where a check has ordered them."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from virtual_time import Spinning, VirtualTimeLoop

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


@dataclass
class SystemCalls:
    """
    The calls below one directory, and those that block one thread.

    :param root: the directory.
    :param thread: the ident of the thread that must not block.
    :param loop: runs in that thread; its clock is that of all sleeping.
    :param triggers: how many triggers may list the same directory.

    :ivar listings: for each directory, when it was listed, in seconds since the beginning.
    :ivar reads: calls that read below the directory, by any thread.
    :ivar writes: calls that change something below the directory.
    :ivar method: which method of the trigger runs in the thread.
    :ivar blocking: calls that block the thread, by method.
    """

    root: str
    thread: int | None = None
    loop: VirtualTimeLoop | None = None
    triggers: int = 1
    listings: dict[str, list[float]] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    method: str = "run"
    blocking: dict[str, list[str]] = field(default_factory=dict)
    _denied: set[str] = field(default_factory=set)
    _failing: dict[str, list[Exception]] = field(default_factory=dict)
    _hanging: dict[str, threading.Event] = field(default_factory=dict)
    _slow: dict[str, float] = field(default_factory=dict)
    _vanishing: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = os.path.normpath(self.root)
        self._began = self._now()

    def _now(self) -> float:
        return self.loop.time() if self.loop else 0

    def deny(self, path: str) -> None:
        """Let every attempt to list or open ``path`` end in PermissionError, also for root."""
        self._denied.add(os.path.normpath(path))
        with unrecorded():
            os.utime(path)  # as a change of its permissions would show

    def fail(self, directory: str, *errors: Exception) -> None:
        """Let the next attempts to list ``directory`` raise these errors, one each."""
        self._failing[os.path.normpath(directory)] = list(errors)

    def vanish(self, path: str, call: int) -> None:
        """Let the file at ``path`` be removed right before the call of this number, from 1, in its directory."""
        self._vanishing[os.path.dirname(path)] = (path, call)

    def hang(self, directory: str) -> None:
        """Let every call below ``directory`` hang, as on a dead network mount."""
        self._hanging[os.path.normpath(directory)] = threading.Event()

    def slow_down(self, directory: str, seconds: float) -> None:
        """Let every attempt to list ``directory`` take seconds of the loop's clock."""
        self._slow[os.path.normpath(directory)] = seconds

    def release(self) -> None:
        """Let the calls that hang continue."""
        for released in self._hanging.values():
            released.set()
        self._hanging.clear()

    def sleep(self, seconds: float) -> None:
        """Sleep in the thread that must not block: the clock moves on, nothing else does."""
        call = f"time.sleep({seconds!r})"
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
        if path is None or not (path + os.sep).startswith(self.root + os.sep):
            if must_not_block and (call in WAITING or (call == "socket.connect" and args[0].gettimeout() != 0)):
                self._block(call)
            return
        opens_for_writing = call == "open" and any(letter in str(args[1] or "") for letter in "wxa+")
        (self.writes if call in WRITING or opens_for_writing else self.reads).append(f"{call}({path!r})")
        if must_not_block:
            self._block(f"{call}({path!r})")
        for directory, (file, calls) in list(self._vanishing.items()):
            if path in (directory, file):
                self._vanishing[directory] = (file, calls - 1)
                if calls == 1:
                    os.remove(file)
        if call in LISTING:
            times = self.listings.setdefault(path, [])
            times.append(self._now() - self._began)
            most = MAX_LISTINGS * self.triggers
            if self.loop and times[-most:].count(times[-1]) == most:
                self.loop.stop_with(Spinning())
        elif self._failing.get(path):
            os.utime(path)  # nobody may conclude from the directory's times that there is no need to list it
        self._interfere(call, path, must_not_block)

    def _interfere(self, call: str, path: str, must_not_block: bool) -> None:
        for directory, released in list(self._hanging.items()):
            if (path + os.sep).startswith(directory + os.sep):
                if must_not_block:  # to hang here would hang the check
                    raise TimeoutError(f"{path} does not respond")
                released.wait()
        if path in self._slow and call in LISTING and not must_not_block:
            threading.Event().wait(self._slow[path])
        if path in self._denied and call in READING | {"os.access"}:
            raise PermissionError(13, "Permission denied", path)
        if call in LISTING and self._failing.get(path):
            raise self._failing[path].pop(0)


_current: SystemCalls | None = None
_paused = threading.local()


def current() -> SystemCalls | None:
    """Return what records the calls at the moment; None in the code of a check, and if nothing does."""
    return None if getattr(_paused, "on", False) else _current


@contextmanager
def recorded_calls(root: str, **options: Any) -> Iterator[SystemCalls]:
    """
    Record what is called below ``root`` meanwhile, by any function.

    :param options: further arguments of `SystemCalls`.
    """
    global _current
    before, _current = _current, SystemCalls(root, **options)
    calls = _current
    try:
        yield calls
    finally:
        calls.release()
        _current = before


@contextmanager
def unrecorded() -> Iterator[None]:
    """Let the check itself use the file system without being recorded."""
    before = getattr(_paused, "on", False)
    _paused.on = True
    try:
        yield
    finally:
        _paused.on = before


def _record(call: str, args: tuple[Any, ...]) -> None:
    if calls := current():
        with unrecorded():
            calls.record(call, args)


def _audit(call: str, args: tuple[Any, ...]) -> None:
    if _current and (call in READING or call in WRITING or call in WAITING or call == "socket.connect"):
        _record(call, args)


def _path(args: tuple[Any, ...]) -> str | None:
    if not args or not isinstance(args[0], (str, bytes, os.PathLike)):
        return None
    return os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(args[0])))


# os.stat, os.access and time.sleep raise no audit event, so they are replaced.
_access, _sleep = os.access, time.sleep


def _recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(path: Any, *args: Any, **kwargs: Any) -> Any:
        _record(f"os.{function.__name__}", (path,))
        return function(path, *args, **kwargs)

    return call


def _recorded_access(path: Any, *args: Any, **kwargs: Any) -> bool:
    try:
        _record("os.access", (path,))
    except PermissionError:
        return False
    return _access(path, *args, **kwargs)


def _recorded_sleep(seconds: float) -> None:
    calls = current()
    if calls and threading.get_ident() == calls.thread:
        calls.sleep(seconds)
    elif calls and seconds > 0:
        threading.Event().wait(seconds)  # on the clock of the loop, if there is one
    elif seconds > LONGEST_SLEEP and threading.current_thread() is threading.main_thread():
        called, got = f"time.sleep({seconds!r})", "a sleep in the worker, for as long"
        raise ContractViolation(called, got, Mistake.WAITS_IN_THE_WORKER)
    else:
        _sleep(seconds)


def install() -> None:
    """Record calls from now on. To be called before the submission is imported: it may import functions by name."""
    sys.addaudithook(_audit)
    os.stat, os.lstat, os.access, time.sleep = (
        _recorded(os.stat),
        _recorded(os.lstat),
        _recorded_access,
        _recorded_sleep,
    )
