"""`make quality`: how far the grade can be trusted, measured here and now, as a table.

Takes about an hour. The table is also put into docs/grading.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from kata.core.paths import ROOT
from quality import classify, hostile, repeat, speed
from quality.measured_table import where_measured, write_table

PAGE = ROOT / "docs" / "grading.md"


@dataclass(frozen=True)
class Row:
    """A line of the table.

    :param reached: whether the target is met.
    """

    what: str
    target: str
    measured: str
    reached: bool


def measure(repeats: int, console: Console) -> Iterator[Row]:
    """Measure one thing after the other, and say while it runs what is measured."""

    def say(text: str) -> None:
        console.print(text, style="dim", highlight=False)

    wrong = classify.wrong_solutions(say)
    passed = [each.name for each in wrong if each.passed]
    yield Row(f"wrong solutions passed, of {len(wrong)}", "0", _listed(passed), not passed)
    blamed = [each.blamed_on_its_step for each in wrong if each.blamed_on_its_step is not None]
    own = sum(blamed) / len(blamed)
    yield Row(f"blamed on their own step first, of {len(blamed)}", "≥ 95 %", f"{own:.1%}", own >= 0.95)
    named = sum(each.named for each in wrong) / len(wrong)
    yield Row("shown by the name of their mistake", "100 %", f"{named:.1%}", named == 1)

    right = classify.right_solutions(say)
    failed = [f"{name}: {', '.join(checks)}" for name, checks in right.items() if checks]
    yield Row(f"right solutions failed, of {len(right)}", "0", _listed(failed), not failed)

    cases, bad = hostile.cases(say)
    yield Row(f"hostile cases that pass or cost others their grade, of {cases}", "0", _listed(bad), not bad)

    seen = repeat.verdicts_of_repeats(repeats, say)
    [(_, most)] = seen.most_common(1)
    what = "identical verdicts on one tree, half of them with all cores busy"
    yield Row(what, f"{repeats} of {repeats}", f"{most} of {repeats}", len(seen) == 1)

    median, slowest = speed.save_to_verdict(say)
    yield Row(
        "save → verdict in `make watch`, over all steps",
        "≤ 1.5 s median",
        f"{median:.2f} s median, {slowest:.1f} s slowest",
        median <= 1.5,
    )
    whole = speed.whole_grade(say)
    yield Row("`make grade` of the whole solution, warm, median of 5", "≤ 20 s", f"{whole:.1f} s", whole <= 20)


def _listed(names: list[str]) -> str:
    return "; ".join([str(len(names)), *names[:5]])


def _show(rows: list[Row], console: Console) -> None:
    table = Table("", "what", "target", "measured", title=where_measured())
    for row in rows:
        table.add_row("✓" if row.reached else "✗", row.what, row.target, row.measured)
    console.print(table)


def _cells(row: Row) -> tuple[str, str, str]:
    return row.what, row.target, row.measured + ("" if row.reached else " **(missed)**")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.measure", description=__doc__)
    parser.add_argument("--repeats", type=int, default=100, help="how often the same tree is graded")
    options = parser.parse_args()
    console = Console()
    rows = []
    for row in measure(options.repeats, console):
        console.print(f" {'✓' if row.reached else '✗'} {row.what}: {row.measured}", highlight=False)
        rows.append(row)
    _show(rows, console)
    write_table(("what", "target", "measured"), map(_cells, rows), PAGE)
    return 0 if all(row.reached for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
