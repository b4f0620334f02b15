"""Run a trigger to its end as a triggerer does, in no time, and note all that a triggerer would mind."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from airflow.triggers.base import BaseTaskEndEvent, BaseTrigger, TriggerEvent
from freezegun import config, freeze_time

from .clock import JumpingClockLoop, Spinning
from .contract import Broken, Result, is_plain_json, shown
from .environment import UTC_OFFSET
from .logs import Line, captured_logs
from .mistakes import Mistake
from .spy import Spy, spying, unseen
from .task_instance import TaskInstance
from .threads import on_the_clock_of

MAX_EVENTS = 5  # a trigger that yields more is stopped
# Every clock that the learner may look at is the loop's, also in a thread and whoever has called.
config.configure(default_ignore_list=[])

LONG_STEP = 0.25  # seconds of CPU time that nobody may calculate on the event loop
MOST_CALCULATION = 2  # seconds of CPU time for all long steps of a run; with more, and in several, it is stopped
CANCEL_GRACE = 5  # seconds on the loop's clock
THREAD_GRACE = 2  # seconds of real time for a thread to end what it has begun
KILLED = "killed by the user"

Actions = Mapping[float, Callable[[], object]]


@dataclass
class Watched:
    """
    What a trigger did.

    :ivar events: what it yielded, and when, in seconds since its start.
    :ivar ended: when ``run()`` ended, or None if it had to be cancelled.
    :ivar error: what came out of ``run()``, except the cancellation.
    :ivar events_before: how many events there were when it was cancelled.
    :ivar cancelled_within: seconds from the cancellation to the end, None if it did not end then.
    :ivar was_swallowed: it ended when it was cancelled, but not by the CancelledError.
    :ivar ended_when_released: it did not end when it was cancelled, but as soon as no directory hung any more.
    :ivar spinning: it turned and turned and let no time pass.
    :ivar calculating: seconds of CPU time of all long steps on the event loop.
    :ivar stopped_calculating: it was stopped because these were too many for the check to end.
    :ivar busiest: seconds of CPU time of the longest step on the event loop.
    :ivar left_behind: tasks and open files that were still there afterwards.
    """

    called: str
    began: float = 0
    events: list[tuple[float, Any]] = field(default_factory=list)
    ended: float | None = None
    error: BaseException | None = None
    was_cancelled: bool = False
    events_before: int = 0
    cancelled_within: float | None = None
    was_swallowed: bool = False
    ended_when_released: bool = False
    spinning: bool = False
    calculating: float = 0
    stopped_calculating: bool = False
    busiest: float = 0
    left_behind: list[str] = field(default_factory=list)
    logs: list[Line] = field(default_factory=list)
    spy: Spy | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """The payload of the only event; Broken if there was none, more than one, or one that cannot travel."""
        self.expect_event()
        event = self.events[0][1]
        if not isinstance(event, TriggerEvent):
            raise Broken(
                self.called, f"run() yielded {shown(event)}", Mistake.YIELDS_SOMETHING_OTHER_THAN_A_TRIGGEREVENT
            )
        if isinstance(event, BaseTaskEndEvent):
            raise Broken(self.called, f"run() yielded a {type(event).__name__}", Mistake.ENDS_THE_TASK_IN_THE_TRIGGER)
        if len(self.events) > 1 or self.ended is None:
            raise Broken(
                self.called, f"run() went on after its event, {len(self.events)} came", Mistake.YIELDS_WITHOUT_RETURNING
            )
        payload = event.payload
        if not isinstance(payload, dict):
            raise Broken(self.called, f"the payload is {shown(payload)}", Mistake.PAYLOAD_IS_NOT_A_DICT)
        if not is_plain_json(payload):
            raise Broken(self.called, f"the payload is {shown(payload)}", Mistake.PAYLOAD_IS_NOT_PLAIN_JSON)
        return payload

    @property
    def found(self) -> Result:
        """The payload of a success; Broken if it is anything else."""
        self.expect_found()
        return Result(f"{self.called}: the payload", self.payload, Mistake.EVENT_WITHOUT_A_KEY)

    def expect_found(self, mistake: Mistake | None = None, because: str = "") -> None:
        """
        Raise Broken unless the trigger has found what it was to find.

        :param mistake: the mistake if an error event speaks of ``because``, which the check has planted.
        """
        payload = self.payload
        if payload.get("status") == "error":
            named = _loop_inside_the_loop(repr(payload)) or (mistake if because in repr(payload) else None)
            raise Broken(self.called, shown(payload), named or Mistake.ERROR_EVENT_INSTEAD_OF_A_SUCCESS)
        if payload.get("status") != "success":
            raise Broken(self.called, shown(payload), Mistake.EVENT_THAT_IS_NEITHER_SUCCESS_NOR_ERROR)

    def expect_run(self) -> None:
        """Raise Broken if ``run()`` came to grief: by an exception, or because it gave the event loop no rest."""
        if isinstance(self.error, (Broken, NotImplementedError)):
            raise self.error
        if self.error is not None:
            got = f"{self.error!r} came out of run()"
            name = _loop_inside_the_loop(got) or Mistake.EXCEPTION_ESCAPES_RUN
            raise Broken(self.called, got, name) from self.error
        if self.stopped_calculating:
            got = f"one step of {self.busiest:.3f} seconds of CPU on the event loop, again and again"
            raise Broken(self.called, got, Mistake.LONG_CALCULATION_ON_THE_EVENT_LOOP)
        got = "it looked again and again and let no time pass"
        self.expect_pace(not self.spinning, got, Mistake.LOOPS_WITHOUT_SLEEPING)
        if len(self.events) > self.events_before and self.was_cancelled:
            event = self.events[self.events_before][1]
            got = f"after its cancellation run() yielded {shown(getattr(event, 'payload', event))}"
            raise Broken(f"{self.called}, then cancelled", got, Mistake.EVENT_INSTEAD_OF_THE_CANCELLATION)

    def expect_event(self, mistake: Mistake = Mistake.NEVER_FIRES) -> None:
        """
        Raise Broken unless there was an event.

        :param mistake: the mistake if ``run()`` is still waiting.
        """
        self.expect_run()
        if not self.events and self.ended is not None:
            raise Broken(self.called, "run() ended without an event", Mistake.ENDS_WITHOUT_AN_EVENT)
        self.expect_pace(bool(self.events), "run() yielded no event in that time", mistake)

    def expect_pace(self, condition: bool, got: str, mistake: Mistake) -> None:
        """Raise Broken unless ``condition``; if the trigger has blocked the event loop, that comes first."""
        if not condition:
            self.expect_unblocked()
            raise Broken(self.called, got, mistake)

    def expect_unblocked(self) -> None:
        """Raise Broken if the trigger has blocked the event loop."""
        for method, calls in self.spy.blocked.items():
            called = self.called if method == "run" else f"{self.called}, then {method}()"
            got = f"in {method}(), on the event loop: {sorted(set(calls))}"
            raise Broken(called, got, Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP)

    def expect_nothing_left(self, kind: str = "") -> None:
        """
        Raise Broken if something was left behind.

        :param kind: with what it begins, of what counts.
        """
        left = [each for each in self.left_behind if each.startswith(kind)]
        if left:
            after = "after the cancellation" if self.was_cancelled else "after the event"
            raise Broken(f"{self.called}, {after}", f"left: {left}", Mistake.RESOURCE_LEAK)

    @property
    def fired_at(self) -> float:
        """When the event came, in seconds since the start."""
        return self.events[0][0]

    def expect_prompt_end(self) -> None:
        """Raise Broken unless the trigger ended within a second of its cancellation."""
        late = self.cancelled_within
        called = f"{self.called}, then cancelled"
        if self.ended_when_released:
            raise Broken(
                called, "it ended when the directory did not hang any more", Mistake.CANCELLATION_WAITS_FOR_A_CHECK
            )
        if late is None:
            raise Broken(called, "it still runs", Mistake.SWALLOWS_THE_CANCELLATION)
        if self.was_swallowed:
            raise Broken(called, "run() ended without the CancelledError", Mistake.SWALLOWS_THE_CANCELLATION)
        if late >= 1:
            raise Broken(called, f"it ended {late:g} seconds later", Mistake.ENDS_LATE_WHEN_CANCELLED)

    def expect_waiting(self, mistake: Mistake = Mistake.ENDED_INSTEAD_OF_WAITING) -> None:
        """
        Raise Broken unless the trigger was still waiting, quietly, when it was cancelled.

        :param mistake: the mistake if it was not.
        """
        self.expect_run()
        if self.events or self.ended is not None:
            what = shown(getattr(self.events[0][1], "payload", self.events[0][1])) if self.events else "no event"
            mistake = _loop_inside_the_loop(what) or mistake
            raise Broken(self.called, f"run() did not go on waiting but ended with {what}", mistake)


def _loop_inside_the_loop(text: str) -> Mistake | None:
    """Return the mistake if a text says that somebody has started an event loop inside the running one."""
    signs = ("from a running event loop", "while another loop is running", "same thread as an async event loop")
    return Mistake.LOOP_INSIDE_THE_LOOP if any(sign in text for sign in signs) else None


class Calculating(Exception):
    """The trigger calculates on the event loop, for so long that the check would never end."""


def watch(
    *triggers: BaseTrigger,
    seconds: float,
    root: str,
    at: Actions | None = None,
    faults: Callable[[Spy], None] = lambda spy: None,
    slow: Mapping[str, float] | None = None,
    later: float = 0,
    called: str = "",
    killed: bool = False,
) -> Watched:
    """
    Run triggers side by side on one event loop for at most ``seconds`` of its clock, then cancel what still runs.

    They are cancelled as at a restart of the triggerer, which calls ``cleanup()``.

    :param root: the directory below which calls are noted.
    :param at: what is done meanwhile, each at its second: ``{25: drop_a_file}``.
    :param faults: told the spy before the start, to put faults in the trigger's way.
    :param slow: for directories, how many seconds each look into them takes.
    :param later: how many seconds from now it is when they start.
    :param called: what the learner would have written; worked out from the triggers if empty.
    :param killed: cancel them as when somebody marks the task as failed: the triggerer calls ``on_kill()``, too.
    :return: what happened; of several triggers together.
    """
    watched = Watched(called or f"{type(triggers[0]).__name__}(…).run(), watched for {seconds:g} seconds")
    with freeze_time(tz_offset=UTC_OFFSET) as frozen, captured_logs() as lines:
        frozen.tick(later)
        # The loop's clock is time.monotonic(), as on any other loop.
        loop = JumpingClockLoop(clock=lambda: time.monotonic(), tick=frozen.tick)
        watched.began = loop.time()
        clocks = {"now": lambda: loop.time() - watched.began, "nap": loop.jump, "spin": loop.end_spinning}
        with (
            on_the_clock_of(loop),
            spying(root, **clocks, listers=len(triggers), blocked_thread=threading.get_ident()) as spy,
        ):
            for directory, duration in (slow or {}).items():
                spy.slow(directory, duration, loop)
            faults(spy)
            watched.spy = spy
            files_before = _open_files(root)
            steps = _measure_steps(watched)
            try:
                _drive(loop, triggers, seconds, at or {}, watched, killed)
            finally:
                asyncio.events.Handle._run = steps
            watched.left_behind += _left_behind(loop, files_before, root)
            spy.release()
        _close(loop)
    watched.logs += lines
    return watched


def _drive(
    loop: JumpingClockLoop,
    triggers: tuple[BaseTrigger, ...],
    seconds: float,
    at: Actions,
    watched: Watched,
    killed: bool,
) -> None:
    tasks = [loop.create_task(_exhaust(trigger, loop, watched), name="the trigger") for trigger in triggers]
    for second, action in at.items():
        loop.call_at(watched.began + second, _act, action)
    everything = loop.create_task(asyncio.wait(tasks), name="the check")
    _run(loop, everything, seconds, watched)
    if not everything.done():
        watched.was_cancelled, watched.events_before = True, len(watched.events)
        cancelled_at = loop.time()
        cancelled = [task for task in tasks if task.cancel(KILLED if killed else None)]
        _run(loop, everything, CANCEL_GRACE, watched)
        if everything.done():
            watched.cancelled_within = loop.time() - cancelled_at
            watched.was_swallowed = not all(task.cancelled() for task in cancelled)
        else:
            count = len(watched.events)
            watched.spy.release()
            _run(loop, everything, CANCEL_GRACE, watched)
            watched.ended_when_released = everything.done()
            del watched.events[count:]
    elif all(not task.cancelled() for task in tasks) and not watched.error:
        watched.ended = loop.time() - watched.began


def _run(loop: JumpingClockLoop, until: asyncio.Task[Any], seconds: float, watched: Watched) -> None:
    timer = loop.call_later(seconds, loop.stop)
    until.add_done_callback(lambda _: loop.stop())
    try:
        loop.run_forever()
    except Spinning:
        watched.spinning = True
    except Calculating:
        watched.stopped_calculating = True
    timer.cancel()


async def _exhaust(trigger: BaseTrigger, loop: JumpingClockLoop, watched: Watched) -> None:
    """The body of Airflow's TriggerRunner.run_trigger, in the same order."""
    count = 0
    try:
        async for event in begun(trigger):
            watched.events.append((loop.time() - watched.began, event))
            count += 1
            if count == MAX_EVENTS:
                await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError as error:
        if error.args == (KILLED,) and hasattr(trigger, "on_kill"):  # since Airflow 3.3
            with _in_method(watched, "on_kill"), suppress(Exception):
                await trigger.on_kill()
        raise
    except (Exception, SystemExit) as error:
        watched.error = error
    finally:
        with _in_method(watched, "cleanup"), suppress(Exception):
            await trigger.cleanup()


