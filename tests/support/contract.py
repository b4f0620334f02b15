"""How a check says that the contract is broken: what was called, what came back, what the contract says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .mistakes import Mistake

MAX_SHOWN = 600  # characters of a value in a message

_sentence = ""


class Broken(AssertionError):
    """
    The contract is broken.

    :ivar called: what the check did, as the learner would write it.
    :ivar got: what came of it.
    :ivar contract: the sentence of the contract that was checked.
    :ivar mistake: the name of the mistake where it is recognised, otherwise empty.
    """

    def __init__(self, called: str, got: str, mistake: Mistake | None = None) -> None:
        if mistake is not None and not isinstance(mistake, Mistake):
            raise TypeError(f"a member of Mistake is needed, not {mistake!r}")
        self.called = called
        self.got = got
        self.contract = _sentence
        self.mistake = mistake.value if mistake else ""
        lines = [f"Called:   {called}", f"Got:      {got}", f"Contract: {self.contract}"]
        super().__init__("\n".join(lines + ([f"Mistake:  {self.mistake}"] if mistake else [])))


def expect(condition: object, *, called: str, got: object, mistake: Mistake | None = None) -> None:
    """Raise Broken unless ``condition`` is the true one; a value of the learner's own cannot stand in for it."""
    if condition is not True:
        raise Broken(called, shown(got), mistake)


def expect_equal(actual: Any, expected: Any, *, called: str, mistake: Mistake | None = None) -> None:
    """Raise Broken unless both are equal as plain data; whatever ``__eq__`` the learner's objects have is not asked."""
    if not _same(actual, expected):
        raise Broken(called, f"{shown(actual)} where {shown(expected)} was due", mistake)


def is_plain_json(value: Any) -> bool:
    """Whether ``value`` survives JSON: tuples may become lists, but nothing else changes."""
    try:
        return _has_plain_types(bare(value))
    except RecursionError:
        return False


def _has_plain_types(value: Any) -> bool:
    """Whether nothing in ``value`` is of a class of the learner's own, which may claim to equal anything."""
    if type(value) is dict:
        return all(type(key) is str and _has_plain_types(each) for key, each in value.items())
    if type(value) is list or type(value) is tuple:
        return all(map(_has_plain_types, value))
    return value is None or any(type(value) is plain for plain in (str, int, float, bool))


class Result(dict):
    """
    What the learner's code returned: a key that it lacks is told as such, not as a KeyError.

    :param called: what the check did.
    :param mistake: the mistake if a key is missing.
    """

    def __init__(self, called: str, returned: Any, mistake: Mistake = Mistake.RESULT_WITHOUT_A_KEY) -> None:
        returned = bare(returned)
        super().__init__(returned if isinstance(returned, dict) else {})
        self._called = called
        self._returned = returned
        self._mistake = mistake

    def __missing__(self, key: Any) -> Any:
        if self._returned is None:
            raise Broken(self._called, "None", Mistake.RETURNS_NOTHING)
        if not isinstance(self._returned, dict):
            raise Broken(self._called, shown(self._returned), Mistake.RESULT_IS_NOT_A_DICT)
        raise Broken(self._called, f"{shown(self._returned)}, without {key!r}", self._mistake)


def plain_result(called: str, returned: Any, mistake: Mistake = Mistake.RESULT_WITHOUT_A_KEY) -> Result:
    """Return a task's result as the next task reads it from XCom, with lists for tuples; Broken if it is not JSON."""
    expect(is_plain_json(returned), called=called, got=returned, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
    return Result(called, json.loads(json.dumps(returned)), mistake)


def bare(value: Any) -> Any:
    """Return what the learner's code returned, without the Result round it."""
    return value._returned if type(value) is Result else value


@contextmanager
def must_not_fail(called: str) -> Iterator[None]:
    """Raise Broken if what is done in it raises: nothing that cannot be measured may fail the task."""
    try:
        yield
    except (AssertionError, NotImplementedError):
        raise
    except Exception as error:
        raise Broken(
            called, f"it raised {error!r}, which fails the task", Mistake.A_MISSING_FIGURE_FAILS_THE_TASK
        ) from error


def set_sentence(sentence: str) -> None:
    """Say which sentence of the contract is being checked."""
    global _sentence
    _sentence = sentence


def shown(value: object) -> str:
    """Return ``value`` as text, short enough for a message."""
    text = value if type(value) is str else repr(bare(value))
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"


def _same(actual: Any, expected: Any) -> bool:
    actual, expected = bare(actual), bare(expected)
    # Not `in`: a class may be equal to what it likes, too.
    if any(type(actual) is number for number in (int, float)) and type(expected) in (int, float):
        return bool(actual == expected)
    if isinstance(expected, (list, tuple)):  # JSON has no tuples
        is_sequence = type(actual) is list or type(actual) is tuple
        return is_sequence and len(actual) == len(expected) and all(map(_same, actual, expected))
    if type(actual) is not type(expected):
        return False
    if isinstance(expected, dict):
        return _same(sorted(actual, key=repr), sorted(expected, key=repr)) and all(
            _same(actual[key], value) for key, value in expected.items()
        )
    return bool(actual == expected)
