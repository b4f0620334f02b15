"""Step 3d: MultiDirectoryTrigger copes with what goes wrong in a directory."""

from __future__ import annotations

import errno
import logging
import os

import pytest
from support import triggers
from support.contract import expect, expect_equal
from support.mistakes import Mistake
from support.watching import watch


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
