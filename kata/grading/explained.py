"""A failure, explained: the grader's voice, and the learner's code in a block of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kata.grading.mistakes import MISTAKES
from kata.grading.verdict import BLOCKED, NOT_RUN, WRONG, Problem, StepGrade, Verdict
from kata.places import shown
from kata.plain_text import plain

_MOST_NOTES = 5
_MOST_OTHERS = 8


def show_step(grade: StepGrade, console: Console, printed_by: str = "Your code printed") -> None:
    """The first failing check in full, an essential one before the others; these by name.

    :param printed_by: what stands above the lines that are not the grader's.
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
    """The first of them; the rest, which mostly has the same cause, as a number."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for (title, kind), count in [*others.items()][:_MOST_OTHERS]:
        times = f"{count} × " if count > 1 else ""
        table.add_row(Text("   ✗", "red"), Text.assemble((kind, "dim"), (times, "dim"), plain(title)))
    if len(others) > _MOST_OTHERS:
        table.add_row("", Text(f"and {len(others) - _MOST_OTHERS} more", "dim"))
    return table


def show_problem(problem: Problem, console: Console) -> None:
    """Why nothing could be graded, with the line and a caret where they are known."""
    console.print(Text.assemble((" ✗ ", "bold red"), plain(problem.what, "bold")), soft_wrap=True)
    console.print(Text.assemble("   ", plain(problem.place)), soft_wrap=True)
    if problem.source:
        code = problem.source.replace("\t", " ")
        indent = len(code) - len(code.lstrip())
        console.print(Padding(plain(code.strip()), (1, 0, 0, 6)), soft_wrap=True)
        if problem.column > indent:
            console.print(Text(" " * (6 + problem.column - 1 - indent) + "^", "bold red"))
    show_printed(problem.printed, console)
    console.print()


def show_notes(notes: list[str], console: Console) -> None:
    """What differs from the exercise's skeleton, a line each."""
    if not notes:
        return
    console.print(Text(" Noticed in your file:", "bold"))
    for note in notes[:_MOST_NOTES]:
        console.print(Padding(Text.assemble("- ", plain(note)), (0, 0, 0, 3)))
    if len(notes) > _MOST_NOTES:
        console.print(Text(f"   - and {len(notes) - _MOST_NOTES} more"))
    console.print()


def show_printed(printed: str, console: Console, printed_by: str = "Your code printed") -> None:
    """What the learner's code printed, marked line by line as not the grader's."""
    if not printed.strip():
        return
    console.print(Text(f"\n {printed_by}:", "bold"))
    for line in printed.rstrip().splitlines():
        console.print(Text.assemble(("   | ", "cyan"), plain(line)), overflow="fold")


def _show_parts(verdict: Verdict, grade: StepGrade, console: Console) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True, width=13)
    table.add_column(overflow="fold")
    mistake = MISTAKES.get(verdict.mistake)
    for label, text in (
        ("called", verdict.called),
        ("came back", verdict.got),
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
