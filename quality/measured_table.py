"""A table that was measured, between two marks of a page, so that it can be taken anew."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from kata.environment import airflow_version

_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


def where_measured() -> str:
    """When, with what and on what kind of machine."""
    versions = f"Airflow {airflow_version()}, Python {platform.python_version()}"
    return f"Measured on {date.today()}, {versions}, {os.cpu_count()} cores"


def write_table(columns: Iterable[str], rows: Iterable[Iterable[str]], page: Path) -> None:
    """Put the table in the place of the one that stands in the page."""
    header = list(columns)
    lines = [header, ["---"] * len(header), *rows]
    table = ["| " + " | ".join(cells) + " |" for cells in lines]
    block = "\n".join([_BEGIN, f"{where_measured()}:", "", *table, _END])
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: block, text, flags=re.DOTALL), encoding="utf-8")
