"""Run a trigger to its end as a triggerer does, in no time, and note all that a triggerer would mind."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from freezegun import config, freeze_time

from .clock import JumpingClockLoop, Spinning
from .contract import Broken, shown
from .logs import Line, captured_logs
from .spy import Spy, spying, unseen
from .threads import on_the_clock_of

MAX_EVENTS = 5  # a trigger that yields more is stopped
# Every clock that the learner may look at is the loop's, also in a thread and whoever has called.
config.configure(default_ignore_list=[])

CANCEL_GRACE = 5  # seconds on the loop's clock
THREAD_GRACE = 2  # seconds of real time for a thread to end what it has begun

Actions = Mapping[float, Callable[[], object]]


@dataclass
class Watched:
    """
    What a trigger did.

    :ivar events: what it yielded, and when, in seconds since its start.
    :ivar ended: when ``run()`` ended, or None if it had to be cancelled.
    :ivar error: what came out of ``run()``, except the cancellation.
    :ivar cancelled_within: seconds from the cancellation to the end, None if it did not end then.
    :ivar spinning: it turned and turned and let no time pass.
    :ivar busiest: seconds of CPU time of the longest step on the event loop.
    :ivar left_behind: tasks, threads and open files that were still there afterwards.
    """

    called: str
    began: float = 0
    events: list[tuple[float, Any]] = field(default_factory=list)
    ended: float | None = None
    error: BaseException | None = None
    was_cancelled: bool = False
    cancelled_within: float | None = None
    spinning: bool = False
    busiest: float = 0
    left_behind: list[str] = field(default_factory=list)
    logs: list[Line] = field(default_factory=list)
    spy: Spy | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """The payload of the only event; Broken if there was none, more than one, or one that cannot travel."""
        if self.error is not None:
            raise self.error
        if self.spinning:
            raise Broken(self.called, "it looked again and again and let no time pass", "busy polling")
        if not self.events:
            ended = "ended without an event" if self.ended is not None else "yielded no event in that time"
            raise Broken(self.called, f"run() {ended}", "no event")
        event = self.events[0][1]
        if not isinstance(event, TriggerEvent):
            raise Broken(self.called, f"run() yielded {shown(event)}", "yields something that is no TriggerEvent")
        if len(self.events) > 1 or self.ended is None:
            raise Broken(
                self.called, f"run() went on after its event, {len(self.events)} came", "yields without returning"
            )
        payload = event.payload
        if not is_plain_json(payload) or not isinstance(payload, dict):
            raise Broken(self.called, f"the payload is {shown(payload)}", "payload is not plain JSON")
        return payload

    def expect_found(self) -> None:
        """Raise Broken unless the trigger has found what it was to find."""
        if self.payload.get("status") != "success":
            raise Broken(self.called, shown(self.payload), "no success event")

    @property
    def fired_at(self) -> float:
        """When the event came, in seconds since the start."""
        return self.events[0][0]

    def expect_prompt_end(self) -> None:
        """Raise Broken unless the trigger ended within a second of its cancellation."""
        late = self.cancelled_within
        if late is None or late >= 1:
            got = "it still runs" if late is None else f"it ended {late:g} seconds later"
            raise Broken(f"{self.called}, then cancelled", got, "swallows the cancellation")

    def expect_waiting(self) -> None:
        """Raise Broken unless the trigger was still waiting, quietly, when it was cancelled."""
        if self.error is not None:
            raise self.error
        if self.spinning:
            raise Broken(self.called, "it looked again and again and let no time pass", "busy polling")
        if self.events or self.ended is not None:
            what = shown(getattr(self.events[0][1], "payload", self.events[0][1])) if self.events else "no event"
            raise Broken(self.called, f"run() did not go on waiting but ended with {what}")


def is_plain_json(value: Any) -> bool:
    """Whether ``value`` comes back from JSON as it was, types included."""
    try:
        return _has_plain_types(value) and repr(json.loads(json.dumps(value))) == repr(value)
    except (TypeError, ValueError, RecursionError):
        return False


def _has_plain_types(value: Any) -> bool:
    """Whether nothing in ``value`` is of a class of the learner's own, which may say of itself what it likes."""
    if type(value) is dict:
        return all(type(key) is str and _has_plain_types(each) for key, each in value.items())
    if type(value) is list:
        return all(map(_has_plain_types, value))
    return value is None or any(type(value) is plain for plain in (str, int, float, bool))


