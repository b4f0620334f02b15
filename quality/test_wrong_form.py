"""Edits find their place by symbol and syntax, exactly once, or say why not. `test_known_wrong.py` makes them all."""

from __future__ import annotations

import pytest

from kata.core.paths import SOLUTION
from quality.trees import WRONG
from quality.wrong_form import EditError, Wrong, edited
from tests.support.mistakes import Mistake

MODULE = '''\
import os

LIMIT = 100  # files


def size_of(path: str, unit: int = 1, *, strict: bool = True) -> dict[str, object]:
    """Return the size of a file."""
    size = os.path.getsize(path)
    size = size * unit
    if not strict and unit:
        return {"–": size, "size": {"bytes": size}}
    elif size == 0:
        size = 1
    return {"size": size}  # in bytes


class Sensor:
    @property
    def pace(self) -> float:
        def half(number: float) -> float:
            return number / 2

        return half(5)

    def run(self) -> None:
        log(f"checked {self.limit}", sum(n for n in [5]), end="")


with Sensor() as dag:
    task = Sensor(name="–", retries=1)
'''


@pytest.mark.parametrize(
    ("symbol", "replace", "by", "old", "new"),
    [
        ("size_of", "size = size * unit", "", "size = size * unit", "pass"),
        ("size_of", "if size == 0: size = 1", "x = 1", "elif size == 0:\n        size = 1", "else:\n        x = 1"),
        ("size_of", "size*unit", "size + unit", "size * unit", "(size + unit)"),
        ("size_of", "strict: bool = True", "strict: bool = False", "strict: bool = True", "strict: bool = False"),
        ("size_of", "'–': size", "", '"–": size, ', " "),
        ("Sensor.run", "(n for n in [5])", "[1]", "(n for n in [5])", "([1])"),
        ("Sensor.run", "f'checked {self.limit}'", "'checked'", 'f"checked {self.limit}"', "('checked')"),
        ("Sensor.run", "end=''", "", ', end=""', ""),
        ("Sensor.pace.half", "2", "3", "number / 2", "number / (3)"),
        ("dag.task", "retries=1", "retries=2", "retries=1", "retries=2"),
        ("", "import os", "import sys", "import os", "import sys"),
        ("LIMIT", None, "BOUND = 5", "LIMIT = 100", "BOUND = 5"),
    ],
)
def test_replaces_what_matches_and_nothing_else(symbol, replace, by, old, new):
    assert MODULE.count(old) == 1
    assert edited(MODULE, symbol, replace, by) == MODULE.replace(old, new)


def test_replaces_a_property_as_a_whole_and_a_text():
    assert "class Sensor:\n    pace = 3\n\n    def run" in edited(MODULE, "Sensor.pace", by="pace = 3")
    assert edited(MODULE, "size_of", text="a file", by="•") == MODULE.replace("a file", "•")


@pytest.mark.parametrize(
    ("symbol", "replace", "said"),
    [
        ("size_of", "size * 2", "within size_of, expected one match, got none: size \\* 2"),
        ("size_of", "unit", r"got 2 \(lines 9, 10\)"),
        ("size_of", "path: int", "got none"),
        ("Sensor.run", "f'checked {self}'", "got none"),
        ("", "size_of", "at the top level, expected one match, got none"),
        ("size_off", "size", "expected one symbol size_off, got 0"),
        ("Sensor.half", "2", "expected one symbol Sensor.half, got 0"),
        ("size_of.size", "unit", "expected one symbol size_of.size, got 3"),
        ("size_of", "except OSError", "neither statements nor an expression"),
        ("size_of", "size * unit", "can only be replaced by an expression"),
    ],
)
def test_says_why_it_does_not_fit(symbol, replace, said):
    with pytest.raises(EditError, match=said):
        edited(MODULE, symbol, replace, "" if "replaced" in said else "1")


def test_makes_a_submission_of_several_edits(tmp_path):
    wrong = Wrong("two", "test_one", Mistake.RETURNS_NOTHING).within("DATA_DIR", by="DATA_DIR = 1")
    source = (wrong.adding("import shelve").make(tmp_path) / SOLUTION.name).read_text(encoding="utf-8")
    assert "\nimport shelve\n\n" in source
    assert "\nDATA_DIR = 1\n" in source
    with pytest.raises(EditError, match=r"^two does not fit the reference solution: "):
        wrong.within("DATA_DIR", text="= 1", by="if").source()


def test_names_are_unique():
    assert len({wrong.name for wrong in WRONG}) == len(WRONG)
