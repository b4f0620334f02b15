"""Step 3d: MultiDirectoryTrigger copes with directories and files that are missing, broken, or many."""

from __future__ import annotations

import errno
import logging
import os

import pytest

from .support import triggers
from .support.contract import expect, expect_equal
from .support.mistakes import Mistake
from .support.trigger_run import watch


def test_a_missing_directory_may_be_created_later(trigger, clients):
    """A missing directory may be created later: keep watching it."""
    late = os.path.join(clients.root, "late_client")

    def create() -> None:
        os.mkdir(late)
        open(os.path.join(late, "first.csv"), "w").close()

    watched = watch(trigger(directories=[clients[1], late]), seconds=120, root=clients.root, at={55: create})
    watched.expect_waited_for(late)
    found = [watched.found["directory"], watched.found["errors"]]
    called = f"{watched.called}: directory and errors"
    expect_equal(found, [late, {}], called=called, mistake=Mistake.MISSING_DIRECTORY_REPORTED_AS_BROKEN)


def test_waits_if_all_directories_are_missing(trigger, clients):
    """A missing directory may be created later: keep watching, even if all are missing."""
    missing = [os.path.join(clients.root, name) for name in ("one", "two")]
    watched = watch(trigger(directories=missing), seconds=200, root=clients.root)
    watched.expect_waiting(Mistake.MISSING_DIRECTORY_NOT_WATCHED)
    triggers.expect_it_works(trigger(), clients)


def test_excludes_a_path_that_is_a_file(trigger, clients):
    """NotADirectoryError: exclude the directory permanently, list it in errors, and keep watching the others."""
    path = clients.drop(1, "not_a_directory")
    at = {31: lambda: clients.drop(2, "a.csv")}
    watched = watch(trigger(directories=[path, clients[2]]), seconds=90, root=clients.root, at=at)
    watched.expect_found(Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAITING, because=path)
    watched.expect_left_out(path)
    expect_equal(watched.found["directory"], clients[2], called=watched.called)


def test_excludes_a_directory_without_permission(trigger, clients):
    """PermissionError: exclude the directory permanently, log one warning with its path, list it in errors."""
    at = {31: lambda: clients.drop(4, "a.csv")}
    watched = watch(trigger(), seconds=90, root=clients.root, denied=[clients[2]], at=at)
    watched.expect_found(Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAITING, because=clients[2])
    watched.expect_left_out(clients[2])
    expect_equal(watched.found["directory"], clients[4], called=watched.called)
    watched.expect_logged_once(clients[2])


def test_logs_an_excluded_directory_only_once(trigger, clients):
    """Log one warning for an excluded directory, not one at each check."""
    at = {80: lambda: clients.drop(4, "a.csv")}
    watched = watch(trigger(check_interval=1), seconds=90, root=clients.root, denied=[clients[2]], at=at)
    watched.expect_found()
    lines = [line.text for line in watched.logs if line.level >= logging.INFO]
    got = f"{len(lines)} lines, such as {lines[-1:]}"
    expect(len(lines) <= 10, called=watched.called, got=got, mistake=Mistake.LOG_FLOOD)


def test_ends_with_an_error_if_all_directories_are_excluded(trigger, clients):
    """When all directories are excluded: an error event directory_access whose errors list all of them."""
    path = clients.drop(1, "not_a_directory")
    watched = watch(trigger(directories=[path, clients[2]]), seconds=60, root=clients.root, denied=[clients[2]])
    payload = watched.payload
    watched.expect_error_event("directory_access")
    listed, due = sorted(payload["errors"]), sorted([path, clients[2]])
    expect_equal(listed, due, called='payload["errors"]', mistake=Mistake.UNREADABLE_DIRECTORY_NOT_REPORTED)


def test_retries_after_a_transient_error(trigger, clients):
    """Any other OSError is transient: retry at the next check."""
    failures = [OSError(errno.EIO, "Input/output error")] * 12
    clients.drop(1, "a.csv")
    watched = watch(trigger(directories=[clients[1]]), seconds=300, root=clients.root, failing={clients[1]: failures})
    watched.called += "; the first 12 checks raise EIO"
    mistake = Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT
    watched.expect_event(mistake)
    watched.expect_found(mistake)
    expect_equal(watched.found["errors"], {}, called=f"{watched.called}: errors", mistake=mistake)
    got = f"an event after {watched.fired_at:g} seconds, so the checks did not wait for each other"
    watched.expect_pace(watched.fired_at >= 100, got, Mistake.RETRIES_WITHOUT_WAITING)


