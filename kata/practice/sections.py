"""The sections of the exercise's file: one a step, under a heading such as `# ── Step 3: a trigger of your own ───`."""

from __future__ import annotations

import re

from kata.core.steps import Step

THE_DAGS = "The DAGs"

_OWNERS = re.compile(r"^ *# (?:Steps? (?P<steps>\d(?:(?:, | and )\d)*)|Challenge (?P<challenge>\d))\b")
_HEADING = re.compile(r"^# ── (?P<name>[^:─]+?)(?::.*?)? ─*\s*$")


def sections(text: str) -> dict[str, str]:
    """The sections by name ("Step 3", "The DAGs"), each with its heading; what stands before the first is under ""."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in text.splitlines(keepends=True):
        heading = _HEADING.match(line)
        if heading:
            name = heading["name"]
        found.setdefault(name, []).append(line)
    return {name: "".join(lines) for name, lines in found.items()}


def dags_of(step: Step, dags: str) -> str:
    """What of the worked DAGs is this step's, by comments such as `# Steps 4 and 6`; a DAG's own arguments are the
    first step's, and the second DAG is the third challenge's."""
    of_step, owners, heads = [], {"1"}, iter(("1", "c3"))
    for line in dags.splitlines(keepends=True)[1:]:
        if line.startswith("with DAG("):
            owners = {next(heads)}
        elif named := _OWNERS.match(line):
            owners = {f"c{named['challenge']}"} if named["challenge"] else set(re.findall(r"\d", named["steps"]))
        if step.id in owners:
            of_step.append(line)
    return "".join(of_step).strip("\n")


def section_of(step: Step, text: str) -> str | None:
    """The section that a step is written in; None when its heading is not there any more."""
    return sections(text).get(step.section)


def with_section(step: Step, text: str, section: str) -> str:
    """The text with this section replaced for a step. Raises `KeyError` if the text has none for the step."""
    parts = sections(text)
    if step.section not in parts:
        raise KeyError(step.section)
    return "".join({**parts, step.section: section}.values())
