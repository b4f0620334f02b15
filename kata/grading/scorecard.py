"""The scorecard: the points, the first failure in full, what to do next."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from kata.core.console import plain, show_printed
from kata.core.environment import airflow_version
from kata.core.paths import MODULE, shown
from kata.core.submission import show_problem, tree_option
from kata.grading.mistakes import MISTAKES
from kata.grading.verdict import BLOCKED, NOT_RUN, WRONG, Grade, StepGrade, Verdict

_MOST_NOTES = 5
_MOST_OTHERS = 8


def show_step(grade: StepGrade, console: Console, printed_by: str = "Your code printed") -> None:
    """Print the first failing check in full, an essential one before the others; the others by name.

    :param printed_by: the heading of the lines that are not the grader's.
    """
    first = min(grade.failing, key=lambda verdict: (verdict.kind == NOT_RUN, not verdict.check.essential))
    case = f" [{first.check.case}]" if first.check.case else ""
    console.print(Text.assemble((f" {grade.step.name}: ", "bold"), plain(first.check.title + case, "bold")))
    _show_parts(first, grade, console)
    show_printed(first.printed, console, printed_by)
    others = Counter((each.check.title, _kind(each)) for each in grade.failing if each is not first)
    if others:
        console.print(Text(f"\n Also failing in {grade.step.name}:", "bold"))
        console.print(_list_of(others))
    console.print()


def _list_of(others: Counter[tuple[str, str]]) -> Table:
    """List the first of them; the rest mostly has the same cause and is only counted."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for (title, kind), count in [*others.items()][:_MOST_OTHERS]:
        times = f"{count} × " if count > 1 else ""
        table.add_row(Text("   ✗", "red"), Text.assemble((kind, "dim"), (times, "dim"), plain(title)))
    if len(others) > _MOST_OTHERS:
        table.add_row("", Text(f"and {len(others) - _MOST_OTHERS} more", "dim"))
    return table


def show_notes(notes: list[str], console: Console) -> None:
    """Print what differs from the skeleton of the exercise, one line each."""
    if not notes:
        return
    console.print(Text(" Noticed in your file:", "bold"))
    for note in notes[:_MOST_NOTES]:
        console.print(Padding(Text.assemble("- ", plain(note)), (0, 0, 0, 3)))
    if len(notes) > _MOST_NOTES:
        console.print(Text(f"   - and {len(notes) - _MOST_NOTES} more"))
    console.print()


def _show_parts(verdict: Verdict, grade: StepGrade, console: Console) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True, width=13)
    table.add_column(overflow="fold")
    mistake = MISTAKES.get(verdict.mistake)
    for label, text in (
        ("called", verdict.called),
        ("got", verdict.got),
        ("went wrong", verdict.error),
        ("contract", verdict.contract if verdict.contract != verdict.check.title else ""),
        ("mistake", verdict.mistake),
        ("", f"On a real Airflow: {mistake.consequence}" if mistake else ""),
        ("essential", grade.essential_note(verdict)),
    ):
        if text:
            table.add_row(f"   {label}", plain(text))
    console.print(table)
    # Places and links stay whole, so that they can be clicked.
    if verdict.line:
        place = f"{shown(Path(verdict.path))}:{verdict.line}"
        console.print(Text.assemble(("   at          ", "dim"), plain(place)), soft_wrap=True)
        console.print(Text.assemble(" " * 15, plain(verdict.source)), soft_wrap=True)
    read = grade.step.read
    for place in dict.fromkeys((mistake.read, *read) if mistake else read):
        console.print(Text.assemble(("   read        ", "dim"), plain(place)), soft_wrap=True)


def _kind(verdict: Verdict) -> str:
    kind = "" if verdict.kind in (WRONG, BLOCKED) else (verdict.kind or "").replace("_", " ")
    said = ", ".join(filter(None, (kind, "essential" if verdict.check.essential else "")))
    return f"({said}) " if said else ""


def show_scorecard(grade: Grade, console: Console) -> None:
    """Print the whole scorecard."""
    console.print(
        Text.assemble(("\n ", ""), plain(grade.tree, "bold"), f"  on Airflow {airflow_version()}\n"), soft_wrap=True
    )
    console.print(table_of(grade))
    console.print(Rule(style="dim"))
    console.print(sum_of(grade))
    console.print()
    first = grade.first_failing
    if grade.problem is not None:
        show_problem(grade.problem, console)
        show_next(f"{grade.problem.todo} Then run", _command(grade), console)
    elif grade.succeeded:
        _show_success(grade, console)
    elif first is not None:
        show_step(first, console)
        show_notes(grade.notes, console)
        show_next(f"edit {_file(grade)}, {first.step.name}, then run", _command(grade, first), console)


def table_of(grade: Grade) -> Table:
    """Return a table with a line for each step."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(min_width=14, no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(min_width=16, no_wrap=True)
    for each in grade.steps:
        mark, status, style = _state(each, grade)
        counts = each.step.id in grade.asked
        points = f"{each.points}/{each.step.points}" if counts else ""
        checks = f"{each.passed}/{each.total}" if each.total else ""
        name = Text.assemble((f" {mark} ", style), each.step.name)
        table.add_row(name, each.step.title, points, checks, Text(status, style))
    return table


def _state(each: StepGrade, grade: Grade) -> tuple[str, str, str]:
    """Return the mark, the words beside it and the style of both."""
    if each.is_green:
        return "✓", "green", "green"
    if grade.problem is not None:
        return "·", "not graded", "dim"
    if each.waits_for is not None:
        return "·", f"waits for {each.waits_for.name}", "dim"
    if each is grade.first_failing:
        return "✗", "fix this first", "bold red"
    return "✗", "failing", "red"


def sum_of(grade: Grade) -> Text:
    """Return the points, and the seconds that the grade took."""
    steps = [each for each in grade.counted if not each.step.is_challenge]
    challenges = [each for each in grade.counted if each.step.is_challenge]
    parts = [f"{_points(each)} points" for each in (steps,) if each]
    if challenges:
        parts.append(f"{_points(challenges)} {'extra' if steps else 'points'}")
    return Text(f" {' + '.join(parts)}   in {grade.duration:.1f} s", "bold green" if grade.succeeded else "bold")


def _points(grades: list[StepGrade]) -> str:
    return f"{sum(each.points for each in grades)}/{sum(each.step.points for each in grades)}"


def _show_success(grade: Grade, console: Console) -> None:
    if grade.chosen:
        console.print(Text(f" {grade.chosen} is green.", "bold green"))
        show_next("grade the whole", _command(grade), console)
        return
    console.print(Text(" All seven steps are green. Well done!", "bold green"))
    show_next("see your DAG run while files arrive", f"make run{tree_option(grade.tree)}", console)
    challenge = next((each for each in grade.steps if each.step.is_challenge and not each.is_green), None)
    if challenge is not None:
        show_next(f"go on with {challenge.step.name}, {challenge.step.title}", _command(grade, challenge), console)


def show_next(todo: str, command: str, console: Console) -> None:
    """Print what to do next; the command has a line of its own, so that it can be copied."""
    console.print(Text.assemble((" Next: ", "bold"), plain(todo)), soft_wrap=True)
    console.print(Text.assemble("   ", plain(command, "bold")), soft_wrap=True)
    console.print()


def _command(grade: Grade, step: StepGrade | None = None) -> str:
    chosen = f" STEP={step.step.id}" if step is not None else ""
    return f"make grade{tree_option(grade.tree)}{chosen}"


def _file(grade: Grade) -> str:
    return f"{grade.tree.rstrip('/')}/{MODULE}.py"
