"""Edits find their place by symbol and syntax, exactly once, or say why not."""

from __future__ import annotations

import pytest

from kata.core.paths import SOLUTION
from quality.trees import WRONG
from quality.wrong_form import EditError, Wrong, edited
from tests.support.mistakes import Mistake

MODULE = '''\
"""A module – with a dash."""

import os

LIMIT = 100  # files


def size_of(path: str, unit: int = 1, *, strict: bool = True) -> int:
    """Return the size of a file."""
    size = os.path.getsize(path)
    size = size * unit
    return size  # in bytes


def described(path: bytes) -> dict[str, object]:
    if not path:
        return {}
    elif path == b".":
        path = b"/"
    return {"path": path, "sizes": {"bytes": size_of(path)}}


class Sensor:
    limit = 5

    @property
    def pace(self) -> float:
        def half(number: float) -> float:
            return number / 2

        return half(self.limit)

    def run(self) -> None:
        self.check(timeout=600, retries=3)
        log(f"checked {self.limit}", sum(n for n in [self.limit]), end="")


with Sensor() as dag:
    task = Sensor(name="–", retries=1)
'''


@pytest.mark.parametrize(
    ("symbol", "replace", "by", "old", "new"),
    [
        # Statements
        ("size_of", "size = size * unit\nreturn size", "return 1", "size = size * unit\n    return size ", "return 1 "),
        ("size_of", "return size", "", "return size ", "pass "),
        (
            "described",
            "if path == b'.': path = b'/'",
            "x",
            'elif path == b".":\n        path = b"/"',
            "else:\n        x",
        ),
        # Expressions
        ("size_of", "size * unit", "size + unit", "size * unit", "(size + unit)"),
        ("size_of", "os.path.getsize( path, )", "1", "os.path.getsize(path)", "(1)"),
        ("Sensor.run", "(n for n in [self.limit])", "[1]", "(n for n in [self.limit])", "([1])"),
        ("Sensor.run", "f'checked {self.limit}'", "'checked'", 'f"checked {self.limit}"', "('checked')"),
        # Arguments and parameters
        ("Sensor.run", "timeout=600", "timeout=60", "timeout=600", "timeout=60"),
        ("Sensor.run", "timeout=600", "", "timeout=600,", ""),
        ("Sensor.run", "end=''", "", ', end=""', ""),
        ("size_of", "path: str", "path: object", "path: str", "path: object"),
        ("size_of", "strict: bool = True", "strict: bool = False", "strict: bool = True", "strict: bool = False"),
        # Entries
        ("described", "'path': path", "'name': path", '"path": path', "'name': path"),
        ("described", "'sizes': {'bytes': size_of(path)}", "", ', "sizes": {"bytes": size_of(path)}', ""),
        # Symbols
        ("Sensor.pace", "self.limit", "2", "half(self.limit)", "half((2))"),
        ("Sensor.pace.half", "2", "3", "number / 2", "number / (3)"),
        ("LIMIT", "100", "10", "LIMIT = 100", "LIMIT = (10)"),
        ("dag.task", "retries=1", "retries=2", "retries=1", "retries=2"),
        ("", "import os", "import sys", "import os", "import sys"),
        ("Sensor.limit", None, "bound = 5", "limit = 5", "bound = 5"),
    ],
)
def test_replaces_what_matches_and_nothing_else(symbol, replace, by, old, new):
    assert MODULE.count(old) == 1
    assert edited(MODULE, symbol, replace, by) == MODULE.replace(old, new)


def test_replaces_a_symbol_as_a_whole_and_a_text():
    assert "    limit = 5\n\n    pace = 3\n\n    def run" in edited(MODULE, "Sensor.pace", by="pace = 3")
    assert edited(MODULE, "size_of", text="a file", by="•") == MODULE.replace("a file", "•")


@pytest.mark.parametrize(
    ("symbol", "replace", "by", "said"),
    [
        ("size_of", "size * 2", "1", "within size_of, expected one match, got none: size \\* 2"),
        ("size_of", "size", "1", r"got 2 \(lines 11, 12\)"),
        ("size_of", "path: int", "", "got none"),
        ("Sensor.run", "f'checked {self}'", "1", "got none"),
        ("", "size_of", "1", "at the top level, expected one match, got none"),
        ("size_off", "size", "", "expected one symbol size_off, got 0"),
        ("Sensor.half", "2", "", "expected one symbol Sensor.half, got 0"),
        ("size_of.size", "unit", "", "expected one symbol size_of.size, got 2"),
        ("size_of", "except OSError", "", "neither statements nor an expression"),
        ("size_of", "size * unit", "", "can only be replaced by an expression"),
    ],
)
def test_says_why_it_does_not_fit(symbol, replace, by, said):
    with pytest.raises(EditError, match=said):
        edited(MODULE, symbol, replace, by)


WRONG_ONE = Wrong("two", "test_one", Mistake.RETURNS_NOTHING).within("DATA_DIR", by="DATA_DIR = 1")


def test_makes_a_submission_of_several_edits(tmp_path):
    source = (WRONG_ONE.adding("import shelve").make(tmp_path) / SOLUTION.name).read_text(encoding="utf-8")
    assert "\nimport shelve\n\n" in source
    assert "\nDATA_DIR = 1\n" in source
    with pytest.raises(EditError, match=r"^two does not fit the reference solution: "):
        WRONG_ONE.within("DATA_DIR", text="= 1", by="if").source()


def test_names_are_unique():
    assert len({wrong.name for wrong in WRONG}) == len(WRONG)
