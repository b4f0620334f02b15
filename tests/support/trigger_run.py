"""
Run triggers as a triggerer does, in virtual time, and record everything that a triggerer would object to.

pytest-asyncio runs a check and what it awaits on one loop. Here the check stays outside: it has to survive a trigger
that blocks the loop or never leaves it, cancel it, and see what is left when the loop has stopped.
"""

from __future__ import annotations

import asyncio
import glob
import inspect
import itertools
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from airflow.triggers.base import BaseTaskEndEvent, BaseTrigger, TriggerEvent
from freezegun import config, freeze_time

from ..virtual_time import Spinning, VirtualTimeLoop, any_thread_at_work
from .contract import ContractViolation, Result, expect, expect_equal, is_plain_json, shown
from .environment import UTC_OFFSET
from .logs import Line, captured_logs
from .mistakes import Mistake
from .system_calls import SystemCalls, recorded_calls, unrecorded
from .tasks import TaskInstance

MAX_EVENTS = 5  # a trigger that yields more is stopped
LONG_STEP = 0.25  # seconds of CPU time that nobody may compute on the event loop
MAX_COMPUTATION = 2  # seconds of CPU time for all long steps of a run; with more, and in several, it is stopped
CANCEL_GRACE = 5  # seconds on the loop's clock
THREAD_GRACE = 2  # seconds of real time for a thread to finish its work
KILLED = "killed by the user"

# Every clock that a submission may read is the loop's, also in a thread and in any library.
config.configure(default_ignore_list=[])

_run_handle = asyncio.Handle._run
_INSIDE_A_LOOP = ("from a running event loop", "while another loop is running", "same thread as an async event loop")


class Computing(Exception):
    """The trigger computes on the event loop, for so long that the check would never end."""


