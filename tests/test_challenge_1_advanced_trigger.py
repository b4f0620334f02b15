"""Challenge 1: AdvancedMultiDirectoryTrigger."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path

import pytest
from airflow.triggers.base import BaseTrigger

from .support import triggers
from .support.clients import Clients
from .support.contract import expect, expect_equal
from .support.mistakes import Mistake
from .support.trigger_run import TriggerRun, watch

NAME = "AdvancedMultiDirectoryTrigger"
DEFAULTS = {"check_interval": 10, "stable_seconds": 20, "max_retries": 5, "backoff_base": 1, "backoff_cap": 60}
OTHERS = {"check_interval": 3.5, "stable_seconds": 7, "max_retries": 2, "backoff_base": 0.5, "backoff_cap": 9}
A_DAY = 1_700_000_000  # in November 2023
EIO = "Input/output error"


@pytest.fixture
def trigger(submission, clients):
    """A trigger for all clients, client_1 first; files count at the first check. Arguments may be given otherwise."""

    def build(**arguments) -> BaseTrigger:
        priorities = {directory: number for number, directory in enumerate(clients.directories, start=1)}
        given = {"directories": priorities, "file_patterns": ["*.csv"], "check_interval": 10, "stable_seconds": 0}
        return submission.AdvancedMultiDirectoryTrigger(**{**given, **arguments})

    return build


@pytest.fixture
def watch_failing(trigger, clients):
    """Watch client_1, whose next checks raise the failures, one each."""

    def run(failures: list[OSError], seconds: float, at: Mapping[float, Callable], **arguments) -> TriggerRun:
        built = trigger(**{"directories": {clients[1]: 1}, "max_retries": 20, **arguments})
        return watch(built, seconds=seconds, root=clients.root, failing={clients[1]: failures}, at=at)

    return run


def errors(count: int) -> list[OSError]:
    """Return transient errors."""
    return [OSError(errno.EIO, EIO) for _ in range(count)]


def fail_again(failures: list[OSError], count: int) -> None:
    """Replace the failures that a directory is watched with, so that its next checks fail."""
    failures[:] = errors(count)


def append_to(path: str) -> None:
    """Append to a file, as an upload does."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("1,10\n")


def expect_backoff(watched: TriggerRun, got: list[float], due: list[float], mistake: Mistake) -> None:
    """Raise ContractViolation unless the seconds from a failed check to the next are those due, or a quarter more."""
    in_time = [seconds <= pause <= seconds * 1.25 for seconds, pause in zip(due, got, strict=False)]
    called = f"{watched.called}: seconds between a failed check and the next"
    expect(in_time == [True] * len(due), called=called, got=f"{got}, expected {due}", mistake=mistake)


def expect_reset(watched: TriggerRun, directory: str, due: list[float], again: float) -> None:
    """Raise ContractViolation unless the backoff was as due at first, and again from the second ``again`` on."""
    watched.expect_run()
    expect_backoff(watched, watched.pauses(directory)[: len(due)], due, Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED)
    watched.expect_found(Mistake.BACKOFF_NOT_RESET, because=EIO)
    got = watched.pauses(directory, after=again)[: len(due)]
    expect_backoff(watched, got, due, Mistake.BACKOFF_NOT_RESET)


def expect_stable(watched: TriggerRun, since: float, because: str, mistake: Mistake, seconds: float = 35) -> None:
    """Raise ContractViolation unless the file was reported when it was stable for seconds, or two intervals later."""
    watched.expect_found()
    got = f"reported after {watched.fired_at:g} seconds; {because}, so it was stable after {since + seconds:g}"
    expect(watched.fired_at >= since + seconds, called=watched.called, got=got, mistake=mistake)
    in_time = watched.fired_at <= since + seconds + 20.5
    expect(in_time, called=watched.called, got=got, mistake=Mistake.STABLE_FILE_REPORTED_LATE)


# ── Construction and serialization ──


def test_construction_does_no_work(trigger, clients):
    """__init__ validates and stores the arguments, nothing else."""
    directories = {clients[1]: 1, os.path.join(clients.root, "missing"): 2}
    built = triggers.expect_no_work(lambda: trigger(directories=directories), root=clients.root, called=f"{NAME}(...)")
    triggers.expect_constructed(built)


