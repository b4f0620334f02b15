"""Submissions to grade: the known wrong ones, the unusual right ones, and unfinished ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from kata.core.paths import SOLUTION, STARTER
from kata.core.steps import STEPS, find_steps
from kata.practice.sections import section_of, with_section
from quality.right_form import Right
from quality.wrong_form import Wrong

_FOLDER = Path(__file__).parent


def _wrong_solutions() -> Iterator[Wrong]:
    for step in STEPS:
        file = _FOLDER / "wrong" / f"{step.name.lower().replace(' ', '_')}.py"
        if file.exists():
            found = import_module(f"quality.wrong.{file.stem}").WRONG
            yield from (replace(wrong, step=step.id) for wrong in found)


WRONG = list(_wrong_solutions())
RIGHT = [Right(path) for path in sorted((_FOLDER / "right").iterdir()) if path.is_dir()]


def solution_but(*step_ids: str) -> str:
    """The worked answer with the sections of these steps as they are in the starter."""
    text, starter = SOLUTION.read_text(encoding="utf-8"), STARTER.read_text(encoding="utf-8")
    for step in (find_steps(step_id)[0] for step_id in step_ids):
        section = section_of(step, starter)
        assert section is not None
        text = with_section(step, text, section)
    return text