@dataclass
class TriggerRun:
    """What a trigger did."""

    called: str  # what the learner would have written
    calls: SystemCalls
    logs: list[Line]  # what was logged meanwhile
    events: list[tuple[float, Any]] = field(default_factory=list)  # what it yielded, and after how many seconds
    ended: float | None = None  # after how many seconds run() ended, None if it had to be cancelled
    error: BaseException | None = None  # what came out of run(), except the cancellation
    events_before: int | None = None  # the number of events when it was cancelled, None if it was not
    cancelled_within: float | None = None  # seconds from the cancellation to the end, None if it did not end then
    was_swallowed: bool = False  # it ended when it was cancelled, but not by the CancelledError
    ended_when_released: bool = False  # it did not end when it was cancelled, but as soon as no directory hung
    stopped_by: Exception | None = None  # why it was stopped, as the check would not have ended
    long_steps: float = 0  # seconds of CPU time of all long steps on the event loop
    longest_step: float = 0  # seconds of CPU time of the longest step on the event loop
    left_behind: list[str] = field(default_factory=list)  # tasks and open files that still existed afterwards

    @property
    def payload(self) -> dict[str, Any]:
        """The payload of the only event; ContractViolation if there is none, more than one, or an invalid one."""
        self.expect_event()
        event = self.events[0][1]
        got, mistake = f"run() yielded {shown(event)}", Mistake.YIELDS_SOMETHING_OTHER_THAN_A_TRIGGEREVENT
        expect(isinstance(event, TriggerEvent), self.called, got, mistake)
        got, mistake = f"run() yielded a {type(event).__name__}", Mistake.ENDS_THE_TASK_IN_THE_TRIGGER
        expect(not isinstance(event, BaseTaskEndEvent), self.called, got, mistake)
        got = f"run() went on after its event, {len(self.events)} came"
        is_last = len(self.events) == 1 and self.ended is not None
        expect(is_last, self.called, got, Mistake.YIELDS_WITHOUT_RETURNING)
        got = f"the payload is {shown(event.payload)}"
        expect(isinstance(event.payload, dict), self.called, got, Mistake.PAYLOAD_IS_NOT_A_DICT)
        expect(is_plain_json(event.payload), self.called, got, Mistake.PAYLOAD_IS_NOT_PLAIN_JSON)
        return event.payload

    @property
    def found(self) -> Result:
        """The payload of a success; ContractViolation if it is anything else."""
        self.expect_found()
        return Result(f"{self.called}: the payload", self.payload, Mistake.EVENT_WITHOUT_A_KEY)

    @property
    def fired_at(self) -> float:
        """When the event came, in seconds since the start."""
        return self.events[0][0]

    def pauses(self, directory: str, after: float = 0) -> list[float]:
        """Return the seconds between the checks of a directory; listings at the same moment are one check."""
        moments = sorted({round(moment, 1) for moment in self.calls.listings.get(directory, []) if moment >= after})
        return [round(later - earlier, 1) for earlier, later in itertools.pairwise(moments)]

    def expect_found(self, mistake: Mistake | None = None, because: str = "") -> None:
        """Raise ContractViolation unless it was a success; ``mistake`` if its error contains ``because``."""
        payload = self.payload
        if payload.get("status") == "error":
            named = _loop_inside_the_loop(repr(payload)) or (mistake if because in repr(payload) else None)
            raise ContractViolation(self.called, shown(payload), named or Mistake.ERROR_EVENT_INSTEAD_OF_A_SUCCESS)
        mistake = Mistake.EVENT_THAT_IS_NEITHER_SUCCESS_NOR_ERROR
        expect(payload.get("status") == "success", self.called, payload, mistake)

    def expect_error_event(self, error_type: str, *texts: str) -> None:
        """Raise ContractViolation unless it was an error event of that type, whose message has these texts."""
        payload = self.payload
        expect(payload.get("status") == "error", self.called, payload, Mistake.NO_ERROR_EVENT)
        kinds = {"status": str, "error_type": str, "message": str, "errors": dict}
        is_complete = all(isinstance(payload.get(key), kind) for key, kind in kinds.items())
        expect(is_complete and bool(payload["message"]), self.called, payload, Mistake.INCOMPLETE_ERROR_EVENT)
        expect(payload["error_type"] == error_type, self.called, payload, Mistake.WRONG_ERROR_TYPE)
        message, mistake = payload["message"], Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE
        expect(all(text in message for text in texts), 'payload["message"]', message, mistake)

    def expect_left_out(self, directory: str) -> None:
        """Raise ContractViolation unless ``directory`` was excluded, and is in the event's ``errors`` with a reason."""
        errors = self.payload.get("errors")
        named = isinstance(errors, dict) and list(errors) == [directory]
        named = named and isinstance(errors[directory], str) and bool(errors[directory])
        expect(named, self.called, f"errors is {errors}", Mistake.UNREADABLE_DIRECTORY_NOT_REPORTED)
        listings = len(self.calls.listings.get(directory, []))
        self.expect_pace(listings <= 2, f"{listings} listings of it", Mistake.UNREADABLE_DIRECTORY_STILL_CHECKED)

    def expect_logged_once(self, directory: str) -> None:
        """Raise ContractViolation unless one warning names ``directory``, which was excluded."""
        warnings = [line.text for line in self.logs if line.level >= logging.WARNING and directory in line.text]
        got = f"{len(warnings)} warnings that name it: {warnings}"
        expect(len(warnings) == 1, self.called, got, Mistake.EXCLUDED_DIRECTORY_NOT_LOGGED_ONCE)

    def expect_waited_for(self, missing: str) -> None:
        """Raise ContractViolation unless it was a success, though the directory ``missing`` did not exist at first."""
        if self.calls.writes and not self.events:
            raise ContractViolation(self.called, f"{self.calls.writes}", Mistake.SIDE_EFFECT_IN_A_TRIGGER)
        self.expect_event(Mistake.MISSING_DIRECTORY_NOT_WATCHED)
        self.expect_found(Mistake.MISSING_DIRECTORY_NOT_WATCHED, because=missing)

    def expect_in_time(self, directory: str, made_at: float) -> None:
        """Raise ContractViolation unless a file in ``directory`` was reported within two intervals of 10 seconds."""
        self.expect_event(Mistake.ONE_DIRECTORY_DELAYS_ANOTHER)
        expect_equal(self.found["directory"], directory, self.called)
        got = f"reported after {self.fired_at:g} seconds, made at {made_at:g}, checked every 10"
        expect(self.fired_at >= made_at, self.called, got)
        self.expect_pace(self.fired_at <= made_at + 20.5, got, Mistake.ONE_DIRECTORY_DELAYS_ANOTHER)

    def expect_pauses(self, directory: str, at_least: float, mistake: Mistake) -> None:
        """Raise ContractViolation, with ``mistake``, if there are fewer than ``at_least`` seconds between checks."""
        pauses, listings = self.pauses(directory), self.calls.listings.get(directory)
        got = f"{len(pauses) + bool(listings)} checks of {directory}; seconds between them: {pauses}"
        self.expect_pace(bool(pauses), got, Mistake.NOT_ALL_DIRECTORIES_WATCHED)
        self.expect_pace(min(pauses) >= at_least - 0.5, got, mistake)

    def expect_run(self) -> None:
        """Raise ContractViolation if ``run()`` raised an exception, or gave the event loop no rest."""
        if isinstance(self.error, (ContractViolation, NotImplementedError)):
            raise self.error
        if self.error is not None:
            got = f"{self.error!r} came out of run()"
            mistake = _loop_inside_the_loop(got) or Mistake.EXCEPTION_ESCAPES_RUN
            raise ContractViolation(self.called, got, mistake) from self.error
        if isinstance(self.stopped_by, Computing):
            got = f"one step of {self.longest_step:.3f} seconds of CPU on the event loop, again and again"
            raise ContractViolation(self.called, got, Mistake.LONG_CALCULATION_ON_THE_EVENT_LOOP)
        got = "it checked again and again and let no time pass"
        self.expect_pace(self.stopped_by is None, got, Mistake.LOOPS_WITHOUT_SLEEPING)
        if self.events_before is not None and len(self.events) > self.events_before:
            event = self.events[self.events_before][1]
            got = f"after its cancellation run() yielded {shown(getattr(event, 'payload', event))}"
            raise ContractViolation(f"{self.called}, then cancelled", got, Mistake.EVENT_INSTEAD_OF_THE_CANCELLATION)

    def expect_event(self, mistake: Mistake = Mistake.NEVER_FIRES) -> None:
        """Raise ContractViolation unless there was an event; ``mistake`` if ``run()`` is still waiting."""
        self.expect_run()
        if not self.events and self.ended is not None:
            raise ContractViolation(self.called, "run() ended without an event", Mistake.ENDS_WITHOUT_AN_EVENT)
        self.expect_pace(bool(self.events), "run() yielded no event in that time", mistake)

    def expect_pace(self, condition: bool, got: str, mistake: Mistake) -> None:
        """Raise ContractViolation unless ``condition``; if the trigger has blocked the event loop, that comes first."""
        if not condition:
            self.expect_unblocked()
            raise ContractViolation(self.called, got, mistake)

    def expect_unblocked(self) -> None:
        """Raise ContractViolation if the trigger has blocked the event loop."""
        for method, calls in self.calls.blocking.items():
            called = self.called if method == "run" else f"{self.called}, then {method}()"
            got = f"in {method}(), on the event loop: {sorted(set(calls))}"
            raise ContractViolation(called, got, Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP)

    def expect_nothing_left(self, kind: str = "") -> None:
        """Raise ContractViolation if something was left behind whose name begins with ``kind``."""
        if left := [each for each in self.left_behind if each.startswith(kind)]:
            after = "the event" if self.events_before is None else "the cancellation"
            raise ContractViolation(f"{self.called}, after {after}", f"left: {left}", Mistake.RESOURCE_LEAK)

    def expect_prompt_end(self) -> None:
        """Raise ContractViolation unless the trigger ended within a second of its cancellation."""
        called, late = f"{self.called}, then cancelled", self.cancelled_within
        got = "it ended when the directory did not hang any more"
        expect(not self.ended_when_released, called, got, Mistake.CANCELLATION_WAITS_FOR_A_CHECK)
        expect(late is not None, called, "it still runs", Mistake.SWALLOWS_THE_CANCELLATION)
        got = "run() ended without the CancelledError"
        expect(not self.was_swallowed, called, got, Mistake.SWALLOWS_THE_CANCELLATION)
        expect(late < 1, called, f"it ended {late:g} seconds later", Mistake.ENDS_LATE_WHEN_CANCELLED)

    def expect_waiting(self, mistake: Mistake = Mistake.ENDED_INSTEAD_OF_WAITING) -> None:
        """Raise ContractViolation, with ``mistake``, unless it was still waiting, without an event, when cancelled."""
        self.expect_run()
        if self.events or self.ended is not None:
            what = shown(getattr(self.events[0][1], "payload", self.events[0][1])) if self.events else "no event"
            got = f"run() did not go on waiting but ended with {what}"
            raise ContractViolation(self.called, got, _loop_inside_the_loop(what) or mistake)


