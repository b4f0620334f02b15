"""Step 3c: MultiDirectoryTrigger shares its event loop with hundreds of others, and can be cancelled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from airflow.triggers.base import TriggerEvent

from .support import triggers
from .support.clients import Clients
from .support.contract import Result, expect, expect_equal
from .support.mistakes import Mistake
from .support.trigger_run import watch


@pytest.mark.essential
def test_never_blocks_the_event_loop(trigger, clients):
    """Never block the event loop: run file access in DIRECTORY_THREADS, and do not sleep."""
    watched = watch(trigger(), seconds=60, root=clients.root, at={15: lambda: clients.drop(5, "a.csv")})
    watched.expect_found()
    watched.expect_unblocked()


@pytest.mark.essential
@pytest.mark.parametrize("killed", [False, True], ids=["restart", "killed"])
def test_lets_the_cancellation_propagate(trigger, clients, killed):
    """When cancelled, stop immediately and let the CancelledError propagate."""
    watched = watch(trigger(), seconds=35, root=clients.root, killed=killed)
    watched.expect_waiting()
    watched.expect_prompt_end()
    watched.expect_unblocked()
    triggers.expect_it_works(trigger(), clients)


def test_stops_immediately_while_a_directory_hangs(trigger, clients):
    """When cancelled, stop immediately, also while a directory does not respond."""
    for directories in (clients.directories, [clients[2]]):
        built = trigger(directories=directories)
        watched = watch(built, seconds=35, root=clients.root, hanging=[clients[2]])
        watched.expect_waiting()
        watched.expect_prompt_end()
        watched.expect_nothing_left("the task")
    triggers.expect_it_works(trigger(), clients)


@pytest.mark.parametrize("killed", [False, True], ids=["restart", "killed"])
def test_leaves_nothing_behind_when_cancelled(trigger, clients, killed):
    """Afterwards, no asyncio task is left and, once a check under way has returned, no open file."""
    watched = watch(trigger(), seconds=35, root=clients.root, killed=killed)
    watched.expect_waiting()
    watched.expect_nothing_left("the task")
    watched.expect_nothing_left("the open file")
    triggers.expect_it_works(trigger(), clients)


def test_leaves_nothing_behind_after_its_event(trigger, clients):
    """After its event, no asyncio task is left and, once a check under way has returned, no open file."""
    watched = watch(trigger(), seconds=60, root=clients.root, at={15: lambda: clients.drop(1, "a.csv")})
    watched.expect_found()
    watched.expect_nothing_left("the task")
    watched.expect_nothing_left("the open file")


def test_modifies_nothing(trigger, clients):
    """Never modify the file system."""
    clients.drop(2, "a.csv")
    before = clients.tree()
    watched = watch(trigger(), seconds=30, root=clients.root)
    watched.expect_found()
    written, mistake = watched.calls.writes, Mistake.SIDE_EFFECT_IN_A_TRIGGER
    expect(not written, called=watched.called, got=written, mistake=mistake)
    expect_equal(clients.tree(), before, called="the files after the run", mistake=mistake)


@pytest.mark.parametrize("killed", [False, True], ids=["restart", "killed"])
def test_modifies_nothing_when_cancelled(trigger, clients, killed):
    """Never modify the file system, even on cancellation: a triggerer restart also cancels triggers."""
    before = clients.tree()
    watched = watch(trigger(), seconds=35, root=clients.root, killed=killed)
    watched.expect_waiting()
    called, written, mistake = f"{watched.called}, then cancelled", watched.calls.writes, Mistake.ACTS_ON_CANCELLATION
    expect(not written, called=called, got=written, mistake=mistake)
    expect_equal(clients.tree(), before, called=f"{called}: the files", mistake=mistake)
    triggers.expect_it_works(trigger(), clients)


@pytest.mark.essential
@pytest.mark.deadline(60)
def test_does_not_compute_on_the_event_loop(trigger, clients, crowded):
    """Never block the event loop: run long computations in DIRECTORY_THREADS."""
    built = trigger(directories=[crowded, *clients.directories], file_pattern="*.json")
    watched = watch(built, seconds=60, root=clients.root, at={15: lambda: clients.drop(5, "a.json")})
    watched.expect_found()
    got = f"one step of {watched.longest_step:.3f} seconds of CPU on the event loop, with 10,000 files in a directory"
    is_short, mistake = watched.longest_step < 0.25, Mistake.LONG_CALCULATION_ON_THE_EVENT_LOOP
    expect(is_short, called=watched.called, got=got, mistake=mistake)


def test_sleeps_between_checks(trigger, clients):
    """Check every directory immediately, then about every check_interval seconds."""
    watched = watch(
        trigger(check_interval=30), seconds=700, root=clients.root, at={610: lambda: clients.drop(1, "a.csv")}
    )
    watched.expect_found()
    most = max((len(times) for times in watched.calls.listings.values()), default=0)
    got = f"{most} listings of one directory in 610 seconds; the interval is 30"
    # 610 seconds hold 21 checks; a check may need two listings.
    watched.expect_pace(most <= 2 * 22, got, Mistake.CHECKS_TOO_OFTEN)
    for directory in clients.directories:
        watched.expect_pauses(directory, at_least=15, mistake=Mistake.CHECKS_TOO_OFTEN)


@pytest.mark.deadline(6)
def test_a_hung_directory_delays_no_other(trigger, clients):
    """Fire no later than two intervals after a file appears, even if another directory never responds."""
    at = {33: lambda: clients.drop(5, "a.csv")}
    watched = watch(trigger(), seconds=120, root=clients.root, hanging=[clients[1]], at=at)
    watched.expect_in_time(clients[5], made_at=33)


@pytest.mark.parametrize("duration", [6, 9], ids=lambda duration: f"{duration} seconds per listing")
def test_a_slow_directory_delays_no_other(trigger, clients, duration):
    """Fire no later than two intervals after a file appears, even if another directory is slow."""
    at = {61: lambda: clients.drop(5, "a.csv")}
    watched = watch(trigger(), seconds=200, root=clients.root, slow={clients[2]: duration}, at=at)
    watched.expect_in_time(clients[5], made_at=61)


def test_checks_a_hung_directory_only_once(trigger, clients):
    """Do not check a directory again until its previous check has finished: a hung one holds its thread."""
    at = {333: lambda: clients.drop(5, "a.csv")}
    watched = watch(trigger(), seconds=400, root=clients.root, hanging=[clients[1]], at=at)
    hanging = len(watched.calls.listings.get(clients[1], []))
    got = f"{hanging} listings of one directory hang at the same time"
    watched.expect_pace(hanging <= 3, got, Mistake.THREADS_ACCUMULATE)
    watched.expect_event(Mistake.ONE_DIRECTORY_DELAYS_ANOTHER)
    watched.expect_found()


def test_checks_a_slow_directory_one_at_a_time(trigger, clients):
    """Do not check a directory again until its previous check has finished."""
    at = {201: lambda: clients.drop(5, "a.csv")}
    watched = watch(trigger(), seconds=300, root=clients.root, slow={clients[2]: 25}, at=at)
    watched.expect_found()
    mistake = Mistake.TWO_CHECKS_OF_ONE_DIRECTORY_AT_ONCE
    watched.expect_pauses(clients[2], at_least=25, mistake=mistake)


@pytest.mark.deadline(20)
def test_forty_hung_directories_delay_no_other_trigger(submission, trigger, clients, tmp_path: Path):
    """Forty directories that never respond delay no other trigger, as long as DIRECTORY_THREADS has a free thread."""
    hung = Clients(tmp_path.resolve() / "uploads" / "hung", count=40)
    neighbor = submission.MultiDirectoryTrigger(hung.directories, "*.csv", 10)
    called = "run() of a trigger, beside another one whose 40 directories never respond"
    at = {33: lambda: clients.drop(5, "a.csv")}
    hanging = hung.directories
    watched = watch(neighbor, trigger(), seconds=80, root=clients.root, hanging=hanging, at=at, called=called)
    watched.expect_run()
    fired = [(second, event) for second, event in watched.events if isinstance(event, TriggerEvent)]
    mistake = Mistake.HUNG_DIRECTORIES_STOP_OTHER_TRIGGERS
    watched.expect_pace(bool(fired), "no event, though a file appeared after 33 seconds", mistake)
    payload = Result(called, fired[0][1].payload, Mistake.EVENT_WITHOUT_A_KEY)
    expect_equal(payload["files"], [clients.path(5, "a.csv")], called=called)
    got = f"fired after {fired[0][0]:g} seconds, the file appeared after 33"
    watched.expect_pace(fired[0][0] <= 53.5, got, mistake)


def test_instances_share_nothing(submission, clients):
    """Instances share only DIRECTORY_THREADS, although all triggers run in one process."""
    one = submission.MultiDirectoryTrigger([clients[3], clients[1]], "*.csv", 10)
    other = submission.MultiDirectoryTrigger([clients[3], clients[2]], "*.json", 20)
    clients.drop(1, "a.csv")
    clients.drop(2, "b.json")
    first = watch(other, seconds=30, root=clients.root, denied=[clients[3]]).found
    expect_equal(first["path"], clients.path(2, "b.json"), called="run() of one: path")
    shared = Mistake.STATE_SHARED_BY_INSTANCES
    foreign = [path for path in first["errors"] if os.path.isabs(path) and path not in (clients[2], clients[3])]
    mistake = shared if foreign else Mistake.UNREADABLE_DIRECTORY_NOT_REPORTED
    expect_equal(list(first["errors"]), [clients[3]], called="run() of one: errors", mistake=mistake)
    second = watch(one, seconds=30, root=clients.root).found
    found = [second["path"], second["errors"]]
    called = "run() of another: path and errors"
    expect_equal(found, [clients.path(1, "a.csv"), {}], called=called, mistake=shared)
    directories = list(triggers.arguments_of(one)["directories"])
    expect_equal(directories, [clients[3], clients[1]], called="serialize() of another", mistake=shared)


@pytest.mark.deadline(60)
def test_a_hundred_triggers_at_once(submission, clients):
    """Hundreds of triggers share one event loop: a hundred with five directories each all fire."""
    waiting = [submission.MultiDirectoryTrigger(clients.directories, f"{number}.csv", 10) for number in range(100)]
    drop_all = {25: lambda: [clients.drop(1 + number % 5, f"{number}.csv") for number in range(100)]}
    called = "run() of 100 triggers side by side"
    watched = watch(*waiting, seconds=120, root=clients.root, at=drop_all, called=called)
    watched.expect_run()
    watched.expect_unblocked()
    payloads = [event.payload for _, event in watched.events if isinstance(event, TriggerEvent)]
    found = sorted(Result(called, payload, Mistake.EVENT_WITHOUT_A_KEY)["filename"] for payload in payloads)
    expect_equal(found, sorted(f"{number}.csv" for number in range(100)), called=f"{called}: the files found")
