"""`make watch` as a learner sees it: on a terminal, while the file is saved in all the ways that editors have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from kata.core.paths import MODULE, STARTER
from quality.conftest import wait_until_gone
from quality.terminal import Terminal
from quality.trees import solution_but

KEYS = r"q quit"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / f"{MODULE}.py").write_bytes(STARTER.read_bytes())
    with closing(Terminal(tmp_path)) as terminal:
        yield terminal


def test_it_survives_whatever_happens_to_the_file(terminal: Terminal):
    terminal.wait_for(r"checking Step 1 …", r"Step 1: Create DATA_DIR", KEYS)
    terminal.save("def (\n")
    terminal.wait_for(r"cannot parse", KEYS)
    terminal.file.unlink()
    terminal.wait_for(r"The file to grade is not there", KEYS)
    renamed = terminal.file.with_suffix(".new")
    renamed.write_text("import sys\nsys.exit(0)\n")
    renamed.replace(terminal.file)
    terminal.wait_for(r"it calls sys.exit\(\) at module level", KEYS)
    away = terminal.file.parent.with_suffix(".away")
    terminal.file.parent.rename(away)
    terminal.wait_for(r"The file to grade is not there")
    away.rename(terminal.file.parent)
    terminal.wait_for(r"it calls sys.exit", KEYS)
    shown = (r"make hint STEP=1 LEVEL=2", r"make hint STEP=1 LEVEL=3", r"make diff STEP=n PEEK=1", KEYS)
    for key, pattern in zip("hhd?", shown, strict=True):
        terminal.press(key)
        terminal.wait_for(pattern)
    terminal.press("q")
    assert terminal.exit_code() == 0


def test_it_goes_on_when_a_step_is_green_and_notices_when_one_breaks(terminal: Terminal):
    terminal.wait_for(KEYS)
    terminal.save(solution_but("2", "3"))
    terminal.wait_for(r"✓ Step 1, .*, is green", r"✓ ✗ · · · · · · · · · · ·  Step 2,", KEYS)
    terminal.press("d")
    terminal.wait_for(r"Step 1: reference solution")
    terminal.save(solution_but("1", "3"))
    terminal.wait_for(r"✓ Step 2, .*, is green", r"✗ Step 1 was green and is not any more", KEYS)
    terminal.save(solution_but("3"))
    terminal.wait_for(r"✓ Step 1, .*, is green", r"✓ ✓ ✗ · · · · · · · · · ·  Step 3a,")
    terminal.press("q")
    assert terminal.exit_code() == 0


def test_ctrl_c_ends_it_and_all_that_it_started(terminal: Terminal):
    terminal.wait_for(r"checking Step 1 …", r"grading")
    started = psutil.Process(terminal.pid).children(recursive=True)
    assert started
    terminal.press("\x03")
    terminal.wait_for(r"everything that was started has been ended")
    assert terminal.exit_code() == 130
    wait_until_gone(*(process.pid for process in started))
