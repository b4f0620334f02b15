"""The event loop: time stands still while anything is at work, then jumps to the next timer."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable

from .threads import any_thread_at_work, set_loop

MICROSECONDS = 1_000_000  # in a second; a frozen clock counts in them
MAX_TURNS = 20_000  # turns of the loop in which the clock may stand still
POLL = 0.001  # seconds of real time between two questions whether a thread is still at work


class Spinning(Exception):
    """The loop turns again and again and no time passes: a coroutine polls without ever sleeping."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """
    An event loop in which ``await asyncio.sleep(600)`` takes no time.

    From its creation to its ``close()``, threads that sleep or wait with a timeout do so on its clock as well.

    :param clock: returns the time in seconds.
    :param tick: moves the clock forward by seconds.
    """

    def __init__(self, clock: Callable[[], float], tick: Callable[[float], object]) -> None:
        self._clock = clock
        self._tick = tick
        self._turns = 0
        self._failure: Exception | None = None
        super().__init__(_JumpingSelector(self))
        # asyncio's own resolution is a nanosecond, which is lost beside a time as large as that of a frozen clock.
        self._clock_resolution = 1 / MICROSECONDS
        set_loop(self)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._clock()

    def jump(self, seconds: float) -> None:
        """Move the clock forward, as if nothing happened for that number of seconds."""
        self._tick(math.ceil(seconds * MICROSECONDS) / MICROSECONDS)
        self._turns = 0

    def stop_with(self, failure: Exception) -> None:
        """Raise ``failure`` out of ``run_forever()`` at the next turn of the loop. Any thread may call it."""
        self._failure = failure

    def begin_turn(self) -> None:
        """
        Count a turn of the loop.

        :raises Spinning: if too many turns have passed without time.
        """
        self._turns += 1
        if self._turns > MAX_TURNS:
            self._failure = Spinning()
        if failure := self._failure:
            self._turns, self._failure = 0, None
            raise failure

    def close(self) -> None:
        """Close the loop; threads that wait on its clock stop waiting."""
        super().close()
        set_loop(None)


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; if nothing is and nothing can become ready, let the timeout pass at once."""
        self._loop.begin_turn()
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        while any_thread_at_work():
            if ready := super().select(POLL):
                return ready
        # The last thing that a thread did before it stopped working may have been to wake the loop.
        if ready := super().select(0):
            return ready
        if timeout is not None:
            self._loop.jump(timeout)
        return []
