"""What a failing check says: its own words, or the exception, and the line of the learner's file."""

from __future__ import annotations

from kata.grading.mistakes import NOT_DONE, RAISES
from kata.grading.verdict import WRONG
from quality.conftest import Workshop


def test_a_check_speaks_for_itself(workshop: Workshop):
    tests = """
        class Broken(AssertionError):
            called, got, contract, mistake = "f(1)", "2", "It is 3.", "off by one"
        def test_a(module): raise Broken
    """
    [verdict] = workshop.verdicts(tests)
    assert (verdict.called, verdict.got, verdict.contract) == ("f(1)", "2", "It is 3.")
    assert (verdict.mistake, verdict.error) == ("off by one", "")


def test_another_exception_is_told_with_the_learners_line(workshop: Workshop):
    module = """
        def outer():
            inner()
        def inner():
            raise ValueError("no such thing")
    """
    [verdict] = workshop.verdicts("def test_a(module): module.outer()", module)
    assert verdict.error == "ValueError: no such thing"
    assert verdict.source == 'raise ValueError("no such thing")'
    assert verdict.line == 5
    assert verdict.mistake == RAISES


def test_what_is_not_done_yet(workshop: Workshop):
    module = 'def work(): raise NotImplementedError("TODO (Step 1): work")\n'
    [verdict] = workshop.verdicts("def test_a(module): module.work()", module)
    assert (verdict.error, verdict.mistake) == ("NotImplementedError: TODO (Step 1): work", NOT_DONE)


def test_an_exception_of_the_check_is_no_mistake_of_the_learners(workshop: Workshop):
    [verdict] = workshop.verdicts("def test_a(module): raise KeyError('path')")
    assert (verdict.error, verdict.mistake) == ("KeyError: 'path'", "")


def test_the_line_is_found_behind_the_checks_own_exception(workshop: Workshop):
    tests = """
        def test_a(module):
            try:
                module.fail()
            except ValueError as error:
                raise AssertionError("wanted an event") from error
    """
    [verdict] = workshop.verdicts(tests, "def fail():\n    raise ValueError\n")
    assert (verdict.error, verdict.line) == ("AssertionError: wanted an event", 2)
    assert verdict.mistake == ""


def test_an_exception_that_cannot_be_printed(workshop: Workshop):
    module = """
        class Mute(Exception):
            def __str__(self): raise RuntimeError
        def fail(): raise Mute
    """
    [verdict] = workshop.verdicts("def test_a(module): module.fail()", module)
    assert verdict.kind == WRONG
    assert "Mute" in verdict.error


def test_what_was_printed_is_kept_apart_and_short(workshop: Workshop):
    module = """
        def say():
            print("x" * 10_000)
            return 1
    """
    [verdict] = workshop.verdicts("def test_a(module): assert module.say() == 2", module)
    assert verdict.printed.startswith("xxx")
    assert len(verdict.printed) < 600
    assert "xxx" not in verdict.error
