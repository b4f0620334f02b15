"""The machine-readable results: version 3 of Exercism's format, with points, kinds and durations."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from kata.core.errors import WrongUsage
from kata.core.files import write_atomically
from kata.grading.mistakes import MISTAKES
from kata.grading.verdict import WRONG, Grade, StepGrade, Verdict


def check_results_file(file: Path) -> None:
    """Raise `WrongUsage` if the file cannot be written: before the grade, not after it."""
    folder = file.absolute().parent
    try:
        if not folder.is_dir():
            raise WrongUsage(f"RESULTS={file}: the folder {folder} does not exist. Make it first.")
        if file.is_dir():
            raise WrongUsage(f"RESULTS={file} is a folder. Name a file in it, such as {file / 'results.json'}.")
        if file.exists() and not file.is_file():
            raise WrongUsage(f"RESULTS={file} is not a regular file, and is left as it is. Name another one.")
        with tempfile.TemporaryFile(dir=file.resolve().parent):
            pass
    except OSError as error:
        raise WrongUsage(f"RESULTS={file} cannot be written ({error.strerror}). Name another file.") from None


def write_results(grade: Grade, file: Path) -> None:
    """Write the results of a grade, completely or not at all; a link stays one."""
    write_atomically(file.resolve(), json.dumps(as_dict(grade), indent=2) + "\n")


def as_dict(grade: Grade) -> dict[str, Any]:
    """Return the results as plain JSON."""
    status = "error" if grade.problem else "pass" if grade.succeeded else "fail"
    message = f"{grade.problem.place}: {grade.problem.what} {grade.problem.todo}" if grade.problem else None
    return {
        "version": 3,
        "status": status,
        "message": message,
        "tree": grade.tree,
        "points": sum(each.points for each in grade.counted),
        "possible": sum(each.step.points for each in grade.counted),
        "duration": round(grade.duration, 3),
        "notes": grade.notes,
        "sandbox": {"kind": grade.sandbox[0], "why": grade.sandbox[1] or None},
        "steps": [_step(each) for each in grade.counted],
        "tests": [_test(each, verdict) for each in grade.counted for verdict in each.verdicts],
    }


def _step(grade: StepGrade) -> dict[str, Any]:
    return {
        "task_id": grade.step.id,
        "title": grade.step.title,
        "points": grade.points,
        "possible": grade.step.points,
        "passed": grade.passed,
        "total": grade.total,
        "waits_for": grade.waits_for.id if grade.waits_for else None,
    }


def _test(grade: StepGrade, verdict: Verdict) -> dict[str, Any]:
    # A check's share of its step, so that the shares of a green step add up to the step's points.
    share = grade.step.points / grade.total
    counts = verdict.passed and not grade.fails_an_essential_check
    return {
        "name": verdict.check.id,
        "title": verdict.check.title,
        "status": "pass" if verdict.passed else "fail" if verdict.kind == WRONG else "error",
        "kind": verdict.kind,
        "message": None if verdict.passed else message_of(grade, verdict),
        "mistake": verdict.mistake or None,
        "consequence": MISTAKES[verdict.mistake].consequence if verdict.mistake in MISTAKES else None,
        "output": verdict.printed or None,
        "task_id": grade.step.id,
        "points": round(share, 4) if counts else 0,
        "possible": round(share, 4),
        "essential": verdict.check.essential,
        "duration": round(verdict.duration, 3),
    }


def message_of(grade: StepGrade, verdict: Verdict) -> str:
    """Return the explanation as plain text, one line for each part."""
    place = f"{verdict.path}:{verdict.line}" if verdict.line else ""
    parts = (
        ("", verdict.error),
        ("called: ", verdict.called),
        ("got: ", verdict.got),
        ("contract: ", verdict.contract or verdict.check.title),
        ("mistake: ", verdict.mistake),
        ("at: ", f"{place}: {verdict.source}" if place else ""),
        ("essential: ", grade.essential_note(verdict)),
    )
    return "\n".join(label + text for label, text in parts if text)
