"""A table that was measured, between two marks of a page, so that it can be taken anew."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from kata.environment import circumstances


def where_measured() -> str:
    """When, with what and on what kind of machine."""
    return "Measured on {date}, Airflow {airflow}, Python {python}, {cores} cores".format(**circumstances())


def write_table(columns: Iterable[str], rows: Iterable[Iterable[str]], page: Path) -> None:
    """Put the table in the place of the one that stands in the page."""
    table = markdown(columns, rows)
    write_block("measured", f"{where_measured()}:\n\n{table}", page)


def markdown(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table as a Markdown page has it."""
    header = list(columns)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write_block(name: str, text: str, page: Path) -> None:
    """Put a text between the marks of this name in the page, in the place of the one that stands there."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    block = f"{begin}\n{text}\n{end}"
    new = re.sub(f"{begin}.*{end}", lambda _: block, page.read_text(encoding="utf-8"), flags=re.DOTALL)
    page.write_text(new, encoding="utf-8")
