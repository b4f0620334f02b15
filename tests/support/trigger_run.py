"""What a trigger did in a run, and what a check expects of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from airflow.triggers.base import BaseTaskEndEvent, TriggerEvent

from .contract import ContractViolation, Result, expect, is_plain_json, shown
from .logs import Line
from .mistakes import Mistake
from .system_calls import SystemCalls

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
