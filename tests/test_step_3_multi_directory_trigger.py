"""Step 3: MultiDirectoryTrigger, from construction to its one event."""

from __future__ import annotations

import asyncio
import errno
import inspect
import logging
import os
from datetime import datetime, timezone

import pytest
from airflow.triggers.base import BaseTrigger, TriggerEvent
from support import triggers
from support.airflow_version import deserialize, serialize
from support.contract import Broken, Result, expect, expect_equal
from support.mistakes import Mistake
from support.spy import spying
from support.watching import begun, is_plain_json, watch

CLASS_PATH = "trigger_implementation_exercise.MultiDirectoryTrigger"
SUCCESS_KEYS = {"status", "directory", "filename", "path", "size", "modified", "files", "total_files", "errors"}


@pytest.fixture
def trigger(submission, clients):
    """A trigger over all clients; arguments may be given otherwise."""

    def build(**arguments) -> BaseTrigger:
        return submission.MultiDirectoryTrigger(
            **{"directories": clients.directories, "check_interval": 10, **arguments}
        )

    return build


# ── Construction and serialization ──


def test_is_a_trigger(trigger):
    """MultiDirectoryTrigger is a BaseTrigger, constructed as one."""
    built = trigger()
    called = "isinstance(MultiDirectoryTrigger(...), BaseTrigger)"
    expect(isinstance(built, BaseTrigger), called=called, got=type(built).__mro__, mistake=Mistake.NOT_A_TRIGGER)
    triggers.expect_constructed(built)


def test_takes_its_arguments_by_position_and_by_keyword(submission, clients):
    """MultiDirectoryTrigger(directories, file_pattern="*.csv", check_interval=10), by position or by keyword."""
    by_position = submission.MultiDirectoryTrigger(clients.directories, "*.json", 7)
    by_keyword = submission.MultiDirectoryTrigger(
        directories=clients.directories, file_pattern="*.json", check_interval=7
    )
    expect_equal(
        by_position.serialize()[1],
        by_keyword.serialize()[1],
        called="serialize() of both",
        mistake=Mistake.ARGUMENT_LOST_OR_CHANGED_ON_THE_WAY,
    )
    built = submission.MultiDirectoryTrigger(clients.directories)
    triggers.expect_defaults(built, file_pattern="*.csv", check_interval=10)


@pytest.mark.parametrize(
    "arguments",
    [
        {"directories": []},
        {"directories": "/data/one"},
        {"file_pattern": ""},
        {"check_interval": 0},
        {"check_interval": -1},
    ],
    ids=["no directory", "a text for a list", "no pattern", "interval 0", "interval below 0"],
)
def test_refuses_arguments_that_cannot_work(trigger, arguments):
    """ValueError if directories is empty or a str, file_pattern is empty, or check_interval is not more than 0."""
    trigger()
    triggers.expect_refused(
        lambda: trigger(**arguments), called=f"MultiDirectoryTrigger({triggers.written(arguments)})"
    )


def test_construction_does_no_work(trigger, clients):
    """__init__ keeps the arguments: no look at the file system, no work."""
    missing = os.path.join(clients.root, "not", "there")
    called = "MultiDirectoryTrigger(...).serialize()"
    with spying(clients.root) as spy:
        try:
            trigger(directories=[clients[1], missing]).serialize()
        except (OSError, ValueError) as error:
            got = f"{error!r}, for a directory that is not there"
            raise Broken(called, got, Mistake.WORK_IN_INIT) from error
    expect(
        not spy.touched and not spy.written, called=called, got=spy.touched + spy.written, mistake=Mistake.WORK_IN_INIT
    )


def test_serializes_to_the_literal_class_path(trigger):
    """serialize() returns the class path trigger_implementation_exercise.MultiDirectoryTrigger, to the letter."""
    expect_equal(trigger().serialize()[0], CLASS_PATH, called="serialize()[0]", mistake=Mistake.WRONG_CLASS_PATH)


