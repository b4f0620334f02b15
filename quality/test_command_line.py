"""Exit codes and one-line errors of the commands, and that an interrupted grade leaves nothing behind."""

from __future__ import annotations

import errno
import json
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import psutil
import pytest

from kata.core.paths import MODULE, ROOT
from kata.core.rest_api import poll_until
from kata.core.steps import Step
from kata.grading.grader import Grader
from kata.grading.sandbox import find_sandbox
from lab.__main__ import app as lab
from quality.conftest import Workshop, processes_with, run_command, wait_until_gone

STEPS = (Step("1a", "One", 60, "test_one.py"), Step("1b", "Two", 40, "test_two.py", depends_on=("1a",)))


@pytest.fixture
def grade(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that grades the workshop, and returns how the command ended and the results."""
    defaults = (workshop.suite, STEPS, workshop.suite / "no skeleton", find_sandbox())
    monkeypatch.setattr(Grader.__init__, "__defaults__", defaults)
    results = workshop.folder / "results.json"
    grade_it = ("grade", "--tree", str(workshop.tree), "--results", str(results))
    return lambda *arguments: (run_command(*grade_it, *arguments), json.loads(results.read_text()))


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("grade --tree nowhere", "TREE=nowhere does not exist"),
        ("grade --tree README.md", "TREE=README.md is a file, not a folder"),
        ("grade --tree ~nosuchuser", "TREE=~nosuchuser is no path"),
        (f"grade --tree {'a' * 300}", "is no path (File name too long)"),
        (f"grade --results {'a' * 300}", "cannot be written (File name too long)"),
        ("grade --results /dev/null", "is not a regular file"),
        ("grade --results /proc/results.json", "cannot be written"),
        ("run --tree nowhere", "TREE=nowhere does not exist"),
        ("live --tree nowhere", "TREE=nowhere does not exist"),
        ("standalone --tree nowhere", "TREE=nowhere does not exist"),
        ("grade --step 8", "There is no step '8'. Choose one of: 1, 2, 3, 3a, 3b, 3c, 3d, 4, 5, 6, 7, c1, c2, c3."),
        ("hint --step=", "Which step? Name it: STEP=3. Choose one of: 1, 2, 3, 3a"),
        ("grade --results no/such/folder/r.json", "does not exist"),
        ("live --results no/such/folder/r.json", "does not exist"),
        ("grade --results quality", "RESULTS=quality is a folder"),
        ("drop --client 9", "the clients are 1 to 5"),
        ("drop --count 0", "at least one file"),
        ("pitfall nowhere", "NAME=nowhere is no pitfall. Take one of blocking_call, "),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(command: str, says: str):
    ended = run_command(*command.split())
    assert (ended.exit_code, ended.stdout) == (2, "")
    [line] = ended.stderr.splitlines()
    assert says in line


@pytest.mark.parametrize(
    ("command", "says"),
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
def test_what_cannot_be_measured_is_refused_at_once(command: str, says: str):
    ended = run_command(*command.split(), app=lab)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert says in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(errno.ENOSPC, "", "/a.db"),
            "No space is left on the disk (/a.db). Make room and run the command again.",
        ),
        (OSError(errno.EROFS, "", "/a"), "The disk cannot be written to (/a). Clone the kata to another place and run"),
        (ValueError("odd"), "This is a defect of the kata, not of your code: ValueError: odd\nPlease report it with"),
    ],
)
def test_what_no_submission_is_to_blame_for_is_exit_code_2(monkeypatch: pytest.MonkeyPatch, error, says: str):
    monkeypatch.setattr("kata.airflow.arriving_files.drop", Mock(side_effect=error))
    ended = run_command("drop")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(says)


@pytest.mark.parametrize("target", ["help", "hint STEP=3", "restore", "pitfall"])
def test_what_only_tells_something_does_so_at_once(target: str):
    # These tests run in the environment, so it is ready.
    command = ["make", "--old-file=.venv/.ready", *target.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout
    assert not done.stderr


@pytest.mark.parametrize("command", ["grade", "run", "live"])
def test_a_file_that_cannot_be_parsed_is_exit_code_1(command: str, tmp_path: Path):
    (tmp_path / f"{MODULE}.py").write_text("def f(:\n")
    ended = run_command(command, "--tree", str(tmp_path))
    assert ended.exit_code == 1
    assert f"{MODULE}.py:1" in ended.stdout
    assert "def f(:" in ended.stdout
    assert "starting" not in ended.stderr


def test_a_whole_grade(grade, workshop: Workshop):
    tests = "def test_a(module): assert module.x == 1\ndef test_b(module): assert module.x == 2\n"
    workshop.write(module="x = 1\nprint('importing')\n", test_one=tests, test_two=tests.replace("test_", "test_2"))
    ended, results = grade()
    assert ended.exit_code == 1
    assert "grading Step 1" in ended.stderr
    assert "fix this first" in ended.stdout
    assert "waits for Step 1a" in ended.stdout
    assert (results["points"], results["possible"]) == (50, 100)
    assert [test["kind"] for test in results["tests"]] == [None, "wrong", None, "blocked"]


@pytest.mark.parametrize(
    ("step", "exit_code", "tasks", "points"),
    [("1", 1, ["1a", "1b"], (60, 100)), ("1a", 0, ["1a"], (60, 60))],
)
def test_a_step_is_graded_in_parts(grade, workshop: Workshop, step, exit_code, tasks, points):
    tests = "@pytest.mark.essential\ndef test_b(module): assert module.x == 2\ndef test_c(module): pass\n"
    workshop.write(module="x = 1\n", test_one="def test_a(module): assert module.x == 1\n", test_two=tests)
    ended, results = grade("--step", step)
    assert ended.exit_code == exit_code
    assert [task["task_id"] for task in results["steps"]] == tasks
    assert (results["points"], results["possible"]) == points
    assert ("Step 1b scores 0 points while this check fails." in ended.stdout) == ("1b" in tasks)


def test_an_import_error_is_no_points_and_exit_code_1(grade, workshop: Workshop):
    workshop.write(module="import no_such_module\n", test_one="def test_a(): pass", test_two="def test_b(): pass")
    ended, results = grade()
    assert ended.exit_code == 1
    assert "No module named 'no_such_module'" in ended.stdout
    assert (results["status"], results["points"]) == ("error", 0)
    assert [test["kind"] for test in results["tests"]] == ["not_importable"] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_grade_leaves_no_process(tmp_path: Path, number: int):
    token = f"{secrets.randbits(32)}"
    (tmp_path / f"{MODULE}.py").write_text(f"import os; os.execlp('sleep', 'sleep', '{token}')\n")
    command = [sys.executable, "-m", "kata", "grade", "--tree", tmp_path]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert poll_until(lambda: processes_with(token), 120)
        started = [each.pid for each in psutil.Process(running.pid).children(recursive=True)]
        running.send_signal(number)
        assert running.wait(timeout=120) == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    finally:
        running.kill()
    wait_until_gone(*started)
