"""The sections of the exercise's file: one a step, under a heading such as `# ── Step 3: a trigger of your own ───`."""

from __future__ import annotations

import re

from kata.core.steps import Step

THE_DAGS = "The DAGs"

_OWNERS = re.compile(r"^ *# (?:Steps? (?P<steps>\d(?:(?:, | and )\d)*)|Challenge (?P<challenge>\d))\b")
_HEADING = re.compile(r"^# ── (?P<name>[^:─]+?)(?::.*?)? ─*\s*$")


def sections(text: str) -> dict[str, str]:
    """Return the sections by name ("Step 3", "The DAGs"), each with its heading; "" is the part before the first."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in text.splitlines(keepends=True):
        if heading := _HEADING.match(line):
            name = heading["name"]
        found.setdefault(name, []).append(line)
    return {name: "".join(lines) for name, lines in found.items()}


def dags_of(step: Step, dags: str) -> str:
    """Return the lines of the reference DAGs that belong to a step, by comments such as `# Steps 4 and 6`.

    The arguments of the first DAG belong to Step 1, those of the second to Challenge 3.
    """
    of_step, owners, heads = [], {"1"}, iter(("1", "c3"))
    for line in dags.splitlines(keepends=True)[1:]:
        if line.startswith("with DAG("):
            owners = {next(heads)}
        elif named := _OWNERS.match(line):
            owners = {f"c{named['challenge']}"} if named["challenge"] else set(re.findall(r"\d", named["steps"]))
        if step.id in owners:
            of_step.append(line)
    return "".join(of_step).strip("\n")


def with_section(step: Step, text: str, section: str) -> str:
    """Return the text with the section of a step replaced. Raises `KeyError` if the text has no such section."""
    parts = sections(text)
    if step.section not in parts:
        raise KeyError(step.section)
    return "".join({**parts, step.section: section}.values())
