"""What came out of a run of the DAG, or why nothing did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from kata.airflow.arriving_files import ORDERS, WAITED_FOR_BY
from kata.airflow.run.database import DagRunDatabase
from kata.airflow.run.log import DagRunLog
from kata.core.console import plain
from kata.core.paths import shown

_SET_UP, _WAITS = "set_up_directories", tuple(WAITED_FOR_BY.values())
# Without these no file can arrive, nobody waits for it, or nothing comes of it.
_NEEDED = (_SET_UP, *_WAITS, "process_trigger_results", "generate_trigger_report")
_REPORT = "monitoring/trigger_report.html"
_SHOWN_RESULTS = ("process_trigger_results", "monitor_resource_usage", "compare_approaches", "generate_trigger_report")


def show_outcome(exit_code: int | None, run: DagRunDatabase, data: Path, log: DagRunLog, console: Console) -> bool:
    """Print what the tasks returned and where the report is, or what went wrong; whether the run succeeded.

    :param exit_code: of the run, None when it was ended at its deadline.
    :param data: the folder that the DAG worked below.
    """
    states = run.task_states()
    console.print()
    missing = missing_tasks(run)
    wrong = _what_went_wrong(exit_code, states, missing, data)
    if wrong is None:
        _show_returned(run.returned(), console)
        console.print(Text(f" Success. The report names {ORDERS}; open it:", "bold green"))
        console.print(f"   {shown(data / _REPORT)}", soft_wrap=True, highlight=False)
    else:
        console.print(Text.assemble((" ✗ ", "bold red"), plain(wrong, "bold")), soft_wrap=True)
        for line in [] if missing or too_early(states) else log.errors():
            console.print(Text.assemble(("   | ", "cyan"), plain(line)), overflow="fold")
        console.print(f" The whole log: {shown(log.file)}", soft_wrap=True, highlight=False)
    console.print()
    return wrong is None


def missing_tasks(run: DagRunDatabase) -> list[str]:
    """The tasks without which a run is of no use; none before the run has tasks at all."""
    task_ids = run.task_ids()
    return [task_id for task_id in _NEEDED if task_ids and task_id not in task_ids]


def too_early(states: dict[str, str]) -> list[str]:
    """The waits that have begun though the directories are not made: they would wait for ever."""
    return [wait for wait in _WAITS if states.get(wait) in ("running", "deferred") and states.get(_SET_UP) != "success"]


def _what_went_wrong(exit_code: int | None, states: dict[str, str], missing: list[str], data: Path) -> str | None:
    failed = [task_id for task_id, state in states.items() if state == "failed"]
    unfinished = [f"{task_id} ({state})" for task_id, state in states.items() if state != "success"]
    report = data / _REPORT
    if failed:
        return f"The task {failed[0]} failed."
    if missing:
        return f"The DAG does not have these tasks yet: {', '.join(missing)}. `make grade` says what to do first."
    if early := too_early(states):
        return f"{early[0]} has begun before {_SET_UP} has ended: let the DAG say that it comes after it (Step 7)."
    if exit_code is None:
        return f"The run did not end in time. Not done: {', '.join(unfinished) or 'no task had begun'}."
    if not states:
        return "The DAG did not start: Airflow cannot find or parse it."
    if exit_code != 0 or unfinished:
        return f"The run did not succeed. Not done: {', '.join(unfinished) or 'nothing'}; exit code {exit_code}."
    if not report.is_file():
        return f"All tasks succeeded, but there is no report at {shown(report)}."
    if Path(ORDERS).name not in report.read_text(errors="replace"):
        return f"The report {shown(report)} does not mention the file that arrived, {ORDERS}."
    return None


def _show_returned(returned: dict[str, Any], console: Console) -> None:
    for task_id in _SHOWN_RESULTS:
        if task_id in returned:
            console.print(Text(f" {task_id} returned", "bold"))
            console.print(plain(json.dumps(returned[task_id], indent=2)), soft_wrap=True)
            console.print()
