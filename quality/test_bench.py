"""`make bench` measures what it says. By behavior, with few waiting tasks: nothing depends on the machine's speed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from kata.core.paths import SOLUTION
from lab.bench.bench import Step, measure, steps
from lab.bench.contenders import BASELINE, CONTENDERS, SCALED, SUBMISSION
from lab.bench.directories import DIRECTORIES, EMPTY, FULL, HUNG, SLOW, Setting, WatchedDirectories, answer_late
from lab.bench.results import Result, percentile, tables
from lab.bench.trigger_runner import LoopLag
from lab.tables import terminal
from quality.test_lab import lab

RESULT = {
    "contender": BASELINE,
    "setting": "empty",
    "waits": 2,
    "interval": 5.0,
    "lag_p50": 0.001,
    "lag_p99": 0.02,
    "lag_max": 0.03,
    "cpu": 0.1,
    "memory": 2048.0,
    "threads": 3,
    "delays": [1.0, 4.0],
    "started": 10,
    "triggers": 10,
    "failed": 0,
}


def results_of(setting: Setting, contenders: list[str], waits: int = 2, tree: Path = SOLUTION.parent) -> list[Result]:
    return list(measure([Step(setting, waits, contenders)], 0.5, 0.5, tree, say=lambda doing: None))


def shown(*results: Result) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    for table in tables(list(results)):
        console.print(terminal(*table))
    return console.export_text()


# ── What is measured ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("setting", [EMPTY, replace(FULL, files=3), SLOW], ids=lambda setting: setting.name)
def test_every_contender_gets_the_event_of_every_file(setting: Setting) -> None:
    results = results_of(setting, list(CONTENDERS))
    assert [result["contender"] for result in results] == list(CONTENDERS)
    for result in results:
        assert "why" not in result
        assert (len(result["delays"]), result["failed"], result["started"]) == (1, 0, result["triggers"])
        assert None not in result["delays"]
        assert result["cpu"] > 0
        assert result["threads"] >= 2


def test_a_hung_directory_stops_a_contender_that_lists_on_the_event_loop() -> None:
    on_the_loop, *in_threads = results_of(HUNG, [BASELINE, SUBMISSION, SCALED], waits=3)
    assert on_the_loop["delays"] == [None] * 3
    assert on_the_loop["lag_max"] > 0.4, "the loop hangs for all of the 0.5 seconds that are measured"
    for result in in_threads:
        assert len(result["delays"]) == 3
        assert None not in result["delays"]


def test_a_process_that_dies_is_a_result(tmp_path: Path) -> None:
    (tmp_path / SOLUTION.name).write_text("import os\nos._exit(3)\n")
    [result] = results_of(EMPTY, [SUBMISSION], waits=1, tree=tmp_path)
    assert result["why"]
    assert "died" in shown(result)


def test_the_lag_of_a_blocked_loop_is_seen() -> None:
    async def blocked() -> LoopLag:
        lag = LoopLag()
        watching = asyncio.create_task(lag.watch())
        await asyncio.sleep(0.05)
        time.sleep(0.3)  # noqa: ASYNC251
        await asyncio.sleep(0.05)
        watching.cancel()
        return lag

    begin = time.monotonic()
    lags = asyncio.run(blocked()).between(begin, time.monotonic())
    assert max(lags) > 0.25
    assert sum(late > 0.1 for late in lags) > 10, "what was due meanwhile is not counted"


def test_the_lag_of_a_loop_that_still_hangs_is_seen() -> None:
    lag = LoopLag()
    begin = time.monotonic()
    time.sleep(0.1)
    assert max(lag.between(begin, time.monotonic())) > 0.05


# ── The directories ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_processes_can_speak_of_one_scene(tmp_path: Path) -> None:
    assert WatchedDirectories(tmp_path, EMPTY, 30).of_tasks == WatchedDirectories(tmp_path, EMPTY, 30).of_tasks


def test_a_file_comes_to_one_wait_alone(tmp_path: Path) -> None:
    directories = WatchedDirectories(tmp_path, replace(FULL, files=2), 20)
    directories.make()
    [first, *_] = [wait for wait in directories.of_tasks if wait.inbox]
    directories.drop_file(first)
    seen = [d for wait in directories.of_tasks for d in wait.directories if list(Path(d).glob("*.csv"))]
    assert seen == [first.inbox]
    assert {len(list(Path(d).glob("*.png"))) for wait in directories.of_tasks for d in wait.directories} == {2}
    directories.remove_files()
    assert not list(Path(first.inbox).glob("*.csv"))


def test_each_hung_wait_has_one_directory_that_hangs(tmp_path: Path) -> None:
    directories = WatchedDirectories(tmp_path, HUNG, 5)
    hung = [
        [d for d in wait.directories if Path(d).is_relative_to(directories.hung_folder)]
        for wait in directories.of_tasks
    ]
    assert [len(of_wait) for of_wait in hung] == [0] * 5 + [1] * 40
    assert {len(wait.directories) for wait in directories.of_tasks} == {DIRECTORIES}


@pytest.mark.parametrize("ask", [os.scandir, os.listdir, os.stat], ids=lambda ask: ask.__name__)
def test_only_what_lies_in_the_folder_answers_late(
    ask: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ask.__name__  # type: ignore[attr-defined]
    for each in ("scandir", "listdir", "stat"):
        monkeypatch.setattr(os, each, getattr(os, each))  # restored afterwards
    (tmp_path / "late" / "one").mkdir(parents=True)
    (tmp_path / "later").mkdir()
    threads: list[str] = []
    answer_late(tmp_path / "late", lambda: threads.append(threading.current_thread().name))
    getattr(os, name)(tmp_path / "later")
    assert threads == []
    getattr(os, name)(str(tmp_path / "late" / "one"))
    assert threads == [threading.current_thread().name]


# ── What is said of it ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_baseline_costs_once_and_twice_as_much_costs_twice() -> None:
    text = shown(RESULT, RESULT | {"contender": SUBMISSION, "cpu": 0.2})
    assert "1.00 (10.0%)" in text
    assert "2.00 (20.0%)" in text


def test_an_event_that_has_not_come_has_no_ratio() -> None:
    text = shown(RESULT, RESULT | {"contender": SUBMISSION, "delays": [1.0, None]})
    assert "never" in text
    assert "1 of 2" in text


@pytest.mark.parametrize("others", [[], [{"contender": BASELINE, "setting": "empty", "waits": 2, "why": "killed"}]])
def test_without_the_baseline_there_are_values_and_no_ratios(others: list[Result]) -> None:
    text = shown(RESULT | {"contender": SUBMISSION}, *others)
    assert "(10.0%)" in text
    assert "1.00" not in text


def test_what_could_not_be_started_is_told() -> None:
    assert "3 not started, 2 failed" in shown(RESULT | {"started": 7, "failed": 2})


@pytest.mark.parametrize(
    ("percent", "value"), [(50, 5.0), (99, 10.0), (100, 10.0), (0, 1.0)], ids=["median", "p99", "max", "least"]
)
def test_percentiles(percent: float, value: float) -> None:
    assert percentile([float(number) for number in range(1, 11)], percent) == value


def test_percentiles_of_nothing() -> None:
    assert percentile([], 50) is None


def test_the_whole_bench_and_a_part_of_it() -> None:
    whole = steps([100, 1000], "")
    assert [(step.setting.name, step.waits) for step in whole] == [
        *[(name, count) for name in ("empty", "full", "slow") for count in (100, 1000)],
        ("hung", 100),
    ]
    assert {tuple(step.contenders) for step in whole} == {tuple(CONTENDERS)}
    assert steps([100], "slow,FileTriggers,multi") == [Step(SLOW, 100, [BASELINE, SUBMISSION])]


def test_the_command_shows_tables_and_writes_what_was_measured(tmp_path: Path) -> None:
    options = ["--waits", "2", "--seconds", "0.3", "--interval", "0.1", "--only", "empty,shared"]
    ended = lab("bench", *options, "--folder", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert "loop lag p99" in ended.stdout
    assert "1 of 1: 2 × 5 shared listings, empty directories: measuring" in ended.stderr
    written = json.loads((tmp_path / "bench.json").read_text())
    assert [(each["contender"], each["waits"]) for each in written["results"]] == [("5 shared listings", 2)]
    assert (written["seconds"], written["interval"]) == (0.3, 0.1)
