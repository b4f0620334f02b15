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
from lab.__main__ import app as lab
from lab.bench.bench import Step, measure, steps
from lab.bench.contenders import BASELINE, CONTENDERS, SUBMISSION
from lab.bench.directories import DIRECTORIES, EMPTY, FULL, HUNG, SLOW, Setting, WatchedDirectories, answer_late
from lab.bench.results import Result, percentile, tables
from lab.bench.trigger_runner import LoopLag
from lab.tables import terminal
from quality.conftest import run_command

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


def test_the_command_measures_every_contender_and_writes_and_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lab.bench.bench.draw", lambda file: "No chart.")
    options = ["--waits", "2", "--seconds", "0.5", "--interval", "0.5", "--only", "empty"]
    ended = run_command("bench", *options, "--folder", str(tmp_path), app=lab)
    assert ended.exit_code == 0, ended.stderr
    assert "loop lag p99" in ended.stdout
    assert f"1 of {len(CONTENDERS)}: 2 × {BASELINE}, empty directories: measuring" in ended.stderr
    written = json.loads((tmp_path / "bench.json").read_text())
    assert (written["seconds"], written["interval"]) == (0.5, 0.5)
    assert [(each["contender"], each["waits"]) for each in written["results"]] == [(name, 2) for name in CONTENDERS]
    for result in written["results"]:
        expect_all_events(result)


@pytest.mark.parametrize("setting", [replace(FULL, files=3), SLOW], ids=lambda setting: setting.name)
def test_the_directories_may_be_full_or_slow(setting: Setting):
    [result] = results_of(setting, [SUBMISSION])
    expect_all_events(result)


def expect_all_events(result: Result):
    assert "why" not in result
    assert (len(result["delays"]), result["failed"], result["started"]) == (1, 0, result["triggers"])
    assert None not in result["delays"]
    assert result["cpu"] > 0
    assert result["threads"] >= 2


def test_a_hung_directory_stops_a_contender_that_lists_on_the_event_loop():
    on_the_loop, in_threads = results_of(HUNG, [BASELINE, SUBMISSION], waits=3)
    assert on_the_loop["delays"] == [None] * 3
    assert on_the_loop["lag_max"] > 0.4, "the loop hangs for all of the 0.5 seconds that are measured"
    assert len(in_threads["delays"]) == 3
    assert None not in in_threads["delays"]


def test_a_process_that_dies_is_a_result(tmp_path: Path):
    (tmp_path / SOLUTION.name).write_text("import os\nos._exit(3)\n")
    [result] = results_of(EMPTY, [SUBMISSION], waits=1, tree=tmp_path)
    assert result["why"]
    assert "died" in shown(result)


def test_the_lag_of_a_blocked_loop_is_seen():
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


def test_the_lag_of_a_loop_that_still_hangs_is_seen():
    lag = LoopLag()
    begin = time.monotonic()
    time.sleep(0.1)
    assert max(lag.between(begin, time.monotonic())) > 0.05


# ── The directories ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_comes_to_one_wait_alone(tmp_path: Path):
    directories = WatchedDirectories(tmp_path, replace(FULL, files=2), 20)
    directories.make()
    in_another_process = WatchedDirectories(tmp_path, replace(FULL, files=2), 20)
    assert in_another_process.of_tasks == directories.of_tasks
    [first, *_] = [wait for wait in directories.of_tasks if wait.inbox]
    directories.drop_file(first)
    seen = [d for wait in directories.of_tasks for d in wait.directories if list(Path(d).glob("*.csv"))]
    assert seen == [first.inbox]
    assert {len(list(Path(d).glob("*.png"))) for wait in directories.of_tasks for d in wait.directories} == {2}
    directories.remove_files()
    assert not list(Path(first.inbox).glob("*.csv"))


def test_each_hung_wait_has_one_directory_that_hangs(tmp_path: Path):
    directories = WatchedDirectories(tmp_path, HUNG, 5)
    hung = [
        [d for d in wait.directories if Path(d).is_relative_to(directories.hung_folder)]
        for wait in directories.of_tasks
    ]
    assert [len(of_wait) for of_wait in hung] == [0] * 5 + [1] * 40
    assert {len(wait.directories) for wait in directories.of_tasks} == {DIRECTORIES}


@pytest.mark.parametrize("name", ["scandir", "listdir", "stat"])
def test_only_what_lies_in_the_folder_answers_late(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
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


def test_costs_are_compared_with_those_of_the_baseline():
    text = shown(RESULT, RESULT | {"contender": SUBMISSION, "cpu": 0.2, "delays": [1.0, None]})
    for cell in ("1.00 (10.0%)", "2.00 (20.0%)", "never", "1 of 2"):
        assert cell in text


@pytest.mark.parametrize("others", [[], [{"contender": BASELINE, "setting": "empty", "waits": 2, "why": "killed"}]])
def test_without_the_baseline_there_are_values_and_no_ratios(others: list[Result]):
    text = shown(RESULT | {"contender": SUBMISSION}, *others)
    assert "(10.0%)" in text
    assert "1.00" not in text


def test_what_could_not_be_started_is_told():
    assert "3 not started, 2 failed" in shown(RESULT | {"started": 7, "failed": 2})


def test_percentiles():
    numbers = [float(number) for number in range(1, 11)]
    assert [percentile(numbers, percent) for percent in (0, 50, 99, 100)] == [1.0, 5.0, 10.0, 10.0]
    assert percentile([], 50) is None


def test_the_whole_bench_and_a_part_of_it():
    whole = steps([100, 1000], "")
    assert [(step.setting.name, step.waits) for step in whole] == [
        *[(name, count) for name in ("empty", "full", "slow") for count in (100, 1000)],
        ("hung", 100),
    ]
    assert {tuple(step.contenders) for step in whole} == {tuple(CONTENDERS)}
    assert steps([100], "slow,FileTriggers,multi") == [Step(SLOW, 100, [BASELINE, SUBMISSION])]
