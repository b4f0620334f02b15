"""Challenge 1: AdvancedMultiDirectoryTrigger."""

from __future__ import annotations

import errno
import itertools
import os
import time
from datetime import datetime, timezone

import pytest
from airflow.triggers.base import BaseTrigger
from support import triggers
from support.contract import Broken, expect, expect_equal
from support.mistakes import Mistake
from support.spy import spying
from support.watching import is_plain_json, watch

CLASS_PATH = "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger"
EVERY_ARGUMENT = {
    "file_patterns": ["*.csv", "*.json"],
    "check_interval": 3.5,
    "stable_seconds": 7,
    "max_retries": 2,
    "backoff_base": 0.5,
    "backoff_cap": 9,
}


@pytest.fixture
def trigger(submission, clients):
    """A trigger over all clients, client_1 first; files count at first sight. Arguments may be given otherwise."""

    def build(**arguments) -> BaseTrigger:
        priorities = {directory: number for number, directory in enumerate(clients.directories, start=1)}
        given = {"directories": priorities, "file_patterns": ["*.csv"], "check_interval": 10, "stable_seconds": 0}
        return submission.AdvancedMultiDirectoryTrigger(**{**given, **arguments})

    return build


def grow(path: str) -> None:
    """Write on, as an upload does."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("1,10\n")


# ── Construction and serialization ──


def test_every_argument_survives_the_way_to_the_triggerer(submission, clients, elsewhere):
    """serialize() gives the literal class path and all arguments, from which a triggerer can build it again."""
    cls = triggers.class_loaded_by_airflow(submission, "AdvancedMultiDirectoryTrigger")
    given = {"directories": {clients[2]: 5, clients[1]: 1}, **EVERY_ARGUMENT}
    class_path, kwargs = cls(**given).serialize()
    expect_equal(class_path, CLASS_PATH, called="serialize()[0]", mistake=Mistake.WRONG_CLASS_PATH)
    expect_equal(
        {name: kwargs.get(name) for name in given},
        given,
        called="serialize()[1]",
        mistake=triggers.lost_or_changed(kwargs, given),
    )
    expect(
        is_plain_json(kwargs),
        called="serialize()[1]",
        got=kwargs,
        mistake=Mistake.TRIGGERS_ARGUMENTS_ARE_NOT_PLAIN_JSON,
    )
    triggers.expect_rebuilt(elsewhere, class_path, kwargs)
    triggers.expect_defaults(
        submission.AdvancedMultiDirectoryTrigger({clients[1]: 1}, ["*.csv"]),
        check_interval=10,
        stable_seconds=20,
        max_retries=5,
        backoff_base=1,
        backoff_cap=60,
    )


def built_with_no_window(trigger) -> BaseTrigger:
    """Build a trigger with the least that is allowed; Broken if it is refused."""
    try:
        return trigger(stable_seconds=0, max_retries=0)
    except ValueError as error:
        called = "AdvancedMultiDirectoryTrigger(stable_seconds=0, max_retries=0)"
        raise Broken(called, repr(error), Mistake.VALID_ARGUMENT_REFUSED) from error


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
    ids=triggers.written,
)
def test_refuses_arguments_that_cannot_work(trigger, arguments):
    """ValueError if directories or file_patterns is empty, or a number is out of its range."""
    built_with_no_window(trigger)
    called = f"AdvancedMultiDirectoryTrigger({triggers.written(arguments)})"
    triggers.expect_refused(lambda: trigger(**arguments), called=called)


def test_construction_does_no_work(trigger, clients):
    """__init__ keeps the arguments: no look at the file system, no work."""
    with spying(clients.root) as spy:
        built = trigger(directories={clients[1]: 1, f"{clients.root}/missing": 2})
        built.serialize()
    triggers.expect_constructed(built)
    called = "AdvancedMultiDirectoryTrigger(...).serialize()"
    expect(
        not spy.touched and not spy.written, called=called, got=spy.touched + spy.written, mistake=Mistake.WORK_IN_INIT
    )


# ── Stable files ──


def test_a_finished_file_counts_after_the_window(trigger, clients):
    """A file counts once it has stayed as it is for stable_seconds, counted from the first look that saw it so."""
    path = clients.drop(3, "a.csv")
    watched = watch(trigger(stable_seconds=25), seconds=120, root=clients.root)
    expect_equal(watched.found["path"], path, called=watched.called)
    got = f"reported after {watched.fired_at} seconds, stable after 25"
    mistake = Mistake.UNFINISHED_FILE_REPORTED if watched.fired_at < 25 else Mistake.STABLE_FILE_REPORTED_LATE
    expect(25 <= watched.fired_at <= 45, called=watched.called, got=got, mistake=mistake)


def test_a_growing_file_waits_until_it_is_finished(trigger, clients):
    """A file that has changed begins anew."""
    path = clients.path(2, "a.csv")
    writing = {second: lambda: grow(path) for second in range(5, 100, 9)}
    watched = watch(trigger(stable_seconds=25), seconds=200, root=clients.root, at=writing)
    expect_equal(watched.found["path"], path, called=watched.called)
    got = f"reported after {watched.fired_at} seconds; it last grew at {max(writing)} and had to rest for 25"
    early = watched.fired_at < max(writing) + 25
    mistake = Mistake.UNFINISHED_FILE_REPORTED if early else Mistake.STABLE_FILE_REPORTED_LATE
    right = not early and watched.fired_at <= max(writing) + 56
    expect(right, called=watched.called, got=got, mistake=mistake)
    expect_equal(watched.found["size"], 5 * len(writing), called=f'{watched.called}: payload["size"]')


def test_a_file_that_never_stops_growing_never_counts(trigger, clients):
    """A file that never stops growing never counts, and a finished one does not wait for it."""
    path = clients.path(1, "endless.csv")
    writing = {second: lambda: grow(path) for second in range(1, 400, 8)}
    watched = watch(
        trigger(stable_seconds=20),
        seconds=400,
        root=clients.root,
        at={**writing, 302: lambda: clients.drop(5, "a.csv")},
    )
    watched.expect_event(Mistake.WAITS_FOR_AN_UNSTABLE_FILE)
    payload = watched.found
    expect_equal(
        payload["path"], clients.path(5, "a.csv"), called=watched.called, mistake=Mistake.UNFINISHED_FILE_REPORTED
    )
    found = [payload["files"], payload["total_files"]]
    expect_equal(found, [[clients.path(5, "a.csv")], 1], called=watched.called, mistake=Mistake.UNSTABLE_FILES_LISTED)


def test_a_shrinking_file_is_not_finished(trigger, clients):
    """A file whose size changes is not finished, also if it becomes smaller."""
    path = clients.drop(1, "a.csv", "x" * 1000)
    shrinking = {second: lambda size=1000 - second: os.truncate(path, size) for second in range(5, 90, 9)}
    watched = watch(trigger(stable_seconds=25), seconds=200, root=clients.root, at=shrinking)
    watched.expect_found()
    got = f"reported after {watched.fired_at} seconds; it last shrank at {max(shrinking)}"
    expect(
        watched.fired_at >= max(shrinking) + 25,
        called=watched.called,
        got=got,
        mistake=Mistake.UNFINISHED_FILE_REPORTED,
    )


@pytest.mark.parametrize("what", ["modification time", "identity"])
def test_a_file_that_is_replaced_begins_anew(trigger, clients, what):
    """A change of the modification time or of the identity alone begins the window anew: the size may be the same."""
    path = clients.drop(1, "a.csv")
    stat = os.stat(path)

    def touch() -> None:
        os.utime(path, (stat.st_atime, os.stat(path).st_mtime + 1))

    def replace() -> None:
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write("id,amount\n1,10\n")
        os.utime(f"{path}.new", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        os.replace(f"{path}.new", path)

    change = touch if what == "modification time" else replace
    changes = dict.fromkeys(range(5, 90, 9), change)
    watched = watch(trigger(stable_seconds=25), seconds=200, root=clients.root, at=changes)
    watched.expect_found()
    got = f"reported after {watched.fired_at} seconds; it was last replaced at {max(changes)}"
    expect(
        watched.fired_at >= max(changes) + 25,
        called=watched.called,
        got=got,
        mistake=Mistake.REPLACED_FILE_NOT_RECOGNISED,
    )


def test_a_file_that_vanishes_and_comes_back_begins_anew(trigger, clients):
    """A file that vanished and came back begins anew, even if it looks the same."""
    path = clients.drop(1, "a.csv")
    stat = os.stat(path)
    away = f"{clients.root}/away"

    def come_back() -> None:
        os.rename(away, path)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    at = {12: lambda: os.rename(path, away), 33: come_back}
    watched = watch(trigger(stable_seconds=35), seconds=200, root=clients.root, at=at)
    watched.expect_found()
    got = f"reported after {watched.fired_at} seconds; it was away from 12 to 33 and must rest for 35"
    expect(watched.fired_at >= 33 + 35, called=watched.called, got=got, mistake=Mistake.VANISHED_FILE_NOT_RECOGNISED)


def test_a_file_that_nobody_could_see_is_not_stable(trigger, clients):
    """A file has stayed as it is only as far as looks have seen it: while its directory fails, nobody knows."""
    path = clients.drop(1, "a.csv")
    seen = {}

    def remember(spy) -> None:
        seen["spy"] = spy

    errors = [OSError(errno.EIO, "Input/output error") for _ in range(3)]
    at = {5: lambda: seen["spy"].fail(clients[1], *errors), 75: lambda: grow(path)}
    built = trigger(stable_seconds=35, backoff_base=30, backoff_cap=30)
    watched = watch(built, seconds=300, root=clients.root, faults=remember, at=at)
    watched.expect_found()
    got = f"reported after {watched.fired_at} seconds; from 10 to 100 its directory failed, and it grew at 75"
    expect(watched.fired_at >= 75 + 35, called=watched.called, got=got, mistake=Mistake.STABLE_WHILE_NOBODY_COULD_LOOK)


def test_a_file_whose_directory_vanishes_begins_anew(trigger, clients):
    """A file that vanished and came back begins anew, also if its whole directory was away."""
    clients.drop(1, "a.csv")
    away = f"{clients.root}/away"
    at = {12: lambda: os.rename(clients[1], away), 33: lambda: os.rename(away, clients[1])}
    watched = watch(trigger(stable_seconds=35), seconds=200, root=clients.root, at=at)
    watched.expect_found()
    got = f"reported after {watched.fired_at} seconds; its directory was away from 12 to 33 and it must rest for 35"
    mistake = Mistake.FILES_OF_A_VANISHED_DIRECTORY_REMEMBERED
    expect(watched.fired_at >= 33 + 35, called=watched.called, got=got, mistake=mistake)


def test_with_no_window_a_file_counts_at_first_sight(trigger, clients):
    """With stable_seconds=0 a file counts at first sight."""
    clients.drop(4, "a.csv")
    watched = watch(built_with_no_window(trigger), seconds=30, root=clients.root)
    expect_equal(watched.found["directory"], clients[4], called=watched.called)
    got = f"reported after {watched.fired_at} seconds"
    expect(watched.fired_at < 10, called=watched.called, got=got, mistake=Mistake.STABLE_FILE_REPORTED_LATE)


def test_a_rebuilt_trigger_begins_anew(submission, trigger, clients):
    """A trigger that is rebuilt elsewhere begins anew with all files."""
    clients.drop(1, "a.csv")
    first = trigger(stable_seconds=40)
    watch(first, seconds=35, root=clients.root).expect_waiting()
    again = submission.AdvancedMultiDirectoryTrigger(**first.serialize()[1])
    watched = watch(again, seconds=200, root=clients.root, later=35)
    watched.expect_found()
    expect(
        40 <= watched.fired_at <= 60,
        called="run() of the rebuilt trigger",
        got=f"reported after {watched.fired_at} seconds, stable after 40",
        mistake=Mistake.STATE_SHARED_BY_INSTANCES if watched.fired_at < 40 else Mistake.STABLE_FILE_REPORTED_LATE,
    )


# ── Priority and patterns ──


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3]))[:4], ids=str)
def test_the_directory_that_matters_most_comes_first(submission, clients, order):
    """Of the files that are stable at a look, the one in the directory with the lowest number is reported."""
    for number in (1, 2, 3):
        clients.drop(number, "a.csv")
    priorities = {clients[number]: priority * 10 for number, priority in zip((1, 2, 3), order, strict=True)}
    built = submission.AdvancedMultiDirectoryTrigger(priorities, ["*.csv"], stable_seconds=0)
    payload = watch(built, seconds=30, root=clients.root).found
    by_priority = sorted(priorities, key=priorities.__getitem__)
    called = f"run() with the priorities {list(priorities.values())}"
    due = [by_priority[0], 10, [os.path.join(directory, "a.csv") for directory in by_priority]]
    expect_equal(payload["directory"], due[0], called=called, mistake=Mistake.NOT_BY_PRIORITY)
    expect_equal([payload["directory"], payload["priority"], payload["files"]], due, called=called)


def test_equal_priorities_go_by_name(submission, clients):
    """In directories of the same number it goes by the directory's name, then by the file's."""
    for number, name in [(3, "a.csv"), (2, "z.csv"), (2, "b.csv")]:
        clients.drop(number, name)
    built = submission.AdvancedMultiDirectoryTrigger({clients[3]: 1, clients[2]: 1}, ["*.csv"], stable_seconds=0)
    payload = watch(built, seconds=30, root=clients.root).found
    called = "run() with equal priorities"
    expect_equal(payload["path"], clients.path(2, "b.csv"), called=called, mistake=Mistake.NOT_THE_FIRST_IN_ORDER)


def test_a_stable_file_does_not_wait_for_a_better_one(trigger, clients):
    """A stable file never waits for an unstable one in a directory that matters more."""
    clients.drop(5, "done.csv")
    path = clients.path(1, "growing.csv")
    writing = {second: lambda: grow(path) for second in range(1, 100, 6)}
    watched = watch(trigger(stable_seconds=15), seconds=120, root=clients.root, at=writing)
    watched.expect_event(Mistake.WAITS_FOR_AN_UNSTABLE_FILE)
    mistake = Mistake.UNFINISHED_FILE_REPORTED if watched.fired_at < 97 else Mistake.WAITS_FOR_AN_UNSTABLE_FILE
    expect_equal(watched.found["directory"], clients[5], called=watched.called, mistake=mistake)
    got = f"reported after {watched.fired_at} seconds"
    expect(watched.fired_at <= 40, called=watched.called, got=got, mistake=Mistake.STABLE_FILE_REPORTED_LATE)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("a.csv", "*.csv"), ("b.json", "*.json"), ("report_1.txt", "report_?.txt"), ("report_1.csv", "*.csv")],
)
def test_any_of_the_patterns_will_do(trigger, clients, name, pattern):
    """A file counts if its name matches any of file_patterns; pattern is the first that it matches."""
    for other in ("a.txt", "b.jsonl", ".hidden.csv", "report_10.txt"):
        clients.drop(2, other)
    clients.drop(2, name)
    built = trigger(file_patterns=["*.csv", "*.json", "report_?.txt", "report_*.csv"])
    watched = watch(built, seconds=30, root=clients.root)
    called, mistake = "run() with four patterns", Mistake.NAME_NOT_MATCHED_AS_THE_CONTRACT_SAYS
    watched.expect_event(mistake)
    payload = watched.found
    expect_equal(payload["filename"], name, called=called, mistake=mistake)
    expect_equal(payload["pattern"], pattern, called=called, mistake=Mistake.NOT_THE_FIRST_PATTERN_THAT_MATCHES)
    expect_equal(payload["files"], [clients.path(2, name)], called=called, mistake=mistake)


def test_names_the_first_pattern_in_the_order_given(trigger, clients):
    """pattern is the first of file_patterns that the file matches, in the order in which they were given."""
    clients.drop(2, "report_1.csv")
    payload = watch(trigger(file_patterns=["x*", "report_*.csv", "*.csv"]), seconds=30, root=clients.root).found
    called = 'payload["pattern"], of ["x*", "report_*.csv", "*.csv"]'
    expect_equal(payload["pattern"], "report_*.csv", called=called, mistake=Mistake.NOT_THE_FIRST_PATTERN_THAT_MATCHES)


# ── Backoff ──


def waits_between(looks: list[float]) -> list[float]:
    """Return the seconds between looks; listings at the same moment are one look."""
    moments = sorted({round(look, 1) for look in looks})
    return [round(later - earlier, 1) for earlier, later in itertools.pairwise(moments)]


def failing(submission, clients, failures: int, seconds: float, **arguments):
    """Watch one directory whose first looks fail."""
    given = {
        "check_interval": 10,
        "stable_seconds": 0,
        "max_retries": 20,
        "backoff_base": 1,
        "backoff_cap": 8,
        **arguments,
    }
    built = submission.AdvancedMultiDirectoryTrigger({clients[1]: 1}, ["*.csv"], **given)
    errors = [OSError(errno.EIO, "Input/output error") for _ in range(failures)]
    return watch(built, seconds=seconds, root=clients.root, faults=lambda spy: spy.fail(clients[1], *errors))


def test_backs_off_from_a_failing_directory(submission, clients):
    """After the n-th failure in a row it waits min(backoff_base * 2 ** (n - 1), backoff_cap) seconds."""
    clients.drop(1, "a.csv")
    watched = failing(submission, clients, failures=6, seconds=200, backoff_base=0.5)
    watched.expect_found(Mistake.PASSING_FAILURE_TAKEN_FOR_FINAL, because="Input/output error")
    waits = waits_between(watched.spy.looks[clients[1]])
    expect_equal(
        waits[:6],
        [0.5, 1.0, 2.0, 4.0, 8.0, 8.0],
        called=f"{watched.called}; seconds between looks",
        mistake=Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED,
    )


def test_a_good_look_resets_the_backoff(submission, clients):
    """One good look resets the failures, and the directory is looked into every check_interval again."""
    looks: list[OSError | None] = [OSError(errno.EIO, "Input/output error")] * 3
    built = submission.AdvancedMultiDirectoryTrigger(
        {clients[1]: 1}, ["*.csv"], check_interval=10, stable_seconds=0, max_retries=4, backoff_base=1, backoff_cap=8
    )
    seen = {}

    def fault(spy) -> None:
        seen["spy"] = spy
        spy.fail(clients[1], *looks)

    at = {
        12: lambda: seen["spy"].fail(clients[1], *looks),
        30: lambda: clients.drop(1, "other.txt"),  # for those who list a directory again only when it has changed
        90: lambda: clients.drop(1, "a.csv"),
    }
    watched = watch(built, seconds=200, root=clients.root, faults=fault, at=at)
    watched.called += "; twice three failures, max_retries=4"
    watched.expect_found(Mistake.BACKOFF_NOT_RESET, because="Input/output error")
    waits = waits_between(watched.spy.looks[clients[1]])
    due = [1, 2, 4, 10, 1, 2, 4, 10]
    in_time = [0 <= wait - seconds <= seconds / 4 for wait, seconds in zip(waits, due, strict=False)]
    got = f"{waits[:8]} where about {due} was due"
    expect(in_time == [True] * 8, called="seconds between looks", got=got, mistake=Mistake.BACKOFF_NOT_RESET)


def test_gives_a_directory_up_after_max_retries(submission, clients):
    """When max_retries repetitions in a row have failed too, the directory is left out like an unreadable one."""
    clients.drop(1, "a.csv")
    watched = failing(submission, clients, failures=100, seconds=300, max_retries=3)
    triggers.expect_error_event(watched.payload, "directory_access", called=f"{watched.called}; every look fails")
    errors = list(watched.payload["errors"])
    expect_equal(errors, [clients[1]], called='payload["errors"]', mistake=Mistake.UNREADABLE_DIRECTORY_NOT_REPORTED)
    waits = waits_between(watched.spy.looks[clients[1]])
    count = len(waits) == 3
    expect_equal(
        waits,
        [1.0, 2.0, 4.0],
        called=f"{watched.called}; seconds between looks",
        mistake=Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED if count else Mistake.ONE_RETRY_TOO_FEW_OR_TOO_MANY,
    )


@pytest.mark.deadline(60)
def test_the_backoff_never_overflows(submission, clients):
    """The wait never exceeds backoff_cap, however many failures there were."""
    watched = failing(submission, clients, failures=1100, seconds=20_000, max_retries=1099, backoff_cap=2)
    triggers.expect_error_event(watched.payload, "directory_access", called=f"{watched.called}; 1,100 failures")
    longest = max(waits_between(watched.spy.looks[clients[1]]))
    called = f"{watched.called}; seconds between looks"
    expect(longest <= 2.1, called=called, got=longest, mistake=Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED)


def test_the_other_directories_keep_their_pace(trigger, clients):
    """While one directory backs off, the others are looked into every check_interval."""
    errors = [OSError(errno.EIO, "Input/output error") for _ in range(50)]
    watched = watch(
        trigger(backoff_base=40, backoff_cap=400, max_retries=30),
        seconds=200,
        root=clients.root,
        faults=lambda spy: spy.fail(clients[1], *errors),
        at={131: lambda: clients.drop(4, "a.csv")},
    )
    triggers.expect_in_time(watched, clients[4], made_at=131)


def test_a_missing_directory_is_no_failure(submission, clients):
    """A missing directory is no failure: it is looked for every check_interval, for ever."""
    late = os.path.join(clients.root, "late")

    def make() -> None:
        os.mkdir(late)
        open(os.path.join(late, "a.csv"), "w").close()

    built = submission.AdvancedMultiDirectoryTrigger({late: 1}, ["*.csv"], stable_seconds=0, max_retries=2)
    watched = watch(built, seconds=300, root=clients.root, at={205: make})
    triggers.expect_waited_for(watched, late)
    expect_equal(watched.found["path"], os.path.join(late, "a.csv"), called=watched.called)


# ── What holds of every trigger ──


def test_unreadable_directories_are_left_out(trigger, clients):
    """A directory that can never be read is left out and named; when none is left, there is an error event."""
    watched = watch(
        trigger(),
        seconds=90,
        root=clients.root,
        faults=lambda spy: spy.deny(clients[2]),
        at={31: lambda: clients.drop(4, "a.csv")},
    )
    triggers.expect_left_out(watched, clients[2])
    triggers.expect_logged_once(watched, clients[2])
    none_left = watch(
        trigger(directories={clients[2]: 1}), seconds=60, root=clients.root, faults=lambda spy: spy.deny(clients[2])
    )
    triggers.expect_error_event(none_left.payload, "directory_access", called=none_left.called)


def test_has_good_manners(trigger, clients):
    """The event loop is never blocked, nothing is written, nothing is left behind, and nobody polls too often."""
    watched = watch(
        trigger(stable_seconds=15), seconds=90, root=clients.root, at={15: lambda: clients.drop(5, "a.csv")}
    )
    watched.expect_found()
    watched.expect_unblocked()
    expect(
        not watched.spy.written,
        called=watched.called,
        got=watched.spy.written,
        mistake=Mistake.SIDE_EFFECT_IN_A_TRIGGER,
    )
    watched.expect_nothing_left()
    most = max(len(times) for times in watched.spy.looks.values())
    expect(
        most <= 2 * 8,
        called=watched.called,
        got=f"{most} looks into one directory in 50 seconds",
        mistake=Mistake.LOOKS_TOO_OFTEN,
    )


def test_cancelling_ends_it_at_once(trigger, clients):
    """Cancelling ends run() at once, also while a directory hangs."""
    watched = watch(trigger(), seconds=35, root=clients.root, faults=lambda spy: spy.hang(clients[2]))
    watched.expect_waiting()
    watched.expect_prompt_end()
    triggers.expect_it_works(trigger(), clients)


def test_a_hanging_directory_does_not_hold_up_the_others(trigger, clients):
    """A stable file is reported at the latest two intervals after it has become stable, also if a directory hangs."""
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
    """A stable file is reported at the latest two intervals later, also if another directory is slow."""
    watched = watch(
        trigger(),
        seconds=200,
        root=clients.root,
        slow={clients[2]: duration},
        at={61: lambda: clients.drop(5, "a.csv")},
    )
    triggers.expect_in_time(watched, clients[5], made_at=61)


def test_an_unexpected_exception_becomes_an_error_event(trigger, clients):
    """Anything unexpected that is raised becomes an error event."""
    watched = watch(
        trigger(),
        seconds=60,
        root=clients.root,
        faults=lambda spy: spy.fail(clients[1], *[ZeroDivisionError("odd")] * 9),
    )
    watched.expect_event(Mistake.NO_ERROR_EVENT)
    triggers.expect_error_event(watched.payload, "unexpected", called=watched.called)


def test_equal_files_make_equal_events(trigger, clients):
    """Two runs over the same files yield equal events, with plain JSON and 100 files at most."""
    for number in range(150):
        clients.drop(2, f"{number:03}.csv")
    os.utime(clients.path(2, "000.csv"), (time.time(), 1_700_000_000))
    first, second = (watch(trigger(), seconds=30, root=clients.root).found for _ in range(2))
    expect_equal(second, first, called="run(), twice over the same files", mistake=Mistake.EVENT_DEPENDS_ON_THE_RUN)
    expect_equal(
        datetime.fromisoformat(first["modified"]),
        datetime.fromtimestamp(1_700_000_000, tz=timezone.utc),
        called='payload["modified"]',
        mistake=Mistake.NOT_THE_TIME_OF_THE_LAST_CHANGE,
    )
    counts = [len(first["files"]), first["total_files"]]
    mistake = Mistake.UNBOUNDED_PAYLOAD if counts[0] > 100 else Mistake.FILES_CUT_IN_THE_WRONG_PLACE
    if counts[0] == 100:
        mistake = Mistake.TOTAL_COUNTED_AFTER_THE_CUT if counts[1] == 100 else Mistake.FILES_COUNTED_WRONGLY
    expect_equal(counts, [100, 150], called="run() over 150 files", mistake=mistake)


def test_only_files_count(trigger, clients):
    """What counts as a file holds here too: a regular file or a link to one, directly in a directory."""
    os.mkdir(clients.path(1, "folder.csv"))
    os.mkdir(clients.path(2, "deeper"))
    clients.drop(2, os.path.join("deeper", "a.csv"))
    os.symlink(clients.path(3, "nowhere"), clients.path(3, "dead.csv"))
    os.symlink("circle.csv", clients.path(5, "circle.csv"))
    os.mkfifo(clients.path(3, "pipe.csv"))
    os.symlink(clients.drop(4, "target.data"), clients.path(5, "link.csv"))
    watched = watch(trigger(), seconds=30, root=clients.root)
    watched.expect_event(Mistake.LINK_TO_A_FILE_NOT_COUNTED)
    found, link = watched.found["files"], clients.path(5, "link.csv")
    expect(link in found, called=watched.called, got=found, mistake=Mistake.LINK_TO_A_FILE_NOT_COUNTED)
    expect_equal(found, [link], called=watched.called, mistake=Mistake.COUNTS_WHAT_IS_NO_FILE_OF_THIS_DIRECTORY)


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
    got = f"it fired after {watched.fired_at:g} seconds, without a file"
    expect(len(during) == 1, called=watched.called, got=got, mistake=Mistake.ENDED_WHILE_IT_SHOULD_WAIT)


def test_lets_the_interval_pass_between_two_looks(trigger, clients):
    """Each directory is looked into about every check_interval seconds, never more often, also while a file rests."""
    clients.drop(1, "a.csv")
    watched = watch(trigger(check_interval=30, stable_seconds=250), seconds=400, root=clients.root)
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


def test_cancelling_leaves_nothing_behind(trigger, clients):
    """Cancelling leaves no task behind, also while a directory hangs, here the only one."""
    built = trigger(directories={clients[2]: 1})
    watched = watch(built, seconds=35, root=clients.root, faults=lambda spy: spy.hang(clients[2]))
    watched.expect_waiting()
    watched.expect_nothing_left("the task")
    triggers.expect_it_works(trigger(), clients)
