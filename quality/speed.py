"""How long a learner waits."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from kata.core.files import scratch_folder
from kata.core.paths import MODULE, ROOT
from kata.core.steps import STEPS, Step
from quality.terminal import Terminal
from quality.trees import WRONG

SAVES = 5  # for each step


def save_to_verdict(say: Callable[[str], None]) -> tuple[float, float]:
    """Median and longest time in seconds from a save in `make watch` to the verdict, over all steps."""
    taken: list[float] = []
    for step in STEPS:
        of_step = _saves_in(step)
        say(f"save → verdict, {step.name}: {statistics.median(of_step):.2f} s")
        taken += of_step
    return statistics.median(taken), max(taken)


def whole_grade(say: Callable[[str], None], times: int = 5) -> float:
    """Median time in seconds that a whole grade of the solution takes, from the command to the scorecard."""
    taken = []
    with scratch_folder() as folder:
        results = Path(folder) / "results.json"
        for _ in range(times):
            began = time.monotonic()
            command = [sys.executable, "-m", "kata", "grade", "--tree", "solution", "--results", str(results)]
            subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
            taken.append(time.monotonic() - began)
            assert json.loads(results.read_text())["status"] == "pass"
            say(f"whole grade: {taken[-1]:.1f} s")
    return statistics.median(taken)


def _saves_in(step: Step) -> list[float]:
    """Seconds for each of some saves while this step is the one that is worked on: nearly right, as it mostly is."""
    known = [wrong for wrong in WRONG if wrong.step == step.id]
    chosen = known[:: max(1, len(known) // SAVES)][:SAVES]
    with scratch_folder() as folder:
        trees = [wrong.make(Path(folder)) for wrong in chosen]
        watched = shutil.copytree(trees[-1], Path(folder) / "watched")
        terminal = Terminal(watched)
        try:
            _wait_for_verdict(terminal, step)
            return [_save(terminal, tree, step) for tree in trees]
        finally:
            terminal.close()


def _save(terminal: Terminal, tree: Path, step: Step) -> float:
    text = (tree / f"{MODULE}.py").read_text(encoding="utf-8")
    began = time.monotonic()
    terminal.save(text)
    terminal.wait_for(_verdict_on(step))
    taken = time.monotonic() - began
    # The earlier steps are looked at again; the next save comes after that.
    terminal.wait_for("q quit")
    return taken


def _wait_for_verdict(terminal: Terminal, step: Step) -> None:
    terminal.wait_for(_verdict_on(step))
    terminal.wait_for("q quit")


def _verdict_on(step: Step) -> str:
    return f" {step.name}, {re.escape(step.title)}\n"
