"""What the checks of all triggers have in common."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from airflow.sdk.execution_time import context
from airflow.triggers.base import BaseTrigger
from freezegun import freeze_time

from .airflow_version import DagBag, deserialize, import_string, serialize
from .clients import Clients
from .contract import ContractViolation, Result, expect, expect_equal, is_plain_json, shown
from .environment import UTC_OFFSET
from .fresh_process import FreshProcess, FreshProcessFailed
from .mistakes import Mistake
from .submission import MODULE, Submission
from .system_calls import recorded_calls
from .trigger_run import watch

# Whatever these packages make belongs to an event loop.
_PACKAGES_OF_LOOPS = {"aiohttp", "anyio", "asyncio", "httpx"}


class NotImportable(Exception):
    """A class path cannot be imported."""


def rebuild(class_path: str, sent: Any) -> tuple[str, dict[str, Any]]:
    """
    Re-create a trigger as a triggerer does from what a worker has sent.

    :return: what the new trigger's ``serialize()`` returns.
    :raises NotImportable: if the class path cannot be imported.
    """
    try:
        cls = import_string(class_path)
    except Exception as error:
        raise NotImportable(f"{type(error).__name__}: {error}") from error
    return cls(**deserialize(sent)).serialize()


def expect_rebuilt(fresh_process: FreshProcess, class_path: str, kwargs: dict[str, Any]) -> None:
    """Raise ContractViolation unless a triggerer, which has never imported the DAG file, can re-create the trigger."""
    called = f"the triggerer imports {class_path} and calls it with {kwargs}"
    try:
        sent = serialize(kwargs)
    except Exception as error:
        mistake = Mistake.TRIGGERS_ARGUMENTS_ARE_NOT_PLAIN_JSON
        raise ContractViolation("Airflow sends serialize()[1]", f"{error!r}", mistake) from None
    try:
        rebuilt = fresh_process.run(rebuild, class_path, sent)
    except FreshProcessFailed as error:
        kind, _, text = str(error).partition(": ")
        if kind == "NotImportable":
            raise ContractViolation(called, text, Mistake.CLASS_PATH_NOT_IMPORTABLE) from None
        fits = kind != "TypeError" or "argument" not in text
        mistake = Mistake.CANNOT_BE_BUILT_IN_ANOTHER_PROCESS if fits else Mistake.SERIALIZE_DOES_NOT_FIT_INIT
        raise ContractViolation(called, str(error), mistake) from None
    called = "serialize() of the trigger that the triggerer has built"
    expect_equal(rebuilt, (class_path, kwargs), called, Mistake.REBUILT_TRIGGER_DIFFERS)


def expect_serialized(submission: Submission, fresh_process: FreshProcess, name: str, given: dict[str, Any]) -> None:
    """Raise ContractViolation unless a triggerer can re-create a trigger of these arguments from ``serialize()``."""
    class_path, kwargs = class_loaded_by_airflow(submission, name)(**given).serialize()
    expect_equal(class_path, f"{MODULE}.{name}", f"{name}(...).serialize()[0]", Mistake.WRONG_CLASS_PATH)
    is_complete, called = set(given) <= set(kwargs), f"{name}(...).serialize()[1]"
    mistake = Mistake.ARGUMENT_LOST_OR_CHANGED if is_complete else Mistake.ARGUMENT_NOT_SERIALIZED
    expect_equal({key: kwargs.get(key) for key in given}, given, called, mistake)
    expect(is_plain_json(kwargs), called, kwargs, Mistake.TRIGGERS_ARGUMENTS_ARE_NOT_PLAIN_JSON)
    expect_rebuilt(fresh_process, class_path, kwargs)


def arguments_of(trigger: BaseTrigger, name: str = "") -> Result:
    """Return the arguments that ``serialize()`` returns; the trigger should be of the class ``name``, if given."""
    other = name not in ("", type(trigger).__name__)
    kwargs = trigger.serialize()[1] if isinstance(trigger, BaseTrigger) else {}
    mistake = Mistake.DEFERS_TO_ANOTHER_TRIGGER if other else Mistake.ARGUMENT_NOT_SERIALIZED
    return Result(f"{type(trigger).__name__}(…).serialize()[1]", kwargs, mistake)


def class_loaded_by_airflow(submission: Submission, name: str) -> type[BaseTrigger]:
    """Return a class as Airflow loads it with the DAG file, under a module name that nobody else can import."""
    bag = DagBag(dag_folder=os.fspath(submission.path), safe_mode=False)
    for module, loaded in list(sys.modules.items()):
        is_ours = module.startswith("unusual_prefix_") and module.endswith(submission.path.stem)
        if is_ours and hasattr(loaded, name):
            return getattr(loaded, name)
    called = "Airflow loads the DAG file"
    for error in bag.import_errors.values():
        raise ContractViolation(called, error.strip(), Mistake.THE_DAG_FILE_DOES_NOT_PARSE)
    raise ContractViolation(called, f"it has no {name}", Mistake.MISSING_NAME)


def expect_no_work(build: Callable[[], BaseTrigger], root: str, called: str) -> BaseTrigger:
    """
    Raise ContractViolation if a trigger does more than to validate and store its arguments while it is constructed.

    :param root: the directory of the paths among its arguments; they need not exist.
    :return: the trigger.
    """
    error: Exception | None = None
    with (
        recorded_calls(root, thread=threading.get_ident()) as calls,
        # Every way to an Airflow connection or variable ends in one of the two.
        mock.patch.object(context, "_get_connection", wraps=context._get_connection) as connections,
        mock.patch.object(context, "_get_variable", wraps=context._get_variable) as variables,
    ):
        try:
            built = build()
        except Exception as raised:  # reported only if nothing that it did explains it
            error = raised
    lookups = [f"connection {call.args[0]!r}" for call in connections.call_args_list]
    lookups += [f"variable {call.args[0]!r}" for call in variables.call_args_list]
    for done, mistake in (
        (calls.reads + calls.writes, Mistake.WORK_IN_INIT),
        (lookups, Mistake.CONNECTION_OR_VARIABLE_IN_INIT),
        (calls.blocking.get("run"), Mistake.NETWORK_OR_SLEEP_IN_INIT),
    ):
        if done:
            raise ContractViolation(called, shown(done), mistake) from error
    if isinstance(error, OSError):
        raise ContractViolation(called, f"{error!r}", Mistake.WORK_IN_INIT) from error
    if error:
        raise error
    for name, value in _values(built):
        of_a_loop = type(value).__module__.partition(".")[0] in _PACKAGES_OF_LOOPS
        expect(not of_a_loop, called, f"self.{name} is {shown(value)}", Mistake.EVENT_LOOP_OBJECT_IN_INIT)
    with freeze_time("2026-01-31 12:00", tz_offset=UTC_OFFSET) as frozen:
        at_noon, at_noon_again = _shown_values(build()), _shown_values(build())
        frozen.move_to("2026-01-31 15:30")
        later = _shown_values(build())
    for name, value in at_noon.items():
        got = f"self.{name} is {value}; built three and a half hours later, it is {later.get(name)}"
        reads_the_clock = value == at_noon_again.get(name) != later.get(name)
        expect(not reads_the_clock, called, got, Mistake.CLOCK_IN_INIT)
    return built


def _shown_values(built: BaseTrigger) -> dict[str, str]:
    return {name: re.sub(r"0x[0-9a-f]+", "0x…", repr(value)) for name, value in _values(built)}


def _values(built: BaseTrigger) -> Iterator[tuple[str, Any]]:
    """Yield the attributes, and the values in those that are containers."""
    for name, value in vars(built).items():
        yield name, value
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple, set)) else ()
        yield from ((name, each) for each in inside)


def source_of(arguments: dict[str, Any]) -> str:
    """Return keyword arguments as source code."""
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def expect_constructed(trigger: BaseTrigger) -> None:
    """Raise ContractViolation unless ``BaseTrigger.__init__`` was called."""
    got, mistake = "BaseTrigger.__init__ was not called", Mistake.SUPER_INIT_IS_MISSING
    expect("trigger_id" in vars(trigger), f"{type(trigger).__name__}(...)", got, mistake)


def expect_defaults(trigger: BaseTrigger, **defaults: Any) -> None:
    """Raise ContractViolation unless arguments that were not given have their defaults."""
    kwargs = arguments_of(trigger)
    found, called = {name: kwargs[name] for name in defaults}, "serialize() with the defaults"
    expect_equal(found, defaults, called, Mistake.ARGUMENT_LOST_OR_CHANGED)


def expect_taken(build: Callable[..., object], name: str, /, **arguments: Any) -> None:
    """Raise ContractViolation if ``build`` refuses valid arguments."""
    try:
        build(**arguments)
    except ValueError as error:
        called = f"{name}({source_of(arguments)})"
        raise ContractViolation(called, repr(error), Mistake.VALID_ARGUMENT_REFUSED) from error


def expect_refused(build: Callable[..., object], name: str, /, **arguments: Any) -> None:
    """Raise ContractViolation unless ``build`` raises ValueError."""
    try:
        built = build(**arguments)
    except ValueError:
        return
    got = f"no ValueError but {type(built).__name__}"
    raise ContractViolation(f"{name}({source_of(arguments)})", got, Mistake.ARGUMENTS_NOT_VALIDATED)


def expect_it_works(trigger: BaseTrigger, clients: Clients) -> None:
    """Raise ContractViolation unless ``trigger`` finds a file at all: doing nothing is not being a good neighbor."""
    path = clients.drop(1, "it_works.csv")
    watched = watch(trigger, seconds=60, root=clients.root)
    expect(path in watched.found["files"], watched.called, watched.payload, Mistake.NOT_ALL_FILES_LISTED)
