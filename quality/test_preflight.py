"""A file that cannot be graded gets one clear message with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.core.paths import MODULE
from kata.core.submission import read_module
from quality.conftest import Workshop

TOO_DEEP = "The file is nested too deep to be parsed."


@pytest.mark.parametrize(
    ("content", "what", "place"),
    [
        (None, "The file to grade is not there.", (0, "", 0)),
        (b"", "The file is empty.", (0, "", 0)),
        (b"\n\n  \n", "The file is empty.", (0, "", 0)),
        (b"# only a comment\n\n# and another", "The file is empty.", (0, "", 0)),
        (b"x = 1\ndef f(:\n    pass\n", "Python cannot parse the file", (2, "def f(:", 7)),
        (b"x = 1\ny = '\xff'\n", "The file is not UTF-8 text.", (2, None, None)),
        (b"x = 1\n" + b"#" * 1_000_000, "The file has more than 250 kB, which is the most that is graded.", None),
        (b"# coding: rot13\n", "The file is not UTF-8 text.", (1, None, None)),
        (b"# coding: hex\nff", "The file is not UTF-8 text.", (1, None, None)),
        (b"# coding: undefined\n", "The file is not UTF-8 text.", (1, None, None)),
        (b"# coding: punycode\n\xff", "The file is not UTF-8 text.", None),
        ("x = '\u2028'\ndef f(:\n".encode(), "Python cannot parse the file", (2, "def f(:", 7)),
        (b"x = 1\0\n", "Python cannot parse the file: ", None),
        (b"x = " + b"-" * 50_000 + b"1", TOO_DEEP, None),
        (b"x = " + b"1 + " * 50_000 + b"1", TOO_DEEP, None),
        (b"x = " + b"a." * 50_000 + b"b", TOO_DEEP, None),
    ],
    ids=[
        "no file",
        "empty",
        "blank",
        "comments",
        "syntax",
        "not UTF-8",
        "too large",
        "rot13",
        "hex",
        "undefined",
        "punycode",
        "U+2028",
        "NUL",
        "signs",
        "sums",
        "attributes",
    ],
)
def test_a_file_that_cannot_be_read(content: bytes | None, what: str, place: tuple | None, tmp_path: Path):
    file = tmp_path / f"{MODULE}.py"
    if content is not None:
        file.write_bytes(content)
    problem = read_module(tmp_path)[1]
    assert problem.what.startswith(what)
    assert problem.path.endswith(f"{MODULE}.py")
    found = (problem.line, problem.source, problem.column)
    assert all(wanted in (None, given) for wanted, given in zip(place or (), found, strict=False))


def test_a_file_that_can_be_read_and_imported(workshop: Workshop, tmp_path: Path):
    (tmp_path / f"{MODULE}.py").write_text("x = 1\n")
    assert read_module(tmp_path)[1] is None
    assert workshop.import_problem("x = 1\n") is None


# `quality/test_hostile_code.py` has more ends of an import.
@pytest.mark.parametrize(
    ("module", "what", "line"),
    [
        ("x = 1\nimport no_such_module\n", "fails: ModuleNotFoundError: No module named 'no_such_module'", 2),
        ("import sys\nprint('bye')\nsys.exit(0)\n", "ends the process: it calls sys.exit() at module level.", 3),
        ("import os\nos._exit(0)\n", "ends the process: it exited with code 0, as os._exit(0) does.", 0),
        ("while True:\n    pass\n", "did not end within 1 seconds.", None),
    ],
)
def test_an_import_that_fails(workshop: Workshop, module: str, what: str, line: int | None):
    problem = workshop.import_problem(module, deadline=1 if line is None else 30)
    assert problem.what.endswith(what)
    assert problem.line in ((1, 2) if line is None else (line,))
    assert problem.source == (module.splitlines()[problem.line - 1].strip() if problem.line else "")
    assert problem.printed == ("bye\n" if "bye" in module else "")
