"""`make mutants`: change the worked answer mechanically, one place at a time, and list what no check notices.

A survivor that is as right as the worked answer is argued in survivors.md; every other one calls for a check.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from kata.core.files import scratch_folder
from kata.core.paths import MODULE, SOLUTION
from kata.core.steps import STEPS, Step, find_steps
from kata.core.tool_environment import python_with
from kata.grading.running_child import Ending
from kata.grading.session import Session
from kata.grading.step_work import StepWork
from kata.practice.sections import sections
from quality.silence import Silence

COSMIC_RAY = "cosmic-ray==8.7.0"
ARGUED = Path(__file__).parent / "survivors.md"
AT_ONCE = 40


@dataclass(frozen=True)
class Mutant:
    """One change.

    :param change: the lines that went (`-`) and came (`+`), as survivors.md quotes them.
    :param steps: whose checks should notice: those of the section that was changed.
    """

    operator: str
    code: str
    change: str
    line: int
    steps: tuple[Step, ...]


class UntilOneFails(StepWork):
    """The work of a step that is over with the first check that fails."""

    def next_job(self) -> dict[str, Any] | None:
        return None if self.killed_by else super().next_job()

    def kill_at(self) -> float:
        return 0.0 if self.killed_by else super().kill_at()

    def ended(self, ending: Ending) -> None:
        if not self.killed_by:
            super().ended(ending)

    @property
    def killed_by(self) -> str | None:
        """The check that noticed."""
        return next((verdict.check.id for verdict in self._verdicts.values() if not verdict.passed), None)


def survivors(mutants: list[Mutant], console: Console) -> Iterator[Mutant]:
    """Those that no check of the whole suite notices."""
    with Session(Silence()) as session, scratch_folder() as folder:
        session.look_at(SOLUTION.parent, list(STEPS))
        session.warm_up()
        for first in range(0, len(mutants), AT_ONCE):
            alive = _alive(session, mutants[first : first + AT_ONCE], Path(folder), None)
            alive = _alive(session, alive, Path(folder), STEPS)
            yield from alive
            done = min(first + AT_ONCE, len(mutants))
            console.print(f"{done} of {len(mutants)}, {len(alive)} more survived", style="dim")


def _alive(session: Session, mutants: list[Mutant], folder: Path, steps: tuple[Step, ...] | None) -> list[Mutant]:
    works: dict[int, list[UntilOneFails]] = {}
    for number, mutant in enumerate(mutants):
        tree = folder / f"{number}-{id(mutant)}"
        tree.mkdir(exist_ok=True)
        (tree / f"{MODULE}.py").write_text(mutant.code, encoding="utf-8")
        works[number] = [
            session.work(tree, step, session.checks(step), UntilOneFails) for step in steps or mutant.steps
        ]
    session.run([work for each in works.values() for work in each])
    return [mutants[number] for number, each in works.items() if not any(work.killed_by for work in each)]


def read_mutants(lines: Iterator[str], only: tuple[Step, ...]) -> list[Mutant]:
    """The mutants, each with what it changes."""
    worked = SOLUTION.read_text(encoding="utf-8")
    owners = list(_owners(worked))
    found = []
    for line in lines:
        made = json.loads(line)
        changed = [each for each in difflib.ndiff(worked.splitlines(), made["code"].splitlines()) if each[0] in "+-"]
        number = _first_difference(worked, made["code"])
        steps = owners[number]
        if set(only) & set(steps):
            found.append(Mutant(made["operator"], made["code"], "\n".join(changed), number + 1, steps))
    return found


def _owners(worked: str) -> Iterator[tuple[Step, ...]]:
    """For each line the steps whose section it is in; that of the DAGs is everybody's, what stands above is given."""
    for name, section in sections(worked).items():
        steps = tuple(step for step in STEPS if step.section == name)
        for _ in section.splitlines():
            yield steps if name.startswith(("Step", "Challenge")) else STEPS if name else ()


def _first_difference(one: str, other: str) -> int:
    pairs = zip(one.splitlines(), other.splitlines(), strict=False)
    return next(number for number, (left, right) in enumerate(pairs) if left != right)


def make_mutants(console: Console) -> Iterator[str]:
    """The mutants as lines of JSON, from an environment of their own."""
    python = python_with("mutants", COSMIC_RAY)
    console.print("Making the mutants, about two minutes …", style="dim")
    made = subprocess.run(
        [python, Path(__file__).with_name("make.py"), SOLUTION], stdout=subprocess.PIPE, text=True, check=True
    )
    return iter(made.stdout.splitlines())


def argued() -> set[str]:
    """The changes that survivors.md gives a reason for."""
    text = ARGUED.read_text(encoding="utf-8") if ARGUED.exists() else ""
    return {block.strip() for block in re.findall(r"```diff\n(.*?)```", text, re.DOTALL)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.mutants.run", description=__doc__)
    parser.add_argument("--step", metavar="N", help="only the section of this step or challenge")
    parser.add_argument("--from", dest="file", type=Path, help="mutants that were made before, a JSON object a line")
    options = parser.parse_args()
    console = Console()
    only = find_steps(options.step) if options.step else STEPS
    lines = iter(options.file.read_text().splitlines()) if options.file else make_mutants(console)
    mutants = read_mutants(lines, only)
    known = argued()
    alive, not_argued = 0, 0
    for mutant in survivors(mutants, console):
        alive += 1
        if mutant.change.strip() not in known:
            not_argued += 1
            console.print(Text(f"\n{MODULE}.py:{mutant.line}  {mutant.operator}\n{mutant.change}\n"), soft_wrap=True)
    noticed = len(mutants) - alive
    console.print(f"\n{noticed} of {len(mutants)} mutants noticed, {alive} survived: {not_argued} not argued yet")
    return 1 if not_argued else 0


if __name__ == "__main__":
    sys.exit(main())
