"""The break-even: what is waited for, where the lines cross, what is shown, its DAGs, and the figures in the docs."""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kata.core.environment import child_environment
from kata.core.errors import WrongUsage
from kata.core.paths import ROOT, SOLUTION
from lab.break_even import command
from lab.break_even.crossing import Line, break_even, line, more, rows, spread
from lab.break_even.plan import INTERVAL, LONG, SHORT, WAYS, Plan, plan_of
from lab.break_even.table import cells, said, show
from quality.test_command_line import kata

MEASURED = ROOT / "docs" / "break_even.json"
Wait = dict[str, Any]


def waits(way: str, base: float, slope: float, lengths: tuple[float, ...] = (0, 1, 2, 5, 10)) -> list[Wait]:
    """Waits whose slot-seconds lie on a line, but for the one of length 0, at which nothing waits."""
    return [
        {
            "way": way,
            "length_seconds": length,
            "waited_seconds": length,
            "slot_seconds": base + slope * length if length else 0.2,
            "running_seconds": 0.2,
            "late_seconds": 0.5 if way == "poke" else 2.5,
            "task_cpu_seconds": 0.2 if way == "poke" else 0.4,
        }
        for length in lengths
    ]


POKED = waits("poke", 2.0, 1.0)
DEFERRED = waits("deferrable", 5.0, 0.0)


def results(*measured: list[Wait]) -> dict[str, Any]:
    return {"airflow": "3.3.2", "waits": [wait for each in measured for wait in each]}


def test_every_length_is_waited_in_both_ways_one_wait_after_the_other():
    planned = list(Plan(repeats=6).waits())
    assert planned[:2] == [("poke", 0.0, 0.0), ("deferrable", 0.0, 0.0)]
    for way in WAYS:
        lengths = [length for each, length, _ in planned if each == way]
        assert {length: lengths.count(length) for length in lengths} == {
            **dict.fromkeys(SHORT, 6),
            **dict.fromkeys(LONG, 2),
        }


def test_the_files_of_a_length_come_at_different_moments_of_the_interval():
    after = [file_after for way, length, file_after in Plan(repeats=4).waits() if (way, length) == ("poke", 1.0)]
    assert after == [1.0, 1.25, 1.5, 1.75]
    assert all(not after for _, length, after in Plan(repeats=4).waits() if not length)


def test_a_line_leaves_out_what_did_not_wait():
    assert line("poke", POKED + DEFERRED) == Line(pytest.approx(2.0), pytest.approx(1.0))
    assert line("deferrable", POKED + DEFERRED) == Line(pytest.approx(5.0), pytest.approx(0.0))


def test_the_break_even_is_where_the_lines_cross():
    assert break_even(POKED + DEFERRED) == pytest.approx(3.0)


def test_deferring_can_pay_from_the_beginning():
    assert break_even(POKED + waits("deferrable", 1.0, 0.0)) == 0.0


def test_deferring_may_never_pay():
    assert break_even(POKED + waits("deferrable", 5.0, 1.0)) is None


def test_a_crossing_beyond_all_that_was_measured_is_none():
    assert break_even(POKED + waits("deferrable", 13.0, 0.0)) is None


@pytest.mark.parametrize("measured", [[], POKED, POKED[:2] + DEFERRED[:2]])
def test_too_few_waits_have_no_break_even(measured: list[Wait]):
    assert break_even(measured) is None
    assert spread(measured) is None


def test_waits_on_lines_leave_luck_no_part():
    assert spread(POKED + DEFERRED) == (pytest.approx(3.0), pytest.approx(3.0))


def test_luck_spreads_the_break_even():
    lucky = waits("deferrable", 3.0, 0.0) + waits("deferrable", 7.0, 0.0) + POKED
    between = spread(lucky)
    assert between == spread(lucky)
    assert between is not None
    assert between[0] < (break_even(lucky) or 0.0) < between[1]


def test_a_length_has_a_row_once_both_ways_have_waited_it():
    assert [row.length for row in rows(POKED + DEFERRED[:2])] == [0, 1]
    assert rows(POKED + DEFERRED)[1].slot_seconds == (3.0, 5.0)