@pytest.mark.parametrize(
    "arguments",
    [
        {"directories": {}},
        {"file_patterns": []},
        {"file_patterns": "*.csv"},
        {"check_interval": 0},
        {"backoff_base": 0},
        {"backoff_cap": 0},
        {"stable_seconds": -1},
        {"max_retries": -1},
    ],
    ids=triggers.source_of,
)
def test_refuses_invalid_arguments(trigger, arguments):
    """ValueError if directories or file_patterns is empty, file_patterns is a str, or a number is out of its range."""
    triggers.expect_taken(trigger, NAME, stable_seconds=0, max_retries=0)
    triggers.expect_refused(trigger, NAME, **arguments)


def test_a_triggerer_can_rebuild_it(submission, clients, fresh_process):
    """serialize() returns the class path and all __init__ arguments, from which a triggerer re-creates the trigger."""
    given = {"directories": {clients[2]: 5, clients[1]: 1}, "file_patterns": ["*.csv", "*.json"], **OTHERS}
    triggers.expect_serialized(submission, fresh_process, NAME, given)
    triggers.expect_defaults(submission.AdvancedMultiDirectoryTrigger({clients[1]: 1}, ["*.csv"]), **DEFAULTS)


# ── The event ──


def test_without_stable_seconds_a_file_counts_at_once(trigger, clients):
    """With stable_seconds 0, a file counts at the first check that sees it."""
    clients.drop(4, "a.csv")
    watched = watch(trigger(), seconds=30, root=clients.root)
    expect_equal(watched.found["directory"], clients[4], called=watched.called)
    got = f"reported after {watched.fired_at:g} seconds"
    expect(watched.fired_at < 10, called=watched.called, got=got, mistake=Mistake.STABLE_FILE_REPORTED_LATE)


def test_the_payload_is_that_of_multi_directory_trigger(trigger, clients):
    """The payloads are those of MultiDirectoryTrigger: the first file in detail, the first 100 paths, and the total."""
    names = [f"{number:03}.csv" for number in range(150)]
    for name in names:
        clients.drop(2, name)
    os.utime(clients.path(2, names[0]), (A_DAY - 86_400, A_DAY))
    payload = watch(trigger(), seconds=30, root=clients.root).found
    due = {"directory": clients[2], "filename": names[0], "path": clients.path(2, names[0]), "size": 15, "errors": {}}
    expect_equal({key: payload[key] for key in due}, due, called="run() over 150 files")
    modified = datetime.fromtimestamp(A_DAY, tz=timezone.utc).isoformat()
    mistake = Mistake.NOT_THE_TIME_OF_THE_LAST_CHANGE
    expect_equal(payload["modified"], modified, called='payload["modified"]', mistake=mistake)
    mistake = Mistake.UNBOUNDED_PAYLOAD if len(payload["files"]) > 100 else Mistake.FILES_TRUNCATED_WRONGLY
    listed = [clients.path(2, name) for name in names[:100]]
    expect_equal(payload["files"], listed, called="run() over 150 files: files", mistake=mistake)
    total = payload["total_files"]
    mistake = Mistake.TOTAL_COUNTED_AFTER_THE_TRUNCATION if total == 100 else Mistake.FILES_COUNTED_WRONGLY
    expect_equal(total, 150, called="run() over 150 files: total_files", mistake=mistake)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("a.csv", "*.csv"), ("b.json", "*.json"), ("report_1.txt", "report_?.txt"), ("report_1.csv", "*.csv")],
)
def test_matches_any_of_the_patterns(trigger, clients, name, pattern):
    """A file matches if its name matches any of file_patterns; pattern is the first of them that it matches."""
    for other in ("a.txt", "b.jsonl", ".hidden.csv", "report_10.txt"):
        clients.drop(2, other)
    clients.drop(2, name)
    built = trigger(file_patterns=["*.csv", "*.json", "report_?.txt", "report_*.csv"])
    watched = watch(built, seconds=30, root=clients.root)
    mistake = Mistake.NAME_NOT_MATCHED_AS_THE_CONTRACT_SAYS
    watched.expect_event(mistake)
    payload, called = watched.found, "run() with four patterns"
    expect_equal(payload["files"], [clients.path(2, name)], called=f"{called}: files", mistake=mistake)
    mistake = Mistake.NOT_THE_FIRST_PATTERN_THAT_MATCHES
    expect_equal(payload["pattern"], pattern, called=f"{called}: pattern", mistake=mistake)


