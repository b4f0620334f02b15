"""Objects that lie about themselves are not believed."""

from __future__ import annotations

import textwrap

import pytest

from kata.grading.verdict import WRONG
from kata.places import SUITE

WITH_SUPPORT = f"import sys\nsys.path.insert(0, {str(SUITE)!r})\n"

EQUAL = """
    from support.contract import expect_equal
    def test_a(module): expect_equal(module.value(), 1, called="value()")
    def test_b(module): expect_equal([module.value()], [1], called="value()")
    def test_c(module): expect_equal({"a": module.value()}, {"a": 1}, called="value()")
"""

PLAIN = """
    from support.contract import expect, is_plain_json
    def test_a(module): expect(is_plain_json(module.value()), called="value()", got="something else")
"""

LIARS = {
    "equal to everything": "class Liar: __eq__ = lambda *_: True",
    "an int that is equal to everything": "class Liar(int): __eq__ = lambda *_: True; __hash__ = int.__hash__",
    "of the class int, as it says": "class Liar: __class__ = int; __eq__ = lambda *_: True",
    "true": "class Liar: __bool__ = lambda *_: True",
    "without a repr": "class Liar: __eq__ = lambda *_: True; __repr__ = lambda _: 1 / 0",
    "with a repr that ends the process": "class Liar:\n    def __repr__(self): raise SystemExit(0)",
    "with a repr of 100 MB": "class Liar: __eq__ = lambda *_: True; __repr__ = lambda _: 'x' * 10**8",
    "skipping when it is shown": "import pytest\nclass Liar: __repr__ = lambda _: pytest.skip('later')",
    "with a metaclass that lies": """
        class Type(type): __eq__ = lambda *_: True; __hash__ = type.__hash__; __instancecheck__ = lambda *_: True
        class Liar(metaclass=Type): __eq__ = lambda *_: True
    """,
}

NOT_PLAIN = {
    "a dict with other items": "class Liar(dict): __getitem__ = lambda *_: 1; __repr__ = lambda _: '{}'",
    "a list that has everything in it": "class Liar(list): __contains__ = lambda *_: True",
    "a text that is equal to everything": "class Liar(str): __eq__ = lambda *_: True; __hash__ = str.__hash__",
}


@pytest.mark.parametrize("liar", LIARS.values(), ids=LIARS)
def test_what_lies_is_not_equal(kinds, liar: str):
    assert None not in kinds(WITH_SUPPORT + textwrap.dedent(EQUAL), _module(liar))


@pytest.mark.parametrize("liar", NOT_PLAIN.values(), ids=NOT_PLAIN)
@pytest.mark.parametrize("nested", ["Liar()", "[Liar()]", "{'a': Liar()}"])
def test_what_lies_is_not_plain_json(kinds, liar: str, nested: str):
    assert kinds(WITH_SUPPORT + textwrap.dedent(PLAIN), _module(liar, nested)) == [WRONG]


def test_a_key_that_lies_is_another_key(kinds):
    tests = """
        from support.contract import expect_equal
        def test_a(module): expect_equal(module.value(), {"a": 1}, called="value()")
    """
    liar = "class Liar(str):\n    __eq__ = lambda *_: True\n    __hash__ = lambda _: hash('a')\n"
    assert kinds(WITH_SUPPORT + textwrap.dedent(tests), _module(liar, "{Liar('b'): 1}")) == [WRONG]


def test_not_plain_texts_do_not_break_the_message(workshop):
    module = "class Odd(Exception):\n    def __str__(self): return '\\x1b[2J\\ud800' * 3\ndef bad(): raise Odd\n"
    [verdict] = workshop.verdicts("def test_a(module): module.bad()", module)
    assert verdict.kind == WRONG
    assert "Odd" in verdict.error


def _module(liar: str, value: str = "Liar()") -> str:
    return textwrap.dedent(liar) + f"\ndef value(): return {value}\n"
