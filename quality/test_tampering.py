"""Whatever the learner's code puts in the place of the grader's own functions, it passes no check."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from kata.grading.collect_work import CollectWork
from kata.grading.step_work import StepWork
from kata.grading.supervisor import Supervisor
from kata.grading.verdict import TAMPERED, Check, Verdict
from kata.places import MODULE, SOLUTION, STARTER, SUITE
from kata.steps import find_step

STEP = find_step("1")
FRAME = "test_the_dag_has_its_arguments"
SET_UP = "test_set_up_creates_all_directories"

# Added to the starter, which passes no check. What the message must name, and the code.
PATCHES = {
    "expect in every module": (
        "support.contract.expect",
        """
        import sys
        for module in list(sys.modules.values()):
            if "expect" in vars(module) and "expect_equal" in vars(module):
                module.expect = module.expect_equal = lambda *_, **__: None
        """,
    ),
    "the code of expect": (
        "support.contract.expect",
        """
        from support import contract
        nothing = lambda *_, **__: None
        contract.expect.__code__ = contract.expect_equal.__code__ = nothing.__code__
        """,
    ),
    "the code of expect, put back at once": (
        "support.contract.expect_equal",
        """
        from support import contract
        code = contract.expect_equal.__code__
        contract.expect_equal.__code__ = (lambda *_, **__: None).__code__
        contract.expect_equal.__code__ = code
        """,
    ),
    "the comparison": ("support.contract._same", "import support.contract; support.contract._same = lambda *_: True"),
    "a method of a class": (
        "support.contract.ContractViolation.__init__",
        "import support.contract; support.contract.ContractViolation.__init__ = lambda *_: None",
    ),
    "a builtin hidden by a name of the module": (
        "support.contract.type",
        "import support.contract; support.contract.type = lambda _: int",
    ),
    "a method that was inherited": (
        "support.contract.ContractViolation.__new__",
        "import support.contract as it; it.ContractViolation.__new__ = lambda *_, **__: Warning()",
    ),
    "a constant": ("support.contract.MAX_SHOWN", "import support.contract; support.contract.MAX_SHOWN = 10**9"),
    "a table": (
        "support.system_calls.WAITING",
        "import support.system_calls as it; it.WAITING.clear()",
    ),
    "a member of an enum": (
        "support.mistakes.Mistake.MISSING_DAG",
        "from support.mistakes import Mistake; type.__setattr__(Mistake, 'MISSING_DAG', None)",
    ),
    "the value of a member": (
        "support.mistakes.Mistake.MISSING_DAG",
        "from support.mistakes import Mistake; Mistake.MISSING_DAG._value_ = 'nothing'",
    ),
    "a helper": (
        "support.tasks.execute_task",
        "import support.tasks as it; it.execute_task = lambda *_, **__: None",
    ),
    "the ears": (
        "support.system_calls._record",
        "import support.system_calls as it; it._record = lambda *_: None",
    ),
    "the watching": (
        "virtual_time.threads.any_thread_at_work",
        "import virtual_time.threads as it; it.any_thread_at_work = lambda: False",
    ),
    "a builtin": (
        "builtins.isinstance",
        "import builtins; real = isinstance; builtins.isinstance = lambda *given: real(*given)",
    ),
    "json": ("json.dumps", "import json; real = json.dumps; json.dumps = lambda *a, **k: real(*a, **k)"),
    "asyncio": ("asyncio.wait", "import asyncio; asyncio.wait = None"),
    "freezegun": ("freezegun.api.freeze_time", "import freezegun.api as it; it.freeze_time = lambda *_, **__: None"),
    "mock": ("mock.patch", "import unittest.mock; unittest.mock.patch = None"),
    "pytest.raises": ("pytest.raises", "import pytest; pytest.raises = None"),
    "pytest's runner": (
        "CallInfo.from_call",
        """
        from _pytest.runner import CallInfo
        real = CallInfo.from_call
        CallInfo.from_call = classmethod(lambda cls, func, when, reraise=None: real(lambda: None, when))
        """,
    ),
    "pytest's calling of a test": (
        "pytest_pyfunc_call",
        "from _pytest import python; python.pytest_pyfunc_call.__code__ = (lambda pyfuncitem: True).__code__",
    ),
    "pytest's report": (
        "TestReport.from_item_and_call",
        """
        from _pytest.reports import TestReport
        real = TestReport.from_item_and_call.__func__
        def passed(cls, item, call):
            report = real(cls, item, call)
            report.outcome = "passed"
            return report
        TestReport.from_item_and_call = classmethod(passed)
        """,
    ),
    "the reporter": (
        "kata.grading.explanation.explain",
        "import kata.grading.explanation as it; it.explain.__code__ = (lambda error, learner_file: {}).__code__",
    ),
    "the function of a check": (
        FRAME,
        f"""
        import sys
        [checks] = [module for name, module in sys.modules.items() if name.endswith("test_step_1_setup")]
        checks.{FRAME}.__code__ = (lambda submission: None).__code__
        """,
    ),
    "a check": (
        FRAME,
        """
        import gc, sys
        frame = sys._getframe()
        while "session" not in frame.f_locals:
            frame = frame.f_back
        for item in frame.f_locals["session"].items:
            item._obj = lambda submission: None
        """,
    ),
    "a plugin of its own": (
        "the hook pytest_runtest_makereport",
        """
        import pytest, sys
        class Plugin:
            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_makereport(self, item, call):
                report = yield
                report.outcome = "passed"
                return report
        frame = sys._getframe()
        while "session" not in frame.f_locals:
            frame = frame.f_back
        frame.f_locals["session"].config.pluginmanager.register(Plugin())
        """,
    ),
    "a module": (
        "support.contract",
        """
        import sys, types
        fake = types.ModuleType("support.contract")
        vars(fake).update(vars(sys.modules["support.contract"]))
        sys.modules["support.contract"] = fake
        """,
    ),
    "tracing": (
        "sys.settrace",
        """
        import sys
        sys.settrace(lambda *_: None)
        """,
    ),
}


@pytest.fixture(scope="module")
def checks(supervisor: Supervisor) -> list[Check]:
    collect = CollectWork(_job(SOLUTION.parent), [STEP])
    supervisor.run([collect])
    return collect.checks(STEP)


@pytest.fixture
def graded(supervisor: Supervisor, checks: list[Check], tmp_path: Path) -> Callable[..., list[Verdict]]:
    """Runs checks of Step 1 on a module."""

    def run(text: str, *names: str) -> list[Verdict]:
        (tmp_path / f"{MODULE}.py").write_text(text)
        named = [check for check in checks if check.id.partition("::")[2] in names]
        work = StepWork(STEP, named, _job(tmp_path), lambda step, verdict: None)
        supervisor.run([work])
        return work.verdicts()

    return run


@pytest.mark.parametrize(("named", "code"), PATCHES.values(), ids=PATCHES)
def test_changing_what_the_checks_are_made_of(graded, named: str, code: str):
    [verdict] = graded(STARTER.read_text() + _unindented(code), FRAME)
    assert verdict.kind == TAMPERED
    assert verdict.error.startswith("Your code has changed what the checks are made of: ")
    assert named in verdict.error


def _unindented(code: str) -> str:
    return "\n" + textwrap.dedent(code) + "\n"


def _job(tree: Path) -> dict[str, str]:
    return {"tree": str(tree), "suite": str(SUITE), "learner_file": str((tree / f"{MODULE}.py").resolve())}