@pytest.mark.parametrize("call", [1, 2, 3], ids=["before the listing", "after the listing", "after the next call"])
def test_a_file_that_disappears_during_the_check_does_not_count(trigger, clients, call):
    """An entry that disappears during the check does not count; keep watching."""
    gone, stays = clients.drop(1, "gone.csv"), clients.path(2, "stays.csv")
    at = {44: lambda: clients.drop(2, "stays.csv")}
    watched = watch(trigger(), seconds=90, root=clients.root, vanishing={gone: call}, at=at)
    watched.called += f"; a file disappears before call {call} in its directory"
    mistake = Mistake.FILE_THAT_DISAPPEARS_ENDS_THE_WAITING
    watched.expect_event(mistake)
    watched.expect_found(mistake)
    # After the last call of the check, it was there for all that the trigger knows.
    found, due = watched.found["files"], [[stays], [gone]] if call > 1 else [[stays]]
    expect(found in due, called=f"{watched.called}: files", got=found, mistake=mistake)


def test_a_file_that_is_gone_before_the_check_does_not_count(trigger, clients):
    """A file that is gone before the next check does not count; the next file is found."""
    gone = clients.path(1, "gone.csv")
    at = {
        12: lambda: clients.drop(1, "gone.csv"),
        13: lambda: os.remove(gone),
        44: lambda: clients.drop(2, "stays.csv"),
    }
    watched = watch(trigger(), seconds=90, root=clients.root, at=at)
    path = watched.found["path"]
    mistake = Mistake.CHECKS_TOO_OFTEN if path == gone and 12 <= watched.fired_at < 13 else None
    expect_equal(path, clients.path(2, "stays.csv"), called=f"{watched.called} every 10", mistake=mistake)


def test_a_circular_link_hides_no_file(trigger, clients):
    """An entry that cannot be inspected, such as a circular link, does not count; other files do."""
    for name in ("a_circle.csv", "z_circle.csv"):  # before the file and behind it
        os.symlink(name, clients.path(2, name))
    path = clients.drop(2, "file.csv")
    watched = watch(trigger(), seconds=30, root=clients.root)
    watched.called += ", beside links that lead to themselves"
    mistake = Mistake.FILE_BESIDE_A_BROKEN_LINK_NOT_FOUND
    watched.expect_event(mistake)
    watched.expect_found(mistake, because="_circle.csv")
    files = watched.found["files"]
    expect(path in files, called=f"{watched.called}: files", got=files, mistake=mistake)
    counted = [files, watched.found["total_files"]]
    mistake = Mistake.COUNTS_WHAT_IS_NOT_A_FILE_OF_THIS_DIRECTORY
    expect_equal(counted, [[path], 1], called=f"{watched.called}: files and total_files", mistake=mistake)


@pytest.mark.deadline(60)
def test_ten_thousand_files_make_a_small_event(trigger, clients, crowded):
    """files lists the first 100 paths; total_files counts all."""
    path = clients.drop(1, "first.csv")
    payload = watch(trigger(directories=[clients[1], crowded]), seconds=60, root=clients.root).found
    due = [path, *(os.path.join(crowded, f"{number:05}.csv") for number in range(99))]
    called = "run() over 10,001 files"
    counts = [len(payload["files"]), payload["total_files"]]
    mistake = Mistake.UNBOUNDED_PAYLOAD if counts[0] > 100 else Mistake.FILES_TRUNCATED_WRONGLY
    expect_equal(counts[0], 100, called=f"{called}: number of files", mistake=mistake)
    mistake = Mistake.TOTAL_COUNTED_AFTER_THE_TRUNCATION if counts[1] == 100 else Mistake.FILES_COUNTED_WRONGLY
    expect_equal(counts[1], 10_001, called=f"{called}: total_files", mistake=mistake)
    expect_equal(payload["files"], due, called=f"{called}: files", mistake=Mistake.FILES_NOT_IN_ORDER)


def test_an_unexpected_exception_becomes_an_error_event(trigger, clients):
    """On an unexpected exception: an error event of the type unexpected; message has the exception's type and text."""
    broken = ZeroDivisionError("the disk is imaginary")
    watched = watch(
        trigger(directories=[clients[1]]), seconds=60, root=clients.root, failing={clients[1]: [broken] * 50}
    )
    watched.expect_event(Mistake.NO_ERROR_EVENT)
    watched.expect_error_event("unexpected", "ZeroDivisionError", "the disk is imaginary")
