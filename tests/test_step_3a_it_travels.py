"""Step 3a: MultiDirectoryTrigger is built, serialized, and rebuilt in another process."""

from __future__ import annotations

import inspect
import os

import pytest
from airflow.triggers.base import BaseTrigger

from .support import triggers
from .support.airflow_version import deserialize, serialize
from .support.contract import expect, expect_equal, is_plain_json
from .support.mistakes import Mistake
from .support.trigger_run import watch

CLASS_PATH = "trigger_implementation_exercise.MultiDirectoryTrigger"


def test_is_a_trigger(trigger):
    """MultiDirectoryTrigger is a BaseTrigger, constructed as one."""
    built = trigger()
    called = "isinstance(MultiDirectoryTrigger(...), BaseTrigger)"
    expect(isinstance(built, BaseTrigger), called=called, got=type(built).__mro__, mistake=Mistake.NOT_A_TRIGGER)
    triggers.expect_constructed(built)


def test_serializes_to_the_literal_class_path(trigger):
    """serialize() returns the class path trigger_implementation_exercise.MultiDirectoryTrigger as a literal string."""
    expect_equal(trigger().serialize()[0], CLASS_PATH, called="serialize()[0]", mistake=Mistake.WRONG_CLASS_PATH)


def test_serializes_all_arguments(submission, trigger):
    """serialize() returns a dict of all __init__ arguments, under their own names."""
    class_path, kwargs = trigger(file_pattern="report_*.json", check_interval=3.5).serialize()
    parameters = inspect.signature(submission.MultiDirectoryTrigger).parameters.values()
    required = [each.name for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    missing = [name for name in required if name not in kwargs]
    got = f"{kwargs}, without {missing}"
    expect(not missing, called="serialize()[1]", got=got, mistake=Mistake.ARGUMENT_NOT_SERIALIZED)
    given, mistake = [kwargs["file_pattern"], kwargs["check_interval"]], Mistake.ARGUMENT_LOST_OR_CHANGED
    expect_equal(given, ["report_*.json", 3.5], called="serialize()[1]", mistake=mistake)
    mistake = Mistake.TRIGGERS_ARGUMENTS_ARE_NOT_PLAIN_JSON
    expect(is_plain_json(kwargs), called="serialize()[1]", got=kwargs, mistake=mistake)
    again = submission.MultiDirectoryTrigger(**deserialize(serialize(kwargs)))
    called = "serialize() of the trigger rebuilt from serialize()"
    expect_equal(again.serialize(), (class_path, kwargs), called=called, mistake=Mistake.REBUILT_TRIGGER_DIFFERS)


def test_takes_its_arguments_by_position_and_by_keyword(submission, clients):
    """MultiDirectoryTrigger(directories, file_pattern="*.csv", check_interval=10), by position or by keyword."""
    by_position = submission.MultiDirectoryTrigger(clients.directories, "*.json", 7)
    by_keyword = submission.MultiDirectoryTrigger(
        directories=clients.directories, file_pattern="*.json", check_interval=7
    )
    first, second = by_position.serialize()[1], by_keyword.serialize()[1]
    expect_equal(first, second, called="serialize() of both", mistake=Mistake.ARGUMENT_LOST_OR_CHANGED)
    built = submission.MultiDirectoryTrigger(clients.directories)
    triggers.expect_defaults(built, file_pattern="*.csv", check_interval=10)


def test_arguments_are_plain_json(submission, clients):
    """Trigger arguments must survive json.loads(json.dumps(value)), and the paths stay as written."""
    kwargs = triggers.arguments_of(submission.MultiDirectoryTrigger(clients.directories, "*.json", 2.5))
    mistake = Mistake.TRIGGERS_ARGUMENTS_ARE_NOT_PLAIN_JSON
    expect(is_plain_json(kwargs), called="serialize()[1]", got=kwargs, mistake=mistake)
    called = 'serialize()[1]["directories"]'
    given = kwargs["directories"]
    given = list(given) if isinstance(given, tuple) else given
    expect_equal(given, clients.directories, called=called, mistake=Mistake.PATH_REWRITTEN)


def test_a_triggerer_can_rebuild_it(submission, clients, fresh_process):
    """The triggerer re-creates the trigger from its class path, in a process that has never seen the DAG file."""
    cls = triggers.class_loaded_by_airflow(submission, "MultiDirectoryTrigger")
    class_path, kwargs = cls(clients.directories, "*.json", 7).serialize()
    triggers.expect_rebuilt(fresh_process, class_path, kwargs)


def test_construction_does_no_work(submission, clients):
    """__init__ validates and stores the arguments: no file, network, connection, variable, clock or event loop."""
    directories = [clients[1], os.path.join(clients.root, "not", "there")]
    triggers.expect_no_work(
        lambda: submission.MultiDirectoryTrigger(directories, "*.csv", 10),
        root=clients.root,
        called="MultiDirectoryTrigger(...)",
    ).serialize()


@pytest.mark.parametrize(
    "arguments",
    [
        {"directories": []},
        {"directories": "/data/one"},
        {"file_pattern": ""},
        {"check_interval": 0},
        {"check_interval": -1},
    ],
    ids=["no directory", "a str for a list", "no pattern", "interval 0", "interval below 0"],
)
def test_refuses_invalid_arguments(trigger, arguments):
    """ValueError if directories is empty or a str, file_pattern is empty, or check_interval is not above 0."""
    trigger()
    triggers.expect_refused(trigger, "MultiDirectoryTrigger", **arguments)


def test_serialize_is_the_same_after_a_run(trigger, clients):
    """serialize() returns the same before, during and after run(), also when a directory was excluded."""
    built = trigger()
    before = repr(built.serialize())
    during: list[str] = []
    at = {35: lambda: during.append(repr(built.serialize())), 36: lambda: clients.drop(2, "late.csv")}
    watch(built, seconds=60, root=clients.root, denied=[clients[4]], at=at)  # run() itself is checked in Step 3b
    for serialized in (*during, repr(built.serialize())):
        expect_equal(serialized, before, called="serialize()", mistake=Mistake.STATE_IN_SERIALIZE)
