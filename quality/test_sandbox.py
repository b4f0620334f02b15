"""What a submission can reach: inside the sandbox, and on a machine that allows none."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kata.core.environment import template_file
from kata.core.paths import HINTS, ROOT, SOLUTION, STARTER, STATE, SUITE
from kata.grading import landlock
from kata.grading.grader import Grader
from kata.grading.sandbox import sandbox
from kata.grading.verdict import TAMPERED, WRONG
from quality.conftest import Workshop, kinds_of, processes_with, wait_until_gone, without_sandbox
from quality.verdicts import Silence

ONE = "1"


def said_of(workshop: Workshop, code: str) -> str:
    """Return what a check says whose call of `bad` has this code."""
    before, bad, after = workshop.call(code)
    assert kinds_of([before, after]) == [None, None]
    return bad.error if bad.kind else "passed"


def test_this_machine_allows_all_of_it():
    assert sandbox().name == "bubblewrap+landlock", sandbox().why


@pytest.mark.parametrize(
    "path", [SOLUTION, ROOT / ".git", ROOT / "lab", ROOT / "quality", STATE / "backups", "/etc/shadow"]
)
def test_answers_and_secrets_cannot_be_read(workshop: Workshop, path: Path):
    assert said_of(
        workshop, f"os.listdir({str(path)!r}) if os.path.isdir({str(path)!r}) else open({str(path)!r})"
    ) != "passed" or (said_of(workshop, f"os.stat({str(path)!r})").startswith("FileNotFoundError"))


@pytest.mark.parametrize("path", [SUITE / "conftest.py", ROOT / "kata" / "__main__.py", STARTER, HINTS / "step_1.md"])
def test_the_clone_cannot_be_written_to(workshop: Workshop, path: Path):
    before = path.read_bytes()
    assert "Error" in said_of(workshop, f"open({str(path)!r}, 'a').write('#')")
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", ["/tmp/x", "/dev/shm/x", "/var/tmp/x", "../airflow.cfg", "../../x"])
def test_only_its_own_folder_can_be_written_to(workshop: Workshop, path: str):
    code = f"open({path!r}, 'w').write('x')"
    assert said_of(workshop, code).startswith(
        ("PermissionError", "FileNotFoundError", "passed" if path == "../airflow.cfg" else "OSError")
    )
