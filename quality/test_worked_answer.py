"""What the worked answer does beyond the contract: how it looks, and what it says of a race."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from kata.environment import child_environment
from kata.places import ROOT, SOLUTION

_BEGIN = """
import asyncio, json, os, sys, threading, time
import trigger_implementation_exercise as worked

def tell(what):
    print(json.dumps(what))
"""
_LISTING = """
listed, clock = [], [100.0]
listdir, worked.time.monotonic = os.listdir, lambda: clock[0]
worked.os.listdir = lambda path: listed.append(path) or listdir(path)
folder = os.path.join(worked.DATA_DIR, "inbox")
os.makedirs(folder)
listing = worked._Listing(folder, ["*.csv", "*.txt"])

def look(seconds_later):
    clock[0] += seconds_later
    return listing.names()

def drop(name):
    open(os.path.join(folder, name), "w").close()
"""


@pytest.fixture
def told(tmp_path: Path):
    """Run code beside the worked answer, in a process of its own; what it tells."""

    def run(*code: str) -> Any:
        environment = child_environment(SOLUTION.parent, database=tmp_path / "none.db", data=tmp_path / "data")
        script = _BEGIN + "".join(dedent(part) for part in code)
        ended = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    return run


# ── When a directory is listed ────────────────────────────────────────────────────────────────────────────────────────


def test_a_directory_that_has_not_changed_is_not_listed_again(told):
    assert (
        told(
            _LISTING,
            "worked._keeps_time_of_changes = lambda device: True; look(0); look(3); look(3); look(3)",
            "\ntell(len(listed))",
        )
        == 2
    )


def test_a_directory_that_has_changed_is_listed_again(told):
    seen = told(
        _LISTING,
        """
        worked._keeps_time_of_changes = lambda device: True
        look(0); look(3); drop("b.csv"); first = look(3); look(3); drop("a.txt"); second = look(3); look(3)
        os.remove(os.path.join(folder, "b.csv"))
        tell([first, second, look(3)])
        """,
    )
    assert seen == [["b.csv"], ["a.txt", "b.csv"], ["a.txt"]]


def test_a_change_within_one_tick_of_the_file_system_is_not_missed(told):
    seen = told(
        _LISTING,
        """
        worked._keeps_time_of_changes = lambda device: True
        look(0); look(3); drop("a.csv"); look(1)
        stat = os.stat(folder)
        worked.os.stat = lambda path, stat=stat, real=os.stat: stat if path == folder else real(path)
        drop("b.csv")
        tell(look(1))
        """,
    )
    assert seen == ["a.csv", "b.csv"]


def test_a_file_system_that_may_not_keep_time_is_listed_each_time(told):
    assert told(_LISTING, "worked._TIME_KEEPERS = set(); look(0); look(3); look(3); look(3)\ntell(len(listed))") == 4


# ── In which threads ──────────────────────────────────────────────────────────────────────────────────────────────────

_HUNG = """
release, real = threading.Event(), os.stat
def stat(path, *more, **how):
    if "hung" in str(path) and threading.current_thread() is not threading.main_thread():
        release.wait()
    return real(path, *more, **how)
worked.os.stat = stat

def waits(kind, count):
    for number in range(count):
        folder = os.path.join(worked.DATA_DIR, kind, str(number))
        os.makedirs(folder)
        yield worked.MultiDirectoryTrigger([folder], "*.csv", 0.2)

async def event(trigger):
    return [event async for event in trigger.run()][0].payload
"""


def test_forty_directories_that_hang_hold_up_nobody(told):
    seen = told(
        _HUNG,
        """
        async def main():
            hung = [asyncio.create_task(event(trigger)) for trigger in waits("hung", 40)]
            await asyncio.sleep(0.1)
            healthy = list(waits("healthy", 3))
            waiting = [asyncio.create_task(event(trigger)) for trigger in healthy]
            for trigger in healthy:
                open(os.path.join(trigger.directories[0], "a.csv"), "w").close()
            found = [payload["filename"] for payload in await asyncio.wait_for(asyncio.gather(*waiting), 60)]
            shared = await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 60)
            tell([found, shared, sum(task.done() for task in hung)])
            os._exit(0)
        asyncio.run(main())
        """,
    )
    assert seen == [["a.csv"] * 3, "free", 0]


def test_threads_that_are_needed_no_longer_end(told):
    threads = told(
        _HUNG,
        """
        worked._IDLE_SECONDS = 0.01
        async def main():
            tasks = [asyncio.create_task(event(trigger)) for trigger in waits("hung", 10)]
            while threading.active_count() < 10:
                await asyncio.sleep(0.05)
            release.set()
            end = time.monotonic() + 60
            while threading.active_count() > 2 and time.monotonic() < end:
                await asyncio.sleep(0.05)
            tell(threading.active_count())
            os._exit(0)
        asyncio.run(main())
        """,
    )
    assert threads == 2  # the loop's own, and the one that waits for the next look


def test_a_rule_that_raises_stop_iteration_is_broken_too(told, tmp_path):
    event = told(
        """
        worked.nothing_left = lambda: next(iter(()))
        async def main():
            trigger = worked.BusinessRuleTrigger("trigger_implementation_exercise.nothing_left")
            return [event async for event in trigger.run()][0].payload
        tell(asyncio.run(asyncio.wait_for(main(), 60)))
        """
    )
    assert event["error_type"] == "rule"
    assert "StopIteration" in event["message"]


# ── Beside a race ─────────────────────────────────────────────────────────────────────────────────────────────────────

_COMPARE = """
class TaskInstance:
    dag_id, run_id = "dag", "run"
    def xcom_pull(self, **how):
        return {"waited_seconds": 12.0, "deferred": True}
    def get_task_states(self, **how):
        return {"run": {}}

tell(worked.compare_approaches(ti=TaskInstance())["race"])
"""


def test_without_a_race_it_says_what_to_run(told):
    assert "make race" in told(_COMPARE)


def test_beside_a_race_it_says_how_this_run_compares(told, tmp_path):
    race = tmp_path / "data" / "monitoring" / "race.json"
    race.parent.mkdir(parents=True)
    race.write_text((ROOT / "docs" / "race.json").read_text())
    said = told(_COMPARE)
    assert "100 waits at once on 8 slots" in said
    assert "as poke sensors they held 8 slots while they waited" in said
    assert "deferred they held 0 slots while they waited" in said
    assert "held a slot for 0 of its 12 seconds" in said


@pytest.mark.parametrize("text", ["", "[]", '{"approaches": {}}', '{"approaches": null}'])
def test_a_race_that_cannot_be_read_is_none(told, tmp_path, text):
    race = tmp_path / "data" / "monitoring" / "race.json"
    race.parent.mkdir(parents=True)
    race.write_text(text)
    assert "make race" in told(_COMPARE)