def test_reports_the_first_pattern_as_given(trigger, clients):
    """The payload has pattern, the first of file_patterns that the file matches, in their order."""
    clients.drop(2, "report_1.csv")
    payload = watch(trigger(file_patterns=["x*", "report_*.csv", "*.csv"]), seconds=30, root=clients.root).found
    called = 'payload["pattern"], of ["x*", "report_*.csv", "*.csv"]'
    expect_equal(payload["pattern"], "report_*.csv", called=called, mistake=Mistake.NOT_THE_FIRST_PATTERN_THAT_MATCHES)


@pytest.mark.parametrize("order", [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1)], ids=str)
def test_reports_the_directory_with_the_lowest_number(trigger, clients, order):
    """Report the stable file in the directory with the lowest number; the payload has its priority."""
    for number in (1, 2, 3):
        clients.drop(number, "a.csv")
    priorities = {clients[number]: priority * 10 for number, priority in zip((1, 2, 3), order, strict=True)}
    payload = watch(trigger(directories=priorities), seconds=30, root=clients.root).found
    ranked = sorted(priorities, key=priorities.__getitem__)
    called = f"run() with the priorities {list(priorities.values())}"
    expect_equal(payload["directory"], ranked[0], called=f"{called}: directory", mistake=Mistake.NOT_BY_PRIORITY)
    expect_equal(payload["priority"], 10, called=f"{called}: priority")
    due = [os.path.join(directory, "a.csv") for directory in ranked]
    expect_equal(payload["files"], due, called=f"{called}: files", mistake=Mistake.FILES_NOT_IN_ORDER)


def test_orders_equal_numbers_by_path_and_name(trigger, clients):
    """Between equal numbers, order by directory path, then by file name."""
    for number, name in [(3, "a.csv"), (2, "z.csv"), (2, "b.csv")]:
        clients.drop(number, name)
    payload = watch(trigger(directories={clients[3]: 1, clients[2]: 1}), seconds=30, root=clients.root).found
    due = [clients.path(2, "b.csv"), clients.path(2, "z.csv"), clients.path(3, "a.csv")]
    called = "run() with equal priorities: files"
    expect_equal(payload["files"], due, called=called, mistake=Mistake.NOT_THE_FIRST_FILE_IN_ORDER)


def test_only_files_match(trigger, clients):
    """Like MultiDirectoryTrigger: a regular file, or a symbolic link to one, directly inside a directory."""
    os.mkdir(clients.path(1, "folder.csv"))
    os.mkdir(clients.path(2, "deeper"))
    clients.drop(2, os.path.join("deeper", "a.csv"))
    os.symlink(clients.path(3, "nowhere"), clients.path(3, "broken.csv"))
    os.symlink("circle.csv", clients.path(5, "circle.csv"))
    os.mkfifo(clients.path(3, "pipe.csv"))
    link = clients.path(5, "link.csv")
    os.symlink(clients.drop(4, "target.data"), link)
    watched = watch(trigger(), seconds=30, root=clients.root)
    watched.expect_event(Mistake.LINK_TO_A_FILE_NOT_COUNTED)
    found = watched.found["files"]
    expect(link in found, called=watched.called, got=found, mistake=Mistake.LINK_TO_A_FILE_NOT_COUNTED)
    expect_equal(found, [link], called=watched.called, mistake=Mistake.COUNTS_WHAT_IS_NOT_A_FILE_OF_THIS_DIRECTORY)


# ── Stable files ──


def test_a_complete_file_counts_after_stable_seconds(trigger, clients):
    """A file counts once it has stayed the same for stable_seconds, measured from the first check that saw it."""
    path = clients.drop(3, "a.csv")
    watched = watch(trigger(stable_seconds=25), seconds=120, root=clients.root)
    expect_stable(watched, 0, "it never changed", Mistake.UNFINISHED_FILE_REPORTED, seconds=25)
    expect_equal(watched.found["path"], path, called=watched.called)


