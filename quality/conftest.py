"""A small suite and a small tree to grade, and the session to grade in."""

from __future__ import annotations

import json
import os
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from kata.__main__ import app as kata
from kata.core.files import read_toml
from kata.core.paths import MODULE, SOLUTION
from kata.core.steps import Step
from kata.core.submission import Problem
from kata.grading.limits import STEP_DEADLINE
from kata.grading.preflight import CollectWork, ImportWork
from kata.grading.sandbox import NO_SANDBOX
from kata.grading.session import Session
from kata.grading.snapshot import take_snapshot
from kata.grading.step_work import StepWork
from kata.grading.verdict import Check, Verdict
from quality.verdicts import RECORD, Silence, grading

HOSTILE = read_toml(Path(__file__).with_name("hostile.toml"))

SUITE_CONFTEST = f"""
import importlib, sys
import pytest

def pytest_addoption(parser):
    parser.addoption("--tree")

@pytest.fixture
def module(pytestconfig):
    sys.path.insert(0, pytestconfig.getoption("--tree"))
    return importlib.import_module("{MODULE}")
"""

# What grades keeps both cores busy, what runs an Airflow mostly waits. So that two workers idle least, one begins with
# the longest of the former, the other with the latter, and short files come last.
FIRST = ("known_wrong", "race", "pitfalls", "trigger_examples", "run", "watch", "unusual_but_right")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the files that take longest come first."""
    order = {f"test_{name}.py": place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def function(code: str) -> str:
    """Return a module with a function `bad` that has this code; `_try` is for what may fail in it."""
    head = "import mmap, os, signal, sys, threading, time\n"
    head += "def _try(act):\n    try: return act()\n    except OSError: pass\n"
    return f"{head}def bad():\n{textwrap.indent(textwrap.dedent(code).strip(), '    ')}\n"


def kinds_of(verdicts: list[Verdict]) -> list[str | None]:
    """Return the kind of each verdict: None for passed."""
    return [verdict.kind for verdict in verdicts]


def run_command(*arguments: str, app: Typer = kata) -> Result:
    """Run a command of the kata in this process; return its exit code and what it printed."""
    with patch("signal.signal"):
        return CliRunner().invoke(app, arguments, catch_exceptions=False)


def wait_until_gone(*pids: int) -> None:
    """Return when none of these processes is left."""
    end = time.monotonic() + 120
    while left := [pid for pid in pids if psutil.pid_exists(pid)]:
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.05)


def processes_with(argument: str) -> list[int]:
    """Return the processes that have this among their arguments, in whatever namespace."""
    return [each.pid for each in psutil.process_iter(["cmdline"]) if argument in (each.info["cmdline"] or [])]


class Workshop:
    """A suite and a tree in a folder of their own, and the means to run them.

    :param folder: where both are made.
    :ivar recorded: the kind of each verdict.
    """

    def __init__(self, folder: Path, session: Session) -> None:
        self.folder, self.suite, self.tree = folder, folder / "suite", folder / "tree"
        self.session = session
        self.recorded: list[str] = []

    def write(self, *, module: str = "", **test_files: str) -> None:
        """Write the learner's module and test files: `test_one="def …"` becomes test_one.py."""
        self.suite.mkdir(exist_ok=True)
        self.tree.mkdir(exist_ok=True)
        (self.suite / "pytest.ini").write_text("[pytest]\n")
        (self.suite / "conftest.py").write_text(SUITE_CONFTEST)
        (self.tree / f"{MODULE}.py").write_text(textwrap.dedent(module))
        for name, text in test_files.items():
            (self.suite / f"{name}.py").write_text("import pytest\n" + textwrap.dedent(text))

    def job(self) -> dict[str, Any]:
        """Return what every job is told."""
        return {"snapshot": take_snapshot(self.tree.resolve()), "suite": str(self.suite), "solution": str(SOLUTION)}

    def run(self, *names: str) -> dict[str, list[Verdict]]:
        """Run the test files side by side, and return the verdicts of each, in its order."""
        steps = [Step(str(number), name, 10, f"{name}.py") for number, name in enumerate(names, 1)]
        collect = CollectWork(self.job(), steps)
        self.session.run([collect])
        return self._grade({step: collect.checks(step) for step in steps})

    def verdicts(self, tests: str, module: str = "") -> list[Verdict]:
        """Return the verdicts of one test file."""
        self.write(module=module, test_one=tests)
        return self.run("test_one")["test_one"]

    def call(self, code: str, *, check_deadline: float = 15, deadline: float = STEP_DEADLINE) -> list[Verdict]:
        """Return the verdicts of three checks; the one in the middle calls a function with this code."""
        tests = "def test_before(): pass\ndef test_bad(module): module.bad()\ndef test_after(): pass\n"
        self.write(module=function(code), test_one=tests)
        names = ("test_before", "test_bad", "test_after")
        checks = [Check(f"test_one.py::{name}", name, check_deadline) for name in names]
        return self._grade({Step("1", "Step 1", 10, "test_one.py"): checks}, deadline)["Step 1"]

    def _grade(self, checks: dict[Step, list[Check]], deadline: float = STEP_DEADLINE) -> dict[str, list[Verdict]]:
        job = self.job()
        works = [StepWork(step, of_step, job, lambda *_: None, deadline) for step, of_step in checks.items()]
        self.session.run(works)
        found = {work.step.title: work.verdicts() for work in works}
        self.recorded += [verdict.kind or "passed" for verdicts in found.values() for verdict in verdicts]
        return found

    def import_problem(self, module: str, deadline: float = 30.0) -> Problem | None:
        """Return what is wrong with importing the module."""
        self.write(module=module)
        work = ImportWork(self.job(), deadline)
        self.session.run([work])
        return work.problem


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    """Yield one session for all tests: starting Airflow takes seconds."""
    with grading() as (session, _):
        yield session


@pytest.fixture(scope="session")
def workshops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Yield a session for the suites of all workshops; they are below its folder."""
    with Session(Silence(), tmp_path_factory.mktemp("workshops")) as session:
        yield session


@pytest.fixture(scope="module")
def bare_workshops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Yield a session on a machine that allows no sandbox."""
    with Session(Silence(), tmp_path_factory.mktemp("workshops"), sandbox=NO_SANDBOX) as session:
        yield session


@pytest.fixture
def bare_workshop(bare_workshops: Session) -> Workshop:
    """Return a workshop without a sandbox."""
    return Workshop(Path(tempfile.mkdtemp(dir=bare_workshops.suite)), bare_workshops)


@pytest.fixture
def workshop(workshops: Session, request: pytest.FixtureRequest) -> Iterator[Workshop]:
    """Yield a workshop; if `quality.verdicts` asks for it, record the kinds of all its verdicts."""
    workshop = Workshop(Path(tempfile.mkdtemp(dir=workshops.suite)), workshops)
    yield workshop
    if record := os.environ.get(RECORD):
        test = f"{request.path.stem}: {request.node.name}"
        with open(record, "a", encoding="utf-8") as file:
            file.write(json.dumps([test, workshop.recorded]) + "\n")