@contextmanager
def _in_method(watched: Watched, name: str) -> Iterator[None]:
    """Blame what blocks meanwhile on this method of the trigger."""
    before, watched.spy.method = watched.spy.method, name
    try:
        yield
    finally:
        watched.spy.method = before


def begun(trigger: BaseTrigger) -> AsyncIterator[TriggerEvent]:
    """Return ``trigger.run()``; Broken if that cannot be iterated over, because it returns instead of yielding."""
    trigger.task_instance = TaskInstance("monitor_client_uploads")
    running = trigger.run()
    if inspect.iscoroutine(running):
        _expect_begun(running)
        got = "a coroutine, which can be awaited but not iterated over"
        raise Broken(f"{type(trigger).__name__}(…).run()", got, Mistake.RETURNS_INSTEAD_OF_YIELDING)
    return running


def _expect_begun(running: Coroutine[Any, Any, Any]) -> None:
    """Raise NotImplementedError if all that there is of a coroutine is the starter's own."""
    try:
        running.send(None)
    except NotImplementedError:
        raise
    except BaseException:
        return
    finally:
        running.close()


def _act(action: Callable[[], object]) -> None:
    with unseen():
        action()


def _measure_steps(watched: Watched) -> Callable[..., Any]:
    original = asyncio.events.Handle._run

    def run(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        original(handle)
        took = time.thread_time() - began
        watched.busiest = max(watched.busiest, took)
        watched.calculating += took if took >= LONG_STEP else 0
        if watched.calculating > max(took, MOST_CALCULATION) and took >= LONG_STEP:
            raise Calculating

    asyncio.events.Handle._run = run
    return original


def _left_behind(loop: JumpingClockLoop, files_before: set[str], root: str) -> list[str]:
    left = [f"the task {task.get_name()}" for task in asyncio.all_tasks(loop) if not task.done()]
    turns = int(THREAD_GRACE / 0.01)
    while loop.running_threads() and (turns := turns - 1):
        threading.Event().wait(0.01)
    return left + sorted(_open_files(root) - files_before)


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
