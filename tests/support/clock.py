"""An event loop whose clock does not wait: it jumps to the next timer as soon as nothing else is going on."""

from __future__ import annotations

import asyncio
import math
import selectors
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from anyio._backends._asyncio import AsyncIOBackend, WorkerThread

from .threads import PATIENCE, Activity, real_seconds

MICROSECONDS = 1_000_000  # in a second; a clock that counts in them must not be asked for less
SPINNING = 20_000  # turns of the loop without the clock moving


class Spinning(Exception):
    """The loop turns and turns and no time passes: somebody polls without ever sleeping."""


class JumpingClockLoop(asyncio.SelectorEventLoop):
    """
    A loop in which ``await asyncio.sleep(600)`` takes no time, whatever is awaited in whatever style.

    The clock stands still while a thread is at work, whoever has started it, so that it may answer. Then it jumps on to
    the next timer.

    :param clock: tells the time, in seconds.
    :param tick: moves the clock on by seconds.
    """

    def __init__(self, clock: Callable[[], float], tick: Callable[[float], object]) -> None:
        self._clock = clock
        self._tick = tick
        self._turns = 0
        self._activity = Activity()
        self._gates: set[threading.Event] = set()  # of the threads that are parked
        self.thread = threading.get_ident()
        self._work: set[_Work] = set()  # what the loop waits for
        self._running: set[_Work] = set()  # what threads are at, whether or not the loop still waits for it
        self._pools: set[ThreadPoolExecutor] = set()
        super().__init__(_JumpingSelector(self))
        # asyncio's own is a nanosecond, which is lost beside a time as large as a frozen clock's.
        self._clock_resolution = 1 / MICROSECONDS

    def time(self) -> float:
        return self._clock()

    def jump(self, seconds: float) -> None:
        self._tick(math.ceil(seconds * MICROSECONDS) / MICROSECONDS)
        self._turns = 0

    def count_turn(self) -> None:
        self._turns += 1
        if self._turns > SPINNING:
            self._turns = 0
            raise Spinning

    def end_spinning(self) -> None:
        """Raise `Spinning` at the next turn. Called by whatever thread has noticed that no time passes."""
        self._turns = SPINNING

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        work = self.register(func)
        future = super().run_in_executor(executor, work, *args)
        work.pool = executor or self._default_executor
        if isinstance(work.pool, ThreadPoolExecutor):
            self._pools.add(work.pool)
        future.add_done_callback(lambda _: self.forget(work))
        return future

    def register(self, func: Callable[..., Any]) -> _Work:
        """Wrap a function that is to run in a thread, so that the clock stands still for it."""
        work = _Work(func, self._running)
        self._work.add(work)
        return work

    def forget(self, work: _Work) -> None:
        """Nobody waits for ``work`` any more."""
        self._work.discard(work)

    def park_this_thread(self, seconds: float) -> None:
        """Let the calling thread, not the loop's, wait for seconds of this clock."""
        gate, thread = threading.Event(), threading.get_ident()

        def go_on() -> None:
            # Not in the thread itself: until it has woken the clock would jump on.
            parked_threads.discard(thread)
            gate.set()

        parked_threads.add(thread)
        self._gates.add(gate)
        try:
            self.call_soon_threadsafe(self.call_later, seconds, go_on)
        except RuntimeError:  # the loop is closed
            gate.set()
        gate.wait()
        self._gates.discard(gate)
        # Its number may be another thread's next.
        parked_threads.discard(thread)

    def let_parked_threads_go(self) -> None:
        """Their time does not go on."""
        for gate in list(self._gates):
            gate.set()

    def running_threads(self) -> list[str]:
        """Describe what threads are still at, except those that a check made hang."""
        return [f"a thread in {work}" for work in list(self._running) if work.thread not in parked_threads]

    def is_awaiting_others(self) -> bool:
        """Whether a thread is at work that may still wake the loop."""
        now = real_seconds()
        at_work = (work for work in self._work if work.thread not in parked_threads and not work.has_no_thread())
        # Even if it only seems to sleep.
        if any(now - work.began < PATIENCE for work in at_work):
            return True
        return self._activity.is_any_at_work(except_for=parked_threads | self._idle_threads())

    def _idle_threads(self) -> set[int]:
        """The threads of pools that do nothing but what the loop is told of, and now have nothing to do."""
        busy = {work.thread for work in self._running}
        threads = {thread.ident for thread in threading.enumerate() if isinstance(thread, WorkerThread)}
        for pool in self._pools:
            of_pool = {thread.ident for thread in pool._threads}
            # What somebody has submitted past the loop is not among `_running`, but no idle thread is counted for it.
            if pool._idle_semaphore._value + len(of_pool & busy) >= len(of_pool):
                threads |= of_pool
        return threads - busy


class _Work:
    """A call in a thread."""

    def __init__(self, func: Callable[..., Any], running: set[_Work]) -> None:
        self._func = func
        self._running = running
        self.thread: int | None = None
        self.pool: Any = None
        self.began = real_seconds()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.thread = threading.get_ident()
        self._running.add(self)
        try:
            return self._func(*args, **kwargs)
        finally:
            self._running.discard(self)

    def has_no_thread(self) -> bool:
        """Whether it waits for a thread of a pool whose threads, as many as there may be, are all parked."""
        if self.thread is not None or not isinstance(self.pool, ThreadPoolExecutor):
            return False
        threads = self.pool._threads
        return len(threads) >= self.pool._max_workers and {each.ident for each in threads} <= parked_threads

    def __str__(self) -> str:
        return getattr(self._func, "__qualname__", None) or repr(self._func)


# Threads that hang in a directory that a check made hang: nobody need wait for them.
parked_threads: set[int] = set()


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: JumpingClockLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.count_turn()
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        while self._loop.is_awaiting_others():
            if ready := super().select(0.001):
                return ready
        # What it has done last may have come in between.
        if ready := super().select(0):
            return ready
        if timeout is not None:
            self._loop.jump(timeout)
        return []


def _watch_anyio_threads() -> None:
    """anyio has threads of its own; let the loop know when it waits for one of them."""
    original = AsyncIOBackend.run_sync_in_worker_thread.__func__

    async def run_sync_in_worker_thread(
        cls: type, func: Callable[..., Any], args: Any, *rest: Any, **options: Any
    ) -> Any:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, JumpingClockLoop):
            return await original(cls, func, args, *rest, **options)
        work = loop.register(func)
        try:
            return await original(cls, work, args, *rest, **options)
        finally:
            loop.forget(work)

    AsyncIOBackend.run_sync_in_worker_thread = classmethod(run_sync_in_worker_thread)


_watch_anyio_threads()
