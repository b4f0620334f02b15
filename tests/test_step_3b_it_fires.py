"""Step 3b: MultiDirectoryTrigger finds a matching file and fires exactly one event about it."""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timezone

import pytest
from airflow.triggers.base import TriggerEvent

from .support.airflow_version import deserialize, serialize
from .support.contract import Result, expect, expect_equal
from .support.environment import UTC_OFFSET
from .support.mistakes import Mistake
from .support.trigger_run import start_run, watch

SUCCESS_KEYS = {"status", "directory", "filename", "path", "size", "modified", "files", "total_files", "errors"}
A_DAY = 1_700_000_000  # a time of last change, in seconds since 1970


def test_run_is_an_async_generator(trigger):
    """run() yields, so calling it gives an async generator."""
    running = start_run(trigger())
    called, is_generator = "MultiDirectoryTrigger(...).run()", hasattr(running, "__anext__")
    expect(is_generator, called=called, got=type(running), mistake=Mistake.RUN_IS_NOT_AN_ASYNC_GENERATOR)


def test_finds_an_existing_file(trigger, clients):
    """Existing files count: check every directory immediately, yield exactly one TriggerEvent, then return."""
    path = clients.drop(3, "orders.csv")
    watched = watch(trigger(), seconds=30, root=clients.root)
    watched.expect_event(Mistake.EXISTING_FILE_NOT_REPORTED)
    expect_equal(watched.found["path"], path, called=watched.called)
    got = f"the event came after {watched.fired_at} seconds"
    expect(watched.fired_at < 10, called=watched.called, got=got, mistake=Mistake.SLEEPS_BEFORE_THE_FIRST_CHECK)


def test_the_payload_describes_the_file(trigger, clients):
    """The payload has directory, filename, path, size in bytes, files, total_files and errors."""
    path = clients.drop(3, "orders.csv", "id\n1\n")
    watched = watch(trigger(), seconds=30, root=clients.root)
    payload = watched.found
    missing = SUCCESS_KEYS - set(payload)
    got = f"{payload}, without {sorted(missing)}"
    expect(not missing, called=watched.called, got=got, mistake=Mistake.EVENT_WITHOUT_A_KEY)
    errors = payload["errors"]
    foreign = isinstance(errors, dict) and not set(errors) <= set(clients.directories)
    mistake = Mistake.STATE_SHARED_BY_INSTANCES if foreign else Mistake.READABLE_DIRECTORY_REPORTED_AS_BROKEN
    expect_equal(errors, {}, called=f"{watched.called}: errors", mistake=mistake)
    expected = {"status": "success", "directory": clients[3], "filename": "orders.csv", "path": path, "size": 5}
    known = {key: payload[key] for key in SUCCESS_KEYS - {"modified"}}
    expect_equal(known, {**expected, "files": [path], "total_files": 1, "errors": {}}, called=watched.called)


def test_modified_is_in_utc(trigger, clients):
    """modified is the time of the last change in ISO 8601, in UTC, ending in +00:00."""
    os.utime(clients.drop(2, "a.csv"), (A_DAY - 86_400, A_DAY))
    modified = watch(trigger(), seconds=30, root=clients.root).found["modified"]
    called = 'payload["modified"], the checks run in Kathmandu'
    moment = datetime.fromisoformat(modified.replace("Z", "+00:00"))
    expect(moment.utcoffset() is not None, called=called, got=modified, mistake=Mistake.TIME_WITHOUT_A_TIME_ZONE)
    due = datetime.fromtimestamp(A_DAY, tz=timezone.utc)
    is_local = moment - due == UTC_OFFSET
    mistake = Mistake.LOCAL_TIME_CALLED_UTC if is_local else Mistake.NOT_THE_TIME_OF_THE_LAST_CHANGE
    expect_equal(moment, due, called=called, mistake=mistake)
    expect(modified.endswith("+00:00"), called=called, got=modified, mistake=Mistake.OFFSET_IS_NOT_00_00)


def test_finds_a_file_that_comes_later(trigger, clients):
    """Fire no later than two intervals after a file appears."""
    watched = watch(trigger(), seconds=120, root=clients.root, at={42: lambda: clients.drop(1, "late.csv")})
    expect_equal(watched.found["path"], clients.path(1, "late.csv"), called=watched.called)
    got = f"reported after {watched.fired_at} seconds, made at 42"
    expect(42 <= watched.fired_at <= 62, called=watched.called, got=got, mistake=Mistake.REPORTS_TOO_LATE)


def test_finds_a_file_in_the_fifth_directory(trigger, clients):
    """Watch several directories at once, the fifth as well as the first."""
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
def test_matches_names(trigger, clients, pattern, matching, others):
    """The name matches file_pattern (fnmatch.fnmatchcase); hidden files only if the pattern also starts with a dot."""
    for name in [*others, matching]:
        clients.drop(2, name)
    watched = watch(trigger(file_pattern=pattern), seconds=30, root=clients.root)
    mistake = Mistake.NAME_NOT_MATCHED_AS_THE_CONTRACT_SAYS
    watched.expect_event(mistake)
    called = f"{watched.called}, pattern {pattern}"
    expect_equal(watched.found["files"], [clients.path(2, matching)], called=called, mistake=mistake)


