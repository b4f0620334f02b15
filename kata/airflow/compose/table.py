"""The services and how they are, as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from kata.airflow.compose.container import Container

_STYLES = {"healthy": "green", "done": "dim", "starting": "yellow", "created": "dim"}


def services_table(containers: Iterable[Container]) -> Table:
    """A row for each container."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for container in containers:
        number = f" {container.index}" if container.index > 1 else ""
        condition = container.condition
        table.add_row(f" {container.service}{number}", Text(condition, _STYLES.get(condition, "bold red")))
    return table
