"""How a right solution in an unusual style is written down: whole, or as overrides of the reference solution."""

from __future__ import annotations

import ast
import shutil
from dataclasses import dataclass
from pathlib import Path

from kata.core.paths import SOLUTION
from kata.core.steps import STEPS, Step
from kata.practice.sections import THE_DAGS, sections


@dataclass(frozen=True)
class Right:
    """A right solution: a folder of `quality/right`, named after its style.

    The folder has either a whole submission, or files such as `step_3.py`, `challenge_1.py` and `the_dags.py`. Each of
    these overrides the section of that name of the reference solution: it replaces the definitions whose names it
    defines as well, and is placed below the rest of the section.
    """

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_whole(self) -> bool:
        return (self.folder / SOLUTION.name).exists()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps to grade: all steps of a whole submission or of other DAGs, otherwise those overridden."""
        overridden = self._overrides()
        if self.is_whole or THE_DAGS in overridden:
            return STEPS
        return tuple(step for step in STEPS if step.section in overridden)

    def source(self) -> str:
        """Return the reference solution with the overrides in it."""
        parts = sections(SOLUTION.read_text(encoding="utf-8"))
        for name, override in self._overrides().items():
            parts[name] = _overridden(parts[name], override)
        return "".join(parts.values())

    def make(self, folder: Path) -> Path:
        """Write the submission into a new folder below this one."""
        tree = folder / self.name
        if self.is_whole:
            shutil.copytree(self.folder, tree)
        else:
            tree.mkdir(parents=True)
            (tree / SOLUTION.name).write_text(self.source(), encoding="utf-8")
        return tree

    def _overrides(self) -> dict[str, str]:
        """Return the code of each override by the name of its section."""
        names = {name.lower().replace(" ", "_"): name for name in sections(SOLUTION.read_text(encoding="utf-8"))}
        files = sorted(path for path in self.folder.glob("*.py") if path.name != SOLUTION.name)
        return {names[path.stem]: path.read_text(encoding="utf-8") for path in files}


def _overridden(section: str, override: str) -> str:
    heading = section.splitlines()[0]
    names = set().union(*map(_names_defined_by, ast.parse(override).body))
    kept = [each for each in ast.parse(section).body if not names & _names_defined_by(each)]
    return f"{heading}\n\n{ast.unparse(kept)}\n\n\n{override}\n\n"


def _names_defined_by(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}
