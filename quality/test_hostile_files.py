"""Learner code that writes into the grader's own files, or puts files in its way, gains nothing by it."""

from __future__ import annotations

from importlib.util import cache_from_source
from pathlib import Path

import pytest
from kata.grading.kept_files import KeptFiles

from kata.core.steps import Step
from kata.grading.grader import Grader
from kata.grading.verdict import TAMPERED, WRONG
from quality.conftest import HOSTILE, Workshop, kinds_of
from quality.verdicts import Silence

CALLED = "def test_bad(module): assert module.good() == 1\n"


def test_writing_into_the_checks(workshop: Workshop):
    module = f"""
        def act():
            with open({str(workshop.suite / "test_two.py")!r}, "w") as file:
                file.write("def test_b(): pass")
            with open({str(workshop.suite / "new.py")!r}, "w") as file:
                file.write("")
        def good(): return 2
    """
    tests = "def test_b(module): assert module.good() == 1\ndef test_c(): pass\n"
    workshop.write(module=module, test_one="def test_a(module): module.act()\n", test_two=tests)
    steps = (Step("1", "One", 10, "test_one.py"), Step("2", "Two", 10, "test_two.py"))
    grader = Grader(Silence(), workshop.suite, steps, skeleton=workshop.folder / "none")
    grade = grader.grade(str(workshop.tree))
    assert grade.problem is not None
    assert "Files of the grader have changed while your code ran: " in grade.problem.what
    assert "new.py" in grade.problem.what
    assert "test_two.py" in grade.problem.what
    assert [verdict.kind for each in grade.steps for verdict in each.verdicts] == [TAMPERED, WRONG, TAMPERED]
    assert sum(each.points for each in grade.steps) == 0


def test_kept_files_need_not_be_compiled_again(tmp_path: Path):
    (tmp_path / "here").mkdir()
    for name in ("helper.py", "test_one.py", "conftest.py"):
        (tmp_path / "here" / name).write_text("x = 1\n")
    KeptFiles(tmp_path / "here").write_to(tmp_path / "there")
    compiled = Path(cache_from_source(str(tmp_path / "there" / "helper.py")))
    assert list((tmp_path / "there").rglob("*.pyc")) == [compiled]


def test_kept_files_may_be_no_python(tmp_path: Path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "helper.py").write_text("def (:\n")
    KeptFiles(tmp_path / "here").write_to(tmp_path / "there")
    assert (tmp_path / "there" / "helper.py").read_text() == "def (:\n"


def test_kept_files_are_written_as_they_were(tmp_path: Path):
    (tmp_path / "here" / "sub").mkdir(parents=True)
    one, two = tmp_path / "here" / "one.py", tmp_path / "here" / "sub" / "two.py"
    one.write_text("1")
    two.write_text("2")
    kept = KeptFiles(tmp_path / "here")
    assert kept.changed() == []
    one.write_text("3")
    two.unlink()
    assert kept.changed() == [one, two]
    kept.write_to(tmp_path / "there")
    written = [tmp_path / "there" / "one.py", tmp_path / "there" / "sub" / "two.py"]
    assert [file.read_text() for file in written] == ["1", "2"]


@pytest.mark.parametrize("name", HOSTILE["beside_the_module"]["names"])
def test_files_beside_the_module_are_not_the_graders(workshop: Workshop, name: str):
    workshop.write(module="def good(): return 2\n", test_one=CALLED)
    beside = workshop.tree / name
    beside.parent.mkdir(exist_ok=True)
    beside.write_text("import os\nos._exit(0)\n")
    (workshop.tree / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")
    assert kinds_of(workshop.run("test_one")["test_one"]) == [WRONG]


def test_its_own_copy_of_the_checks_is_of_no_use(workshop: Workshop):
    module = """
        import pathlib, sys
        for name in list(sys.modules):
            if name.endswith("test_one"):
                pathlib.Path(sys.modules[name].__file__).write_text("def test_bad(): pass")
        def good(): return 2
    """
    assert kinds_of(workshop.verdicts(CALLED, module)) == [WRONG]
