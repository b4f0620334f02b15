"""`docs/pitfalls.md`: a part for each pitfall, made of what its lesson says and of what was seen."""

from __future__ import annotations

import re

from kata.pitfalls.pitfall import Pitfall
from kata.places import ROOT

PAGE = ROOT / "docs" / "pitfalls.md"


def write_part(pitfall: Pitfall, when: str, seen: list[str]) -> None:
    """Put it in the place of the older one.

    :param when: on which day, with what and on what kind of machine.
    """
    begin, end = f"<!-- {pitfall.name}: begin -->", f"<!-- {pitfall.name}: end -->"
    lesson = f"kata/pitfalls/lessons/{pitfall.lesson.name}"
    told = f"`make pitfall NAME={pitfall.name}` runs [both]({'../' + lesson}). {when}:"
    part = [begin, f"## {pitfall.title}", "", pitfall.story, "", told, "", "```text", *seen, "```", "", end]
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(f"{begin}.*{end}", lambda _: "\n".join(part), text, flags=re.DOTALL), encoding="utf-8")
