"""
Run triggers as a triggerer does, in virtual time, and record everything that a triggerer would object to.

pytest-asyncio runs a check and what it awaits on one loop. Here the check stays outside: it has to survive a trigger
that blocks the loop or never leaves it, cancel it, and see what is left when the loop has stopped.
"""

from __future__ import annotations

import asyncio
import glob
import inspect
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing, suppress
from typing import Any
from unittest import mock

from airflow.triggers.base import BaseTrigger, TriggerEvent
from freezegun import config, freeze_time
from virtual_time import Spinning, VirtualTimeLoop, any_thread_at_work

from .contract import ContractViolation
from .environment import UTC_OFFSET
from .logs import captured_logs
from .mistakes import Mistake
from .system_calls import SystemCalls, recorded_calls, unrecorded
from .tasks import TaskInstance
from .trigger_run import Computing, TriggerRun

MAX_EVENTS = 5  # a trigger that yields more is stopped
LONG_STEP = 0.25  # seconds of CPU time that nobody may compute on the event loop
MAX_COMPUTATION = 2  # seconds of CPU time for all long steps of a run; with more, and in several, it is stopped
CANCEL_GRACE = 5  # seconds on the loop's clock
THREAD_GRACE = 2  # seconds of real time for a thread to finish its work
KILLED = "killed by the user"

# Every clock that a submission may read is the loop's, also in a thread and in any library.
config.configure(default_ignore_list=[])

_run_handle = asyncio.Handle._run


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
                tasks = [loop.create_task(_exhaust(trigger, loop, run), name="the trigger") for trigger in triggers]
                _run_and_cancel(loop, tasks, seconds, KILLED if killed else None, run)
            left = [task for task in asyncio.all_tasks(loop) if not task.done()]
            for task in left:
                task._log_destroy_pending = False
            for _ in range(int(THREAD_GRACE / 0.001)):
                if any_thread_at_work():
                    threading.Event().wait(0.001)
            run.left_behind += [f"the task {task.get_name()}" for task in left]
            run.left_behind += sorted(_open_files(root) - files_before)
    return run


def _run_and_cancel(
    loop: VirtualTimeLoop, tasks: list[asyncio.Task[None]], seconds: float, reason: str | None, run: TriggerRun
) -> None:
    everything = loop.create_task(asyncio.wait(tasks), name="the check")
    _run_until(everything, loop, seconds, run)
    if everything.done():
        if not run.error and not any(task.cancelled() for task in tasks):
            run.ended = run.calls.now()
        return
    run.events_before, cancelled_at = len(run.events), run.calls.now()
    cancelled = [task for task in tasks if task.cancel(reason)]
    _run_until(everything, loop, CANCEL_GRACE, run)
    if everything.done():
        run.cancelled_within = run.calls.now() - cancelled_at
        run.was_swallowed = not all(task.cancelled() for task in cancelled)
    else:
        count = len(run.events)
        run.calls.released.set()
        _run_until(everything, loop, CANCEL_GRACE, run)
        run.ended_when_released = everything.done()
        del run.events[count:]


def _run_until(end: asyncio.Task[object], loop: VirtualTimeLoop, seconds: float, run: TriggerRun) -> None:
    timer = loop.call_later(seconds, loop.stop)
    end.add_done_callback(lambda _: loop.stop())
    try:
        loop.run_forever()
    except (Spinning, Computing) as error:
        run.stopped_by = error
    timer.cancel()


async def _exhaust(trigger: BaseTrigger, loop: VirtualTimeLoop, run: TriggerRun) -> None:
    """Do what Airflow's ``TriggerRunner.run_trigger`` does, in the same order."""
    count = 0
    try:
        async for event in start_run(trigger):
            run.events.append((run.calls.now(), event))
            count += 1
            if count == MAX_EVENTS:
                await loop.create_future()
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
