"""Links in the pages lead somewhere, and what is generated is up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kata.core.paths import ROOT
from quality.generated import README, WORKFLOW, path_table, workflow

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").glob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_something(page: Path):
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), target


def _anchors(page: Path) -> set[str]:
    """Return those that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_what_is_generated_is_up_to_date():
    assert path_table() in README.read_text(encoding="utf-8"), "Run: python -m quality.generated"
    assert workflow() == WORKFLOW.read_text(encoding="utf-8"), "Run: python -m quality.generated"
