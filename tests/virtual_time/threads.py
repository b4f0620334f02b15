"""
Which threads are at work, and a virtual clock for those that wait.

A thread is at work from its start to its end, except while it waits for another one. All waiting of Python's own
(``Event``, ``Queue``, ``Semaphore``, ``Future.result()``, the threads of executors and of anyio) ends in
``Condition.wait``, which `install` replaces: that thread has stopped working as soon as it is in there, and works
again as soon as it is notified, even if no CPU core is free for it yet. A thread that blocks in anything else (a lock,
a socket, a file, a subprocess) counts as at work, so that it may finish; after `PATIENCE`, only while
such threads move.
"""

from __future__ import annotations

import os
import queue
import select
import selectors
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loop import VirtualTimeLoop

PATIENCE = 1.0  # seconds of real time for which a thread may block in anything that Python does not report
RUNNABLE = "State:\tR"
QUIET = 0.1  # seconds of real time in which no such thread has moved, after which they count as blocked

_loop: VirtualTimeLoop | None = None
_others: set[threading.Thread | None] = {None}  # the main thread, and what was started before `install`
_is_waiting: dict[int | None, Callable[[], bool]] = {}  # by thread: whether nothing has ended its wait yet
_time_outs: set[Callable[[], None]] = set()  # what ends the waits that have a timeout
_at_work_since: dict[threading.Thread, float] = {}
_movements: list[str] = []  # of the threads at work, when they were last asked for
_moved_at = 0.0

_wait = threading.Condition.wait


def install() -> None:
    """Follow all threads that start from now on. To be called before the code under test is imported."""
    if threading.Condition.wait is not _wait:
        return
    _others.update(threading.enumerate())
    threading.Condition.wait = _wait_in_virtual_time
    # The queue of every ThreadPoolExecutor. It is written in C, so that nobody would know whether a thread waits in it.
    queue.SimpleQueue = queue.Queue
    for selector in {selectors.DefaultSelector, selectors.PollSelector}:
        selector.select = _reported(selector.select)


def set_loop(loop: VirtualTimeLoop | None) -> None:
    """Let threads wait on the clock of this loop; None ends all waits on the clock of the last one."""
    global _loop
    _loop = loop
    if loop is None:
        for time_out in list(_time_outs):
            time_out()


def any_thread_at_work() -> bool:
    """Return whether a thread other than the calling one is at work, so that it may still wake the loop."""
    global _at_work_since, _movements, _moved_at
    # Not time.monotonic(), which freezegun may have stopped.
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    followed = [thread for thread in threading.enumerate() if _is_followed(thread)]
    at_work = [thread for thread in followed if not _is_waiting.get(thread.ident, lambda: False)()]
    _at_work_since = {thread: _at_work_since.get(thread, now) for thread in at_work}
    if any(now - since < PATIENCE for since in _at_work_since.values()):
        _movements = []
        return True
    movements = [_movement(thread) for thread in at_work]
    if movements != _movements or RUNNABLE in "".join(movements):
        _movements, _moved_at = movements, now
    return bool(at_work) and now - _moved_at < QUIET


def _movement(thread: threading.Thread) -> str:
    """
    Return a text that differs whenever the thread has run since.

    Linux tells the state of each thread, however long it has to wait for a CPU core, and how often it had one.
    Elsewhere it is the CPU time of all threads.
    """
    try:
        with open(f"/proc/self/task/{thread.native_id}/status", encoding="utf-8") as status:
            return "".join(line for line in status if line.startswith(("State", "voluntary", "nonvoluntary")))
    except OSError:
        return f"{time.process_time() - time.thread_time():.3f}"


def _is_followed(thread: threading.Thread | None) -> bool:
    # While everything is stopped at a breakpoint, the threads of debugpy go on, by a real clock.
    is_of_a_debugger = getattr(thread, "is_pydev_daemon_thread", False) is True
    return thread not in _others and not is_of_a_debugger


def _this_thread() -> threading.Thread | None:
    # Not current_thread(), which makes one for a thread that has none.
    return next((thread for thread in threading.enumerate() if thread.ident == threading.get_ident()), None)


@contextmanager
def _waiting(is_waiting: Callable[[], bool]) -> Iterator[None]:
    _is_waiting[threading.get_ident()] = is_waiting
    try:
        yield
    finally:
        del _is_waiting[threading.get_ident()]


def _wait_in_virtual_time(self: threading.Condition, timeout: float | None = None) -> bool:
    """Wait as ``Condition.wait`` does, on the clock of the loop if there is one; see there for the private names."""
    if not _is_followed(_this_thread()) or (timeout is not None and timeout <= 0):
        return _wait(self, timeout)
    loop, waiter, timed_out = _loop, threading.Lock(), []

    def time_out() -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            timed_out.append(True)
            waiter.release()

    waiter.acquire()
    self._waiters.append(waiter)
    saved = self._release_save()
    if timeout is not None and loop is not None:
        _time_outs.add(time_out)
        try:
            loop.call_soon_threadsafe(loop.call_later, timeout, time_out)
        except RuntimeError:  # the loop is closed
            time_out()
    with _waiting(lambda: waiter in self._waiters):
        if not waiter.acquire(timeout=-1 if timeout is None or loop is not None else timeout):
            time_out()
    _time_outs.discard(time_out)
    self._acquire_restore(saved)
    return not timed_out


def _reported(real_select: Callable[..., Any]) -> Callable[..., Any]:
    """
    Let a thread that waits for sockets not count as at work; its timeout stays one of real time.

    The other end of a socket is in this process, as the server of a check or the event loop of another thread is.
    Behind a pipe may be a subprocess, which is at work.
    """

    def select_and_report(self: selectors.BaseSelector, timeout: float | None = None) -> Any:
        if (timeout is None or timeout > 0) and _is_followed(_this_thread()):
            files, are_sockets = [key.fd for key in (self.get_map() or {}).values()], False
            with suppress(OSError):  # closed
                are_sockets = all(stat.S_ISSOCK(os.fstat(file).st_mode) for file in files)
            if are_sockets:
                with _waiting(lambda: not _any_ready(files)):
                    return real_select(self, timeout)
        return real_select(self, timeout)

    return select_and_report


def _any_ready(files: list[int]) -> bool:
    try:
        return bool(select.select(files, [], [], 0)[0])
    except (OSError, ValueError):  # closed, so that the thread goes on
        return True
