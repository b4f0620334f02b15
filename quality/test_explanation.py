"""What a failing check says: its own words, or the exception, and the line of the learner's file."""

from __future__ import annotations

from kata.grading.mistakes import NOT_DONE, RAISES
from quality.conftest import Workshop

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
MODULE = """
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
    own_words, own_exception, not_done, raises, cause, mute, printed = workshop.verdicts(TESTS, MODULE)
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
