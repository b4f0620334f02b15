"""Step 3a: MultiDirectoryTrigger is built, serialized, and rebuilt in another process."""

from __future__ import annotations

import os

import pytest
from airflow.triggers.base import BaseTrigger
from support import triggers
from support.airflow_version import deserialize, serialize
from support.contract import Broken, expect, expect_equal
from support.mistakes import Mistake
from support.spy import spying
from support.watching import is_plain_json

CLASS_PATH = "trigger_implementation_exercise.MultiDirectoryTrigger"


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


def test_a_triggerer_can_build_it_from_what_the_worker_sent(submission, clients, elsewhere):
    """The triggerer builds the trigger again from its class path, in a process that has never seen the DAG file."""
    cls = triggers.class_loaded_by_airflow(submission, "MultiDirectoryTrigger")
    class_path, kwargs = cls(clients.directories, "*.json", 7).serialize()
    triggers.expect_rebuilt(elsewhere, class_path, kwargs)
