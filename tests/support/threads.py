"""Threads that the learner's code starts itself: whether they are at work, and a clock for what they wait for."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clock import JumpingClockLoop

# Seconds of real time for which a thread must sleep, and use no CPU, to count as waiting
QUIET = 0.005  # … for a lock, or for the other end of a socket or pipe, which is in this process, too
PATIENCE = 1.0  # … for anything else: the kernel may be busy for it

# What Linux says that a thread sleeps in, when it waits for another.
_WAITING_FOR_OTHERS = ("futex", "inet", "sk_", "tcp", "unix", "poll", "select", "pipe", "woken")

# The loop whose clock other threads are to go by, while a check runs one.
_loop: JumpingClockLoop | None = None


class Activity:
    """
    Says whether any thread is at work that nobody has told the loop of.

    What sleeps and uses no CPU waits for somebody else: for a lock, for a job, for an answer. What was woken sleeps no
    more, even if no core is free for it, so this holds on a busy machine, too.
    """

    def __init__(self) -> None:
        self._used: dict[int, float] = {}
        self._resting_since: dict[int, float] = {}

    def is_any_at_work(self, except_for: set[int]) -> bool:
        """Whether a thread is, other than the calling one and those with these idents."""
        now, own = real_seconds(), threading.get_ident()
        others = [
            each
            for each in threading.enumerate()
            if each.ident not in except_for and each.ident != own and not _belongs_to_a_debugger(each)
        ]
        # All are looked at each time: whether one rests shows only from one look to the next.
        return sum(self._is_at_work(thread, now) for thread in others) > 0

    def _is_at_work(self, thread: threading.Thread, now: float) -> bool:
        if thread.native_id is None or thread.ident is None:
            return True  # it is about to begin
        state = _state(thread)
        if state is None:
            return False
        used = _cpu_seconds(thread.native_id)
        if state != "S" or used != self._used.get(thread.ident):
            self._used[thread.ident] = used
            self._resting_since[thread.ident] = now
            return True
        resting = now - self._resting_since[thread.ident]
        return resting < QUIET or (resting < PATIENCE and not _waits_for_another(thread))


@contextmanager
def on_the_clock_of(loop: JumpingClockLoop) -> Iterator[None]:
    """Let other threads sleep, and wait with a timeout, on the loop's clock."""
    global _loop
    _loop = loop
    try:
        yield
    finally:
        _loop = None
        loop.let_parked_threads_go()


def sleep(seconds: float) -> bool:
    """Let the calling thread sleep on the loop's clock; False if there is none to sleep on."""
    if _loop is None or _belongs_to_a_debugger(_this_thread()):
        return False
    _loop.park_this_thread(seconds)
    return True


def _belongs_to_a_debugger(thread: threading.Thread | None) -> bool:
    """Whether it is one of debugpy's. While everything is stopped, the loop too, these go on, so by a real clock."""
    return getattr(thread, "is_pydev_daemon_thread", False) is True


def _this_thread() -> threading.Thread | None:
    # Not current_thread(), which makes one for a thread that has none.
    return threading._active.get(threading.get_ident())


def _state(thread: threading.Thread) -> str | None:
    """R, S, D, … as Linux says it; None if it does not."""
    try:
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(") ")[2][:1]


def _waits_for_another(thread: threading.Thread) -> bool:
    try:
        place = Path(f"/proc/self/task/{thread.native_id}/wchan").read_text()
    except OSError:
        return True
    return place in ("", "0") or any(each in place for each in _WAITING_FOR_OTHERS)


def _cpu_seconds(native_id: int) -> float:
    # The clock that time.pthread_getcpuclockid names; that function crashes over a thread that ends meanwhile.
    clock = (~native_id << 3) | 6
    try:
        return time.clock_gettime(clock)
    except OSError:
        return 0.0


def real_seconds() -> float:
    """Return seconds on a clock that nobody moves."""
    # Not time.monotonic, which freezegun may have stopped.
    return time.clock_gettime(time.CLOCK_MONOTONIC)


# Event.wait, Queue.get and the like all come down to this.
_wait = threading.Condition.wait


def _wait_on_the_loops_clock(self: threading.Condition, timeout: float | None = None) -> bool:
    loop = _loop
    if loop is None or timeout is None or timeout <= 0 or threading.get_ident() == loop.thread:
        return _wait(self, timeout)
    if _belongs_to_a_debugger(_this_thread()):
        return _wait(self, timeout)
    waiter, is_late = _thread.allocate_lock(), []
    waiter.acquire()

    def give_up() -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            is_late.append(True)
            waiter.release()

    self._waiters.append(waiter)
    saved = self._release_save()
    try:
        loop.call_soon_threadsafe(loop.call_later, timeout, give_up)
    except RuntimeError:  # the loop is closed
        give_up()
    waiter.acquire()
    self._acquire_restore(saved)
    return not is_late


threading.Condition.wait = _wait_on_the_loops_clock