def _loop_inside_the_loop(text: str) -> Mistake | None:
    """Return the mistake if an error's text says that an event loop was started inside the running one."""
    return Mistake.LOOP_INSIDE_THE_LOOP if any(sign in text for sign in _INSIDE_A_LOOP) else None


def watch(
    *triggers: BaseTrigger,
    seconds: float,
    root: str = "/nowhere",
    at: Mapping[float, Callable[[], object]] | None = None,
    later: float = 0,
    called: str = "",
    killed: bool = False,
    **faults: Any,
) -> TriggerRun:
    """
    Run triggers side by side on one event loop for at most ``seconds`` of its clock, then cancel what still runs.

    They are cancelled as at a restart of the triggerer, which calls ``cleanup()``.

    :param root: the directory below which calls are recorded.
    :param at: what is done meanwhile, each at its second: ``{25: drop_a_file}``.
    :param later: how many seconds from now it is when they start.
    :param called: what the learner would have written; built from the triggers if empty.
    :param killed: cancel them as when a user marks the task as failed: the triggerer calls ``on_kill()``, too.
    :param faults: those of `SystemCalls`.
    :return: what happened; of several triggers together.
    """
    called = called or f"{type(triggers[0]).__name__}(…).run(), watched for {seconds:g} seconds"
    with freeze_time(tz_offset=UTC_OFFSET) as frozen, captured_logs() as lines:
        frozen.tick(later)
        with (
            # The loop's clock is time.monotonic(), as on any other loop.
            closing(VirtualTimeLoop(clock=lambda: time.monotonic(), tick=frozen.tick)) as loop,
            recorded_calls(root, threading.get_ident(), loop, len(triggers), **faults) as calls,
        ):
            run = TriggerRun(called, calls, lines)
            files_before = _open_files(root)
            for second, action in (at or {}).items():
                loop.call_later(second, unrecorded()(action))
            with mock.patch.object(asyncio.Handle, "_run", lambda handle: _measure_step(handle, run)):
                tasks = [loop.create_task(_exhaust(trigger, run), name="the trigger") for trigger in triggers]
                _run_and_cancel(tasks, seconds, KILLED if killed else None, run)
            left = [task for task in asyncio.all_tasks(loop) if not task.done()]
            for task in left:
                task._log_destroy_pending = False
            for _ in range(int(THREAD_GRACE / 0.001)):
                if not any_thread_at_work():
                    break
                threading.Event().wait(0.001)
            run.left_behind += [f"the task {task.get_name()}" for task in left]
            run.left_behind += sorted(_open_files(root) - files_before)
    return run


