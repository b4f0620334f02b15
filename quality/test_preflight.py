"""A file that cannot be graded gets one clear message with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.core.errors import WrongUsage
from kata.core.paths import MODULE
from kata.core.submission import find_tree, read_module
from quality.conftest import Workshop


def problem_of(content: bytes | None, folder: Path):
    file = folder / f"{MODULE}.py"
    if content is not None:
        file.write_bytes(content)
    return read_module(file)[1]


def test_good_code_is_no_problem(tmp_path: Path):
    assert problem_of(b"x = 1\n", tmp_path) is None


def test_no_file(tmp_path: Path):
    problem = problem_of(None, tmp_path)
    assert problem.what == "The file to grade is not there."
    assert problem.path.endswith(f"{MODULE}.py")


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"# only a comment\n\n# and another"])
def test_an_empty_file(content: bytes, tmp_path: Path):
    assert problem_of(content, tmp_path).what == "The file is empty."


def test_a_syntax_error_with_its_place(tmp_path: Path):
    problem = problem_of(b"x = 1\ndef f(:\n    pass\n", tmp_path)
    assert problem.what.startswith("Python cannot parse the file")
    assert (problem.line, problem.source, problem.column) == (2, "def f(:", 7)


def test_not_utf_8(tmp_path: Path):
    problem = problem_of(b"x = 1\ny = '\xff'\n", tmp_path)
    assert (problem.what, problem.line) == ("The file is not UTF-8 text.", 2)


def test_a_file_that_is_too_large(tmp_path: Path):
    problem = problem_of(b"x = 1\n" + b"#" * 1_000_000, tmp_path)
    assert problem.what == "The file has 1.0 MB; at most 1 MB is graded."


@pytest.mark.parametrize(
    "code", ["x = " + "-" * 50_000 + "1", "x = " + "1 + " * 50_000 + "1", "x = " + "a." * 50_000 + "b"]
)
def test_a_file_that_is_nested_too_deep(tmp_path: Path, code: str):
    assert problem_of(code.encode(), tmp_path).what == "The file is nested too deep to be parsed."


def test_no_such_tree():
    with pytest.raises(WrongUsage, match="TREE=nowhere does not exist"):
        find_tree("nowhere")


def test_a_file_as_tree(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(WrongUsage, match="is a file, not a folder"):
        find_tree(str(tmp_path / "file"))


def test_an_importable_module(workshop: Workshop):
    assert workshop.import_problem("x = 1\n") is None


def test_an_import_error_with_its_place(workshop: Workshop):
    problem = workshop.import_problem("x = 1\nimport no_such_module\n")
    assert problem.what == "Importing the file fails: ModuleNotFoundError: No module named 'no_such_module'"
    assert (problem.line, problem.source) == (2, "import no_such_module")


def test_sys_exit_at_import(workshop: Workshop):
    problem = workshop.import_problem("import sys\nprint('bye')\nsys.exit(0)\n")
    assert "sys.exit()" in problem.what
    assert problem.line == 3
    assert problem.printed == "bye\n"


def test_the_end_of_the_process_at_import(workshop: Workshop):
    problem = workshop.import_problem("import os\nos._exit(0)\n")
    assert problem.what == "Importing the file ends the process: it exited with code 0, as os._exit(0) does."


def test_a_skip_at_import(workshop: Workshop):
    problem = workshop.import_problem("import pytest\npytest.skip('all', allow_module_level=True)\n")
    assert "Skipped" in problem.what


def test_an_endless_loop_at_import(workshop: Workshop):
    problem = workshop.import_problem("x = 1\nwhile x:\n    x += 1\n", deadline=1)
    assert problem.what == "Importing it did not end within 1 seconds."
    assert problem.line in (2, 3)