def test_the_table_and_what_it_says_fit_into_a_terminal():
    console = Console(width=80, record=True, file=io.StringIO())
    show(results(POKED, DEFERRED), console)
    lines = console.export_text().splitlines()
    assert "1 s 3.00 · 5.00 0.20 · 0.20 0.50 · 2.50 0.20 · 0.40" in [" ".join(line.split()) for line in lines]
    assert "Break-even: 3.0 seconds (in nine of ten draws from 3.0 to 3.0)." in lines
    assert max(map(len, lines)) <= 80
    assert "+0.20 CPU seconds then and end +2.0 seconds later" in said(results(POKED, DEFERRED))


def test_what_ends_it_early_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    class GivenUp:
        def __init__(self, *of: Any) -> None:
            self.results = results(POKED[:2], DEFERRED[:2])

        def run(self, say: Any) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "BreakEven", GivenUp)
    (tmp_path / "break_even.json").write_text("older")
    with pytest.raises(KeyboardInterrupt):
        command.measure_break_even("solution", Plan(1), tmp_path, Console(), Console(stderr=True))
    assert "slot-seconds" in capsys.readouterr().out
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"break_even.json": "older"}


@pytest.mark.parametrize("wanted", ["0", "two", "2.5", "21"])
def test_a_number_that_does_not_do_is_refused(wanted: str):
    with pytest.raises(WrongUsage, match=f"REPEATS={wanted} does not do: take a whole number from 1 to 20."):
        plan_of(wanted)


def test_wrong_usage_is_refused_before_anything_is_started():
    for arguments in (["--repeats", "0"], ["--tree", "nowhere"], ["--folder", "Makefile/x"]):
        ended = kata("breakeven", *arguments)
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)


_LOAD = """
import json
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("break_even.py")
tasks = {dag.dag_id: dag.tasks for dag in bag.dags.values()}
print(json.dumps({
    "errors": bag.import_errors,
    "intervals": {dag_id: [task.poke_interval for task in of] for dag_id, of in tasks.items()},
}))
"""


def test_the_dags_load(tmp_path: Path):
    environment = child_environment(SOLUTION.parent, database=tmp_path / "none.db", data=tmp_path)
    environment["PYTHONPATH"] += f":{ROOT / 'dags'}"
    ended = subprocess.run(
        [sys.executable, "-c", _LOAD], cwd=ROOT / "dags", env=environment, capture_output=True, text=True, check=True
    )
    loaded = json.loads(ended.stdout.splitlines()[-1])
    assert loaded == {"errors": {}, "intervals": {f"break_even_{way}": [INTERVAL] for way in WAYS}}


def test_the_docs_say_what_was_measured():
    measured = json.loads(MEASURED.read_text())
    of = measured["waits"]
    page = (ROOT / "docs" / "measurements.md").read_text()
    words = " ".join(page.split())
    for row in rows(of):
        assert "| " + " | ".join(cells(row)) + " |" in page
    assert (measured["break_even_seconds"], measured["break_even_spread"]) == (break_even(of), list(spread(of) or ()))
    low, high = measured["break_even_spread"]
    assert f"`make breakeven REPEATS={measured['repeats']}`" in words
    assert f"**From {measured['break_even_seconds']:.1f} seconds on, a deferrable task holds its slots" in words
    assert f"between {low:.1f} and {high:.1f} seconds in nine of ten samples" in words
    waited = [wait for wait in of if wait["length_seconds"] > 0]
    poke, deferrable = (statistics.mean(w["task_cpu_seconds"] for w in waited if w["way"] == way) for way in WAYS)
    assert f"{deferrable:.2f} for {poke:.2f}" in words
    late = more(row.late for row in rows(of) if row.length > 0)
    assert f"the task ends {late:.1f} seconds later" in words
    first = next(row for row in rows(of) if row.length == 1)
    assert first.running[1] < first.running[0], "ahead at one second already"
    ends = len(of) + sum(wait["way"] == "deferrable" for wait in waited)
    noticed_late = sum(round((wait["slot_seconds"] - wait["running_seconds"]) / 5) for wait in of)
    assert f"of {ends} ends of a process, {noticed_late} were noticed after 5 seconds" in words
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"about {measured['break_even_seconds']:.0f} seconds here" in readme
