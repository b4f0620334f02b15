"""The pytest plugin of the child processes: it reports what starts and how it ends, and judges nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from kata.grading.failure import explain
from kata.grading.guard import Guard

_LONGEST_OUTPUT = 500


class Reporter:
    """Reports `start` and `result` of every test, or `check` for each when pytest only collects.

    :param report: sends one message to the parent.
    :param wanted: ids of the tests to run, None for all.
    :param learner_file: whose lines are of interest in a traceback.
    :param solution_read: not empty once the submission has tried to read the reference solution.
    """

    def __init__(
        self,
        report: Callable[..., None],
        wanted: frozenset[str] | None,
        learner_file: Path,
        solution_read: list[str],
    ) -> None:
        self._report = report
        self._wanted = wanted
        self._learner_file = learner_file
        self._solution_read = solution_read
        self._phases: dict[str, str] = {}
        self._told: dict[str, Any] = {}
        self._printed = ""
        self._began = 0.0
        self._guard: Guard | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "deadline(seconds): how long the check may take, instead of the default")
        config.addinivalue_line("markers", "essential: while the check fails, its step scores 0 points")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if self._wanted is not None:
            items[:] = [item for item in items if item.nodeid in self._wanted]
        for item in items:
            # pytest's own account of a failure takes long, is shown to nobody, and fails at some exceptions itself.
            item.repr_failure = item._repr_failure_py = lambda *_, **__: ""  # type: ignore[method-assign]
        if config.option.collectonly:
            for item in items:
                marker = item.get_closest_marker("deadline")
                self._report(
                    event="check",
                    id=item.nodeid,
                    title=_title(item),
                    case=item.callspec.id if hasattr(item, "callspec") else "",
                    deadline=float(marker.args[0]) if marker else None,
                    essential=item.get_closest_marker("essential") is not None,
                )

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # The suite is imported by now, the learner's module is not.
        if not session.config.option.collectonly:
            self._guard = Guard(session.config.rootpath, session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._report(event="not collected", where=report.nodeid, error=str(report.longrepr)[-2000:])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._phases, self._told, self._printed = {}, {}, ""
        self._began = time.perf_counter()
        self._report(event="start", id=nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        # An expected failure that passes is reported as passed, and is none.
        self._phases[report.when or ""] = "xfail" if hasattr(report, "wasxfail") else report.outcome
        if call.excinfo is not None and not self._told:
            self._told = explain(call.excinfo.value, self._learner_file)
        self._printed = "".join(text for name, text in report.sections if "stdout" in name or "stderr" in name)
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._report(
            event="result",
            id=nodeid,
            phases=self._phases,
            told=self._told,
            printed=_shortened(self._printed),
            duration=time.perf_counter() - self._began,
            changed=self._guard.changed() if self._guard else "",
            solution_read=bool(self._solution_read),
        )

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        by = "called pytest.exit()" if excinfo.errisinstance(pytest.exit.Exception) else "raised KeyboardInterrupt"
        self._report(event="interrupted", by=by)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._report(event="finished")
        # All is said. What would follow, the learner's exit handlers too, can only take time.
        os._exit(0)


def _title(item: pytest.Item) -> str:
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    return doc.splitlines()[0].strip() if doc else item.name.partition("[")[0].replace("_", " ")


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_OUTPUT:
        return text
    return text[:_LONGEST_OUTPUT] + " … (the rest is left out)"
