"""`make watch` as a learner sees it: on a terminal, while the file is saved in all the ways that editors have."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kata.core.paths import MODULE, STARTER
from quality.terminal import PATIENCE, Terminal
from quality.trees import solution_but

KEYS = r"q quit"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / f"{MODULE}.py").write_bytes(STARTER.read_bytes())
    return tmp_path


@pytest.fixture
def terminal(tree: Path) -> Iterator[Terminal]:
    opened = Terminal(tree)
    yield opened
    opened.close()


def test_it_survives_whatever_happens_to_the_file(terminal: Terminal):
    terminal.wait_for(r"checking Step 1 …")
    terminal.wait_for(r"Step 1: Create DATA_DIR")
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
    terminal.save(solution_but("2", "3"))
    terminal.wait_for(r"✓ Step 1, .*, is green")
    terminal.wait_for(r"✓ ✗ · · · · · · · · · · ·  Step 2,")
    terminal.wait_for(KEYS)
    terminal.press("d")
    terminal.wait_for(r"Step 1: worked answer")

    terminal.save(solution_but("1", "3"))
    terminal.wait_for(r"✓ Step 2, .*, is green")
    terminal.wait_for(r"✗ Step 1 was green and is not any more")
    terminal.wait_for(KEYS)

    terminal.save(solution_but("3"))
    terminal.wait_for(r"✓ Step 1, .*, is green")
    terminal.wait_for(r"✓ ✓ ✗ · · · · · · · · · ·  Step 3a,")
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
