"""`make mutants`: change the reference solution mechanically, one place at a time, and list what no check notices.

A survivor that is as right as the reference solution is argued in survivors.md; every other one calls for a check.
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

from kata.core.paths import SOLUTION
from kata.core.steps import STEPS, Step, find_steps
from kata.core.tool_environment import python_with
from kata.grading.running_child import Ending
from kata.grading.session import Session
from kata.grading.step_work import StepWork
from kata.practice.sections import sections
from quality.verdicts import grading

COSMIC_RAY = "cosmic-ray==8.7.0"
ARGUED = Path(__file__).parent / "survivors.md"
AT_ONCE = 40


@dataclass(frozen=True)
class Mutant:
    """One change.

    :param change: the removed (`-`) and the added (`+`) lines, as survivors.md quotes them.
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
        return None if self.is_killed else super().next_job()

    def kill_at(self) -> float:
        return 0.0 if self.is_killed else super().kill_at()

    def ended(self, ending: Ending) -> None:
        if not self.is_killed:
            super().ended(ending)

    @property
    def is_killed(self) -> bool:
        """Whether a check noticed."""
        return not all(verdict.passed for verdict in self._verdicts.values())


def survivors(mutants: list[Mutant], console: Console) -> Iterator[Mutant]:
    """Yield those that no check of the whole suite notices."""
    with grading() as (session, folder):
        for first in range(0, len(mutants), AT_ONCE):
            alive = _alive(session, mutants[first : first + AT_ONCE], folder, None)
            alive = _alive(session, alive, folder, STEPS)
            yield from alive
            done = min(first + AT_ONCE, len(mutants))
            console.print(f"{done} of {len(mutants)}, {len(alive)} more survived", style="dim")


def _alive(session: Session, mutants: list[Mutant], folder: Path, steps: tuple[Step, ...] | None) -> list[Mutant]:
    works: dict[int, list[UntilOneFails]] = {}
    for number, mutant in enumerate(mutants):
        tree = folder / f"{number}-{id(mutant)}"
        tree.mkdir(exist_ok=True)
        (tree / SOLUTION.name).write_text(mutant.code, encoding="utf-8")
        works[number] = [
            session.work(tree, step, session.checks(step), UntilOneFails) for step in steps or mutant.steps
        ]
    session.run([work for each in works.values() for work in each])
    return [mutants[number] for number, each in works.items() if not any(work.is_killed for work in each)]


def make_mutants(console: Console) -> list[Mutant]:
    """Return all mutants, made in an environment of their own."""
    python = python_with("mutants", COSMIC_RAY)
    console.print("Making the mutants, about two minutes …", style="dim")
    command = [python, Path(__file__).with_name("make.py"), SOLUTION]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    solution = SOLUTION.read_text(encoding="utf-8")
    owners = list(_owners(solution))
    return [_mutant(solution, owners, **json.loads(line)) for line in made.splitlines()]


def _mutant(solution: str, owners: list[tuple[Step, ...]], operator: str, code: str) -> Mutant:
    before, after = solution.splitlines(), code.splitlines()
    line = next(number for number, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1])
    changed = [each for each in difflib.ndiff(before, after) if each[0] in "+-"]
    return Mutant(operator, code, "\n".join(changed), line + 1, owners[line])


def _owners(solution: str) -> Iterator[tuple[Step, ...]]:
    """Yield for each line the steps whose section it is in: all steps for the DAGs, none for what is given above."""
    for name, section in sections(solution).items():
        steps = tuple(step for step in STEPS if step.section == name)
        for _ in section.splitlines():
            yield steps if name.startswith(("Step", "Challenge")) else STEPS if name else ()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.mutants.run", description=__doc__)
    parser.add_argument("--step", metavar="N", help="only the section of this step or challenge")
    options = parser.parse_args()
    console = Console()
    only = set(find_steps(options.step) if options.step else STEPS)
    mutants = [mutant for mutant in make_mutants(console) if only & set(mutant.steps)]
    argued = {each.strip() for each in re.findall(r"```diff\n(.*?)```", ARGUED.read_text(encoding="utf-8"), re.DOTALL)}
    alive, not_argued = 0, 0
    for mutant in survivors(mutants, console):
        alive += 1
        if mutant.change.strip() not in argued:
            not_argued += 1
            told = f"\n{SOLUTION.name}:{mutant.line}  {mutant.operator}\n{mutant.change}\n"
            console.print(Text(told), soft_wrap=True)
    noticed = len(mutants) - alive
    console.print(f"\n{noticed} of {len(mutants)} mutants noticed, {alive} survived: {not_argued} not argued yet")
    return 1 if not_argued else 0


if __name__ == "__main__":
    sys.exit(main())
