"""Puts the path of the steps into README.md: `python -m quality.path_table`."""

from __future__ import annotations

from kata.marked_page import write_between_marks
from kata.places import ROOT
from kata.steps import STEPS, Step, find_step
from quality.measured_table import markdown

README = ROOT / "README.md"


def path_table() -> str:
    """All steps, as Markdown."""
    return markdown(["", "you write", "and learn about", "points", "after"], (_row(step) for step in STEPS))


def _row(step: Step) -> list[str]:
    before = ", ".join(find_step(step_id).name for step_id in step.depends_on)
    return [step.name, step.title, step.learn, str(step.points), before or "–"]


if __name__ == "__main__":
    write_between_marks("path", path_table(), README)
