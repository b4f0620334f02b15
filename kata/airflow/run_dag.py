"""`make run`: the DAG as `airflow dags test` runs it, on a database of its own, while files arrive."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import time
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from kata.airflow.arriving_files import ORDERS, WAITED_FOR_BY, drop
from kata.airflow.kept_process import KeptProcess
from kata.core.console import plain, show_printed
from kata.core.dag_run import decoded
from kata.core.environment import child_environment, copy_template, template_file
from kata.core.files import scratch_folder
from kata.core.paths import MODULE, STATE, shown
from kata.core.submission import find_tree, read_module, show_problem

_LOG = STATE / "logs" / "run.log"

# Seconds. A file arrives this long after the start of its task.
_DEADLINE, _ARRIVES_AFTER = 180.0, 3.0

_SET_UP, _WAITS = "set_up_directories", tuple(WAITED_FOR_BY.values())
# Without these tasks no file can arrive, none is waited for, or there is no report.
_NEEDED = (_SET_UP, *_WAITS, "process_trigger_results", "generate_trigger_report")
_SHOWN_RESULTS = ("process_trigger_results", "monitor_resource_usage", "compare_approaches", "generate_trigger_report")

_STYLES = {"success": "green", "failed": "bold red", "deferred": "magenta", "file arrives": "cyan"}
# While the trigger of a task runs in `airflow dags test`, the state of the task is "queued".
_STATES = """
    SELECT task_id,
           CASE WHEN state NOT IN ('queued', 'scheduled') THEN state WHEN next_method IS NOT NULL THEN 'deferred' END
    FROM task_instance ORDER BY start_date
