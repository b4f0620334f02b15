"""Progress that is not shown."""

from __future__ import annotations

from kata.core.steps import Step
from kata.grading.verdict import Verdict


class Silence:
    """Hears of everything and says nothing."""

    def working_on(self, what: str) -> None:
        pass

    def expects(self, step: Step, checks: int) -> None:
        pass

    def heard(self, step: Step, verdict: Verdict) -> None:
        pass
