"""The scorecard of the proof."""

from __future__ import annotations

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from kata.core.console import plain
from kata.core.environment import airflow_version
from kata.core.submission import show_problem, tree_option
from kata.grading.scorecard import show_next, show_step, sum_of, table_of
from kata.grading.verdict import Grade


def show_proof(grade: Grade, command: str, console: Console) -> None:
    """Print what was proven, the first failure in full, and what to do next.

    :param command: what takes the proof again.
    """
    console.print(Text.assemble("\n ", plain(grade.tree, "bold"), f"  live on Airflow {airflow_version()}\n"))
    console.print(table_of(grade))
    console.print(Rule(style="dim"))
    console.print(sum_of(grade))
    console.print()
    if grade.problem is not None:
        show_problem(grade.problem, console)
        show_next(f"{grade.problem.todo} Then run", command, console)
    elif grade.succeeded:
        console.print(Text(" It holds on a real scheduler, worker and triggerer.", "bold green"))
        show_next("watch it yourself, and let it run", f"make up{tree_option(grade.tree)}", console)
        show_next("the same without Docker", f"make standalone{tree_option(grade.tree)}", console)
    elif grade.first_failing is not None:
        show_step(grade.first_failing, console, printed_by="The log ends with")
        show_next(
            "mend it, and see what the checks say before the next proof",
            f"make grade{tree_option(grade.tree)}",
            console,
        )
        show_next("prove it again", command, console)
