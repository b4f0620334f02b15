"""How a check reports that a submission violates the contract: what was called, the result, what the contract says."""

from __future__ import annotations

import json
from typing import Any

from .mistakes import Mistake

MAX_SHOWN = 600  # characters of a value in a message

sentence = ""  # of the contract, which is being checked; set by a fixture


class ContractViolation(AssertionError):
    """
    A submission violates the contract.

    :ivar called: what the check did, as the learner would write it.
    :ivar got: the result.
    :ivar contract: the sentence of the contract that was checked.
    :ivar mistake: the name of the mistake if it is recognized, otherwise empty.
    """

    def __init__(self, called: str, got: str, mistake: Mistake | None = None) -> None:
        self.called, self.got, self.contract = called, got, sentence
        self.mistake = mistake.value if mistake else ""
        lines = [f"Called:   {called}", f"Got:      {got}", f"Contract: {self.contract}"]
        super().__init__("\n".join(lines + ([f"Mistake:  {self.mistake}"] if mistake else [])))


def expect(condition: object, called: str, got: object, mistake: Mistake | None = None) -> None:
    """Raise ContractViolation unless ``condition`` is ``True`` itself: an object of the learner's may be true, too."""
    if condition is not True:
        raise ContractViolation(called, shown(got), mistake)


def expect_equal(actual: Any, expected: Any, called: str, mistake: Mistake | None = None) -> None:
    """Raise ContractViolation unless both are equal as plain data; no ``__eq__`` of the learner's objects is called."""
    if not _same(actual, expected):
        raise ContractViolation(called, f"{shown(actual)}, expected {shown(expected)}", mistake)


def is_plain_json(value: Any) -> bool:
    """Return whether ``value`` survives JSON: tuples may become lists, but nothing else changes."""
    value = bare(value)
    try:
        if type(value) is dict:
            return all(type(key) is str and is_plain_json(each) for key, each in value.items())
        if type(value) is list or type(value) is tuple:
            return all(map(is_plain_json, value))
    except RecursionError:
        return False
    # Not `in`, here and below: a class of the learner's own may claim to equal anything.
    return any(type(value) is plain for plain in (str, int, float, bool, type(None)))


class Result(dict):
    """
    What a submission returned. If a key is missing, the check fails with that, not with a KeyError.

    :param called: what the check did.
    :param mistake: the mistake if a key is missing.
    """

    def __init__(self, called: str, returned: Any, mistake: Mistake = Mistake.RESULT_WITHOUT_A_KEY) -> None:
        self._called, self._returned, self._mistake = called, bare(returned), mistake
        super().__init__(self._returned if isinstance(self._returned, dict) else {})

    def __missing__(self, key: Any) -> Any:
        if self._returned is None:
            raise ContractViolation(self._called, "None", Mistake.RETURNS_NOTHING)
        expect(isinstance(self._returned, dict), self._called, self._returned, Mistake.RESULT_IS_NOT_A_DICT)
        raise ContractViolation(self._called, f"{shown(self._returned)}, without {key!r}", self._mistake)


def plain_result(called: str, returned: Any) -> Result:
    """Return a task's result as the next task reads it from XCom; ContractViolation if it is not JSON."""
    expect(is_plain_json(returned), called, returned, Mistake.RESULT_IS_NOT_PLAIN_JSON)
    return Result(called, json.loads(json.dumps(returned)))


def bare(value: Any) -> Any:
    """Return what a submission returned, without the Result around it."""
    return value._returned if type(value) is Result else value


def shown(value: object) -> str:
    """Return ``value`` as text, short enough for a message."""
    text = value if type(value) is str else repr(bare(value))
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"


def _same(actual: Any, expected: Any) -> bool:
    actual, expected = bare(actual), bare(expected)
    if any(type(actual) is number for number in (int, float)) and type(expected) in (int, float):
        return bool(actual == expected)
    if isinstance(expected, (list, tuple)):  # JSON has no tuples
        is_sequence = type(actual) is list or type(actual) is tuple
        return is_sequence and len(actual) == len(expected) and all(map(_same, actual, expected))
    if type(actual) is not type(expected):
        return False
    if isinstance(expected, dict):
        same_keys = _same(sorted(actual, key=repr), sorted(expected, key=repr))
        return same_keys and all(_same(actual[key], value) for key, value in expected.items())
    return bool(actual == expected)
