"""What the proof has found out so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from kata.grading.verdict import NOT_RUN, WRONG, Grade, StepGrade, Verdict, mark_blocked
from kata.live.parts import Part


class CheckFailed(Exception):
    """A check has failed.

    :param called: what was done; `got` what came of it; `mistake` its name in `kata.grading.mistakes`, if it is known.
    :param error: the line of a log that tells the cause; `printed` those around it.
    """

    def __init__(self, called: str, got: str, *, mistake: str = "", error: str = "", printed: str = "") -> None:
        super().__init__(got)
        self.told = {"called": called, "got": got, "mistake": mistake, "error": error, "printed": printed}


class Card:
    """Collects the verdicts.

    :param parts: all that is to be proven.
    :param say: told what is looked at.
    """

    def __init__(self, parts: Sequence[Part], say: Callable[[str], None]) -> None:
        self._parts = parts
        self._say = say
        self._began = time.monotonic()
        self._verdicts: dict[str, Verdict] = {}

    def check(self, part: Part, name: str, carry_out: Callable[[], str | None]) -> bool:
        """Carry out a check; whether it passed. Other exceptions than `CheckFailed` are not the tree's fault.

        :param carry_out: may return what it has measured: it goes into the results.
        """
        check = part.check(name)
        began = time.monotonic()
        self._say(f"checking: {check.title}")
        kind = None
        try:
            told = {"printed": carry_out() or ""}
        except CheckFailed as failed:
            kind, told = WRONG, failed.told
        self._verdicts[check.id] = Verdict(check, kind, **told, duration=time.monotonic() - began)
        return kind is None

    def is_green(self, part: Part) -> bool:
        return self._grade_of(part).is_green

    def grade(self, tree: str) -> Grade:
        """Everything, in the form of any other grade."""
        grades = [self._grade_of(part) for part in self._parts]
        mark_blocked(grades)
        asked = frozenset(part.id for part in self._parts)
        return Grade(tree, grades, asked, duration=time.monotonic() - self._began)

    def _grade_of(self, part: Part) -> StepGrade:
        checks = [part.check(name) for name, _ in part.checks]
        return StepGrade(part, [self._verdicts.get(check.id) or Verdict(check, NOT_RUN) for check in checks])
