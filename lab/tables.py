"""A table of measured values, for a terminal and for a Markdown page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table


def terminal(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], max_width: int | None = None) -> Table:
    """Lay out a table for a terminal.

    :param columns: the headings; the first column has the names of the rows.
    :param max_width: of the other columns, in characters.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", max_width=max_width)
    for row in rows:
        table.add_row(*row)
    return table


def markdown(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Lay out a table for a Markdown page."""
    header = list(columns)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *rows])
