"""`lab/scaled_trigger.py` keeps the contract of Step 3, and does what it does beyond it."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent

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
_BEGIN = """
import asyncio, json, os, threading, time
from lab import scaled_trigger

root = os.environ["KATA_DATA_DIR"]
"""


def test_it_passes_every_check_of_step_3(session: Session, tmp_path: Path):
    steps = list(find_steps("3"))
    source = SOLUTION.read_text(encoding="utf-8")
    (tmp_path / SOLUTION.name).write_text(source + _AS_SUBMISSION, encoding="utf-8")
    shutil.copy(ROOT / "lab" / "scaled_trigger.py", tmp_path)
    assert session.look_at(tmp_path, steps) is None
    grades = session.grade(tmp_path, steps)
    assert not {verdict.check.id: verdict.error or verdict.got for grade in grades for verdict in grade.failing}


def test_a_directory_is_listed_again_only_if_it_may_have_changed(tmp_path: Path):
    listing = """
    clock, listdir, stat = [100.0], os.listdir, os.stat
    scaled_trigger.time.monotonic = lambda: clock[0]

    class Inbox:
        def __init__(self, name):
            self.listed, self.folder = 0, os.path.join(root, name)
            os.makedirs(self.folder)
            os.listdir = self.listdir
            self.listing = scaled_trigger._CachedListing(self.folder, "*.csv")

        def listdir(self, path):
            self.listed += 1
            return listdir(path)

        def names(self, seconds_later):
            clock[0] += seconds_later
            return self.listing.names()

        def drop(self, name):
            open(os.path.join(self.folder, name), "w").close()

    scaled_trigger._FILE_SYSTEMS_THAT_KEEP_TIME = set()
    mounted = Inbox("mounted")
    [mounted.names(seconds) for seconds in (0, 3, 3, 3)]

    scaled_trigger._keeps_time_of_changes = lambda device: True
    unchanged = Inbox("unchanged")
    [unchanged.names(seconds) for seconds in (0, 3, 3, 3)]

    changed = Inbox("changed")
    changed.names(0); changed.names(3); changed.drop("b.csv"); first = changed.names(3); changed.names(3)
    changed.drop("a.csv"); second = changed.names(3); changed.names(3)
    os.remove(os.path.join(changed.folder, "b.csv"))
    third = changed.names(3)

    quick = Inbox("quick")  # two changes within one tick of the file system
    quick.names(0); quick.names(3); quick.drop("a.csv"); quick.names(1)
    before = stat(quick.folder)
    os.stat = lambda path: before if path == quick.folder else stat(path)
    quick.drop("b.csv")
    print(json.dumps([mounted.listed, unchanged.listed, first, second, third, quick.names(1)]))
    """
    changed = [["b.csv"], ["a.csv", "b.csv"], ["a.csv"]]
    assert run_script(_BEGIN + dedent(listing), tmp_path) == [4, 2, *changed, ["a.csv", "b.csv"]]


def test_forty_hung_directories_delay_no_other_trigger_and_threads_end_when_idle(tmp_path: Path):
    hung = """
    scaled_trigger._IDLE_SECONDS = 0.01
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

    async def main():
        hung = [asyncio.create_task(payload(trigger)) for trigger in triggers("hung", 40)]
        while threading.active_count() < 40:
            await asyncio.sleep(0.05)
        healthy = list(triggers("healthy", 3))
        waiting = [asyncio.create_task(payload(trigger)) for trigger in healthy]
        for trigger in healthy:
            open(os.path.join(trigger.directories[0], "a.csv"), "w").close()
        found = [each["filename"] for each in await asyncio.wait_for(asyncio.gather(*waiting), 60)]
        free = await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 60)
        ended = sum(task.done() for task in hung)
        release.set()
        end = time.monotonic() + 60
        while threading.active_count() > 3 and time.monotonic() < end:
            await asyncio.sleep(0.05)
        print(json.dumps([found, free, ended, threading.active_count()]), flush=True)
        os._exit(0)

    asyncio.run(main())
    """
    # The event loop's own thread, the one that waits for the next check, and that of `to_thread`.
    assert run_script(_BEGIN + dedent(hung), tmp_path) == [["a.csv"] * 3, "free", 0, 3]