def test_a_triggerer_can_build_it_from_what_the_worker_sent(submission, clients, elsewhere):
    """The triggerer builds the trigger again from its class path, in a process that has never seen the DAG file."""
    cls = triggers.class_loaded_by_airflow(submission, "MultiDirectoryTrigger")
    class_path, kwargs = cls(clients.directories, "*.json", 7).serialize()
    triggers.expect_rebuilt(elsewhere, class_path, kwargs)


def test_every_argument_survives_the_way_to_the_triggerer(submission, trigger):
    """serialize() returns all arguments of __init__ under their own names."""
    built = trigger(file_pattern="report_*.json", check_interval=3.5)
    class_path, kwargs = built.serialize()
    parameters = triggers.parameters(submission.MultiDirectoryTrigger)
    missing = [name for name in parameters if name not in kwargs]
    expect(
        not missing,
        called="serialize()[1]",
        got=f"{kwargs}, without {missing}",
        mistake=Mistake.ARGUMENT_NOT_SERIALIZED,
    )
    expect_equal(
        [kwargs["file_pattern"], kwargs["check_interval"]],
        ["report_*.json", 3.5],
        called="serialize()[1]",
        mistake=Mistake.ARGUMENT_LOST_OR_CHANGED_ON_THE_WAY,
    )
    again = submission.MultiDirectoryTrigger(**deserialize(serialize(kwargs)))
    expect_equal(
        again.serialize(),
        (class_path, kwargs),
        called="serialize() of the trigger rebuilt from serialize()",
        mistake=Mistake.REBUILT_TRIGGER_IS_ANOTHER,
    )


def test_arguments_travel_as_plain_json(submission, clients):
    """The serialized arguments are plain JSON, whatever sequence of paths was given."""
    for directories in (clients.directories, tuple(clients.directories)):
        kwargs = triggers.arguments_of(submission.MultiDirectoryTrigger(directories, "*.json", 2.5))
        expect(
            is_plain_json(kwargs),
            called=f"serialize()[1], given a {type(directories).__name__} of paths",
            got=kwargs,
            mistake=Mistake.TRIGGERS_ARGUMENTS_ARE_NOT_PLAIN_JSON,
        )
        expect_equal(
            kwargs["directories"],
            clients.directories,
            called='serialize()[1]["directories"]',
            mistake=Mistake.PATH_REWRITTEN,
        )


def test_serialize_says_the_same_after_a_run(trigger, clients):
    """serialize() gives the same before, during and after a run, also when a directory was left out."""
    built = trigger()
    before = repr(built.serialize())
    during: list[str] = []
    watched = watch(
        built,
        seconds=60,
        root=clients.root,
        faults=lambda spy: spy.deny(clients[4]),
        at={35: lambda: during.append(repr(built.serialize())), 36: lambda: clients.drop(2, "late.csv")},
    )
    for said in (*during, repr(built.serialize())):
        expect_equal(said, before, called="serialize()", mistake=Mistake.STATE_IN_SERIALIZE)
    watched.expect_found(Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAIT, because=clients[4])
    expect(len(during) == 1, called=watched.called, got=f"it fired after {watched.fired_at:g} seconds, without a file")


