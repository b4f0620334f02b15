"""The tests with hostile code: run, counted, and the kinds of their verdicts recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kata.core.files import scratch_folder
from kata.core.paths import ROOT

RECORD = "KATA_RECORD_VERDICTS"  # names the file to which `quality/conftest.py` adds the verdicts of each test

_PATTERNS = ("test_hostile*.py", "test_tampering.py")


@dataclass(frozen=True)
class Case:
    """A test with hostile code.

    :param kinds: the kind of each verdict that the grader gave, "passed" for a check that passed.
    """

    name: str
    held: bool
    kinds: list[str]


def run_cases() -> list[Case]:
    """Run all tests with hostile code."""
    files = [str(path) for pattern in _PATTERNS for path in sorted((ROOT / "quality").glob(pattern))]
    with scratch_folder() as folder:
        report, record = Path(folder) / "report.xml", Path(folder) / "verdicts"
        command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", *files]
        subprocess.run(command, cwd=ROOT, env={**os.environ, RECORD: str(record)}, capture_output=True, check=False)
        kinds = dict(map(json.loads, record.read_text(encoding="utf-8").splitlines()))
        tests = list(ElementTree.parse(report).iter("testcase"))
    names = [f"{test.get('classname', '').rpartition('.')[2]}: {test.get('name')}" for test in tests]
    return [Case(name, not len(test), kinds.get(name, [])) for name, test in zip(names, tests, strict=True)]


def cases(say: Callable[[str], None]) -> tuple[int, list[str]]:
    """How many there are, and the names of those that failed."""
    found = run_cases()
    bad = [case.name for case in found if not case.held]
    say(f"hostile code: {len(found) - len(bad)} of {len(found)} held")
    return len(found), bad
