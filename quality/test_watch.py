"""`make watch` as a learner sees it: on a terminal, while the file is saved in all the ways that editors have."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kata.places import MODULE, ROOT, SOLUTION, STARTER
from kata.sections import section_of, with_section
from kata.steps import find_step

PATIENCE = 120.0  # seconds; nothing here is about speed
KEYS = r"q quit"


class Terminal:
    """A terminal on which `make watch` runs."""

    def __init__(self, tree: Path) -> None:
        self.file = tree / f"{MODULE}.py"
        self._seen = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.environ.update(TERM="xterm", COLUMNS="120", LINES="50")
            os.execv(sys.executable, [sys.executable, "-m", "kata", "watch", "--tree", str(tree)])

    def wait_for(self, pattern: str) -> None:
        """Return when the pattern has been printed since what was waited for last."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self._seen)):
            assert time.monotonic() < end, f"{pattern!r} is not in {self._seen[-3000:]}"
            ready, _, _ = select.select([self._terminal], [], [], 1)
            if ready:
                self._seen += _plain(os.read(self._terminal, 65536).decode(errors="replace"))
        self._seen = self._seen[found.end() :]

    def press(self, key: str) -> None:
        os.write(self._terminal, key.encode())

    def save(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")

    def exit_code(self) -> int:
        """Of the process, once it has ended."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self._terminal)


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / f"{MODULE}.py").write_bytes(STARTER.read_bytes())
    return tmp_path


@pytest.fixture
def terminal(tree: Path) -> Iterator[Terminal]:
    opened = Terminal(tree)
    yield opened
    opened.close()


def _solution_but(*step_ids: str) -> str:
    """The worked answer with these steps as they are in the starter."""
    text, starter = SOLUTION.read_text(encoding="utf-8"), STARTER.read_text(encoding="utf-8")
    for step in map(find_step, step_ids):
        section = section_of(step, starter)
        assert section is not None
        text = with_section(step, text, section)
    return text


def test_it_survives_whatever_happens_to_the_file(terminal: Terminal):
    terminal.wait_for(r"checking Step 1 …")
    terminal.wait_for(r"Step 1: .*the three tags")
    terminal.wait_for(KEYS)

    terminal.save("def (\n")
    terminal.wait_for(r"cannot parse")
    terminal.wait_for(KEYS)

    terminal.file.unlink()
    terminal.wait_for(r"The file to grade is not there")
    terminal.wait_for(KEYS)

    renamed = terminal.file.with_suffix(".new")
    renamed.write_text("import sys\nsys.exit(0)\n")
    renamed.replace(terminal.file)
    terminal.wait_for(r"it calls sys.exit\(\) at module level")
    terminal.wait_for(KEYS)

    away = terminal.file.parent.with_suffix(".away")
    terminal.file.parent.rename(away)
    terminal.wait_for(r"The file to grade is not there")
    away.rename(terminal.file.parent)
    terminal.wait_for(r"it calls sys.exit")
    terminal.wait_for(KEYS)

    terminal.press("h")
    terminal.wait_for(r"make hint STEP=1 LEVEL=2")
    terminal.press("h")
    terminal.wait_for(r"make hint STEP=1 LEVEL=3")
    terminal.press("d")
    terminal.wait_for(r"make diff STEP=n PEEK=1")
    terminal.press("?")
    terminal.wait_for(KEYS)
    terminal.press("q")
    assert terminal.exit_code() == 0


def test_it_goes_on_when_a_step_is_green_and_notices_when_one_breaks(terminal: Terminal):
    terminal.wait_for(KEYS)
    terminal.save(_solution_but("2", "3"))
    terminal.wait_for(r"✓ Step 1, .*, is green")
    terminal.wait_for(r"✓ ✗ · · · · · · · ·  Step 2,")
    terminal.wait_for(KEYS)
    terminal.press("d")
    terminal.wait_for(r"Step 1: worked answer")

    terminal.save(_solution_but("1", "3"))
    terminal.wait_for(r"✓ Step 2, .*, is green")
    terminal.wait_for(r"✗ Step 1 was green and is not any more")
    terminal.wait_for(KEYS)

    terminal.save(_solution_but("3"))
    terminal.wait_for(r"✓ Step 1, .*, is green")
    terminal.wait_for(r"✓ ✓ ✗ · · · · · · ·  Step 3,")
    terminal.press("q")
    assert terminal.exit_code() == 0


def test_ctrl_c_ends_it_and_all_that_it_started(terminal: Terminal):
    terminal.wait_for(r"checking Step 1 …")
    terminal.wait_for(r"grading")
    started = _descendants(terminal.pid)
    assert started
    terminal.press("\x03")
    terminal.wait_for(r"everything that was started has been ended")
    assert terminal.exit_code() == 130
    end = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}").exists() for pid in started):
        assert time.monotonic() < end
        time.sleep(0.05)


def _descendants(ancestor: int) -> set[int]:
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(status.parent.name)] = int(status.read_text().rpartition(") ")[2].split()[1])
    found = {ancestor}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {ancestor}
