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
from kata.core.paths import ROOT, SOLUTION
from kata.core.steps import STEPS, Step
from quality.terminal import Terminal
from quality.trees import WRONG

SAVES = 5  # for each step


def save_to_verdict(say: Callable[[str], None]) -> tuple[float, float]:
    """Return median and longest time in seconds from a save in `make watch` to the verdict, over all steps."""
    taken: list[float] = []
    for step in STEPS:
        of_step = _saves_in(step)
        say(f"save → verdict, {step.name}: {statistics.median(of_step):.2f} s")
        taken += of_step
    return statistics.median(taken), max(taken)


def whole_grade(say: Callable[[str], None], times: int = 5) -> float:
    """Return the median time in seconds of a whole grade of the solution, from the command to the scorecard."""
    taken = []
    with scratch_folder() as folder:
        results = Path(folder) / "results.json"
        command = [sys.executable, "-m", "kata", "grade", "--tree", "solution", "--results", str(results)]
        for _ in range(times):
            began = time.monotonic()
            subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
            taken.append(time.monotonic() - began)
            assert json.loads(results.read_text())["status"] == "pass"
            say(f"whole grade: {taken[-1]:.1f} s")
    return statistics.median(taken)


def _saves_in(step: Step) -> list[float]:
    """Return the seconds for some saves while the learner works on this step: nearly right, as it mostly is."""
    known = [wrong for wrong in WRONG if wrong.step == step.id]
    verdict = f" {step.name}, {re.escape(step.title)}\n"
    taken = []
    with scratch_folder() as folder:
        trees = [wrong.make(Path(folder)) for wrong in known[:: max(1, len(known) // SAVES)][:SAVES]]
        terminal = Terminal(Path(shutil.copytree(trees[-1], Path(folder) / "watched")))
        try:
            for tree in (None, *trees):
                began = time.monotonic()
                if tree is not None:
                    terminal.save((tree / SOLUTION.name).read_text(encoding="utf-8"))
                terminal.wait_for(verdict)
                taken.append(time.monotonic() - began)
                # The earlier steps are checked again; the next save comes after that.
                terminal.wait_for("q quit")
        finally:
            terminal.close()
    return taken[1:]
