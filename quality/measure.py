"""`make quality`: how far the grade can be trusted, measured here and now, and put into docs/grading.md as a table.

Takes about an hour.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rich.console import Console

from kata.core.files import scratch_folder
from kata.core.paths import ROOT, SOLUTION
from kata.core.steps import STEPS
from kata.grading.snapshot import take_snapshot
from kata.grading.verdict import StepGrade
from quality import speed, verdicts
from quality.measured_table import write_table
from quality.trees import WRONG, solution_but
from quality.wrong_form import Wrong

PAGE = ROOT / "docs" / "grading.md"

# A submission of which some is right and some is wrong: neither should be a matter of luck.
UNFINISHED = ("2", "c2")


# What is measured, the target, the outcome, and whether the target is met.
Row = tuple[str, str, str, bool]


def measure(repeats: int, console: Console) -> Iterator[Row]:
    """Measure one thing after the other, and say while it runs what is measured."""

    def say(text: str) -> None:
        console.print(text, style="dim")

    wrong = verdicts.of_the_wrong(say)
    passed = [name for name, grade in wrong.items() if grade.is_green]
    yield (f"wrong solutions passed, of {len(wrong)}", "0", _listed(passed), not passed)
    blamed = verdicts.blamed_on_their_own_step(say)
    own = sum(blamed) / len(blamed)
    yield (f"blamed on their own step first, of {len(blamed)}", "≥ 95 %", f"{own:.1%}", own >= 0.95)
    named = [_is_named(each, wrong[each.name]) for each in WRONG]
    share = sum(named) / len(named)
    yield ("shown by the name of their mistake", "100 %", f"{share:.1%}", all(named))

    right = verdicts.of_the_right(say)
    failed = [name for name, grades in right.items() if not all(grade.is_green for grade in grades)]
    yield (f"right solutions failed, of {len(right)}", "0", _listed(failed), not failed)

    cases = verdicts.of_the_hostile(say)
    bad = [name for name, case in cases.items() if not case["held"]]
    yield (f"hostile cases that pass or cost others their grade, of {len(cases)}", "0", _listed(bad), not bad)

    [most, *others] = _outcomes(repeats, say).most_common()
    what = "identical verdicts on one tree, half of them with all cores busy"
    yield (what, f"{repeats} of {repeats}", f"{most[1]} of {repeats}", not others)

    median, slowest = speed.save_to_verdict(say)
    said = f"{median:.2f} s median, {slowest:.1f} s slowest"
    yield ("save → verdict in `make watch`, over all steps", "≤ 1.5 s median", said, median <= 1.5)
    whole = speed.whole_grade(say)
    yield ("`make grade` of the whole solution, warm, median of 5", "≤ 20 s", f"{whole:.1f} s", whole <= 20)


def _outcomes(times: int, say: verdicts.Say) -> Counter[tuple[object, ...]]:
    """Grade an unfinished submission again and again, half of the times with all cores busy; count each outcome.

    What keeps the cores busy is grading: three at once, where one takes two cores.
    """
    seen: list[tuple[object, ...]] = []

    def grade(tree: Path, times: int) -> None:
        with verdicts.grading() as (session, _):
            for _ in range(times):
                found = [
                    verdict for each in session.grade(take_snapshot(tree), list(STEPS)) for verdict in each.verdicts
                ]
                seen.append(tuple((verdict.check.id, verdict.kind, verdict.mistake) for verdict in found))
                say(f"same submission: graded {len(seen)} times, {len(set(seen))} outcome(s)")

    with scratch_folder() as folder:
        (Path(folder) / SOLUTION.name).write_text(solution_but(*UNFINISHED), encoding="utf-8")
        grade(Path(folder), times - times // 2)
        shares = [len(range(first, times // 2, 3)) for first in range(3)]
        with ThreadPoolExecutor(3) as graders:
            list(graders.map(partial(grade, Path(folder)), shares))
    return Counter(seen)


def _is_named(wrong: Wrong, grade: StepGrade) -> bool:
    """Return whether the check that must catch a wrong solution names its mistake."""
    return any(each.check.id.endswith(f"::{wrong.check}") and each.mistake == wrong.mistake for each in grade.failing)


def _listed(names: list[str]) -> str:
    return "; ".join([str(len(names)), *names[:5]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.measure", description=__doc__)
    parser.add_argument("--repeats", type=int, default=100, help="how often the same submission is graded")
    options = parser.parse_args()
    console, rows = Console(highlight=False), []
    for what, target, measured, is_met in measure(options.repeats, console):
        console.print(f" {'✓' if is_met else '✗'} {what}: {measured} (target: {target})", markup=False)
        rows.append((what, target, measured if is_met else f"{measured} **(missed)**"))
    write_table(("what", "target", "measured"), rows, PAGE)
    return 1 if any(measured.endswith("**(missed)**") for _, _, measured in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
