"""Step 3b: MultiDirectoryTrigger finds a file and yields one event."""

from __future__ import annotations

import asyncio
import inspect
import os
from datetime import datetime, timezone

import pytest
from airflow.triggers.base import TriggerEvent
from support.airflow_version import deserialize, serialize
from support.contract import Result, expect, expect_equal
from support.mistakes import Mistake
from support.watching import begun, watch

SUCCESS_KEYS = {"status", "directory", "filename", "path", "size", "modified", "files", "total_files", "errors"}


def test_run_is_an_async_generator(trigger):
    """run() yields, so calling it gives an async generator."""
    running = begun(trigger())
    expect(
        inspect.isasyncgen(running) or hasattr(running, "__anext__"),
        called="MultiDirectoryTrigger(...).run()",
        got=type(running),
        mistake=Mistake.RUN_IS_NO_ASYNC_GENERATOR,
    )


def test_finds_a_file_that_is_there_before(trigger, clients):
    """A file counts when it was there before; run() yields one event with all that is known of the file, then ends."""
    path = clients.drop(3, "orders.csv", "id\n1\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    watched = watch(trigger(), seconds=30, root=clients.root)
    watched.expect_event(Mistake.FILE_THAT_IS_THERE_ALREADY_NOT_REPORTED)
    payload = watched.found
    missing = SUCCESS_KEYS - set(payload)
    expect(
        not missing,
        called=watched.called,
        got=f"{payload}, without {sorted(missing)}",
        mistake=Mistake.EVENT_WITHOUT_A_KEY,
    )
    errors = payload["errors"]
    foreign = isinstance(errors, dict) and not set(errors) <= set(clients.directories)
    mistake = Mistake.STATE_SHARED_BY_INSTANCES if foreign else Mistake.READABLE_DIRECTORY_REPORTED_AS_BROKEN
    expect_equal(errors, {}, called=f"{watched.called}: errors", mistake=mistake)
    known = {key: payload[key] for key in SUCCESS_KEYS - {"modified"}}
    due = {"status": "success", "directory": clients[3], "filename": "orders.csv", "path": path, "size": 5}
    expect_equal(known, {**due, "files": [path], "total_files": 1, "errors": {}}, called=watched.called)
    modified = datetime.fromisoformat(payload["modified"])
    expect(
        modified.utcoffset() is not None,
        called='payload["modified"]',
        got=payload["modified"],
        mistake=Mistake.TIME_WITHOUT_A_ZONE,
    )
    expect_equal(
        modified,
        datetime.fromtimestamp(1_700_000_000, tz=timezone.utc),
        called='payload["modified"]',
        mistake=Mistake.NOT_THE_TIME_OF_THE_LAST_CHANGE,
    )
    expect(
        watched.fired_at < 10,
        called=watched.called,
        got=f"the event came after {watched.fired_at} seconds",
        mistake=Mistake.SLEEPS_BEFORE_THE_FIRST_LOOK,
    )


@pytest.mark.asyncio
async def test_runs_on_an_ordinary_event_loop(trigger, clients):
    """run() needs nothing but an event loop: in debug mode it yields its event and ends."""
    asyncio.get_running_loop().set_debug(True)
    path = clients.drop(4, "a.csv")
    events = [event async for event in begun(trigger())]
    called = "[event async for event in run()]"
    expect(len(events) == 1, called=called, got=events, mistake=Mistake.NOT_EXACTLY_ONE_EVENT)
    is_event = isinstance(events[0], TriggerEvent)
    expect(is_event, called=called, got=events, mistake=Mistake.YIELDS_SOMETHING_THAT_IS_NO_TRIGGEREVENT)
    expect_equal(Result(called, events[0].payload, Mistake.EVENT_WITHOUT_A_KEY)["path"], path, called=called)


def test_finds_a_file_that_comes_later(trigger, clients):
    """A file counts when it comes later, and is reported at the latest two intervals after it appeared."""
    watched = watch(trigger(), seconds=120, root=clients.root, at={42: lambda: clients.drop(1, "late.csv")})
    expect_equal(watched.found["path"], clients.path(1, "late.csv"), called=watched.called)
    expect(
        42 <= watched.fired_at <= 62,
        called=watched.called,
        got=f"reported after {watched.fired_at} seconds, made at 42",
        mistake=Mistake.REPORTS_TOO_LATE,
    )


def test_finds_a_file_in_the_fifth_directory(trigger, clients):
    """All directories are watched at once, the fifth as well as the first."""
    watched = watch(trigger(), seconds=60, root=clients.root, at={15: lambda: clients.drop(5, "fifth.csv")})
    watched.expect_event(Mistake.NOT_ALL_DIRECTORIES_WATCHED)
    expect_equal(watched.found["directory"], clients[5], called=watched.called)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.csv", "a.csv", ["a.json", "a.csv.part", "a.CSV", ".hidden.csv", "csv"]),
        ("report_[0-9].json", "report_7.json", ["report_x.json", "report_77.json", "a_report_7.json"]),
        ("upload-?.txt", "upload-b.txt", ["upload-.txt", "upload-bb.txt", "Upload-b.txt"]),
        (".*.csv", ".hidden.csv", ["a.csv", ".hidden.json"]),
    ],
    ids=["star", "set", "question mark", "leading dot"],
)
def test_matches_the_name_as_a_shell_does(trigger, clients, pattern, matching, others):
    """The file's name matches file_pattern as fnmatch.fnmatchcase says, but a leading dot only by a dot."""
    for name in [*others, matching]:
        clients.drop(2, name)
    watched = watch(trigger(file_pattern=pattern), seconds=30, root=clients.root)
    mistake = Mistake.NAME_NOT_MATCHED_AS_THE_CONTRACT_SAYS
    called = f"{watched.called}, pattern {pattern}"
    watched.expect_event(mistake)
    expect_equal(watched.found["files"], [clients.path(2, matching)], called=called, mistake=mistake)


