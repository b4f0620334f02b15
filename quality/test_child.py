"""What a child reports of the checks that it runs, and what it gets of the user's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.core.environment import airflow_home, child_environment
from kata.core.paths import MODULE
from kata.grading.mistakes import NOT_DONE, RAISES
from kata.grading.verdict import NOT_RUN, WRONG
from quality.conftest import Workshop, kinds_of


def test_only_passed_is_passed(workshop: Workshop):
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
    assert kinds_of(workshop.verdicts(tests, module)) == [None, *[WRONG] * 7, None]


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
    assert kinds_of(workshop.run("test_one")["test_one"]) == [None, NOT_RUN]


def test_parametrized_checks_share_a_title(workshop: Workshop):
    tests = '''
        @pytest.mark.parametrize("number", [1, 2])
        def test_a(number):
            """It holds."""
    '''
    checks = [verdict.check for verdict in workshop.verdicts(tests)]
    assert [(check.title, check.case) for check in checks] == [("It holds.", "1"), ("It holds.", "2")]


TESTS = """
    class Broken(AssertionError):
        called, got, contract, mistake = "f(1)", "2", "It is 3.", "off by one"
    def test_own_words(module): raise Broken
    def test_own_exception(module): raise KeyError('path')
    def test_not_done(module): module.work()
    def test_raises(module): module.outer()
    def test_cause(module):
        try:
            module.inner()
        except ValueError as error:
            raise AssertionError("wanted an event") from error
    def test_mute(module): module.mute()
    def test_printed(module): assert module.say() == 2
"""
LEARNERS = """
    def work(): raise NotImplementedError("TODO (Step 1): work")
    def outer():
        inner()
    def inner():
        raise ValueError("no such thing")
    class Mute(Exception):
        def __str__(self): raise RuntimeError
    def mute(): raise Mute
    def say():
        print("x" * 10_000)
        return 1
"""


def test_what_each_failing_check_says(workshop: Workshop):
    own_words, own_exception, not_done, raises, cause, mute, printed = workshop.verdicts(TESTS, LEARNERS)
    assert (own_words.called, own_words.got, own_words.contract) == ("f(1)", "2", "It is 3.")
    assert (own_words.mistake, own_words.error) == ("off by one", "")
    # An exception of the check is no mistake of the learner's.
    assert (own_exception.error, own_exception.mistake) == ("KeyError: 'path'", "")
    assert (not_done.error, not_done.mistake) == ("NotImplementedError: TODO (Step 1): work", NOT_DONE)
    assert (raises.error, raises.mistake) == ("ValueError: no such thing", RAISES)
    assert (raises.line, raises.source) == (6, 'raise ValueError("no such thing")')
    # The line is found behind the check's own exception.
    assert (cause.error, cause.mistake, cause.line) == ("AssertionError: wanted an event", "", 6)
    assert "Mute" in mute.error
    # What was printed is kept apart, and short.
    assert printed.printed.startswith("xxx")
    assert len(printed.printed) < 600
    assert "xxx" not in printed.error


def test_the_users_own_settings_are_dropped(monkeypatch: pytest.MonkeyPatch):
    own = ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW_CONN_MINE", "AIRFLOW_HOME", "PYTHONPATH", "PYTEST_ADDOPTS")
    for name in (*own, "EDITOR"):
        monkeypatch.setenv(name, "/mine")
    environment = child_environment(Path("/tree"), database=Path("/a.db"), data=Path("/data"))
    assert [name for name, value in environment.items() if value == "/mine"] == ["EDITOR"]
    assert environment["AIRFLOW_HOME"] == str(airflow_home())
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == environment["PYTHONPATH"] == "/tree"


def test_every_child_has_a_data_folder_of_its_own_and_leaves_nothing_in_the_tree(workshop: Workshop):
    tests = """
        import os
        def test_a(module):
            assert os.environ["KATA_ENVIRONMENT"] == "ready"
            assert os.environ["KATA_DATA_DIR"].startswith(os.getcwd())
            assert not os.path.exists(os.environ["KATA_DATA_DIR"])
    """
    assert kinds_of(workshop.verdicts(tests, "x = 1\n")) == [None]
    assert [file.name for file in workshop.tree.iterdir()] == [f"{MODULE}.py"]
