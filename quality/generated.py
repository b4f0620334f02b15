"""`python -m quality.generated`: writes what is made from the registry of the steps.

These are the scorecard of the starter and the table of the steps in README.md, and the workflow of GitHub Classroom.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from jinja2 import Environment

from kata.core.files import write_between_marks
from kata.core.paths import ROOT
from kata.core.steps import STEPS, Step, find_step
from lab.tables import markdown

README = ROOT / "README.md"
WORKFLOW = ROOT / ".github" / "workflows" / "classroom.yml"


def scorecard() -> str:
    """Return the scorecard of the starter up to its first mistake, as Markdown. Grades the starter."""
    grade = [sys.executable, "-m", "kata", "grade", "--tree", "exercise"]
    environment = os.environ | {"COLUMNS": "80"}
    printed = subprocess.run(grade, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False).stdout
    shown = re.sub(r" +in [\d.]+ s$| +$", "", printed.partition("\n   at ")[0], flags=re.MULTILINE)
    return f"```text\n{shown.strip(chr(10))}\n```"


def path_table() -> str:
    """Return all steps, as Markdown."""
    return markdown(["", "you write", "and learn about", "points", "after"], map(_row, STEPS))


def _row(step: Step) -> list[str]:
    before = ", ".join(find_step(step_id).name for step_id in step.depends_on)
    return [step.name, step.title, step.learn, str(step.points), before or "–"]


def workflow() -> str:
    """Return the workflow of GitHub Classroom."""
    # GitHub has expressions of its own in {{ }}.
    jinja = Environment(
        variable_start_string="<<", variable_end_string=">>", line_statement_prefix="%%", keep_trailing_newline=True
    )
    template = jinja.from_string(Path(__file__).with_name("classroom.yml.jinja").read_text(encoding="utf-8"))
    return template.render(steps={step.name.lower().replace(" ", "-"): step for step in STEPS})


if __name__ == "__main__":
    write_between_marks("scorecard", scorecard(), README)
    write_between_marks("path", path_table(), README)
    WORKFLOW.write_text(workflow(), encoding="utf-8")