def test_only_files_count(trigger, clients):
    """A regular file counts, or a link to one, directly in a directory: no directory, pipe, dead link, or deeper."""
    os.mkdir(clients.path(1, "folder.csv"))
    os.mkdir(clients.path(2, "deeper"))
    clients.drop(2, os.path.join("deeper", "a.csv"))
    os.symlink(clients.path(3, "nowhere"), clients.path(3, "dead.csv"))
    os.mkfifo(clients.path(3, "pipe.csv"))
    target = clients.drop(4, "target.data")
    os.symlink(target, clients.path(5, "link.csv"))
    watched = watch(trigger(), seconds=30, root=clients.root)
    mistake = Mistake.COUNTS_WHAT_IS_NO_FILE_OF_THIS_DIRECTORY
    watched.expect_event(Mistake.LINK_TO_A_FILE_NOT_COUNTED)
    found = watched.found["files"]
    link = clients.path(5, "link.csv")
    expect(link in found, called=watched.called, got=found, mistake=Mistake.LINK_TO_A_FILE_NOT_COUNTED)
    expect_equal(found, [link], called=watched.called, mistake=mistake)


def test_of_several_files_it_reports_the_first(submission, clients):
    """The file reported is the first in the order of directories, then by name; files has all in that order."""
    order = [clients[4], clients[2], clients[5], clients[1], clients[3]]
    for number, name in [(1, "a.csv"), (2, "z.csv"), (2, "m.csv"), (5, "a.csv")]:
        clients.drop(number, name)
    os.utime(clients.drop(2, "b.csv", "id\n"), (1_700_000_000, 1_700_000_000))
    watched = watch(submission.MultiDirectoryTrigger(order), seconds=30, root=clients.root)
    due = [clients.path(2, name) for name in ("b.csv", "m.csv", "z.csv")]
    due += [clients.path(5, "a.csv"), clients.path(1, "a.csv")]
    payload = watched.found
    expect_equal(payload["path"], due[0], called=watched.called, mistake=Mistake.NOT_THE_FIRST_IN_ORDER)
    parts = [payload["directory"], payload["filename"]]
    called = f"{watched.called}: directory and filename"
    expect_equal(parts, [clients[2], "b.csv"], called=called, mistake=Mistake.NOT_THE_FIRST_IN_ORDER)
    parts = [payload["size"], datetime.fromisoformat(payload["modified"]).timestamp()]
    called = f"{watched.called}: size in bytes, and modified in seconds since 1970"
    expect_equal(parts, [3, 1_700_000_000.0], called=called, mistake=Mistake.NOT_THE_FIRST_IN_ORDER)
    expect(set(due) <= set(payload["files"]), called=watched.called, got=payload, mistake=Mistake.NOT_ALL_FILES_LISTED)
    expect_equal(payload["files"], due, called=watched.called, mistake=Mistake.FILES_NOT_IN_ORDER)
    expect_equal(payload["total_files"], 5, called=watched.called, mistake=Mistake.FILES_COUNTED_WRONGLY)


