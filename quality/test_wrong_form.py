"""Edits find their place by symbol and syntax, exactly once, or say why not."""

from __future__ import annotations

import ast

import pytest

from kata.core.paths import SOLUTION
from quality.trees import WRONG
from quality.wrong_form import Addition, Edit, EditError, Wrong
from tests.support.mistakes import Mistake

MODULE = '''\
"""A module – with a dash."""

from __future__ import annotations

import os

LIMIT = 100  # files

log = print


def size_of(path: str, unit: int = 1, *, strict: bool = True) -> int:
    """Return the size of a file."""
    if not os.path.exists(path):
        log("–", path); return 0
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

    async def run(self) -> None:
        while True:
            await self.check(
                timeout=600,
                retries=3,
            )
            log(f"checked {self.limit}", sum(n for n in [self.limit]), end="")


with Sensor() as dag:
    task = Sensor(name="task", retries=1)
'''


def edited(symbol: str, replace: str | None = None, *, by: str, text: str | None = None) -> str:
    return Edit(symbol, replace, text, by).apply(MODULE)


@pytest.mark.parametrize(
    ("symbol", "replace", "by", "old", "new"),
    [
        # Statements
        ("size_of", "size = size * unit", "size //= unit", "size = size * unit", "size //= unit"),
        ("size_of", "size = size * unit\nreturn size", "return 1", "size = size * unit\n    return size ", "return 1 "),
        ("size_of", "return size", "", "return size ", "pass "),
        ("size_of", "return size", "if size:\n    return size", "return size ", "if size:\n        return size "),
        (
            "described",
            "if path == b'.': path = b'/'",
            "path += b'/'",
            'elif path == b".":\n        path = b"/"',
            "else:\n        path += b'/'",
        ),
        # Expressions
        ("size_of", "size * unit", "size", "size * unit", "size"),
        ("size_of", "size * unit", "size + unit", "size * unit", "(size + unit)"),
        ("size_of", "os.path.getsize( path, )", "1", "os.path.getsize(path)", "1"),
        ("size_of", "log('–', path)", "log('gone')", 'log("–", path)', "log('gone')"),
        ("size_of", "0", "1", "; return 0", "; return 1"),
        ("Sensor.run", "(n for n in [self.limit])", "[1]", "(n for n in [self.limit])", "([1])"),
        ("Sensor.run", "f'checked {self.limit}'", "'checked'", 'f"checked {self.limit}"', "'checked'"),
        # Arguments and parameters
        ("Sensor.run", "timeout=600", "timeout=60", "timeout=600", "timeout=60"),
        ("Sensor.run", "timeout=600", "", "timeout=600,", ""),
        ("Sensor.run", "end=''", "", ', end=""', ""),
        ("dag", "name='task'", "", 'name="task",', ""),
        ("size_of", "unit: int = 1", "unit: int = 2", "unit: int = 1", "unit: int = 2"),
        ("size_of", "path: str", "path: object", "path: str", "path: object"),
        ("size_of", "strict: bool = True", "strict: bool = False", "strict: bool = True", "strict: bool = False"),
        # Entries
        ("described", "'path': path", "'name': path", '"path": path', "'name': path"),
        ("described", "'path': path", "", '"path": path, ', " "),
        ("described", "'sizes': {'bytes': size_of(path)}", "", ', "sizes": {"bytes": size_of(path)}', ""),
        ("described", "{'bytes': size_of(path)}", "1", '{"bytes": size_of(path)}', "1"),
        # Symbols
        ("Sensor.pace", "self.limit", "2", "half(self.limit)", "half(2)"),
        ("Sensor.pace.half", "2", "3", "number / 2", "number / 3"),
        ("Sensor.limit", "5", "6", "limit = 5", "limit = 6"),
        ("LIMIT", "100", "10", "LIMIT = 100", "LIMIT = 10"),
        ("dag.task", "retries=1", "retries=2", "retries=1", "retries=2"),
        ("", "import os", "import sys", "import os", "import sys"),
        ("Sensor.limit", None, "bound = 5", "limit = 5", "bound = 5"),
        ("LIMIT", None, "LIMIT, MORE = 1, 2", "LIMIT = 100", "LIMIT, MORE = 1, 2"),
    ],
)
def test_replaces_what_matches_and_nothing_else(symbol, replace, by, old, new):
    assert MODULE.count(old) == 1
    assert edited(symbol, replace, by=by) == MODULE.replace(old, new)