def _run_and_cancel(tasks: list[asyncio.Task[None]], seconds: float, reason: str | None, run: TriggerRun) -> None:
    everything = run.calls.loop.create_task(asyncio.wait(tasks), name="the check")
    _run_until(everything, seconds, run)
    if everything.done():
        if not run.error and not any(task.cancelled() for task in tasks):
            run.ended = run.calls.now()
        return
    run.events_before, cancelled_at = len(run.events), run.calls.now()
    cancelled = [task for task in tasks if task.cancel(reason)]
    _run_until(everything, CANCEL_GRACE, run)
    if everything.done():
        run.cancelled_within = run.calls.now() - cancelled_at
        run.was_swallowed = not all(task.cancelled() for task in cancelled)
    else:
        count = len(run.events)
        run.calls.released.set()
        _run_until(everything, CANCEL_GRACE, run)
        run.ended_when_released = everything.done()
        del run.events[count:]


def _run_until(end: asyncio.Task[object], seconds: float, run: TriggerRun) -> None:
    loop = end.get_loop()
    timer = loop.call_later(seconds, loop.stop)
    end.add_done_callback(lambda _: loop.stop())
    try:
        loop.run_forever()
    except (Spinning, Computing) as error:
        run.stopped_by = error
    timer.cancel()


async def _exhaust(trigger: BaseTrigger, run: TriggerRun) -> None:
    """Do what Airflow's ``TriggerRunner.run_trigger`` does, in the same order."""
    count = 0
    try:
        async for event in start_run(trigger):
            run.events.append((run.calls.now(), event))
            count += 1
            if count == MAX_EVENTS:
                await asyncio.Future()
    except asyncio.CancelledError as error:
        if error.args == (KILLED,) and hasattr(trigger, "on_kill"):  # since Airflow 3.3
            await _call(trigger, "on_kill", run.calls)
        raise
    except (Exception, SystemExit) as error:
        run.error = error
    finally:
        await _call(trigger, "cleanup", run.calls)


async def _call(trigger: BaseTrigger, method: str, calls: SystemCalls) -> None:
    calls.method = method
    with suppress(Exception):
        await getattr(trigger, method)()
    calls.method = "run"


def start_run(trigger: BaseTrigger) -> AsyncIterator[TriggerEvent]:
    """Return ``trigger.run()``; ContractViolation if it cannot be iterated over, as it returns instead of yielding."""
    trigger.task_instance = TaskInstance("monitor_client_uploads")
    running = trigger.run()
    if inspect.iscoroutine(running):
        try:
            running.send(None)
        except NotImplementedError:  # the starter's own
            raise
        except BaseException:
            pass
        finally:
            running.close()
        got = "a coroutine, which can be awaited but not iterated over"
        raise ContractViolation(f"{type(trigger).__name__}(…).run()", got, Mistake.RETURNS_INSTEAD_OF_YIELDING)
    return running


def _open_files(root: str) -> set[str]:
    with unrecorded():
        files = [os.path.realpath(link) for link in glob.glob("/proc/self/fd/*")]
    return {f"the open file {file}" for file in files if file.startswith(root + os.sep)}


def _measure_step(handle: asyncio.Handle, run: TriggerRun) -> None:
    began = time.thread_time()
    _run_handle(handle)
    took = time.thread_time() - began
    run.longest_step = max(run.longest_step, took)
    if took >= LONG_STEP:
        run.long_steps += took
        if run.long_steps > max(took, MAX_COMPUTATION):
            raise Computing
