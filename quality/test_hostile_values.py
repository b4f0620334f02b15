"""Objects that lie about themselves are not believed."""

from __future__ import annotations

import textwrap

import pytest

from kata.core.paths import SUITE
from kata.grading.verdict import WRONG
from quality.conftest import HOSTILE, Workshop, kinds_of

WITH_SUPPORT = f"import sys\nsys.path.insert(0, {str(SUITE)!r})\n"

EQUAL = """
    from tests.support.contract import expect_equal
    def test_a(module): expect_equal(module.value(), 1, called="value()")
    def test_b(module): expect_equal([module.value()], [1], called="value()")
    def test_c(module): expect_equal({"a": module.value()}, {"a": 1}, called="value()")
"""

PLAIN = """
    from tests.support.contract import expect, is_plain_json
    def test_a(module): expect(is_plain_json(module.value()), called="value()", got="something else")
"""

LIARS, NOT_PLAIN = HOSTILE["liars"], HOSTILE["not_plain"]


@pytest.mark.parametrize("liar", LIARS.values(), ids=LIARS)
def test_what_lies_is_not_equal(workshop: Workshop, liar: str):
    assert None not in kinds_of(workshop.verdicts(WITH_SUPPORT + textwrap.dedent(EQUAL), _module(liar)))


@pytest.mark.parametrize("liar", NOT_PLAIN.values(), ids=NOT_PLAIN)
@pytest.mark.parametrize("nested", ["Liar()", "[Liar()]", "{'a': Liar()}"])
def test_what_lies_is_not_plain_json(workshop: Workshop, liar: str, nested: str):
    assert kinds_of(workshop.verdicts(WITH_SUPPORT + textwrap.dedent(PLAIN), _module(liar, nested))) == [WRONG]


def test_a_key_that_lies_is_another_key(workshop: Workshop):
    tests = """
        from tests.support.contract import expect_equal
        def test_a(module): expect_equal(module.value(), {"a": 1}, called="value()")
    """
    liar = "class Liar(str):\n    __eq__ = lambda *_: True\n    __hash__ = lambda _: hash('a')\n"
    [verdict] = workshop.verdicts(WITH_SUPPORT + textwrap.dedent(tests), _module(liar, "{Liar('b'): 1}"))
    assert verdict.kind == WRONG


def test_not_plain_texts_do_not_break_the_message(workshop: Workshop):
    module = "class Odd(Exception):\n    def __str__(self): return '\\x1b[2J\\ud800' * 3\ndef bad(): raise Odd\n"
    [verdict] = workshop.verdicts("def test_a(module): module.bad()", module)
    assert verdict.kind == WRONG
    assert "Odd" in verdict.error


def _module(liar: str, value: str = "Liar()") -> str:
    return f"{liar}\ndef value(): return {value}\n"
