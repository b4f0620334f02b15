"""Exit codes and one-line errors of the commands, and that an interrupted grade leaves nothing behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kata.__main__ import app
from kata.core.paths import MODULE, ROOT
from quality.conftest import Workshop

TWO_STEPS = '(Step("1", "One", 60, "test_one.py"), Step("2", "Two", 40, "test_two.py", depends_on=("1",)))'
TWO_PARTS = '(Step("1a", "One", 60, "test_one.py"), Step("1b", "Two", 40, "test_two.py", depends_on=("1a",)))'
A_GRADE = """
import sys
from pathlib import Path
from kata.grading import grader
from kata.__main__ import app
from kata.core.steps import Step
steps = {steps}
suite = Path(sys.argv.pop(1))
grader.Grader.__init__.__defaults__ = (suite, steps, suite / "no skeleton", grader.Deadlines())
app(sys.argv[1:])
"""


def kata(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kata", *arguments], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


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
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: list[str], says: str):
    done = kata(*arguments)
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_one_line_and_exit_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def fill_up(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/airflow.db")

    monkeypatch.setattr("kata.airflow.drop_files.drop", fill_up)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        app(["drop"])
    assert ended.value.code == 2
    told = "No space is left on the disk (/somewhere/airflow.db). Make room and run the command again.\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("command", ["grade", "run"])
def test_a_file_that_cannot_be_parsed_is_exit_code_1(command: str, tmp_path: Path):
    (tmp_path / f"{MODULE}.py").write_text("def f(:\n")
    done = kata(command, "--tree", str(tmp_path))
    assert done.returncode == 1
    assert f"{MODULE}.py:1" in done.stdout
    assert "def f(:" in done.stdout


def a_grade(workshop: Workshop, *arguments: str, steps: str = TWO_STEPS) -> list[str]:
    code = A_GRADE.format(steps=steps)
    return [sys.executable, "-c", code, str(workshop.suite), "grade", "--tree", str(workshop.tree), *arguments]


def test_a_whole_grade(workshop: Workshop, tmp_path: Path):
    workshop.write(
        module="x = 1\nprint('importing')\n",
        test_one="def test_a(module): assert module.x == 1\ndef test_b(module): assert module.x == 2\n",
        test_two="def test_c(module): assert module.x == 2\n",
    )
    results = tmp_path / "r.json"
    done = subprocess.run(a_grade(workshop, "--results", str(results)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "grading Step 1" in done.stderr
    assert "fix this first" in done.stdout
    assert "waits for Step 1" in done.stdout
    written = json.loads(results.read_text())
    assert (written["points"], written["possible"]) == (30, 100)
    assert [test["kind"] for test in written["tests"]] == [None, "wrong", "blocked"]


@pytest.mark.parametrize(
    ("step", "exit_code", "tasks", "points"),
    [("1", 1, ["1a", "1b"], (60, 100)), ("1a", 0, ["1a"], (60, 60)), ("1b", 1, ["1b"], (0, 40))],
)
def test_a_step_is_graded_in_parts(workshop: Workshop, tmp_path: Path, step, exit_code, tasks, points):
    workshop.write(
        module="x = 1\n",
        test_one="def test_a(module): assert module.x == 1\n",
        test_two="@pytest.mark.essential\ndef test_b(module): assert module.x == 2\ndef test_c(module): pass\n",
    )
    results = tmp_path / "r.json"
    command = a_grade(workshop, "--step", step, "--results", str(results), steps=TWO_PARTS)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == exit_code, done.stderr
    written = json.loads(results.read_text())
    assert [task["task_id"] for task in written["steps"]] == tasks
    assert (written["points"], written["possible"]) == points
    assert [test["name"] for test in written["tests"] if test["essential"]] == ["test_two.py::test_b"] * ("1b" in tasks)
    assert ("Step 1b scores 0 points while this check fails." in done.stdout) == ("1b" in tasks)


def test_an_import_error_is_no_points_and_exit_code_1(workshop: Workshop, tmp_path: Path):
    workshop.write(module="import no_such_module\n", test_one="def test_a(): pass", test_two="def test_b(): pass")
    results = tmp_path / "r.json"
    done = subprocess.run(a_grade(workshop, "--results", str(results)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "No module named 'no_such_module'" in done.stdout
    written = json.loads(results.read_text())
    assert (written["status"], written["points"]) == ("error", 0)
    assert [test["kind"] for test in written["tests"]] == ["not_importable"] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_grade_leaves_no_process(workshop: Workshop, number: int):
    pid_file = workshop.folder / "pid"
    module = f"""
        import os, time
        def hang():
            with open({str(pid_file)!r}, "w") as file:
                file.write(f"{{os.getpid()}} {{os.getppid()}} ")
            time.sleep(1e6)
    """
    hanging = "@pytest.mark.deadline(1000)\ndef test_a(module): module.hang()\n"
    workshop.write(module=module, test_one=hanging, test_two="def test_b(): pass")
    grade = subprocess.Popen(a_grade(workshop), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith(" "))
        grade.send_signal(number)
        assert grade.wait(timeout=120) == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    finally:
        grade.kill()
    for pid in map(int, pid_file.read_text().split()):
        _wait_until(lambda pid=pid: not _is_there(pid))


def _wait_until(is_so) -> None:
    give_up = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