def test_a_growing_file_does_not_count(trigger, clients):
    """If the file changes, start over: a file that is still being written does not count."""
    path = clients.path(2, "a.csv")
    changes = {second: lambda: append_to(path) for second in range(5, 100, 9)}
    watched = watch(trigger(stable_seconds=25), seconds=200, root=clients.root, at=changes)
    watched.expect_found()
    got = f"reported after {watched.fired_at:g} seconds; it last grew after {max(changes)}, stable_seconds is 25"
    early = watched.fired_at < max(changes) + 25
    mistake = Mistake.UNFINISHED_FILE_REPORTED if early else Mistake.STABLE_FILE_REPORTED_LATE
    # The check that sees the last change comes up to an interval after it.
    in_time = not early and watched.fired_at <= max(changes) + 10 + 25 + 20.5
    expect(in_time, called=watched.called, got=got, mistake=mistake)
    expect_equal(watched.found["size"], 5 * len(changes), called=f"{watched.called}: size")


@pytest.mark.parametrize("what", ["size", "modification time", "inode"])
def test_a_changed_file_starts_over(trigger, clients, what):
    """If its size, modification time or inode changes, start over, even if the other two stay the same."""
    path = clients.drop(1, "a.csv", "x" * 1000)
    stat = os.stat(path)
    changes = range(5, 90, 9)

    def change(second: int) -> None:
        if what == "size":  # a file that shrinks
            os.truncate(path, 1000 - second)
        if what == "inode":
            with open(f"{path}.new", "w", encoding="utf-8") as file:
                file.write("x" * 1000)
            os.replace(f"{path}.new", path)
        later = second * 1_000_000_000 if what == "modification time" else 0
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + later))

    at = {second: lambda second=second: change(second) for second in changes}
    watched = watch(trigger(stable_seconds=25), seconds=200, root=clients.root, at=at)
    watched.expect_found()
    got = f"reported after {watched.fired_at:g} seconds; its {what} last changed after {max(changes)}"
    mistake = Mistake.UNFINISHED_FILE_REPORTED if what == "size" else Mistake.REPLACED_FILE_NOT_RECOGNIZED
    expect(watched.fired_at >= max(changes) + 25, called=watched.called, got=got, mistake=mistake)


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_file_that_returns_starts_over(trigger, clients, what):
    """If the file disappears and returns, start over, even if it looks the same, or if its directory was missing."""
    path = clients.drop(1, "a.csv")
    original, away = path if what == "file" else clients[1], os.path.join(clients.root, "away")
    at = {12: lambda: os.rename(original, away), 33: lambda: os.rename(away, original)}
    watched = watch(trigger(stable_seconds=35), seconds=200, root=clients.root, at=at)
    watched.expect_found()
    got = f"reported after {watched.fired_at:g} seconds; the {what} was missing from 12 to 33; stable_seconds is 35"
    is_file = what == "file"
    mistake = Mistake.RETURNED_FILE_NOT_RECOGNIZED if is_file else Mistake.FILES_OF_A_MISSING_DIRECTORY_REMEMBERED
    expect(watched.fired_at >= 33 + 35, called=watched.called, got=got, mistake=mistake)


def test_a_recreated_trigger_starts_over(submission, trigger, clients):
    """A re-created trigger starts over with the stability of all files."""
    clients.drop(1, "a.csv")
    first = trigger(stable_seconds=40)
    watch(first, seconds=35, root=clients.root).expect_waiting()
    again = submission.AdvancedMultiDirectoryTrigger(**first.serialize()[1])
    watched = watch(again, seconds=200, root=clients.root, later=35, called="run() of the re-created trigger")
    expect_stable(watched, 0, "it never changed", Mistake.STATE_SHARED_BY_INSTANCES, seconds=40)


