"""Airflow's `TriggerRunner`, without the supervisor that feeds it from the database."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import Any

from airflow.executors.workloads import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerEventEntry, TriggerRunner, messages
from airflow.models.trigger import Trigger

_ROUNDS_TO_START = 20  # about a second each; a triggerer that starts has as much to do


class LoneRunner(TriggerRunner):
    """All of it is Airflow's own but the line to its supervisor, which would need a database: see `_Supervisor`.

    :ivar loop: its event loop, once it has begun.
    :ivar failed: ids of the triggers that have ended otherwise than with an event.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.events = self._fired = _FiredEvents()
        self.comms_decoder = self._supervisor = _Supervisor()  # type: ignore[assignment]
        self._begun = threading.Event()

    async def init_comms(self) -> None:
        """In place of opening the socket to the supervisor, and of reading from it that it may begin."""
        self.loop = asyncio.get_running_loop()
        self.comms_decoder._reader_task = asyncio.create_task(asyncio.Event().wait())  # type: ignore[arg-type]
        self._begun.set()

    def wait_until_begun(self) -> None:
        self._begun.wait()

    def hand_over(self, triggers: dict[int, tuple[str, dict[str, Any]]]) -> None:
        """Have triggers started, some at each round as by a triggerer; from any thread.

        :param triggers: class path and arguments, by id.
        """
        self._supervisor.at_once = max(Trigger.max_trigger_to_select_per_loop, len(triggers) // _ROUNDS_TO_START)
        for number, (class_path, arguments) in triggers.items():
            # No task instance: it would weigh the same for each, and the events are not sent to one.
            workload = RunTrigger(id=number, classpath=class_path, encrypted_kwargs=Trigger.encrypt_kwargs(arguments))
            self._supervisor.to_create.append(workload)

    @property
    def failed(self) -> set[int]:
        return self._supervisor.failed

    @property
    def fired(self) -> dict[int, float]:
        """When each trigger has fired first, as of `time.monotonic`."""
        return self._fired.at


class _FiredEvents(deque[TriggerEventEntry]):
    """The runner's queue of events, which knows when each has come: the runner empties it every second."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[int, float] = {}

    def append(self, entry: TriggerEventEntry) -> None:
        self.at.setdefault(entry.trigger_id, time.monotonic())
        super().append(entry)


class _Supervisor:
    """Answers as the supervisor would, without the way over a socket to another process."""

    _reader_task: asyncio.Task[None] | None = None

    def __init__(self) -> None:
        self.at_once = 0
        self.to_create: deque[RunTrigger] = deque()
        self.failed: set[int] = set()

    async def asend(self, changes: messages.TriggerStateChanges) -> messages.TriggerStateSync:
        self.failed |= {number for number, _ in changes.failures or []}
        new = [self.to_create.popleft() for _ in range(min(self.at_once, len(self.to_create)))]
        return messages.TriggerStateSync(to_create=new, to_cancel=set())