def watch(
    *triggers: BaseTrigger,
    seconds: float,
    root: str,
    at: Actions | None = None,
    faults: Callable[[Spy], None] = lambda spy: None,
    slow: Mapping[str, float] | None = None,
    later: float = 0,
    called: str = "",
) -> Watched:
    """
    Run triggers side by side on one event loop for at most ``seconds`` of its clock, then cancel what still runs.

    :param root: the directory below which calls are noted.
    :param at: what is done meanwhile, each at its second: ``{25: drop_a_file}``.
    :param faults: told the spy before the start, to put faults in the trigger's way.
    :param slow: for directories, how many seconds each look into them takes.
    :param later: how many seconds from now it is when they start.
    :param called: what the learner would have written; worked out from the triggers if empty.
    :return: what happened; of several triggers together.
    """
    watched = Watched(called or f"{type(triggers[0]).__name__}(…).run(), watched for {seconds:g} seconds")
    with freeze_time() as frozen, captured_logs() as lines:
        frozen.tick(later)
        # The loop's clock is time.monotonic(), as on any other loop.
        loop = JumpingClockLoop(clock=lambda: time.monotonic(), tick=frozen.tick)
        watched.began = loop.time()
        with (
            on_the_clock_of(loop),
            spying(root, now=lambda: loop.time() - watched.began, blocked_thread=threading.get_ident()) as spy,
        ):
            for directory, duration in (slow or {}).items():
                spy.slow(directory, duration, loop)
            faults(spy)
            watched.spy = spy
            files_before = _open_files(root)
            steps = _measure_steps(watched)
            try:
                _drive(loop, triggers, seconds, at or {}, watched)
            finally:
                asyncio.events.Handle._run = steps
            watched.left_behind += _left_behind(loop, files_before, root)
            spy.release()
        _close(loop)
    watched.logs += lines
    return watched


def _drive(
    loop: JumpingClockLoop, triggers: tuple[BaseTrigger, ...], seconds: float, at: Actions, watched: Watched
) -> None:
    tasks = [loop.create_task(_exhaust(trigger, loop, watched), name="the trigger") for trigger in triggers]
    for second, action in at.items():
        loop.call_at(watched.began + second, _act, action)
    everything = loop.create_task(asyncio.wait(tasks), name="the check")
    _run(loop, everything, seconds, watched)
    if not everything.done():
        watched.was_cancelled = True
        cancelled_at = loop.time()
        for task in tasks:
            task.cancel()
        _run(loop, everything, CANCEL_GRACE, watched)
        if everything.done():
            watched.cancelled_within = loop.time() - cancelled_at
    elif all(not task.cancelled() for task in tasks) and not watched.error:
        watched.ended = loop.time() - watched.began


def _run(loop: JumpingClockLoop, until: asyncio.Task[Any], seconds: float, watched: Watched) -> None:
    timer = loop.call_later(seconds, loop.stop)
    until.add_done_callback(lambda _: loop.stop())
    try:
        loop.run_forever()
    except Spinning:
        watched.spinning = True
    timer.cancel()


async def _exhaust(trigger: BaseTrigger, loop: JumpingClockLoop, watched: Watched) -> None:
    """The body of Airflow's TriggerRunner.run_trigger, in the same order."""
    count = 0
    try:
        async for event in trigger.run():
            watched.events.append((loop.time() - watched.began, event))
            count += 1
            if count == MAX_EVENTS:
                await asyncio.get_running_loop().create_future()
    except Exception as error:
        watched.error = error
    finally:
        await trigger.cleanup()


def _act(action: Callable[[], object]) -> None:
    with unseen():
        action()


def _measure_steps(watched: Watched) -> Callable[..., Any]:
    original = asyncio.events.Handle._run

    def run(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        original(handle)
        watched.busiest = max(watched.busiest, time.thread_time() - began)

    asyncio.events.Handle._run = run
    return original


def _left_behind(loop: JumpingClockLoop, files_before: set[str], root: str) -> list[str]:
    left = [f"the task {task.get_name()}" for task in asyncio.all_tasks(loop) if not task.done()]
    turns = int(THREAD_GRACE / 0.01)
    while loop.running_threads() and (turns := turns - 1):
        threading.Event().wait(0.01)
    return left + loop.running_threads() + sorted(_open_files(root) - files_before)


def _open_files(root: str) -> set[str]:
    with unseen():
        if not os.path.isdir("/proc/self/fd"):
            return set()
        links = []
        for descriptor in os.listdir("/proc/self/fd"):
            try:
                links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
            except OSError:
                continue
        return {f"the open file {link}" for link in links if link.startswith(root + os.sep)}


def _close(loop: JumpingClockLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False
    if loop._default_executor is not None:
        loop._default_executor.shutdown(wait=False)
    loop.close()