def test_never_waits_for_an_unstable_file(trigger, clients):
    """Never delay a stable file because of an unstable file with a higher priority, and report the stable one only."""
    path = clients.path(1, "endless.csv")
    changes = {second: lambda: append_to(path) for second in range(1, 400, 6)}
    at = {**changes, 302: lambda: clients.drop(5, "a.csv")}
    watched = watch(trigger(stable_seconds=15), seconds=400, root=clients.root, at=at)
    watched.expect_event(Mistake.WAITS_FOR_AN_UNSTABLE_FILE)
    payload, due = watched.found, clients.path(5, "a.csv")
    expect_equal(payload["path"], due, called=watched.called, mistake=Mistake.UNFINISHED_FILE_REPORTED)
    found, called = [payload["files"], payload["total_files"]], f"{watched.called}: files and total_files"
    expect_equal(found, [[due], 1], called=called, mistake=Mistake.UNSTABLE_FILES_LISTED)
    got = f"reported after {watched.fired_at:g} seconds, it was there after 302 and must be stable for 15"
    in_time = watched.fired_at <= 302 + 10 + 15 + 20.5
    expect(in_time, called=watched.called, got=got, mistake=Mistake.STABLE_FILE_REPORTED_LATE)


# ── Directories ──


def test_excludes_what_cannot_be_read(trigger, clients):
    """Like MultiDirectoryTrigger: exclude a directory that cannot be read, log one warning, list it in errors."""
    at = {31: lambda: clients.drop(4, "a.csv")}
    watched = watch(trigger(), seconds=90, root=clients.root, denied=[clients[2]], at=at)
    watched.expect_found(Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAITING, because=clients[2])
    watched.expect_left_out(clients[2])
    watched.expect_logged_once(clients[2])


def test_ends_with_an_error_if_all_directories_are_excluded(trigger, clients):
    """Like MultiDirectoryTrigger: an error event directory_access when all directories are excluded."""
    built = trigger(directories={clients[2]: 1})
    watched = watch(built, seconds=60, root=clients.root, denied=[clients[2]])
    watched.expect_error_event("directory_access")
    watched.expect_left_out(clients[2])


def test_a_missing_directory_may_be_created_later(trigger, clients):
    """A missing directory counts as a successful check that found nothing, however often it is missing."""
    late = os.path.join(clients.root, "late")

    def create() -> None:
        os.mkdir(late)
        open(os.path.join(late, "a.csv"), "w").close()

    watched = watch(trigger(directories={late: 1}, max_retries=2), seconds=300, root=clients.root, at={205: create})
    watched.expect_waited_for(late)
    expect_equal(watched.found["path"], os.path.join(late, "a.csv"), called=watched.called)
    got = f"reported after {watched.fired_at:g} seconds, created after 205"
    expect(watched.fired_at <= 225.5, called=watched.called, got=got, mistake=Mistake.STABLE_FILE_REPORTED_LATE)


# ── Backoff ──


@pytest.mark.parametrize(
    ("base", "cap", "due"),
    [(0.5, 8, [0.5, 1, 2, 4, 8, 8]), (15, 40, [15, 30, 40, 40])],
    ids=["shorter than the interval", "longer than the interval"],
)
def test_backs_off_from_a_failing_directory(watch_failing, clients, base, cap, due):
    """After the nth error in a row, check again after min(backoff_base * 2 ** (n - 1), backoff_cap) seconds."""
    clients.drop(1, "a.csv")
    watched = watch_failing(errors(len(due)), seconds=400, at={}, backoff_base=base, backoff_cap=cap)
    watched.called += f", backoff_base={base}, backoff_cap={cap}"
    watched.expect_event(Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED)
    watched.expect_found(Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT, because=EIO)
    got = watched.pauses(clients[1])[: len(due)]
    expect_backoff(watched, got, due, Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED)


def test_a_successful_check_resets_the_backoff(watch_failing, clients):
    """A successful check resets n."""
    failures = errors(3)
    at = {
        102: lambda: fail_again(failures, 3),
        130: lambda: clients.drop(1, "other.txt"),  # for those who list a directory again only after a change
        250: lambda: clients.drop(1, "a.csv"),
    }
    watched = watch_failing(failures, seconds=350, at=at, max_retries=4)
    watched.called += "; two times three errors, max_retries=4"
    expect_reset(watched, clients[1], [1, 2, 4], again=102)


def test_a_missing_directory_resets_the_backoff(watch_failing, clients):
    """A missing directory counts as a successful check that found nothing: it resets n."""
    away, failures = os.path.join(clients.root, "away"), errors(2)

    def come_back() -> None:
        os.rename(away, clients[1])
        fail_again(failures, 2)

    at = {2: lambda: os.rename(clients[1], away), 105: come_back, 140: lambda: clients.drop(1, "a.csv")}
    watched = watch_failing(failures, seconds=220, at=at, max_retries=3)
    watched.called += "; two errors, then the directory is missing, then two errors, max_retries=3"
    expect_reset(watched, clients[1], [1, 2], again=105)


