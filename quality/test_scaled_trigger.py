"""`lab/scaled_trigger.py` keeps the contract of Step 3, and does what it does beyond it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from quality.silence import Silence

from kata.core.paths import ROOT, SOLUTION
from kata.core.steps import find_steps
from kata.grading.session import Session
from quality.script import run_script

_AS_SUBMISSION = '''

import scaled_trigger


class MultiDirectoryTrigger(scaled_trigger.ScaledMultiDirectoryTrigger):
    """The scaled trigger, under the name of the exercise."""

    def serialize(self):
        return "trigger_implementation_exercise.MultiDirectoryTrigger", super().serialize()[1]
'''


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    """Run parts of a script, one after the other, and return what it told."""
    begin = """
        import asyncio, json, os, threading, time
        from lab import scaled_trigger

        root = os.environ["KATA_DATA_DIR"]

        def tell(what):
            print(json.dumps(what), flush=True)
    """
    return lambda *parts: run_script("".join(map(dedent, [begin, *parts])), tmp_path)


def test_it_passes_every_check_of_step_3(tmp_path: Path):
    steps = list(find_steps("3"))
    source = SOLUTION.read_text(encoding="utf-8")
    (tmp_path / SOLUTION.name).write_text(source + _AS_SUBMISSION, encoding="utf-8")
    shutil.copy(ROOT / "lab" / "scaled_trigger.py", tmp_path)
    with Session(Silence()) as session:
        assert session.look_at(tmp_path, steps) is None
        grades = session.grade(tmp_path, steps)
    assert not {verdict.check.id: verdict.error or verdict.got for grade in grades for verdict in grade.failing}


# ── When it lists a directory ─────────────────────────────────────────────────────────────────────────────────────────

_LISTING = """
    listed, clock, listdir = [], [100.0], os.listdir
    scaled_trigger.time.monotonic = lambda: clock[0]
    os.listdir = lambda path: listed.append(path) or listdir(path)
    os.makedirs(folder := os.path.join(root, "inbox"))
    listing = scaled_trigger._CachedListing(folder, "*.csv")

    def names(seconds_later):
        clock[0] += seconds_later
        return listing.names()

    def drop(name):
        open(os.path.join(folder, name), "w").close()
"""
_TIME_IS_KEPT = """
    scaled_trigger._keeps_time_of_changes = lambda device: True
"""


def test_an_unchanged_directory_is_not_listed_again(run):
    assert run(_LISTING, _TIME_IS_KEPT, "names(0); names(3); names(3); names(3); tell(len(listed))") == 2


def test_a_changed_directory_is_listed_again(run):
    found = run(
        _LISTING,
        _TIME_IS_KEPT,
        """
        names(0); names(3); drop("b.csv"); first = names(3); names(3); drop("a.csv"); second = names(3); names(3)
        os.remove(os.path.join(folder, "b.csv"))
        tell([first, second, names(3)])
        """,
    )
    assert found == [["b.csv"], ["a.csv", "b.csv"], ["a.csv"]]


def test_a_change_within_one_tick_of_the_file_system_is_found(run):
    found = run(
        _LISTING,
        _TIME_IS_KEPT,
        """
        names(0); names(3); drop("a.csv"); names(1)
        stat = os.stat(folder)
        os.stat = lambda path, unchanged=stat, stat=os.stat: unchanged if path == folder else stat(path)
        drop("b.csv")
        tell(names(1))
        """,
    )
    assert found == ["a.csv", "b.csv"]


def test_a_file_system_that_may_not_keep_time_is_listed_at_each_check(run):
    no_file_system = "scaled_trigger._FILE_SYSTEMS_THAT_KEEP_TIME = set()\n"
    assert run(_LISTING, no_file_system, "names(0); names(3); names(3); names(3); tell(len(listed))") == 4


# ── In which threads ──────────────────────────────────────────────────────────────────────────────────────────────────

_HUNG = """
    release, stat = threading.Event(), os.stat

    def stat_of_a_hung_drive(path, *more, **options):
        if "/hung/" in str(path) and threading.current_thread() is not threading.main_thread():
            release.wait()
        return stat(path, *more, **options)

    os.stat = stat_of_a_hung_drive

    def triggers(kind, count):
        for number in range(count):
            os.makedirs(folder := os.path.join(root, kind, str(number)))
            yield scaled_trigger.ScaledMultiDirectoryTrigger([folder], "*.csv", 0.2)

    async def payload(trigger):
        return [event async for event in trigger.run()][0].payload
"""


def test_forty_hung_directories_delay_no_other_trigger(run):
    seen = run(
        _HUNG,
        """
        async def main():
            hung = [asyncio.create_task(payload(trigger)) for trigger in triggers("hung", 40)]
            await asyncio.sleep(0.1)
            healthy = list(triggers("healthy", 3))
            waiting = [asyncio.create_task(payload(trigger)) for trigger in healthy]
            for trigger in healthy:
                open(os.path.join(trigger.directories[0], "a.csv"), "w").close()
            found = [each["filename"] for each in await asyncio.wait_for(asyncio.gather(*waiting), 60)]
            free = await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 60)
            tell([found, free, sum(task.done() for task in hung)])
            os._exit(0)

        asyncio.run(main())
        """,
    )
    assert seen == [["a.csv"] * 3, "free", 0]


def test_threads_that_are_no_longer_needed_end(run):
    threads = run(
        _HUNG,
        """
        scaled_trigger._IDLE_SECONDS = 0.01

        async def main():
            tasks = [asyncio.create_task(payload(trigger)) for trigger in triggers("hung", 10)]
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
    assert threads == 2  # the event loop's own, and the one that waits for the next check
