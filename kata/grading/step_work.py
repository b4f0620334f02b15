"""The checks of one step, run in a child process, and in further ones after a check that ends its process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kata.core.steps import Step
from kata.grading.limits import STEP_DEADLINE
from kata.grading.mistakes import NEVER_ENDS
from kata.grading.running_child import Ending, Work, how_it_ended
from kata.grading.verdict import CRASHED, HUNG, NOT_RUN, TAMPERED, WRONG, Check, Verdict, verdict_of

_MOST_RESTARTS = 3
# For pytest to end after the last check.
_GRACE = 5.0


class StepWork(Work):
    """Collects a verdict for every expected check of a step.

    :param job: what every job of this grade is told: the snapshot of the submission, and the folder of the checks.
    :param heard: called with each verdict as it arrives.
    :param deadline: for the whole step, in seconds.
    """

    def __init__(
        self,
        step: Step,
        checks: list[Check],
        job: dict[str, Any],
        heard: Callable[[Step, Verdict], None],
        deadline: float = STEP_DEADLINE,
    ) -> None:
        self.step = step
        self._checks = {check.id: check for check in checks}
        self._job = job
        self._heard = heard
        self._deadline = deadline
        self._verdicts: dict[str, Verdict] = {}
        self._running: Check | None = None
        self._overdue: Check | None = None
        self._overdue_after = 0.0
        self._began = self._running_since = self._last_heard = 0.0
        self._children = 0
        self._interrupted_by = ""
        # The last verdict of the running child, until it says that it has come to its end.
        self._last: Verdict | None = None

    def verdicts(self) -> list[Verdict]:
        """Return one verdict for every expected check, in the order of the suite."""
        return [
            self._verdicts.get(check.id) or Verdict(check, NOT_RUN, error="The check was not run.")
            for check in self._checks.values()
        ]

    def size(self) -> tuple[float, int]:
        """Return the longest deadline of a check in seconds, and the number of checks."""
        return max((check.deadline for check in self._checks.values()), default=0.0), len(self._checks)

    def next_job(self) -> dict[str, Any] | None:
        missing = [check_id for check_id in self._checks if check_id not in self._verdicts]
        if not missing or self._children > _MOST_RESTARTS or self._is_out_of_time():
            return None
        self._last_heard = time.monotonic()
        self._began = self._began or self._last_heard
        self._children += 1
        self._running = self._overdue = self._last = None
        self._interrupted_by = ""
        return {**self._job, "do": "grade", "files": [self.step.test_file], "wanted": missing}

    def kill_at(self) -> float:
        end = self._began + self._deadline
        if self._running is not None:
            return min(end, self._running_since + self._running.deadline)
        if self._last is not None:
            return min(end, self._last_heard + _GRACE)
        return end

    def reported(self, message: dict[str, Any]) -> None:
        self._last_heard = time.monotonic()
        if message["event"] == "finished":
            self._last = None
        elif message["event"] == "interrupted":
            self._interrupted_by = message["by"]
        check = self._checks.get(message.get("id", ""))
        if check is None:
            return
        if message["event"] == "start":
            self._running, self._running_since = check, self._last_heard
        elif message["event"] == "result" and check == self._running:
            self._running = None
            if check != self._overdue:
                self._last = _judge(check, message)
                self._settle(self._last)
        elif message["event"] == "result" and check != self._overdue:
            self._revoke(check, TAMPERED, "Your code has reported a result of its own for this check.")

    def overdue(self) -> None:
        self._overdue = self._running
        self._overdue_after = time.monotonic() - self._running_since

    def ended(self, ending: Ending) -> None:
        if ending.killed:
            if self._overdue is not None:
                self._settle(self._hung(self._overdue, ending))
            elif self._last is not None and not self._is_out_of_time():
                self._revoke(self._last.check, HUNG, "The process did not go on after this check.")
        elif self._running is not None:
            error = f"The process ended in the middle of the check: {self._how(ending)}."
            self._settle(Verdict(self._running, CRASHED, error=error))
        elif self._last is not None:
            self._revoke(self._last.check, CRASHED, f"The process ended right after this check: {self._how(ending)}.")
        self._running = None

    def interrupted(self) -> None:
        self._running = None
        self._children -= 1

    def _is_out_of_time(self) -> bool:
        return bool(self._began) and time.monotonic() >= self._began + self._deadline

    def _settle(self, verdict: Verdict) -> None:
        if verdict.check.id not in self._verdicts:
            self._verdicts[verdict.check.id] = verdict
            self._heard(self.step, verdict)

    def _revoke(self, check: Check, kind: str, error: str) -> None:
        if check.id in self._verdicts and self._verdicts[check.id].passed:
            del self._verdicts[check.id]
        self._settle(Verdict(check, kind, error=error))

    def _how(self, ending: Ending) -> str:
        if self._interrupted_by and ending.status == 0:
            return f"your code {self._interrupted_by}"
        return how_it_ended(ending)

    def _hung(self, check: Check, ending: Ending) -> Verdict:
        if ending.starved:
            return Verdict(
                check, NOT_RUN, error="The machine is too busy to say. Close other programs and grade again."
            )
        if ending.stopped:
            error = "It halted its own process (SIGSTOP) and never went on."
        elif self._overdue_after >= check.deadline:
            error = f"It did not end within {check.deadline:g} seconds."
        else:
            error = f"It was still running when the {self._deadline:g} seconds of its step were over."
        mistake = NEVER_ENDS if self._overdue_after >= check.deadline else ""
        told = {"error": error, "mistake": mistake, **ending.hang}
        return verdict_of(check, HUNG, told, duration=self._overdue_after)


def _judge(check: Check, message: dict[str, Any]) -> Verdict:
    told, phases = message["told"], message["phases"]
    more = {"printed": str(message["printed"]), "duration": float(message["duration"])}
    if message["changed"]:
        error = f"Your code has changed what the checks are made of: {message['changed']}."
        return verdict_of(check, TAMPERED, {**told, "error": error, "contract": ""}, **more)
    if message["solution_read"]:
        error = "Your code reads the reference solution."
        return verdict_of(check, TAMPERED, {**told, "error": error, "contract": ""}, **more)
    if phases == {"setup": "passed", "call": "passed", "teardown": "passed"}:
        return Verdict(check, **more)
    if "skipped" in phases.values() or "xfail" in phases.values():
        told = {
            **told,
            "error": "The check was skipped; a skipped check does not count as passed.",
            "contract": "",
        }
    return verdict_of(check, WRONG, told, **more)
