"""What came out, in the terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from lab.race.rows import Row, component_rows, result_rows, ways

_WIDEST = 11  # so that all fit into a terminal of eighty columns


def show(race: dict[str, Any], console: Console) -> None:
    """Print the tables.

    :param race: what stands in race.json.
    """
    title = (
        f"{race['waits']} waits on {race['slots']} slots, held {race['hold_seconds']:g} s, Airflow {race['airflow']}"
    )
    console.print(_table(title, ways(race), result_rows(race)))
    console.print(_table("While they wait: CPU cores · MiB", ["idle", *ways(race)], component_rows(race)))


def _table(title: str, columns: list[str], rows: list[Row]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", max_width=_WIDEST)
    for name, cells in rows:
        table.add_row(name, *cells)
    return table
