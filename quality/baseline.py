"""`python -m quality.baseline`: no verdict is lost.

The verdicts of the suite as it was before its contract was rewritten are frozen in `baseline.json`. This command grades
everything again and names each verdict that was red and now is green. Such a verdict needs a reason in `moot.toml`: the
sentence of the contract that dropped it. `--freeze` writes the file anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from kata.core.files import scratch_folder
from kata.core.paths import ROOT, SOLUTION
from kata.core.steps import STEPS, find_step
from kata.grading.session import Session
from kata.grading.verdict import StepGrade, Verdict
from quality.classify import grade_right
from quality.hostile import run_cases
from quality.silence import Silence
from quality.trees import RIGHT, WRONG

try:
    import tomllib
except ImportError:  # Python 3.10; pytest brings it there
    import tomli as tomllib

FROZEN = ROOT / "quality" / "baseline.json"
MOOT = ROOT / "quality" / "moot.toml"


def verdicts_now(console: Console) -> dict[str, Any]:
    """Grade every wrong, right and hostile submission.

    :return: `{"wrong": {name: graded}, "right": {name: graded}, "hostile": {test: {"held": bool, "kinds": [...]}}}`;
        `graded` is `{"points": int, "failing": {check: mistake or kind}}`, of a wrong one's own step, of the steps that
        a right one solves in its own way.
    """
    return {"wrong": _wrong(console), "right": _right(console), "hostile": _hostile(console)}


def _wrong(console: Console) -> dict[str, Any]:
    with Session(Silence()) as session, scratch_folder() as folder:
        assert session.look_at(SOLUTION.parent, list(STEPS)) is None
        session.warm_up()
        works = {}
        for wrong in WRONG:
            step = find_step(wrong.step)
            works[wrong.name] = session.work(wrong.make(Path(folder)), step, session.checks(step))
        console.print(f"grading {len(works)} wrong solutions, each at its own step …")
        session.run(list(works.values()))
    return {name: _graded([StepGrade(work.step, work.verdicts())]) for name, work in works.items()}


def _right(console: Console) -> dict[str, Any]:
    found = {}
    with Session(Silence()) as session, scratch_folder() as folder:
        for right in RIGHT:
            console.print(f"grading the right solution {right.name} …")
            found[right.name] = _graded(grade_right(session, right, Path(folder)))
    return found


def _graded(steps: list[StepGrade]) -> dict[str, Any]:
    failing = {_name(verdict): verdict.mistake or verdict.kind for step in steps for verdict in step.failing}
    return {"points": sum(step.points for step in steps), "failing": failing}


def _name(verdict: Verdict) -> str:
    return verdict.check.id.removeprefix("test_").replace(".py::test_", ": ")


def _hostile(console: Console) -> dict[str, Any]:
    console.print("running the tests with hostile code …")
    cases = sorted(run_cases(), key=lambda case: case.name)
    return {case.name: {"held": case.held, "kinds": case.kinds} for case in cases}


def lost(frozen: dict[str, Any], now: dict[str, Any], moot: dict[str, str]) -> list[str]:
    """Name each verdict of the frozen ones that is lost: red then, and green or gone now, without a reason."""
    found = []
    for name, then in frozen["wrong"].items():
        graded = now["wrong"].get(name)
        if then["failing"] and name not in moot:
            if graded is None:
                found.append(f"wrong {name}: gone, and quality/moot.toml gives no reason")
            elif not graded["failing"]:
                found.append(f"wrong {name}: passes; it failed {', '.join(then['failing'])}")
    for name, graded in now["right"].items():
        if graded["failing"]:
            found.append(f"right {name}: fails {graded['failing']}")
    for name, then in frozen["hostile"].items():
        graded = now["hostile"].get(name)
        if then["held"] and name not in moot and not (graded and graded["held"]):
            found.append(f"hostile {name}: {'does not hold' if graded else 'gone, without a reason'}")
    return found


def renamed(frozen: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Name each wrong solution that is told under other names of mistakes than before."""
    return [
        f"wrong {name}: was {sorted(set(then['failing'].values()))}, is {sorted(set(graded['failing'].values()))}"
        for name, then in frozen["wrong"].items()
        if (graded := now["wrong"].get(name)) and not set(then["failing"].values()) & set(graded["failing"].values())
    ]


def read_moot() -> dict[str, str]:
    """Return the names of what is not asked for any more, each with the sentence that dropped it."""
    return tomllib.loads(MOOT.read_text(encoding="utf-8")) if MOOT.exists() else {}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.baseline", description=__doc__)
    parser.add_argument("--freeze", action="store_true", help="write baseline.json anew")
    options = parser.parse_args()
    console = Console(highlight=False)
    now = verdicts_now(console)
    if options.freeze:
        FROZEN.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        console.print(f"frozen: {', '.join(f'{len(each)} {kind}' for kind, each in now.items())}")
        return 0
    frozen = json.loads(FROZEN.read_text(encoding="utf-8"))
    for line in renamed(frozen, now):
        console.print(f"  told under another name: {line}")
    losses = lost(frozen, now, read_moot())
    for line in losses:
        console.print(f"✗ {line}")
    console.print(f"{'✗' if losses else '✓'} {len(losses)} verdicts lost, of {sum(map(len, frozen.values()))}")
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
