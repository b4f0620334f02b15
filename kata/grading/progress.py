"""The progress of a grade: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from kata.core.steps import Step
from kata.grading.verdict import Verdict


class LiveProgress:
    """A bar over all checks, on standard error.

    Use it as a context manager: it cleans up after itself.
    """

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20))
        self._bars = Bars(*columns, MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True)
        self._task = self._bars.add_task("checking the submission …", total=None)
        self._expected = 0

    def __enter__(self) -> LiveProgress:
        self._bars.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._bars.stop()

    def working_on(self, what: str) -> None:
        self._bars.update(self._task, description=f"{what} …", refresh=True)

    def expects(self, step: Step, checks: int) -> None:
        self._expected += checks
        self._bars.update(self._task, total=self._expected, description="grading")

    def heard(self, step: Step, verdict: Verdict) -> None:
        self._bars.update(self._task, advance=1, description=f"grading {step.name}")


class PlainProgress:
    """A line for everything that begins or ends, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._open: dict[str, int] = {}

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        pass

    def working_on(self, what: str) -> None:
        self._console.print(f"{what} …", highlight=False)

    def expects(self, step: Step, checks: int) -> None:
        self._open[step.id] = checks
        self._console.print(f"grading {step.name} … {checks} checks", highlight=False)

    def heard(self, step: Step, verdict: Verdict) -> None:
        self._open[step.id] -= 1
        if self._open[step.id] == 0:
            self._console.print(f"graded {step.name}", highlight=False)


def progress_on(console: Console) -> LiveProgress | PlainProgress:
    """Return the kind of progress that suits the console."""
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)