def test_says_the_time_in_utc(trigger, clients):
    """modified is the time of the last change in ISO 8601 with the offset +00:00."""
    clients.drop(2, "a.csv")
    modified = watch(trigger(), seconds=30, root=clients.root).found["modified"]
    right = modified.endswith("+00:00")
    expect(right, called='payload["modified"]', got=modified, mistake=Mistake.OFFSET_IS_NOT_00_00)


@pytest.mark.parametrize("written", ["client_2", "./client_2", "client_2/"])
def test_reports_the_directory_as_it_was_written(trigger, clients, monkeypatch, written):
    """directory is written as in directories, and path is that joined with filename."""
    monkeypatch.chdir(clients.root)
    clients.drop(2, "a.csv")
    payload = watch(trigger(directories=["client_1", written]), seconds=30, root=clients.root).found
    found = [payload["directory"], payload["path"], payload["files"]]
    path = os.path.join(written, "a.csv")
    called = f"run() of a trigger for {written!r}"
    expect_equal(found, [written, path, [path]], called=called, mistake=Mistake.PATH_REWRITTEN)


def test_a_directory_named_twice_counts_once(trigger, clients):
    """A directory named twice counts once."""
    path = clients.drop(1, "a.csv")
    payload = watch(trigger(directories=[clients[1], clients[2], clients[1]]), seconds=30, root=clients.root).found
    found = [payload["files"], payload["total_files"]]
    expect_equal(
        found,
        [[path], 1],
        called="run(), a directory is named twice",
        mistake=Mistake.DIRECTORY_NAMED_TWICE_COUNTED_TWICE,
    )


def test_two_runs_over_the_same_files_yield_equal_events(trigger, clients):
    """Two runs over the same files yield equal events, whenever and wherever."""
    for number in (2, 4):
        clients.drop(number, "a.csv")
    first = watch(trigger(), seconds=30, root=clients.root).payload
    second = watch(trigger(), seconds=30, root=clients.root).payload
    expect_equal(second, first, called="run(), twice over the same files", mistake=Mistake.EVENT_DEPENDS_ON_THE_RUN)


def test_can_be_moved_in_the_middle_of_a_wait(trigger, submission, clients):
    """A trigger may be moved to another triggerer at any time: rebuilt, it goes on waiting."""
    first = trigger()
    watch(first, seconds=35, root=clients.root).expect_waiting()
    second = submission.MultiDirectoryTrigger(**deserialize(serialize(first.serialize()[1])))
    watched = watch(second, seconds=60, root=clients.root, at={15: lambda: clients.drop(3, "a.csv")})
    expect_equal(watched.found["directory"], clients[3], called="run() of the rebuilt trigger")
