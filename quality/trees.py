"""Submissions to grade: the known wrong ones, the right ones in unusual styles, and unfinished ones."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from kata.core.paths import SOLUTION, STARTER
from kata.core.steps import STEPS, Step, find_steps
from kata.practice.sections import THE_DAGS, sections, with_section
from quality.wrong_form import Wrong

_FOLDER = Path(__file__).parent


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
        names = {_file_name(name): name for name in sections(SOLUTION.read_text(encoding="utf-8"))}
        files = sorted(path for path in self.folder.glob("*.py") if path.name != SOLUTION.name)
        return {names[path.name]: path.read_text(encoding="utf-8") for path in files}


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


def _file_name(section: str) -> str:
    return f"{section.lower().replace(' ', '_')}.py"


def _wrong_solutions() -> Iterator[Wrong]:
    for step in STEPS:
        file = _FOLDER / "wrong" / _file_name(step.name)
        found = import_module(f"quality.wrong.{file.stem}").WRONG if file.exists() else []
        yield from (replace(wrong, step=step.id) for wrong in found)


WRONG = list(_wrong_solutions())
RIGHT = [Right(path) for path in sorted((_FOLDER / "right").iterdir()) if path.is_dir()]


def solution_but(*step_ids: str) -> str:
    """Return the reference solution with the sections of these steps as they are in the starter."""
    text, starter = SOLUTION.read_text(encoding="utf-8"), sections(STARTER.read_text(encoding="utf-8"))
    for step in (find_steps(step_id)[0] for step_id in step_ids):
        text = with_section(step, text, starter[step.section])
    return text
