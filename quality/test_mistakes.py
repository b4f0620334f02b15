"""Every mistake is used, and its description is short, in whole sentences, and names something to read that exists."""

from __future__ import annotations

import ast
import re

import pytest

from kata.core.paths import STARTER, SUITE
from kata.grading.mistakes import MISTAKES, MistakeDescription
from kata.grading.skeleton import skeleton
from quality.contract_text import dag_comments

MOST_WORDS = 45
MEMBERS = re.findall(r"^\[(\w+)\]$", (SUITE / "support" / "mistakes.toml").read_text(encoding="utf-8"), re.MULTILINE)
BY_THE_GRADER = {"NOT_DONE_YET", "RAISES_WHERE_IT_MUST_NOT", "DOES_NOT_END"}


def test_every_mistake_is_used_by_a_check_or_by_the_grader():
    checks = "".join(file.read_text(encoding="utf-8") for file in SUITE.rglob("*.py"))
    assert {*re.findall(r"\bMistake\.(\w+)", checks), *BY_THE_GRADER} == set(MEMBERS)


def test_no_two_mistakes_have_the_same_name():
    assert len(MISTAKES) == len(MEMBERS)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=lambda mistake: mistake.name)
def test_the_consequence_is_short_and_in_whole_sentences(mistake: MistakeDescription):
    assert len(mistake.consequence.split()) <= MOST_WORDS
    assert re.fullmatch(r"[A-Z`\"].*\.", mistake.consequence)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=lambda mistake: mistake.name)
def test_what_is_to_be_read_exists(mistake: MistakeDescription):
    if mistake.read.startswith("https://airflow.apache.org/docs/apache-airflow/"):
        return
    if mistake.read == "docstring of what was called":  # the explanation says above what that was
        return
    kind, name, part = re.fullmatch(r"(docstring|comments) of ([\w. ]+?)(?:, '(.+)')?", mistake.read).groups()
    source = STARTER.read_text(encoding="utf-8")
    if kind == "comments":
        assert name == "the DAG"
        text = "\n".join(dag_comments(source).values())
    elif name == "the file":
        text = ast.get_docstring(ast.parse(source))
    else:
        text = skeleton(source)[name].doc
    assert text
    assert (part or "") in " ".join(text.split())
