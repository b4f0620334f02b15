"""Every mistake is used, and names something to read that exists."""

from __future__ import annotations

import ast
import re

import pytest

from kata.core.paths import STARTER, SUITE
from kata.grading.mistakes import MISTAKES, MistakeDescription
from kata.grading.skeleton import skeleton
from quality.contract_text import dag_comments
from tests.support.mistakes import Mistake

BY_THE_GRADER = {"NOT_DONE_YET", "RAISES_WHERE_IT_MUST_NOT", "DOES_NOT_END"}


def test_every_mistake_has_a_name_of_its_own_and_is_used_by_a_check_or_by_the_grader():
    checks = "".join(file.read_text(encoding="utf-8") for file in SUITE.rglob("*.py"))
    assert {*re.findall(r"\bMistake\.(\w+)", checks), *BY_THE_GRADER} == {mistake.name for mistake in Mistake}
    assert len(Mistake) == len(Mistake.__members__)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=lambda mistake: mistake.name)
def test_what_is_to_be_read_exists(mistake: MistakeDescription):
    if mistake.read.startswith("https://airflow.apache.org/docs/apache-airflow/"):
        return
    if mistake.read == "docstring of what was called":  # the explanation says above what that was
        return
    kind, name, part = re.fullmatch(r"(docstring|comments) of ([\w. ]+?)(?:, '(.+)')?", mistake.read).groups()
    source = STARTER.read_text(encoding="utf-8")
    if kind == "comments":
        text = "\n".join(dag_comments(source).values())
    else:
        text = ast.get_docstring(ast.parse(source)) if name == "the file" else skeleton(source)[name].doc
    assert text
    assert (part or "") in " ".join(text.split())
