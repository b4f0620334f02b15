"""What came out of a run of the DAG, or why nothing did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from kata.arriving_files import ORDERS
from kata.dag_run_database import DagRunDatabase
from kata.dag_run_log import DagRunLog
from kata.places import shown
from kata.plain_text import plain

_REPORT = "monitoring/trigger_report.html"
_SHOWN_RESULTS = ("process_trigger_results", "monitor_resource_usage", "compare_approaches", "generate_trigger_report")


def show_outcome(exit_code: int | None, run: DagRunDatabase, data: Path, log: DagRunLog, console: Console) -> bool:
    """Print what the tasks returned and where the report is, or what went wrong; whether the run succeeded.

    :param exit_code: of the run, None when it was ended at its deadline.
    :param data: the folder that the DAG worked below.
    """
    states = run.task_states()
    console.print()
    wrong = _what_went_wrong(exit_code, states, data)
    if wrong is None:
        _show_returned(run.returned(), console)
        console.print(Text(f" Success. The report names {ORDERS}; open it:", "bold green"))
        console.print(f"   {shown(data / _REPORT)}", soft_wrap=True, highlight=False)
    else:
        console.print(Text.assemble((" ✗ ", "bold red"), plain(wrong, "bold")), soft_wrap=True)
        for line in log.errors():
            console.print(Text.assemble(("   | ", "cyan"), plain(line)), overflow="fold")
        console.print(f" The whole log: {shown(log.file)}", soft_wrap=True, highlight=False)
    console.print()
    return wrong is None


def _what_went_wrong(exit_code: int | None, states: dict[str, str], data: Path) -> str | None:
    failed = [task_id for task_id, state in states.items() if state == "failed"]
    unfinished = [f"{task_id} ({state})" for task_id, state in states.items() if state != "success"]
    report = data / _REPORT
    if failed:
        return f"The task {failed[0]} failed."
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
