"""A terminal on which `make watch` runs, to press keys on and to read from."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path

from kata.core.paths import MODULE, ROOT

PATIENCE = 120.0  # seconds; nothing here is about speed


class Terminal:
    """Runs `python -m kata watch` for a tree.

    :ivar pid: of the process.
    """

    def __init__(self, tree: Path) -> None:
        self.file = tree / f"{MODULE}.py"
        self._seen = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            # Whoever started us in the background has us ignore it; on a terminal nobody does.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.environ.update(TERM="xterm", COLUMNS="120", LINES="50")
            os.execv(sys.executable, [sys.executable, "-m", "kata", "watch", "--tree", str(tree)])

    def wait_for(self, *patterns: str) -> None:
        """Return when these patterns have been printed, one after the other, since the one before them."""
        end = time.monotonic() + PATIENCE
        for pattern in patterns:
            while not (found := re.search(pattern, self._seen)):
                assert time.monotonic() < end, f"{pattern!r} is not in {self._seen[-3000:]}"
                if select.select([self._terminal], [], [], 1)[0]:
                    printed = os.read(self._terminal, 65536).decode(errors="replace")
                    self._seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed).replace("\r", "")
            self._seen = self._seen[found.end() :]

    def press(self, key: str) -> None:
        os.write(self._terminal, key.encode())

    def save(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")

    def exit_code(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._terminal)
