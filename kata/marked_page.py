"""Parts of a Markdown page that are made of data, each between two marks, so that they can be made anew."""

from __future__ import annotations

import re
from pathlib import Path


def write_between_marks(name: str, text: str, page: Path) -> None:
    """Put a text between the marks of this name in the page, in the place of the one that stands there."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    part = f"{begin}\n{text}\n{end}"
    new = re.sub(f"{begin}.*{end}", lambda _: part, page.read_text(encoding="utf-8"), flags=re.DOTALL)
    page.write_text(new, encoding="utf-8")
