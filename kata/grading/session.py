"""A session: one fork server for any number of grades."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from kata.core.environment import child_environment, make_template, template_is_sound
from kata.core.files import remove_tree, scratch_folder
from kata.core.paths import SOLUTION, STATE, SUITE
from kata.core.steps import STEPS, Step
from kata.core.submission import Problem
from kata.grading.preflight import CollectWork, ImportWork
from kata.grading.sandbox import Sandbox, find_sandbox
from kata.grading.server_process import ServerProcess
from kata.grading.snapshot import Snapshot
from kata.grading.step_work import StepWork
from kata.grading.supervisor import Supervisor
from kata.grading.verdict import Check, StepGrade, Verdict

_Work = TypeVar("_Work", bound=StepWork)
_PASSED_ON = ("AIRFLOW_", "KATA_", "LANG", "LC_", "LD_LIBRARY_PATH", "NO_COLOR", "PATH", "PYTHON", "TZ", "USER")
_AT_ONCE = max(2, os.cpu_count() or 2)


class Progress(Protocol):
    """Shows the progress of a grade."""

    def working_on(self, what: str) -> None: ...

    def expects(self, step: Step, checks: int) -> None: ...

    def heard(self, step: Step, verdict: Verdict) -> None: ...


@dataclass
class Session:
    """Grades steps of any tree with one suite. A context manager: it ends what it has started.

    :param suite: folder of the checks, with a `pytest.ini`.
    :param wake: a file descriptor; once it can be read, whatever runs is ended with `Interrupted`.
    :param sandbox: what the submissions are kept in.
    """

    progress: Progress
    suite: Path = SUITE
    steps: tuple[Step, ...] = STEPS
    wake: int | None = None
    sandbox: Sandbox = field(default_factory=find_sandbox)
    _checks: dict[str, list[Check]] = field(default_factory=dict)

    def __enter__(self) -> Session:
        if not template_is_sound():
            self.progress.working_on("making Airflow's database (only this once)")
            make_template()
        self._scratch = ExitStack()
        self._folder = Path(self._scratch.enter_context(scratch_folder())).resolve()
        self._log = STATE / "logs" / "grade.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        if not self._log.is_file():
            remove_tree(self._log)
        self._log.write_text("")
        self._supervisor = Supervisor(self._start_server, self._folder, self.sandbox, _AT_ONCE, self.wake)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._supervisor.end()
        self._scratch.close()

    def look_at(self, snapshot: Snapshot, steps: list[Step]) -> Problem | None:
        """Import the submission once and collect the checks of `steps`; return the problem if it cannot be graded."""
        unknown = [step for step in steps if step.id not in self._checks]
        collect = CollectWork(self._job(snapshot), unknown)
        importing = ImportWork(self._job(snapshot))
        self._supervisor.run([collect, importing] if unknown else [importing])
        self._checks.update({step.id: collect.checks(step) for step in unknown})
        return importing.problem

    def checks(self, step: Step) -> list[Check]:
        """Return the checks of a step that `look_at` was called for."""
        return self._checks[step.id]

    def grade(self, snapshot: Snapshot, steps: list[Step]) -> list[StepGrade]:
        """Grade steps of a submission that `look_at` was called for."""
        # A step on its own is shared out; several keep all cores busy as they are.
        shares = _AT_ONCE if len(steps) == 1 else 1
        works = {step: self._share_out(snapshot, step, shares) for step in steps}
        for step in steps:
            self.progress.expects(step, len(self._checks[step.id]))
        # What takes longest begins first, so that no core idles at the end.
        every = [work for shared in works.values() for work in shared]
        self._supervisor.run(sorted(every, key=StepWork.size, reverse=True))
        return [self._put_together(step, shared) for step, shared in works.items()]

    def run(self, works: Sequence[StepWork]) -> None:
        """Run any work on the fork server."""
        self._supervisor.run(works)

    def work(self, snapshot: Snapshot, step: Step, checks: list[Check], kind: type[_Work] = StepWork) -> _Work:
        """Return the work of running these checks of a step."""
        return kind(step, checks, self._job(snapshot), self.progress.heard)

    def end_server(self) -> None:
        """End the server and all that it has started; the next work starts another one."""
        self._supervisor.end()

    def warm_up(self) -> None:
        """Let the server prepare what makes the first run of a DAG slow."""
        self._supervisor.warm_up()

    def _share_out(self, snapshot: Snapshot, step: Step, shares: int) -> list[StepWork]:
        checks = self._checks[step.id]
        return [self.work(snapshot, step, checks[share::shares]) for share in range(min(shares, len(checks)))]

    def _put_together(self, step: Step, works: list[StepWork]) -> StepGrade:
        verdicts = {verdict.check: verdict for work in works for verdict in work.verdicts()}
        return StepGrade(step, [verdicts[check] for check in self._checks[step.id]])

    def _job(self, snapshot: Snapshot) -> dict[str, Any]:
        others = "" if snapshot.tree == SOLUTION.parent else str(SOLUTION)
        return {"snapshot": snapshot, "suite": str(self.suite.resolve()), "solution": others}

    def _start_server(self) -> ServerProcess:
        self.progress.working_on("starting Airflow")
        folder = self._folder
        folder.mkdir(exist_ok=True)
        environment = child_environment(folder, database=folder / "airflow.db", data=folder / "data")
        # Of the user's own nothing but what programs need to run.
        environment = {name: value for name, value in environment.items() if name.startswith(_PASSED_ON)}
        environment |= {"AIRFLOW_HOME": str(folder), "HOME": str(folder), "TMPDIR": str(folder)}
        server = ServerProcess(environment, folder, self.suite.resolve(), self._log, self.sandbox)
        try:
            server.wait_until_ready()
        except BaseException:
            server.end()
            raise
        return server
