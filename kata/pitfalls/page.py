"""`docs/pitfalls.md`: a part for each pitfall, made of what its lesson says and of what was seen."""

from __future__ import annotations

from kata.core.files import write_between_marks
from kata.core.paths import ROOT, shown
from kata.pitfalls.pitfall import Pitfall

PAGE = ROOT / "docs" / "pitfalls.md"


def write_part(pitfall: Pitfall, when: str, seen: list[str]) -> None:
    """Put it in the place of the older one.

    :param when: on which day, with what and on what kind of machine.
    """
    told = f"`make pitfall NAME={pitfall.name}` runs [both](../{shown(pitfall.lesson)}). {when}:"
    part = [f"## {pitfall.title}", "", pitfall.story, "", told, "", "```text", *seen, "```", ""]
    write_between_marks(pitfall.name, "\n".join(part), PAGE)
