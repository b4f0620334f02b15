"""The command line of the lab: what cannot be measured is refused before anything is started."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kata.core.paths import ROOT


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("race --waits 0", "'--waits': Input should be greater than or equal to 1"),
        ("race --waits ten", "'--waits': Input should be a valid integer"),
        ("race --slots 129", "'--slots': Input should be less than or equal to 128"),
        ("race --hold nan", "'--hold': Input should be less than or equal to 3600"),
        ("race --tree nowhere", "TREE=nowhere does not exist"),
        ("breakeven --repeats 21", "'--repeats': Input should be less than or equal to 20"),
        ("breakeven --tree docs", "The file to grade is not there."),
        ("bench --waits 100,ten", "WAITS=100,ten is not valid: take whole numbers from 1 to 10000, with commas."),
        ("bench --seconds 0", "'--seconds': Input should be greater than or equal to 0.1"),
        ("bench --folder Makefile/x", "The folder Makefile/x cannot be made: Not a directory."),
        ("walk", "No such command 'walk'"),
    ],
)
def test_wrong_usage_is_refused_at_once(arguments: str, says: str):
    ended = lab(*arguments.split())
    assert (ended.returncode, ended.stdout) == (2, "")
    assert says in ended.stderr.splitlines()[-1]
