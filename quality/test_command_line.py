"""Exit codes and one-line errors of the commands, and that an interrupted grade leaves nothing behind."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from kata.__main__ import app
from kata.core.paths import MODULE, ROOT
from kata.core.steps import Step
from kata.grading.grader import Grader
from kata.grading.session import Deadlines
from quality.conftest import Workshop, wait_until_gone

STEPS = (Step("1a", "One", 60, "test_one.py"), Step("1b", "Two", 40, "test_two.py", depends_on=("1a",)))


def kata(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kata", *arguments], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that carries a command out in this process: its exit code and what it prints."""
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def carry_out(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            app([*arguments])
        return (ended.value.code, *capsys.readouterr())

    return carry_out


@pytest.fixture
def grade(run: Callable[..., tuple[int, str, str]], workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that grades the workshop: exit code, scorecard, progress and results."""
    defaults = (workshop.suite, STEPS, workshop.suite / "no skeleton", Deadlines())
    monkeypatch.setattr(Grader.__init__, "__defaults__", defaults)
    results = workshop.folder / "results.json"
    grade_it = ["grade", "--tree", str(workshop.tree), "--results", str(results)]
    return lambda *arguments: (*run(*grade_it, *arguments), json.loads(results.read_text()))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["grade", "--tree", "nowhere"], "TREE=nowhere does not exist"),
        (["run", "--tree", "nowhere"], "TREE=nowhere does not exist"),
        (["grade", "--step", "8"], "There is no step '8'. Choose one of: 1, 2, 3, 3a, 3b, 3c, 3d, 4"),
        (["hint", "--step", ""], "Which step? Name it: STEP=3. Choose one of: 1, 2, 3, 3a"),
        (["grade", "--results", "no/such/folder/r.json"], "does not exist"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run, arguments: list[str], says: str):
    exit_code, _, told = run(*arguments)
    assert exit_code == 2
    [line] = told.splitlines()
    assert says in line


def test_a_full_disk_is_one_line_and_exit_code_2(run, monkeypatch: pytest.MonkeyPatch):
    full = OSError(errno.ENOSPC, "No space left on device", "/somewhere/airflow.db")
    monkeypatch.setattr("kata.airflow.arriving_files.drop", Mock(side_effect=full))
    told = "No space is left on the disk (/somewhere/airflow.db). Make room and run the command again.\n"
    assert run("drop") == (2, "", told)


@pytest.mark.parametrize("target", ["help", "hint STEP=3", "restore", "pitfall"])
def test_what_only_tells_something_does_so_at_once(target: str):
    # These tests run in the environment, so it is ready.
    command = ["make", "--old-file=.venv/.ready", *target.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout
    assert not done.stderr


@pytest.mark.parametrize("command", ["grade", "run"])
def test_a_file_that_cannot_be_parsed_is_exit_code_1(run, command: str, tmp_path: Path):
    (tmp_path / f"{MODULE}.py").write_text("def f(:\n")
    exit_code, told, _ = run(command, "--tree", str(tmp_path))
    assert exit_code == 1
    assert f"{MODULE}.py:1" in told
    assert "def f(:" in told


def test_a_whole_grade(grade, workshop: Workshop):
    tests = "def test_a(module): assert module.x == 1\ndef test_b(module): assert module.x == 2\n"
    workshop.write(module="x = 1\nprint('importing')\n", test_one=tests, test_two=tests.replace("test_", "test_2"))
    exit_code, scorecard, progress, results = grade()
    assert exit_code == 1
    assert "grading Step 1" in progress
    assert "fix this first" in scorecard
    assert "waits for Step 1a" in scorecard
    assert (results["points"], results["possible"]) == (50, 100)
    assert [test["kind"] for test in results["tests"]] == [None, "wrong", None, "blocked"]


@pytest.mark.parametrize(
    ("step", "exit_code", "tasks", "points"),
    [("1", 1, ["1a", "1b"], (60, 100)), ("1a", 0, ["1a"], (60, 60)), ("1b", 1, ["1b"], (0, 40))],
)
def test_a_step_is_graded_in_parts(grade, workshop: Workshop, step, exit_code, tasks, points):
    tests = "@pytest.mark.essential\ndef test_b(module): assert module.x == 2\ndef test_c(module): pass\n"
    workshop.write(module="x = 1\n", test_one="def test_a(module): assert module.x == 1\n", test_two=tests)
    code, scorecard, _, results = grade("--step", step)
    assert code == exit_code
    assert [task["task_id"] for task in results["steps"]] == tasks
    assert (results["points"], results["possible"]) == points
    assert ("Step 1b scores 0 points while this check fails." in scorecard) == ("1b" in tasks)


def test_an_import_error_is_no_points_and_exit_code_1(grade, workshop: Workshop):
    workshop.write(module="import no_such_module\n", test_one="def test_a(): pass", test_two="def test_b(): pass")
    exit_code, scorecard, _, results = grade()
    assert exit_code == 1
    assert "No module named 'no_such_module'" in scorecard
    assert (results["status"], results["points"]) == ("error", 0)
    assert [test["kind"] for test in results["tests"]] == ["not_importable"] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_grade_leaves_no_process(tmp_path: Path, number: int):
    pid_file = tmp_path / "pids"
    hang = f"""
import os, time
with open({str(pid_file)!r}, "w") as file:
    file.write(f"{{os.getpid()}} {{os.getppid()}} ")
time.sleep(1e6)
"""
    (tmp_path / f"{MODULE}.py").write_text(hang)
    command = [sys.executable, "-m", "kata", "grade", "--tree", tmp_path]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not pid_file.exists() or not pid_file.read_text().endswith(" "):
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(number)
        assert running.wait(timeout=120) == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    finally:
        running.kill()
    wait_until_gone(*map(int, pid_file.read_text().split()))
