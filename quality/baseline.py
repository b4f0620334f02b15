"""`python -m quality.baseline`: no verdict is lost.

The verdicts of the suite as it was before its contract was rewritten are frozen in `baseline.json`. This command grades
everything again and names each verdict that was red and is green now. Such a verdict needs a reason in `moot.toml`: the
sentence of the contract that dropped it. `--freeze` writes the file again.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from rich.console import Console

from kata.core.files import read_toml
from kata.core.paths import ROOT
from kata.grading.verdict import StepGrade
from quality import verdicts

FROZEN = ROOT / "quality" / "baseline.json"
MOOT: dict[str, str] = read_toml(ROOT / "quality" / "moot.toml")


def verdicts_now(say: verdicts.Say) -> dict[str, Any]:
    """Grade every wrong, right and hostile submission.

    :return: `{"wrong": {name: graded}, "right": {name: graded}, "hostile": {test: {"held": bool, "kinds": [...]}}}`;
        `graded` is `{"points": int, "failing": {check: mistake or kind}}`, of a wrong one's own step, of the steps that
        a right one solves in its own way.
    """
    return {
        "wrong": {name: _graded([grade]) for name, grade in verdicts.of_the_wrong(say).items()},
        "right": {name: _graded(grades) for name, grades in verdicts.of_the_right(say).items()},
        "hostile": verdicts.of_the_hostile(say),
    }


def _graded(steps: list[StepGrade]) -> dict[str, Any]:
    failing = [verdict for step in steps for verdict in step.failing]
    names = [each.check.id.removeprefix("test_").replace(".py::test_", ": ") for each in failing]
    told = [each.mistake or each.kind for each in failing]
    return {"points": sum(step.points for step in steps), "failing": dict(zip(names, told, strict=True))}


def lost(frozen: dict[str, Any], now: dict[str, Any], moot: dict[str, str]) -> list[str]:
    """Name each frozen verdict that is lost: red then, and green or gone now, without a reason.

    :param moot: the names of what the contract no longer asks for, each with the sentence that dropped it.
    """
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
    """Name each wrong solution whose mistakes have other names than before."""
    return [
        f"wrong {name}: was {sorted(set(then['failing'].values()))}, is {sorted(set(graded['failing'].values()))}"
        for name, then in frozen["wrong"].items()
        if (graded := now["wrong"].get(name)) and not set(then["failing"].values()) & set(graded["failing"].values())
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.baseline", description=__doc__)
    parser.add_argument("--freeze", action="store_true", help="write baseline.json again")
    options = parser.parse_args()
    console = Console(highlight=False)
    now = verdicts_now(console.print)
    if options.freeze:
        FROZEN.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        console.print(f"frozen: {', '.join(f'{len(each)} {kind}' for kind, each in now.items())}")
        return 0
    frozen = json.loads(FROZEN.read_text(encoding="utf-8"))
    for line in renamed(frozen, now):
        console.print(f"  another name: {line}")
    losses = lost(frozen, now, MOOT)
    for line in losses:
        console.print(f"✗ {line}")
    console.print(f"{'✗' if losses else '✓'} {len(losses)} verdicts lost, of {sum(map(len, frozen.values()))}")
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
