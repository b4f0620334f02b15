"""Airflow's `TriggerRunner` without the supervisor that feeds it from the database, and how late its event loop is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque

from airflow.executors.workloads import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerEventEntry, TriggerRunner, messages
from airflow.models.trigger import Trigger

from lab.bench.contenders import Serialized

_LOOPS_TO_START = 20  # of about a second each; a triggerer that starts has as much to do
_PERIOD = 0.01  # seconds


class StandaloneTriggerRunner(TriggerRunner):
    """A `TriggerRunner` of Airflow. Only the connection to the supervisor, which needs a database, is replaced.

    :ivar loop: its event loop, once it has begun.
    :ivar begun: set once the event loop has begun.
    :ivar failed: ids of the triggers that have ended without an event.
    :ivar fired: when each trigger fired first, by its id, as of `time.monotonic`.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.events = events = _FiredEvents()
        self.comms_decoder = self._supervisor = _Supervisor()  # type: ignore[assignment]
        self.begun = threading.Event()
        self.failed, self.fired = self._supervisor.failed, events.fired

    async def init_comms(self) -> None:
        """Do not connect to a supervisor, unlike Airflow's own method."""
        self.loop = asyncio.get_running_loop()
        self.comms_decoder._reader_task = asyncio.create_task(asyncio.Event().wait())  # type: ignore[arg-type]
        self.begun.set()

    def start_triggers(self, triggers: dict[int, Serialized]) -> None:
        """Have triggers started, by their id, some in each loop as in a triggerer. Thread-safe."""
        self._supervisor.per_loop = max(Trigger.max_trigger_to_select_per_loop, len(triggers) // _LOOPS_TO_START)
        for number, (class_path, arguments) in triggers.items():
            # Without a task instance, which would take the same memory for each: no event is sent to one.
            workload = RunTrigger(id=number, classpath=class_path, encrypted_kwargs=Trigger.encrypt_kwargs(arguments))
            self._supervisor.to_create.append(workload)


class _FiredEvents(deque[TriggerEventEntry]):
    """The runner's queue of events, with the time at which each came: the runner empties the queue every second."""

    def __init__(self) -> None:
        super().__init__()
        self.fired: dict[int, float] = {}

    def append(self, entry: TriggerEventEntry) -> None:
        self.fired.setdefault(entry.trigger_id, time.monotonic())
        super().append(entry)


class _Supervisor:
    """Answers as the supervisor would, without a socket to another process."""

    _reader_task: asyncio.Task[None] | None = None

    def __init__(self) -> None:
        self.per_loop = 0
        self.to_create: deque[RunTrigger] = deque()
        self.failed: set[int] = set()

    async def asend(self, changes: messages.TriggerStateChanges) -> messages.TriggerStateSync:
        self.failed.update(number for number, _ in changes.failures or [])
        new = [self.to_create.popleft() for _ in range(min(self.per_loop, len(self.to_create)))]
        return messages.TriggerStateSync(to_create=new, to_cancel=set())


class LoopLag:
    """How long whatever is due on an event loop waits for its turn.

    What is due while the loop is blocked counts each time that it is due, not once: a loop that is blocked half of the
    time is late for half of all triggers.
    """

    def __init__(self) -> None:
        self._due = time.monotonic()
        self._seen: list[tuple[float, float]] = []  # when it was due, how late it was

    async def watch(self) -> None:
        """Watch the running loop forever."""
        self._due = time.monotonic() + _PERIOD
        while True:
            await asyncio.sleep(self._due - time.monotonic())
            now = time.monotonic()
            while self._due <= now:
                self._seen.append((self._due, now - self._due))
                self._due += _PERIOD

    def between(self, begin: float, end: float) -> list[float]:
        """Return how late everything was that was due in this time, in seconds. Thread-safe, even if the loop hangs.

        :param begin: as of `time.monotonic`, like the end.
        """
        now, seen, next_due = time.monotonic(), self._seen.copy(), self._due
        overdue = (next_due + number * _PERIOD for number in range(int((now - next_due) / _PERIOD)))
        return [late for due, late in [*seen, *((due, now - due) for due in overdue)] if begin <= due < end]
