"""Step 3c: MultiDirectoryTrigger shares its event loop, and can be cancelled."""

from __future__ import annotations

import pytest
from airflow.triggers.base import TriggerEvent
from support import triggers
from support.contract import Result, expect, expect_equal
from support.mistakes import Mistake
from support.watching import watch


@pytest.mark.essential
def test_never_blocks_the_event_loop(trigger, clients):
    """Nothing here blocks the event loop: neither files nor sleep."""
    watched = watch(trigger(), seconds=60, root=clients.root, at={15: lambda: clients.drop(5, "a.csv")})
    watched.expect_found()
    watched.expect_unblocked()


@pytest.mark.essential
def test_cancelling_ends_it_at_once(trigger, clients):
    """Cancelling ends run() at once and leaves no task, thread or open file behind."""
    watched = watch(trigger(), seconds=35, root=clients.root)
    watched.expect_waiting()
    watched.expect_prompt_end()
    watched.expect_nothing_left()
    triggers.expect_it_works(trigger(), clients)


@pytest.mark.deadline(60)
def test_does_not_calculate_on_the_event_loop(trigger, clients, crowded):
    """Nothing here blocks the event loop, calculation neither: what takes long goes to a thread."""
    built = trigger(directories=[crowded, *clients.directories], file_pattern="*.json")
    watched = watch(built, seconds=60, root=clients.root, at={15: lambda: clients.drop(5, "a.json")})
    watched.expect_found()
    got = f"one step of {watched.busiest:.3f} seconds of CPU on the event loop, with 10,000 files in a directory"
    expect(watched.busiest < 0.25, called=watched.called, got=got, mistake=Mistake.LONG_CALCULATION_ON_THE_EVENT_LOOP)


def test_lets_the_interval_pass_between_two_looks(trigger, clients):
    """Each directory is looked into about every check_interval seconds, never more often."""
    watched = watch(
        trigger(check_interval=30), seconds=400, root=clients.root, at={310: lambda: clients.drop(1, "a.csv")}
    )
    watched.expect_found()
    triggers.expect_pauses(watched, clients.directories, at_least=30, mistake=Mistake.LOOKS_TOO_OFTEN)


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
