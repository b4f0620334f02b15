"""`python -m quality.generated`: writes what is made from the registry of the steps.

These are the scorecard of the starter and the table of the steps in README.md, and the workflow of GitHub Classroom.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from kata.core.files import write_between_marks
from kata.core.paths import ROOT
from kata.core.steps import STEPS, Step, find_step
from quality.measured_table import markdown

README = ROOT / "README.md"
WORKFLOW = ROOT / ".github" / "workflows" / "classroom.yml"

_HEAD = """\
# GitHub Classroom's autograding: a test for each step. Made from the registry: python -m quality.generated
name: Autograding Tests

on: [push, repository_dispatch]

permissions:
  checks: write
  actions: read
  contents: read

jobs:
  autograding:
    # The template itself holds the starter, which is worth nothing yet.
    if: ${{ github.actor != 'github-classroom[bot]' && !github.event.repository.is_template }}
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
          cache: pip
          cache-dependency-path: requirements.txt
      - name: Install Airflow
        run: make setup
"""
_STEP = """\
      - name: {step.name}
        id: {id}
        uses: classroom-resources/autograding-command-grader@v1
        with:
          test-name: "{step.name}: {step.title}"
          command: make grade STEP={step.id}
          timeout: 5
          max-score: {step.points}
"""
_REPORT = """\
      - name: Report
        uses: classroom-resources/autograding-grading-reporter@v1
        env:
{results}
        with:
          runners: {ids}
"""


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
    ids = {step.name.lower().replace(" ", "-"): step for step in STEPS}
    results = "\n".join(f'          {id.upper()}_RESULTS: "${{{{ steps.{id}.outputs.result }}}}"' for id in ids)
    steps = "".join(_STEP.format(step=step, id=id) for id, step in ids.items())
    return _HEAD + steps + _REPORT.format(results=results, ids=",".join(ids))


if __name__ == "__main__":
    write_between_marks("scorecard", scorecard(), README)
    write_between_marks("path", path_table(), README)
    WORKFLOW.write_text(workflow(), encoding="utf-8")
