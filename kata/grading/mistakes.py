"""Mistakes that the checks recognize: what each does on a real Airflow, and where to read about it."""

from __future__ import annotations

from dataclasses import dataclass

from kata.core.files import read_toml
from kata.core.paths import SUITE


@dataclass(frozen=True)
class MistakeDescription:
    """The description of a mistake.

    :param name: what the learner sees.
    :param consequence: what the mistake does on a real Airflow, in whole sentences.
    :param read: a docstring of the exercise, or the address of a page.
    """

    name: str
    consequence: str
    read: str


# Read from the clone when this module is imported, before any code of a learner's can write into the file.
_DATA = read_toml(SUITE / "support" / "mistakes.toml")

MISTAKES: dict[str, MistakeDescription] = {entry["name"]: MistakeDescription(**entry) for entry in _DATA.values()}

# What no check names: it is told by the kind of the failure.
NOT_DONE: str = _DATA["NOT_DONE_YET"]["name"]
RAISES: str = _DATA["RAISES_WHERE_IT_MUST_NOT"]["name"]
NEVER_ENDS: str = _DATA["DOES_NOT_END"]["name"]
