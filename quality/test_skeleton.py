"""Names, signatures and docstrings, read without running the file."""

from __future__ import annotations

import pytest

from kata.grading.skeleton import differences, skeleton

SOURCE = '''
LIMIT = 1
_hidden = 2

class Trigger(Base):
    """Waits."""

    kind: str

    def __init__(self, directories: list[str], pattern: str = "*.csv") -> None: ...
    async def run(self): ...
    def _scan(self): ...

def process(**context):
    """Processes."""
'''


def test_public_names_with_their_kinds():
    names = skeleton(SOURCE)
    assert {name: entry.kind for name, entry in names.items()} == {
        "LIMIT": "variable",
        "Trigger": "class",
        "Trigger.__init__": "function",
        "Trigger.run": "coroutine",
        "process": "function",
    }
    assert names["Trigger.__init__"].signature == "self, directories, pattern='*.csv'"
    assert (names["Trigger"].doc, names["process"].doc) == ("Waits.", "Processes.")


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        (SOURCE, SOURCE, []),
        ("", SOURCE, ["class Trigger is missing", "function process is missing"]),
        # A method may be inherited.
        ("class Trigger(Base):\n    pass\ndef process(**context): ...\n", SOURCE, []),
        ("def run(): ...", "async def run(): ...", ["line 1: run should be a coroutine, not a function"]),
        ("def f(ti): ...", "def f(**context): ...", ["line 1: f(ti) should be f(**context)"]),
    ],
)
def test_differences(theirs: str, ours: str, found: list[str]):
    assert differences(theirs, ours) == found


@pytest.mark.parametrize(
    "theirs", ["f(a, b=1)", "f(a: int, b=1)", "f(a, b=1, c=2)", "f(a, b=2, *, c=3)", "f(a, b=1, *args, **kwargs)"]
)
def test_a_signature_that_takes_the_same_calls(theirs: str):
    assert differences(f"def {theirs}: ...", "def f(a, b=1): ...") == []


@pytest.mark.parametrize("theirs", ["f(a)", "f(a, b)", "f(b, a=1)", "f(a, b=1, *, c)", "f(**context)"])
def test_a_signature_that_does_not(theirs: str):
    found = differences(f"\ndef {theirs}: ...", "def f(a, b=1): ...")
    assert found == [f"line 2: {theirs} should be f(a, b=1)"]
