"""The progress of a grade: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from kata.core.steps import Step
from kata.grading.verdict import Verdict


class GradeProgress:
    """A context manager, so that a terminal is left as it was.

    :param console: a bar is drawn if it is a terminal; otherwise every beginning and end of a step is a line.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20))
        self._bars = Progress(
            *columns,
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task("checking the submission …", total=None)
        self._open: Counter[str] = Counter()

    def __enter__(self) -> GradeProgress:
        self._bars.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._bars.stop()

    def working_on(self, what: str) -> None:
        """Show what is done before the checks run."""
        self._bars.update(self._task, description=f"{what} …", refresh=True)
        self._say(f"{what} …")

    def expects(self, step: Step, checks: int) -> None:
        """Show that a step with this number of checks will be graded."""
        self._open[step.id] = checks
        self._bars.update(self._task, total=(self._bars.tasks[0].total or 0) + checks, description="grading")
        self._say(f"grading {step.name} … {checks} checks")

    def heard(self, step: Step, verdict: Verdict) -> None:
        """Count a verdict."""
        self._open[step.id] -= 1
        self._bars.update(self._task, advance=1, description=f"grading {step.name}")
        if not self._open[step.id]:
            self._say(f"graded {step.name}")

    def _say(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(line, highlight=False)
