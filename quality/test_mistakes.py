"""The registry has every name of a mistake that a check can show and no other, and says something fit to be read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import chain

import pytest

from kata.grading.mistakes import MISTAKES, NEVER_ENDS, NOT_DONE, RAISES, Mistake
from kata.grading.skeleton import skeleton
from kata.places import STARTER, SUITE

MOST_WORDS = 45
TREES = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(SUITE.rglob("*.py"))]
PARAMETER = "mistake"


def test_every_name_that_a_check_shows_is_known_and_no_other():
    assert {NOT_DONE, RAISES, NEVER_ENDS, *names_in_checks()} == set(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=lambda mistake: mistake.name)
def test_the_consequence_is_short_and_in_whole_sentences(mistake: Mistake):
    assert len(mistake.consequence.split()) <= MOST_WORDS
    assert re.fullmatch(r"[A-Z`\"].*\.", mistake.consequence)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=lambda mistake: mistake.name)
def test_what_is_to_be_read_exists(mistake: Mistake):
    if mistake.read.startswith("https://airflow.apache.org/docs/apache-airflow/3.3.2/"):
        return
    if mistake.read == "docstring of what was called":  # the explanation says above what that was
        return
    name, part = re.fullmatch(r"docstring of ([\w. ]+?)(?:, '(.+)')?", mistake.read).groups()
    source = STARTER.read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(source)) if name == "the file" else skeleton(source)[name].doc
    assert text
    assert (part or "") in text


def names_in_checks() -> Iterator[str]:
    """The texts that are given to a parameter `mistake`, by keyword or by position, or to a variable of that name."""
    nodes = list(chain.from_iterable(ast.walk(tree) for tree in TREES))
    positions = dict(chain.from_iterable(_positions(node) for node in nodes))
    for node in nodes:
        if isinstance(node, ast.Call):
            position = positions.get(getattr(node.func, "attr", getattr(node.func, "id", "")), len(node.args))
            yield from _texts(*node.args[position : position + 1])
            yield from _texts(*(keyword.value for keyword in node.keywords if keyword.arg == PARAMETER))
        elif isinstance(node, ast.Assign):
            yield from _assigned(node.targets[0], node.value)
        elif isinstance(node, ast.FunctionDef):
            named = zip(reversed(node.args.args), reversed(node.args.defaults), strict=False)
            yield from _texts(*(default for argument, default in named if argument.arg == PARAMETER))
            if node.name == "lost_or_changed":  # the one function that returns a name
                yield from _texts(*(each.value for each in ast.walk(node) if isinstance(each, ast.Return)))


def _positions(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Where the functions, methods and classes that are defined there take a mistake."""
    if isinstance(node, ast.FunctionDef) and node.name != "__init__":
        names = [argument.arg for argument in node.args.args if argument.arg != "self"]
        if PARAMETER in names:
            yield node.name, names.index(PARAMETER)
    elif isinstance(node, ast.ClassDef):
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                names = [argument.arg for argument in method.args.args[1:]]
                if PARAMETER in names:
                    yield node.name, names.index(PARAMETER)


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name) and target.id == PARAMETER:
        yield from _texts(value)
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, part in zip(target.elts, value.elts, strict=True):
            yield from _assigned(each, part)


def _texts(*values: ast.expr) -> Iterator[str]:
    """The texts that a value can have; "" is no name."""
    for value in values:
        if isinstance(value, ast.IfExp):
            yield from _texts(value.body, value.orelse)
        elif isinstance(value, ast.BoolOp):
            yield from _texts(*value.values)
        elif isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
            yield value.value
