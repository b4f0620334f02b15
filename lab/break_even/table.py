"""What came out, in the terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from lab.break_even.crossing import Row, break_even, more, rows, spread


def show(results: dict[str, Any], console: Console) -> None:
    """Print the table, and what it says.

    :param results: what stands in break_even.json.
    """
    measured = rows(results["waits"])
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold")
    table.title = f"One wait at a time, means: poke · deferrable, Airflow {results['airflow']}"
    for head in ("file after", "slot-seconds", "of them running", "task ends late", "CPU seconds"):
        table.add_column(head, justify="right")
    for row in measured:
        table.add_row(*cells(row))
    console.print(table)
    console.print(said(results), highlight=False)


def cells(row: Row) -> list[str]:
    """The length, and what it took in both ways."""
    pairs = (row.slot_seconds, row.running, row.late, row.cpu)
    return [f"{row.length:g} s", *(f"{poke:.2f} · {deferrable:.2f}" for poke, deferrable in pairs)]


def said(results: dict[str, Any]) -> str:
    """The break-even, and what deferring costs below it, in words."""
    waits = results["waits"]
    crossing, between = break_even(waits), spread(waits)
    if crossing is None or between is None:
        words = ["No wait was long enough for deferring to hold slots for less time than poking."]
    else:
        words = [
            f"Break-even: {crossing:.1f} seconds (in nine of ten draws from {between[0]:.1f} to {between[1]:.1f}).",
            "Longer waits hold slots for less time if they are deferred.",
        ]
    if deferred := [row for row in rows(waits) if row.length > 0]:
        cpu, late = more(row.cpu for row in deferred), more(row.late for row in deferred)
        words.append(f"Of whatever length, they cost {cpu:+.2f} CPU seconds then and end {late:+.1f} seconds later.")
    return "\n".join(words)