def test_replaces_a_symbol_as_a_whole():
    after = edited("Sensor.pace", by="pace = 3")
    assert "    limit = 5\n\n    pace = 3\n\n    async def run" in after


@pytest.mark.parametrize(("symbol", "text"), [("LIMIT", "10"), ("size_of", "a file"), ("", "dash")])
def test_replaces_text(symbol, text):
    assert edited(symbol, text=text, by="•") == MODULE.replace(text, "•")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("size_of", "size * 2", None, "1"), "within size_of, expected one match, got none: size \\* 2"),
        (Edit("size_of", "size", None, "1"), r"got 2 \(lines 17, 18\)"),
        (Edit("size_of", "path: int", None, ""), "got none"),
        (Edit("Sensor.run", "f'checked {self}'", None, "1"), "got none"),
        (Edit("", "log", None, "1"), "at the top level, expected one match, got none"),
        (Edit("LIMIT", None, "bytes", ""), "got none"),
        (Edit("size_off", "size", None, ""), "expected one symbol size_off, got 0"),
        (Edit("Sensor.half", "2", None, ""), "expected one symbol Sensor.half, got 0"),
        (Edit("size_of.size", "unit", None, ""), "expected one symbol size_of.size, got 2"),
        (Edit("size_of", "except OSError", None, ""), "neither statements nor an expression"),
        (Edit("size_of", "size * unit", None, "return 1"), "can only be replaced by an expression"),
    ],
)
def test_says_why_it_does_not_fit(edit, said):
    with pytest.raises(EditError, match=said):
        edit.apply(MODULE)


@pytest.mark.parametrize(
    "change",
    [
        ("(path: str, unit: int = 1, *, strict: bool = True)", "(path,\n    unit=1, **more)"),
        ("os.path.exists(path)", "path"),
        ('"–"', '"~"'),
        ("    size = size * unit", "    # So far.\n    size = (size  *\n       unit)"),
    ],
)
def test_no_change_elsewhere_breaks_an_edit(change):
    moved = MODULE.replace(*change)
    assert moved != MODULE
    after = ast.unparse(ast.parse(Edit("size_of", "size * unit", None, "7").apply(moved)))
    assert "\n    size = 7\n" in after


def test_adds_imports_after_those_of_the_module():
    assert Addition("import sys").apply(MODULE) == MODULE.replace("LIMIT =", "import sys\n\nLIMIT =")


def test_makes_a_submission_of_several_edits(tmp_path):
    wrong = (
        Wrong("two", "test_one", Mistake.RETURNS_NOTHING).within("DATA_DIR", by='DATA_DIR = "/"').adding("import sys")
    )
    source = (wrong.make(tmp_path) / SOLUTION.name).read_text(encoding="utf-8")
    assert "\nimport sys\n" in source
    assert '\nDATA_DIR = "/"\n' in source


@pytest.mark.parametrize("by", ["1", "if"])
def test_names_the_wrong_solution_that_does_not_fit(by):
    wrong = Wrong("two", "test_one", Mistake.RETURNS_NOTHING).within("DATA_DIR", by="DATA_DIR = 1")
    with pytest.raises(EditError, match=r"^two does not fit the reference solution: "):
        wrong.within("DATA_DIR", text="= 1" if by == "if" else "= 2", by=by).source()


def test_names_are_unique():
    assert len({wrong.name for wrong in WRONG}) == len(WRONG)