@pytest.mark.parametrize(("max_retries", "due"), [(0, []), (3, [1, 2, 4])], ids=["no retry", "3 retries"])
def test_excludes_a_directory_after_max_retries(watch_failing, clients, max_retries, due):
    """After max_retries failed retries in a row, exclude the directory like one that cannot be read."""
    directories = {clients[1]: 1, clients[2]: 2}
    at = {61: lambda: [clients.drop(number, "a.csv") for number in (1, 2)]}
    watched = watch_failing(errors(100), seconds=200, at=at, directories=directories, max_retries=max_retries)
    watched.called += f"; every check of a directory fails, max_retries={max_retries}"
    watched.expect_found(Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAITING, because=EIO)
    excluded, mistake = list(watched.found["errors"]), Mistake.UNREADABLE_DIRECTORY_NOT_REPORTED
    expect_equal(excluded, [clients[1]], called=f"{watched.called}: errors", mistake=mistake)
    got = watched.pauses(clients[1])
    called, mistake = f"{watched.called}: number of retries", Mistake.ONE_RETRY_TOO_FEW_OR_TOO_MANY
    expect_equal(len(got), len(due), called=called, mistake=mistake)
    expect_backoff(watched, got, due, Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED)
    warnings = [line.text for line in watched.logs if line.level >= logging.WARNING and clients[1] in line.text]
    mistake = Mistake.EXCLUDED_DIRECTORY_NOT_LOGGED_ONCE
    expect(bool(warnings), called=watched.called, got="no warning with the path of the directory", mistake=mistake)


@pytest.mark.deadline(60)
def test_the_backoff_never_overflows(watch_failing, clients):
    """The backoff is at most backoff_cap seconds, however many errors there were."""
    watched = watch_failing(errors(1100), seconds=20_000, at={}, max_retries=1099, backoff_cap=2)
    watched.expect_event(Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED)
    watched.called += "; 1,100 errors"
    watched.expect_error_event("directory_access")
    longest, mistake = max(watched.pauses(clients[1])), Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED
    expect(longest <= 2.5, called=f"{watched.called}: seconds between checks", got=longest, mistake=mistake)


def test_a_failed_check_starts_the_stability_over(watch_failing, clients):
    """After a transient error of a directory, start the stability of its files over."""
    clients.drop(1, "a.csv")
    failures: list[OSError] = []
    at = {15.3: lambda: fail_again(failures, 1)}
    watched = watch_failing(failures, seconds=300, at=at, stable_seconds=35, backoff_base=30)
    watched.expect_found()
    got, mistake = f"reported after {watched.fired_at:g} seconds", Mistake.UNFINISHED_FILE_REPORTED
    expect(watched.fired_at >= 35, called=f"{watched.called}, stable_seconds=35", got=got, mistake=mistake)
    failed, *checks = sorted(moment for moment in watched.calls.listings[clients[1]] if moment > 15.3)
    again = next((moment for moment in checks if moment > failed + 1), failed)
    because = f"a check failed after {failed:g}, the next one, after {again:g}, did not"
    expect_stable(watched, again, because, Mistake.STABLE_IN_SPITE_OF_A_FAILED_CHECK)


def test_other_directories_are_checked_as_usual(trigger, clients):
    """Meanwhile, check the other directories as usual."""
    at = {131: lambda: clients.drop(4, "a.csv")}
    watched = watch(
        trigger(backoff_base=40, backoff_cap=400, max_retries=30),
        seconds=200,
        root=clients.root,
        failing={clients[1]: errors(50)},
        at=at,
    )
    watched.expect_in_time(clients[4], made_at=131)


# ── A good neighbor ──


