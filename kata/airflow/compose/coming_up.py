"""What is shown while the services come up: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live

from kata.airflow.compose.container import Container
from kata.airflow.compose.table import services_table


class LiveTable:
    """All services and how they are, until all are up. Use it as a context manager."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, transient=True)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._live.stop()

    def saw(self, containers: list[Container]) -> None:
        self._live.update(services_table(containers))


class PlainLines:
    """A line for everything that has changed, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._said: dict[str, str] = {}

    def __enter__(self) -> PlainLines:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        pass

    def saw(self, containers: list[Container]) -> None:
        for container in containers:
            if self._said.get(container.id, "created") != container.condition:
                self._said[container.id] = container.condition
                seconds = time.monotonic() - self._began
                line = f"{seconds:6.1f} s  {container.service:<15}{container.condition}"
                self._console.print(line, highlight=False)


def coming_up_on(console: Console) -> LiveTable | PlainLines:
    """The kind that suits the console."""
    return LiveTable(console) if console.is_terminal else PlainLines(console)
