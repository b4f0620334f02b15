"""Learner code that writes into the grader's own files, or puts files in its way, gains nothing by it."""

from __future__ import annotations

import pytest

from kata.grading.verdict import WRONG
from quality.conftest import HOSTILE, Workshop, kinds_of

CALLED = "def test_bad(module): assert module.good() == 1\n"


def test_writing_into_the_checks(workshop: Workshop):
    module = f"""
        def act():
            with open({str(workshop.suite / "test_two.py")!r}, "w") as file:
                file.write("def test_b(): pass")
        def good(): return 2
    """
    tests = "def test_b(module): assert module.good() == 1\ndef test_c(): pass\n"
    workshop.write(module=module, test_one="def test_a(module): module.act()\n", test_two=tests)
    found = workshop.run("test_one", "test_two")
    assert found["test_one"][0].error.startswith(("OSError: [Errno 30] Read-only file system", "PermissionError"))
    assert kinds_of(found["test_two"]) == [WRONG, None]


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
