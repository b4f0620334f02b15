"""The tests with hostile code, counted."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

from kata.places import ROOT
from kata.scratch import scratch_folder


def cases(say: Callable[[str], None]) -> tuple[int, list[str]]:
    """How many there are, and the names of those that failed."""
    patterns = ("test_hostile*.py", "test_tampering.py")
    files = [str(path) for pattern in patterns for path in sorted((ROOT / "quality").glob(pattern))]
    with scratch_folder() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", *files]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        tests = list(ElementTree.parse(report).iter("testcase"))
    bad = [test.get("name", "") for test in tests if len(test)]
    say(f"hostile code: {len(tests) - len(bad)} of {len(tests)} held")
    return len(tests), bad