# ── What is found ──


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


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A directory of 10,000 CSV files."""
    directory = tmp_path_factory.mktemp("crowded").resolve()
    first = directory / "00000.csv"
    first.touch()
    for number in range(1, 10_000):
        os.link(first, directory / f"{number:05}.csv")
    return str(directory)


@pytest.mark.deadline(60)
def test_ten_thousand_files_make_a_small_event(trigger, clients, crowded):
    """files is cut after 100, total_files counts them all."""
    path = clients.drop(1, "first.csv")
    payload = watch(trigger(directories=[clients[1], crowded]), seconds=60, root=clients.root).found
    due = [path, *(os.path.join(crowded, f"{number:05}.csv") for number in range(99))]
    called = "run() over 10,001 files"
    counts = [len(payload["files"]), payload["total_files"]]
    mistake = Mistake.UNBOUNDED_PAYLOAD if counts[0] > 100 else Mistake.FILES_CUT_IN_THE_WRONG_PLACE
    expect_equal(counts[0], 100, called=f"{called}: files listed", mistake=mistake)
    mistake = Mistake.TOTAL_COUNTED_AFTER_THE_CUT if counts[1] == 100 else Mistake.FILES_COUNTED_WRONGLY
    expect_equal(counts[1], 10_001, called=f"{called}: total_files", mistake=mistake)
    expect_equal(payload["files"], due, called=called, mistake=Mistake.FILES_NOT_IN_ORDER)


def test_a_file_that_vanishes_again_does_not_count(trigger, clients):
    """A file that is gone again before a look was never there; the next one is found."""
    gone = clients.path(1, "gone.csv")
    at = {
        12: lambda: clients.drop(1, "gone.csv"),
        13: lambda: os.remove(gone),
        44: lambda: clients.drop(2, "stays.csv"),
    }
    watched = watch(trigger(), seconds=90, root=clients.root, at=at)
    path = watched.found["path"]
    mistake = Mistake.LOOKS_TOO_OFTEN if path == gone and 12 <= watched.fired_at < 13 else None
    expect_equal(path, clients.path(2, "stays.csv"), called=f"{watched.called} every 10", mistake=mistake)


def test_a_link_in_a_circle_hides_no_file(trigger, clients):
    """What cannot be looked at (a dead link) does not count: neither it nor another file suffers from it."""
    for name in ("a_circle.csv", "z_circle.csv"):  # before the file and behind it
        os.symlink(name, clients.path(2, name))
    path = clients.drop(2, "file.csv")
    watched = watch(trigger(), seconds=30, root=clients.root)
    watched.called += ", beside links that lead to themselves"
    watched.expect_event(Mistake.FILE_BESIDE_A_DEAD_LINK_NOT_FOUND)
    watched.expect_found(Mistake.FILE_BESIDE_A_DEAD_LINK_NOT_FOUND, because="_circle.csv")
    files = watched.found["files"]
    expect(path in files, called=watched.called, got=files, mistake=Mistake.FILE_BESIDE_A_DEAD_LINK_NOT_FOUND)
    counted = [files, watched.found["total_files"]]
    expect_equal(counted, [[path], 1], called=watched.called, mistake=Mistake.COUNTS_WHAT_IS_NO_FILE_OF_THIS_DIRECTORY)


def test_says_the_time_in_utc(trigger, clients):
    """modified is the time of the last change in ISO 8601 with the offset +00:00."""
    clients.drop(2, "a.csv")
    modified = watch(trigger(), seconds=30, root=clients.root).found["modified"]
    right = modified.endswith("+00:00")
    expect(right, called='payload["modified"]', got=modified, mistake=Mistake.OFFSET_IS_NOT_00_00)


# ── Directories that cannot be read ──


def test_a_missing_directory_is_watched_until_it_is_made(trigger, clients):
    """A directory that does not exist may still be made, so it is watched on."""
    late = os.path.join(clients.root, "late_client")

    def make() -> None:
        os.mkdir(late)
        open(os.path.join(late, "first.csv"), "w").close()

    watched = watch(trigger(directories=[clients[1], late]), seconds=120, root=clients.root, at={55: make})
    triggers.expect_waited_for(watched, late)
    found = [watched.found["directory"], watched.found["errors"]]
    expect_equal(found, [late, {}], called=watched.called, mistake=Mistake.MISSING_DIRECTORY_TAKEN_FOR_BROKEN)


def test_only_missing_directories_are_still_waited_for(trigger, clients):
    """Directories that are all missing are no reason to end."""
    missing = [os.path.join(clients.root, name) for name in ("one", "two")]
    watched = watch(trigger(directories=missing), seconds=200, root=clients.root)
    watched.expect_waiting(Mistake.MISSING_DIRECTORY_NOT_WAITED_FOR)
    looks = [len(watched.spy.looks.get(directory, [])) for directory in missing]
    triggers.expect_it_works(trigger(), clients)
    expect(
        watched.cancelled_within is not None,
        called=watched.called,
        got=f"looks {looks}, and no end on cancellation",
        mistake=Mistake.SWALLOWS_THE_CANCELLATION,
    )


def test_a_path_that_is_a_file_is_left_out_and_named(trigger, clients):
    """NotADirectoryError: the path is left out for good and reported in errors; the others are watched on."""
    path = clients.drop(1, "not_a_directory")
    watched = watch(
        trigger(directories=[path, clients[2]]),
        seconds=90,
        root=clients.root,
        at={31: lambda: clients.drop(2, "a.csv")},
    )
    watched.expect_found(Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAIT, because=path)
    triggers.expect_left_out(watched, path)
    expect_equal(watched.found["directory"], clients[2], called=watched.called)


def test_a_directory_without_permission_is_left_out_and_named(trigger, clients):
    """PermissionError: the directory is left out, logged once as a warning that names it, reported in errors."""
    watched = watch(
        trigger(),
        seconds=90,
        root=clients.root,
        faults=lambda spy: spy.deny(clients[2]),
        at={31: lambda: clients.drop(4, "a.csv")},
    )
    watched.expect_found(Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAIT, because=clients[2])
    triggers.expect_left_out(watched, clients[2])
    expect_equal(watched.found["directory"], clients[4], called=watched.called)
    triggers.expect_logged_once(watched, clients[2])


def test_ends_with_an_error_when_no_directory_is_left(trigger, clients):
    """If no directory is left to watch: an error event directory_access that names all of them, and the end."""
    path = clients.drop(1, "not_a_directory")
    watched = watch(
        trigger(directories=[path, clients[2]]),
        seconds=60,
        root=clients.root,
        faults=lambda spy: spy.deny(clients[2]),
    )
    payload = watched.payload
    triggers.expect_error_event(payload, "directory_access", called=watched.called)
    named = sorted(payload["errors"])
    due = sorted([path, clients[2]])
    expect_equal(named, due, called='payload["errors"]', mistake=Mistake.UNREADABLE_DIRECTORY_NOT_REPORTED)


def test_a_passing_error_is_tried_again(trigger, clients):
    """Any other OSError passes: it is tried again with the next look, for ever."""
    failures = [OSError(errno.EIO, "Input/output error")] * 12
    clients.drop(1, "a.csv")
    watched = watch(
        trigger(directories=[clients[1]]),
        seconds=300,
        root=clients.root,
        faults=lambda spy: spy.fail(clients[1], *failures),
    )
    called = f"{watched.called}; the first 12 looks raise EIO"
    watched.expect_event(Mistake.PASSING_FAILURE_TAKEN_FOR_FINAL)
    watched.expect_found(Mistake.PASSING_FAILURE_TAKEN_FOR_FINAL)
    expect_equal(watched.found["errors"], {}, called=called, mistake=Mistake.PASSING_FAILURE_TAKEN_FOR_FINAL)
    got = f"an event after {watched.fired_at:g} seconds, so the looks did not wait for each other; {called}"
    watched.expect_pace(watched.fired_at >= 100, got, Mistake.RETRIES_WITHOUT_WAITING)


def test_an_unexpected_exception_becomes_an_error_event(trigger, clients):
    """Anything unexpected that is raised becomes an error event of the type unexpected, with its type and text."""
    broken = ZeroDivisionError("the disk is imaginary")
    watched = watch(
        trigger(directories=[clients[1]]),
        seconds=60,
        root=clients.root,
        faults=lambda spy: spy.fail(clients[1], *[broken] * 50),
    )
    watched.expect_event(Mistake.NO_ERROR_EVENT)
    triggers.expect_error_event(watched.payload, "unexpected", called=watched.called)
    message = watched.payload["message"]
    told = "ZeroDivisionError" in message and "the disk is imaginary" in message
    expect(told, called='payload["message"]', got=message, mistake=Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE)


# ── Good manners ──


def test_never_blocks_the_event_loop(trigger, clients):
    """Nothing here blocks the event loop: neither files nor sleep."""
    watched = watch(trigger(), seconds=60, root=clients.root, at={15: lambda: clients.drop(5, "a.csv")})
    watched.expect_found()
    watched.expect_unblocked()


@pytest.mark.deadline(60)
def test_does_not_calculate_on_the_event_loop(trigger, clients, crowded):
    """Nothing here blocks the event loop, calculation neither: what takes long goes to a thread."""
    built = trigger(directories=[crowded, *clients.directories], file_pattern="*.json")
    watched = watch(built, seconds=60, root=clients.root, at={15: lambda: clients.drop(5, "a.json")})
    watched.expect_found()
    got = f"one step of {watched.busiest:.3f} seconds of CPU on the event loop, with 10,000 files in a directory"
    expect(watched.busiest < 0.25, called=watched.called, got=got, mistake=Mistake.LONG_CALCULATION_ON_THE_EVENT_LOOP)


@pytest.mark.deadline(6)
def test_a_hanging_directory_does_not_hold_up_the_others(trigger, clients):
    """A file is reported at the latest two intervals after it appeared, also if another directory hangs."""
    watched = watch(
        trigger(),
        seconds=120,
        root=clients.root,
        faults=lambda spy: spy.hang(clients[1]),
        at={33: lambda: clients.drop(5, "a.csv")},
    )
    triggers.expect_in_time(watched, clients[5], made_at=33)


@pytest.mark.parametrize("duration", [6, 9], ids=lambda duration: f"{duration} seconds a look")
def test_a_slow_directory_does_not_hold_up_the_others(trigger, clients, duration):
    """A file is reported at the latest two intervals after it appeared, also if another directory is slow."""
    watched = watch(
        trigger(),
        seconds=200,
        root=clients.root,
        slow={clients[2]: duration},
        at={61: lambda: clients.drop(5, "a.csv")},
    )
    triggers.expect_in_time(watched, clients[5], made_at=61)


def test_a_hanging_directory_is_asked_only_once_at_a_time(trigger, clients):
    """A directory that hangs must not take one thread after the other from the whole triggerer."""
    watched = watch(
        trigger(),
        seconds=400,
        root=clients.root,
        faults=lambda spy: spy.hang(clients[1]),
        at={333: lambda: clients.drop(5, "a.csv")},
    )
    hanging = len(watched.spy.looks.get(clients[1], []))
    expect(
        hanging <= 3,
        called=watched.called,
        got=f"{hanging} looks hang in one directory",
        mistake=Mistake.THREADS_PILE_UP,
    )
    watched.expect_event(Mistake.ONE_DIRECTORY_WAITS_FOR_ANOTHER)
    watched.expect_found()


def test_looks_no_more_often_than_asked(trigger, clients):
    """Each directory is looked into about every check_interval seconds, never more often."""
    watched = watch(
        trigger(check_interval=30), seconds=700, root=clients.root, at={610: lambda: clients.drop(1, "a.csv")}
    )
    watched.expect_found()
    most = max((len(times) for times in watched.spy.looks.values()), default=0)
    # A look may need two listings; 610 seconds hold 21 looks.
    expect(
        most <= 2 * 22,
        called=watched.called,
        got=f"{most} looks into one directory in 610 seconds",
        mistake=Mistake.LOOKS_TOO_OFTEN,
    )


def test_cancelling_ends_it_at_once(trigger, clients):
    """Cancelling ends run() at once and leaves no task, thread or open file behind."""
    watched = watch(trigger(), seconds=35, root=clients.root)
    watched.expect_waiting()
    watched.expect_prompt_end()
    watched.expect_nothing_left()
    triggers.expect_it_works(trigger(), clients)


def test_cancelling_while_a_directory_hangs(trigger, clients):
    """Cancelling ends run() at once, also while a directory hangs."""
    for directories in (clients.directories, [clients[2]]):
        built = trigger(directories=directories)
        watched = watch(built, seconds=35, root=clients.root, faults=lambda spy: spy.hang(clients[2]))
        watched.expect_waiting()
        watched.expect_prompt_end()
        watched.expect_nothing_left("the task")
    triggers.expect_it_works(trigger(), clients)


def test_leaves_nothing_behind_after_its_event(trigger, clients):
    """When run() has ended, no task, thread or open file of it is left."""
    watched = watch(trigger(), seconds=60, root=clients.root, at={15: lambda: clients.drop(1, "a.csv")})
    watched.expect_found()
    watched.expect_nothing_left()


def test_only_looks(trigger, clients):
    """Files and directories are only ever looked at."""
    clients.drop(2, "a.csv")
    before = clients.tree()
    watched = watch(trigger(), seconds=30, root=clients.root)
    watched.expect_found()
    expect(
        not watched.spy.written,
        called=watched.called,
        got=watched.spy.written,
        mistake=Mistake.SIDE_EFFECT_IN_A_TRIGGER,
    )
    expect_equal(clients.tree(), before, called="the files after the run", mistake=Mistake.SIDE_EFFECT_IN_A_TRIGGER)


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


def test_instances_share_nothing(submission, clients):
    """Two instances share nothing, though all triggers live in one process."""
    one = submission.MultiDirectoryTrigger([clients[3], clients[1]], "*.csv", 10)
    other = submission.MultiDirectoryTrigger([clients[3], clients[2]], "*.json", 20)
    clients.drop(1, "a.csv")
    clients.drop(2, "b.json")
    first = watch(other, seconds=30, root=clients.root, faults=lambda spy: spy.deny(clients[3])).found
    found = [first["path"], list(first["errors"])]
    mistake = None if set(first["errors"]) <= {clients[2], clients[3]} else Mistake.STATE_SHARED_BY_INSTANCES
    expect_equal(found, [clients.path(2, "b.json"), [clients[3]]], called="run() of one", mistake=mistake)
    second = watch(one, seconds=30, root=clients.root).found
    due = [clients.path(1, "a.csv"), {}]
    expect_equal(
        [second["path"], second["errors"]], due, called="run() of another", mistake=Mistake.STATE_SHARED_BY_INSTANCES
    )
    directories = triggers.arguments_of(one)["directories"]
    expect_equal(
        directories,
        [clients[3], clients[1]],
        called="serialize() of another",
        mistake=Mistake.STATE_SHARED_BY_INSTANCES,
    )


@pytest.mark.deadline(60)
def test_a_hundred_waits_at_once(submission, clients):
    """A hundred triggers of five directories each wait side by side in one process, and all end."""
    waits = [submission.MultiDirectoryTrigger(clients.directories, f"{number}.csv", 10) for number in range(100)]
    drop_all = {25: lambda: [clients.drop(1 + number % 5, f"{number}.csv") for number in range(100)]}
    watched = watch(*waits, seconds=120, root=clients.root, at=drop_all, called="run() of 100 triggers side by side")
    watched.expect_run()
    payloads = [event.payload for _, event in watched.events if isinstance(event, TriggerEvent)]
    found = sorted(Result(watched.called, payload, Mistake.EVENT_WITHOUT_A_KEY)["filename"] for payload in payloads)
    expect_equal(found, sorted(f"{number}.csv" for number in range(100)), called=watched.called)
    watched.expect_unblocked()


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


def test_spares_the_log(trigger, clients):
    """A directory that stays unreadable is logged once, not with every look."""
    watched = watch(
        trigger(check_interval=1),
        seconds=90,
        root=clients.root,
        faults=lambda spy: spy.deny(clients[2]),
        at={80: lambda: clients.drop(4, "a.csv")},
    )
    watched.expect_found()
    lines = [line.text for line in watched.logs if line.level >= logging.INFO]
    expect(
        len(lines) <= 10,
        called=watched.called,
        got=f"{len(lines)} lines, such as {lines[-1:]}",
        mistake=Mistake.LOG_FLOOD,
    )


def test_lets_the_interval_pass_between_two_looks(trigger, clients):
    """Each directory is looked into about every check_interval seconds, never more often."""
    watched = watch(
        trigger(check_interval=30), seconds=400, root=clients.root, at={310: lambda: clients.drop(1, "a.csv")}
    )
    watched.expect_found()
    triggers.expect_pauses(watched, clients.directories, at_least=30, mistake=Mistake.LOOKS_TOO_OFTEN)


def test_no_directory_has_two_threads(trigger, clients):
    """No directory has more than one thread at a time, also if a look takes longer than the interval."""
    watched = watch(
        trigger(),
        seconds=300,
        root=clients.root,
        slow={clients[2]: 25},
        at={201: lambda: clients.drop(5, "a.csv")},
    )
    watched.expect_found()
    triggers.expect_pauses(watched, [clients[2]], at_least=25, mistake=Mistake.TWO_LOOKS_INTO_ONE_DIRECTORY_AT_ONCE)
