"""A check counts only if it was expected and reported as exactly passed."""

from __future__ import annotations

from kata.grading.verdict import NOT_RUN, WRONG
from quality.conftest import Workshop


def test_only_passed_is_passed(kinds):
    tests = """
        def test_pass(): pass
        def test_fail(): assert 1 == 2
        def test_skip(module): module.skip()
        def test_xfail(module): module.xfail()
        @pytest.mark.xfail
        def test_unexpected_pass(): pass
        @pytest.mark.skip
        def test_marked(): pass
        @pytest.fixture
        def before(): raise OSError("no")
        @pytest.fixture
        def after():
            yield
            raise OSError("no")
        def test_before(before): pass
        def test_after(after): pass
        def test_last(): pass
    """
    module = """
        import pytest
        def skip(): pytest.skip("later")
        def xfail(): pytest.xfail("never")
    """
    assert kinds(tests, module) == [None, *[WRONG] * 7, None]


def test_a_check_that_vanishes_is_not_run(workshop: Workshop):
    tests = """
        import os
        def test_always(): pass
        if "KATA_DATA_DIR" in os.environ and not os.environ.get("COLLECTED"):
            def test_sometimes(): pass
    """
    workshop.write(test_one=tests)
    # The second check is there when the suite is collected and gone when it is run.
    with (workshop.suite / "conftest.py").open("a") as conftest:
        conftest.write("\nimport os\n\ndef pytest_configure(config):\n")
        conftest.write("    if not config.option.collectonly:\n        os.environ['COLLECTED'] = '1'\n")
    assert [verdict.kind for verdict in workshop.run("test_one")["test_one"]] == [None, NOT_RUN]


def test_parametrized_checks_share_a_title(workshop: Workshop):
    tests = '''
        @pytest.mark.parametrize("number", [1, 2])
        def test_a(number):
            """It holds."""
    '''
    checks = [verdict.check for verdict in workshop.verdicts(tests)]
    assert [(check.title, check.case) for check in checks] == [("It holds.", "1"), ("It holds.", "2")]