def test_only_files_match(trigger, clients):
    """A regular file, or a symbolic link to one, directly inside a directory: no directory, pipe or broken link."""
    os.mkdir(clients.path(1, "folder.csv"))
    os.mkdir(clients.path(2, "deeper"))
    clients.drop(2, os.path.join("deeper", "a.csv"))
    os.symlink(clients.path(3, "nowhere"), clients.path(3, "dead.csv"))
    os.mkfifo(clients.path(3, "pipe.csv"))
    link = clients.path(5, "link.csv")
    os.symlink(clients.drop(4, "target.data"), link)
    watched = watch(trigger(), seconds=30, root=clients.root)
    watched.expect_event(Mistake.LINK_TO_A_FILE_NOT_COUNTED)
    found = watched.found["files"]
    expect(link in found, called=watched.called, got=found, mistake=Mistake.LINK_TO_A_FILE_NOT_COUNTED)
    expect_equal(found, [link], called=watched.called, mistake=Mistake.COUNTS_WHAT_IS_NOT_A_FILE_OF_THIS_DIRECTORY)


def test_reports_all_files_in_order(submission, clients):
    """Give slower directories up to 0.1 seconds. Sort the files in the order of directories, then by name."""
    order = [clients[4], clients[2], clients[5], clients[1], clients[3]]
    for number, name in [(1, "a.csv"), (2, "z.csv"), (2, "b.csv"), (2, "m.csv"), (5, "a.csv")]:
        clients.drop(number, name, "id\n" if name == "b.csv" else "id\n1\n")
    os.utime(clients.path(2, "b.csv"), (A_DAY, A_DAY))
    slower = dict.fromkeys((clients[5], clients[1]), 0.04)  # seconds per listing; a check may need two
    watched = watch(submission.MultiDirectoryTrigger(order), seconds=30, root=clients.root, slow=slower)
    due = [clients.path(2, name) for name in ("b.csv", "m.csv", "z.csv")]
    due += [clients.path(5, "a.csv"), clients.path(1, "a.csv")]
    payload = watched.found
    mistake = Mistake.NOT_THE_FIRST_FILE_IN_ORDER
    expect_equal(payload["path"], due[0], called=f"{watched.called}: path", mistake=mistake)
    parts = [payload["directory"], payload["filename"]]
    expect_equal(parts, [clients[2], "b.csv"], called=f"{watched.called}: directory and filename", mistake=mistake)
    parts = [payload["size"], datetime.fromisoformat(payload["modified"]).timestamp()]
    called = f"{watched.called}: size in bytes, and modified in seconds since 1970"
    expect_equal(parts, [3, float(A_DAY)], called=called, mistake=mistake)
    got, mistake = payload["files"], Mistake.NOT_ALL_FILES_LISTED
    missing = [path for path in due if path not in got]
    expect(not missing, called=f"{watched.called}: files", got=f"{got}, without {missing}", mistake=mistake)
    expect_equal(got, due, called=f"{watched.called}: files", mistake=Mistake.FILES_NOT_IN_ORDER)
    mistake = Mistake.FILES_COUNTED_WRONGLY
    expect_equal(payload["total_files"], 5, called=f"{watched.called}: total_files", mistake=mistake)


def test_lists_each_file_once(trigger, clients):
    """List each file once, also if its directory is among directories twice."""
    path = clients.drop(1, "a.csv")
    payload = watch(trigger(directories=[clients[1], clients[2], clients[1]]), seconds=30, root=clients.root).found
    found = [payload["files"], payload["total_files"]]
    called = "run(), a directory is listed twice: files and total_files"
    expect_equal(found, [[path], 1], called=called, mistake=Mistake.DIRECTORY_LISTED_TWICE_COUNTED_TWICE)


@pytest.mark.parametrize("written", ["client_2", "./client_2", "client_2/"])
def test_reports_the_directory_as_written(trigger, clients, monkeypatch, written):
    """directory is as written in directories; path is directory and filename joined."""
    monkeypatch.chdir(clients.root)
    clients.drop(2, "a.csv")
    payload = watch(trigger(directories=["client_1", written]), seconds=30, root=clients.root).found
    found = [payload["directory"], payload["path"], payload["files"]]
    path = os.path.join(written, "a.csv")
    called = f"run() of a trigger for {written!r}: directory, path and files"
    expect_equal(found, [written, path, [path]], called=called, mistake=Mistake.PATH_REWRITTEN)


def test_the_payload_is_the_same_for_the_same_files(trigger, clients):
    """Do not add a timestamp or event id: two runs over the same files have the same payload."""
    for number in (2, 4):
        clients.drop(number, "a.csv")
    first = watch(trigger(), seconds=30, root=clients.root).payload
    second = watch(trigger(), seconds=30, root=clients.root, later=3600).payload
    called = "run(), and again an hour later"
    expect_equal(second, first, called=called, mistake=Mistake.EVENT_DEPENDS_ON_THE_RUN)


def test_continues_after_it_was_rebuilt(trigger, submission, clients):
    """A re-created trigger continues to wait."""
    first = trigger()
    watch(first, seconds=35, root=clients.root).expect_waiting()
    second = submission.MultiDirectoryTrigger(**deserialize(serialize(first.serialize()[1])))
    watched = watch(second, seconds=60, root=clients.root, at={15: lambda: clients.drop(3, "a.csv")})
    expect_equal(watched.found["directory"], clients[3], called="run() of the rebuilt trigger")


@pytest.mark.asyncio
async def test_runs_on_an_ordinary_event_loop(trigger, clients):
    """run() needs nothing but an event loop: in debug mode it yields its event and returns."""
    asyncio.get_running_loop().set_debug(True)
    path = clients.drop(4, "a.csv")
    events = [event async for event in start_run(trigger())]
    called = "[event async for event in run()]"
    expect(len(events) == 1, called=called, got=events, mistake=Mistake.NOT_EXACTLY_ONE_EVENT)
    mistake = Mistake.YIELDS_SOMETHING_OTHER_THAN_A_TRIGGEREVENT
    expect(isinstance(events[0], TriggerEvent), called=called, got=events, mistake=mistake)
    payload = Result(called, events[0].payload, Mistake.EVENT_WITHOUT_A_KEY)
    expect_equal(payload["path"], path, called=called)
