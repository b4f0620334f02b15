"""Single keys from the terminal, without Return."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable
from types import TracebackType


class Keys:
    """Calls `pressed` from a thread of its own with every key; with none when standard input is no terminal.

    Use it as a context manager: it puts the terminal back as it was.
    """

    def __init__(self, pressed: Callable[[str], None]) -> None:
        self._pressed = pressed
        self._input = sys.stdin.fileno()
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Keys:
        self.are_there = os.isatty(self._input)
        if self.are_there:
            self._before = termios.tcgetattr(self._input)
            tty.setcbreak(self._input)
            self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        os.close(self._stop)
        if self.are_there:
            self._thread.join(timeout=2)
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)
        os.close(self._stopped)

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._input, self._stopped], [], [])
            if self._stopped in ready:
                return
            try:
                typed = os.read(self._input, 32)
            except OSError:
                return
            if not typed:
                return
            self._pressed(typed.decode(errors="replace")[0].lower())