"""
_ERROR = re.compile(r"\[(?:error|critical) *\]|^[\w.]*(?:Error|Exception)\b.*:")


class _Run:
    """What Airflow's database says about a run while it goes on; it is never written to, and never waited for.

    :param database: an SQLite file; this run alone uses it.
    :param data: the folder that the DAG works below.
    """

    def __init__(self, database: Path, data: Path) -> None:
        self.data = data
        self.report = data / "monitoring" / "trigger_report.html"
        self._address = f"file:{database}?mode=ro"

    def states(self) -> dict[str, str | None]:
        """Return the state of each task, None for one that has not begun; nothing while the database is busy."""
        return dict(self._rows(_STATES))

    def returned(self) -> dict[str, Any]:
        """Return what the tasks returned, by task id."""
        rows = self._rows("SELECT task_id, value FROM xcom WHERE key = 'return_value'")
        # The database has JSON, in some versions of JSON.
        return {task_id: decoded(decoded(value)) for task_id, value in rows}

    def problem(self) -> str:
        """Return why the run can never succeed, as far as its tasks show it; "" if they do not."""
        states = self.states()
        if missing := [task_id for task_id in _NEEDED if states and task_id not in states]:
            return f"The DAG does not have these tasks yet: {', '.join(missing)}. `make grade` says what to do first."
        early = [wait for wait in _WAITS if states.get(wait) in ("running", "deferred")]
        if early and states[_SET_UP] != "success":
            return f"{early[0]} has begun before {_SET_UP} has ended: let the DAG say that it comes after it (Step 7)."
        return ""

    def failure(self, exit_code: int | None) -> str:
        """Return why the run did not succeed, once it is over; "" if it did."""
        states = {task_id: state for task_id, state in self.states().items() if state}
        unfinished = ", ".join(f"{task_id} ({state})" for task_id, state in states.items() if state != "success")
        if failed := [task_id for task_id, state in states.items() if state == "failed"]:
            return f"The task {failed[0]} failed."
        if problem := self.problem():
            return problem
        if exit_code is None:
            return f"The run did not end in time. Not done: {unfinished or 'no task had begun'}."
        if not states:
            return "The DAG did not start: Airflow cannot find or parse it."
        if exit_code != 0 or unfinished:
            return f"The run did not succeed. Not done: {unfinished or 'nothing'}; exit code {exit_code}."
        if not self.report.is_file():
            return f"All tasks succeeded, but there is no report at {shown(self.report)}."
        if Path(ORDERS).name not in self.report.read_text(errors="replace"):
            return f"The report {shown(self.report)} does not mention the file that arrived, {ORDERS}."
        return ""

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(self._address, uri=True, timeout=0)) as open_:
            return open_.execute(query).fetchall()
        return []


def run_dag(tree_name: str, console: Console) -> bool:
    """Run the DAG of the tree once, show what came out, and return whether it succeeded.

    :raises WrongUsage: for a tree that is no folder.
    :raises BrokenSetup: if Airflow cannot make its database.
    """
    tree = find_tree(tree_name)
    _, problem = read_module(tree)
    if problem is not None:
        show_problem(problem, console)
        return False
    if not template_file().exists():
        console.print("Making Airflow's database (only this once) …")
    data = STATE / "data" / datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for folder in (data, _LOG.parent):
        folder.mkdir(parents=True, exist_ok=True)
    where = f"Files will arrive below {shown(data)}; log: {shown(_LOG)}\n"
    console.print(f"Running the DAG {MODULE} of {tree_name}.\n{where}", soft_wrap=True, highlight=False)
    with scratch_folder() as scratch:
        database = Path(scratch) / "airflow.db"
        copy_template(database)
        environment = child_environment(tree, database=database, data=data)
        environment["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "INFO"
        run = _Run(database, data)
        exit_code = _follow(run, environment, console)
        return _show_outcome(run, exit_code, console)


def _follow(run: _Run, environment: dict[str, str], console: Console) -> int | None:
    """Show what happens until the run ends; return its exit code, None if it had to be ended."""
    _LOG.write_bytes(b"")
    process = KeptProcess([sys.executable, "-m", "airflow", "dags", "test", MODULE], environment, run.data, _LOG)
    began, begun_at, told, waiting = time.monotonic(), {}, {}, dict(WAITED_FOR_BY)

    def tell(what: str, of: str) -> None:
        line = Text.assemble((f"{now:6.1f} s  ", "dim"), (f"{what:<13}", _STYLES.get(what, "")), of)
        console.print(line, soft_wrap=True)

    try:
        exit_code = None
        while exit_code is None:
            now = time.monotonic() - began
            # Before the states, so that those of the end are shown, too.
            exit_code = process.status()
            for task_id, state in run.states().items():
                if state and told.get(task_id) != state:
                    told[task_id] = state
                    begun_at.setdefault(task_id, now)
                    tell(state, task_id)
            if now > _DEADLINE or (begun_at and run.problem()):
                return None
            for name, task_id in list(waiting.items()):
                if now >= begun_at.get(task_id, now) + _ARRIVES_AFTER:
                    del waiting[name]
                    tell("file arrives", shown(drop(run.data / name)))
            time.sleep(0.1)
        return exit_code
    finally:
        process.kill()


def _show_outcome(run: _Run, exit_code: int | None, console: Console) -> bool:
    console.print()
    if wrong := run.failure(exit_code):
        console.print(Text.assemble((" ✗ ", "bold red"), plain(wrong, "bold")), soft_wrap=True)
        if wrong != run.problem():
            show_printed(_errors(), console, printed_by="The log says")
        console.print(f" The whole log: {shown(_LOG)}\n", soft_wrap=True, highlight=False)
        return False
    returned = run.returned()
    for task_id in _SHOWN_RESULTS:
        if task_id in returned:
            console.print(Text(f" {task_id} returned", "bold"))
            console.print(plain(json.dumps(returned[task_id], indent=2) + "\n"), soft_wrap=True)
    console.print(Text(f" Success. The report names {ORDERS}; open it:", "bold green"))
    console.print(f"   {shown(run.report)}\n", soft_wrap=True, highlight=False)
    return True


def _errors() -> str:
    """Return the last lines of the log that name an error, without time stamps; the last of all where none does."""
    lines = _LOG.read_text(errors="replace").splitlines()
    found = [line for line in lines if _ERROR.search(line)][-6:] or lines[-3:]
    return "\n".join(re.sub(r"^\d{4}-\S+Z ", "", line)[:300] for line in found)
