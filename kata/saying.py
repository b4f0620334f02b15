"""What a long work says while it goes on: a line that changes on a terminal, a line for each thing elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.text import Text

from kata.plain_text import plain


class Saying:
    """Call it with what is being done now; inside a `with` block, so that a terminal is left as it was."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("") if console.is_terminal else None
        self._began = time.monotonic()
        self._last = ""

    def __enter__(self) -> Saying:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, what: str) -> None:
        line = Text.assemble((f"{time.monotonic() - self._began:5.0f} s  ", "dim"), plain(f"{what} …"))
        if self._status is not None:
            self._status.update(line)
        elif what != self._last:
            self._console.print(line, soft_wrap=True)
        self._last = what