def test_is_a_good_neighbor(trigger, clients):
    """Like MultiDirectoryTrigger: never block the event loop, modify no file, leave nothing behind."""
    watched = watch(
        trigger(stable_seconds=15), seconds=90, root=clients.root, at={15: lambda: clients.drop(5, "a.csv")}
    )
    watched.expect_found()
    watched.expect_unblocked()
    written = watched.calls.writes
    expect(not written, called=watched.called, got=written, mistake=Mistake.SIDE_EFFECT_IN_A_TRIGGER)
    watched.expect_nothing_left()


def test_checks_about_every_interval(trigger, clients):
    """Like MultiDirectoryTrigger: check every directory about every check_interval seconds."""
    clients.drop(1, "a.csv")
    watched = watch(trigger(check_interval=30, stable_seconds=280), seconds=400, root=clients.root)
    watched.expect_found()
    counts = [len(watched.pauses(directory)) + 1 for directory in clients.directories]
    called, got = f"{watched.called}, check_interval=30", f"{max(counts)} checks of a directory in 300 seconds"
    expect(max(counts) <= 20, called=called, got=got, mistake=Mistake.CHECKS_TOO_OFTEN)


def test_does_not_check_a_directory_twice_at_once(trigger, clients):
    """Like MultiDirectoryTrigger: do not check a directory again until its previous check has finished."""
    at = {201: lambda: clients.drop(5, "a.csv")}
    watched = watch(trigger(), seconds=300, root=clients.root, slow={clients[2]: 25}, at=at)
    watched.expect_found()
    watched.expect_pauses(clients[2], at_least=25, mistake=Mistake.TWO_CHECKS_OF_ONE_DIRECTORY_AT_ONCE)


@pytest.mark.parametrize("duration", [6, 9])
def test_a_slow_directory_delays_no_other(trigger, clients, duration):
    """Fire no later than two intervals after a file becomes stable, even if another directory is slow."""
    at = {61: lambda: clients.drop(5, "a.csv")}
    watched = watch(trigger(), seconds=200, root=clients.root, slow={clients[1]: duration}, at=at)
    watched.expect_in_time(clients[5], made_at=61)


@pytest.mark.parametrize("count", [1, 40])
def test_hung_directories_delay_no_other(trigger, clients, count):
    """Like MultiDirectoryTrigger: run file access in DIRECTORY_THREADS, so that 40 hung directories delay no other."""
    hung = Clients(Path(clients.root, "hung"), count=count)
    directories = {**dict.fromkeys(hung.directories, 1), clients[5]: 2}
    at = {61: lambda: clients.drop(5, "a.csv")}
    built = trigger(directories=directories)
    watched = watch(built, seconds=200, root=clients.root, hanging=hung.directories, at=at)
    watched.expect_in_time(clients[5], made_at=61)


def test_stops_immediately_when_cancelled(trigger, clients):
    """When cancelled, stop immediately and let the CancelledError propagate, also while a directory hangs."""
    for directories in ({clients[1]: 1, clients[2]: 2}, {clients[2]: 1}):
        built = trigger(directories=directories)
        watched = watch(built, seconds=35, root=clients.root, hanging=[clients[2]])
        watched.expect_waiting()
        watched.expect_prompt_end()
        watched.expect_nothing_left("the task")
    triggers.expect_it_works(trigger(), clients)


def test_an_unexpected_exception_becomes_an_error_event(trigger, clients):
    """Like MultiDirectoryTrigger: on an unexpected exception, an error event with its type and text."""
    faults = [ZeroDivisionError("the disk is imaginary")] * 50
    watched = watch(trigger(), seconds=60, root=clients.root, failing={clients[1]: faults})
    watched.expect_event(Mistake.NO_ERROR_EVENT)
    watched.expect_error_event("unexpected", "ZeroDivisionError", "the disk is imaginary")


def test_serialize_is_the_same_after_a_run(trigger, clients):
    """serialize() returns all __init__ arguments, the same during and after run(), also if one was excluded."""
    built = trigger()
    before, later = repr(built.serialize()), []
    at = {35: lambda: later.append(repr(built.serialize())), 36: lambda: clients.drop(2, "late.csv")}
    watched = watch(built, seconds=60, root=clients.root, denied=[clients[4]], at=at)
    for serialized in (*later, repr(built.serialize())):
        expect_equal(serialized, before, called="serialize()", mistake=Mistake.STATE_IN_SERIALIZE)
    watched.expect_found(Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAITING, because=clients[4])
