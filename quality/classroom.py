"""Writes the GitHub Classroom workflow from the registry: `python -m quality.classroom`."""

from __future__ import annotations

from kata.core.paths import ROOT
from kata.core.steps import STEPS, Step

WORKFLOW = ROOT / ".github" / "workflows" / "classroom.yml"

_HEAD = """\
# GitHub Classroom's autograding: a test a step. Made from the registry: python -m quality.classroom
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


def workflow() -> str:
    """The whole file."""
    ids = [_id(step) for step in STEPS]
    results = "\n".join(f'          {id.upper()}_RESULTS: "${{{{ steps.{id}.outputs.result }}}}"' for id in ids)
    steps = "".join(_STEP.format(step=step, id=_id(step)) for step in STEPS)
    return _HEAD + steps + _REPORT.format(results=results, ids=",".join(ids))


def _id(step: Step) -> str:
    return step.name.lower().replace(" ", "-")


if __name__ == "__main__":
    WORKFLOW.write_text(workflow(), encoding="utf-8")
