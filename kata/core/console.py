"""What is printed: text that is safe on a terminal, and the status line of a long command."""

from __future__ import annotations

import time
import unicodedata

from rich.console import Console
from rich.status import Status
from rich.text import Text


def plain(text: str, style: str = "") -> Text:
    """Return the text without reading markup in it; control characters are escaped."""
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    hidden = {each for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Cs")}
    return Text(text.translate({ord(each): each.encode("unicode_escape").decode() for each in hidden}), style=style)


def show_printed(printed: str, console: Console, printed_by: str = "Your code printed") -> None:
    """Print what the learner's code printed, each line with a mark that tells it from the grader's."""
    if not printed.strip():
        return
    console.print(Text(f"\n {printed_by}:", "bold"))
    for line in printed.rstrip().splitlines():
        console.print(Text.assemble(("   | ", "cyan"), plain(line)), overflow="fold")


class StatusLine(Status):
    """Call it with what is being done now; inside a `with` block, so that a terminal is left as it was."""

    def __init__(self, console: Console) -> None:
        super().__init__("", console=console)
        self._began, self._last = time.monotonic(), ""

    def __call__(self, what: str) -> None:
        line = Text.assemble((f"{time.monotonic() - self._began:5.0f} s  ", "dim"), plain(f"{what} …"))
        if self.console.is_terminal:
            self.update(line)
        elif what != self._last:
            self.console.print(line, soft_wrap=True)
        self._last = what
