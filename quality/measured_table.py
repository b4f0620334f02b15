"""A table that was measured, in a page."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kata.core.environment import circumstances
from kata.core.files import write_between_marks
from lab.tables import markdown


def write_table(columns: Iterable[str], rows: Iterable[Iterable[str]], page: Path) -> None:
    """Replace the measured table in a page, and say when, with what and on what kind of machine it was measured."""
    where = "Measured on {date}, Airflow {airflow}, Python {python}, {cores} cores".format(**circumstances())
    write_between_marks("measured", f"{where}:\n\n{markdown(columns, rows)}", page)
