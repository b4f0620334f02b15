"""`make run`: the DAG in a real Airflow, on its own database, while files arrive."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kata.airflow.arriving_files import ArrivingFiles
from kata.airflow.run.database import DagRunDatabase
from kata.airflow.run.log import DagRunLog
from kata.airflow.run.outcome import missing_tasks, show_outcome, too_early
from kata.core.environment import child_environment, copy_template, make_template, template_file
from kata.core.files import scratch_folder
from kata.core.paths import MODULE, STATE, shown
from kata.core.submission import find_tree, read_module, show_problem

_DEADLINE = 180.0
_LOG = STATE / "logs" / "run.log"


def run_dag(tree_name: str, console: Console) -> bool:
    """Run the DAG of the tree once and show what came out; whether it succeeded. Raises `WrongUsage`, `BrokenSetup`."""
    tree = find_tree(tree_name)
    _, problem = read_module(tree / f"{MODULE}.py")
    if problem is not None:
        show_problem(problem, console)
        return False
    if not template_file().exists():
        console.print("Making Airflow's database (only this once) …")
        make_template()
    data = STATE / "data" / datetime.now().strftime("%Y-%m-%d-%H%M%S")
    data.mkdir(parents=True, exist_ok=True)
    console.print(
        f"Running the DAG {MODULE} of {tree_name}.\nFiles will arrive below {shown(data)}; log: {shown(_LOG)}\n",
        soft_wrap=True,
        highlight=False,
    )
    with scratch_folder() as scratch:
        database = Path(scratch) / "airflow.db"
        copy_template(database)
        run = DagRunDatabase(database)
        environment = child_environment(tree, database=database, data=data)
        exit_code = _follow(environment, run, ArrivingFiles(data), console)
        return show_outcome(exit_code, run, data, DagRunLog(_LOG), console)


def _follow(environment: dict[str, str], run: DagRunDatabase, files: ArrivingFiles, console: Console) -> int | None:
    """Show what happens until the run ends; its exit code, None when it was ended: no use, or no time."""
    _LOG.parent.mkdir(parents=True, exist_ok=True)
    began, begun_tasks = time.monotonic(), set[str]()
    with _airflow_dags_test(environment) as process:
        log = DagRunLog(_LOG)
        is_running = True
        while is_running:
            if time.monotonic() - began > _DEADLINE:
                return None
            # Asked first, so that the last news are read after the end.
            is_running = process.poll() is None
            for task_id, what in log.news():
                begun_tasks.add(task_id)
                _say(began, run.task_states().get(task_id, what) if what == "ended" else what, task_id, console)
            if begun_tasks and (missing_tasks(run) or too_early(run.task_states())):
                return None
            for file in files.drop_due(begun_tasks):
                _say(began, "file arrives", shown(file), console)
            time.sleep(0.1)
        return process.returncode


@contextlib.contextmanager
def _airflow_dags_test(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The run in a process group of its own, all of which is gone at the end."""
    levels = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO"}
    with _LOG.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "dags", "test", MODULE],
            cwd=environment["KATA_DATA_DIR"],
            env={**environment, **levels},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


_STYLES = {"success": "green", "failed": "bold red", "deferred": "magenta", "file arrives": "cyan"}


def _say(began: float, what: str, of: str, console: Console) -> None:
    line = Text.assemble((f"{time.monotonic() - began:6.1f} s  ", "dim"), (f"{what:<13}", _STYLES.get(what, "")), of)
    console.print(line, soft_wrap=True)
