"""What the checks of all triggers have in common."""

from __future__ import annotations

import inspect
import itertools
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from airflow.triggers.base import BaseTrigger

from .airflow_version import DagBag, deserialize, import_string, serialize
from .clients import Clients
from .contract import Broken, Result, expect, expect_equal
from .elsewhere import Elsewhere, ElsewhereFailed
from .mistakes import Mistake
from .submission import Submission
from .watching import Watched, watch


def rebuild(class_path: str, sent: Any) -> tuple[str, dict[str, Any]]:
    """Do what a triggerer does with what a worker has sent; return what the trigger then says of itself."""
    try:
        cls = import_string(class_path)
    except Exception as error:
        raise NotImportable(f"{type(error).__name__}: {error}") from error
    return cls(**deserialize(sent)).serialize()


class NotImportable(Exception):
    """What stands behind a class path cannot be imported."""


def expect_rebuilt(elsewhere: Elsewhere, class_path: str, kwargs: dict[str, Any]) -> None:
    """Raise Broken unless a triggerer, which has never seen the DAG file, can build the same trigger again."""
    called = f"the triggerer imports {class_path} and calls it with {kwargs}"
    try:
        sent = serialize(kwargs)
    except Exception as error:
        raise Broken(
            "Airflow sends serialize()[1]", f"{error!r}", Mistake.TRIGGERS_ARGUMENTS_ARE_NOT_PLAIN_JSON
        ) from None
    try:
        rebuilt = elsewhere.run(rebuild, class_path, sent)
    except ElsewhereFailed as error:
        kind, _, text = str(error).partition(": ")
        if kind == "NotImportable":
            raise Broken(called, text, Mistake.CLASS_PATH_NOT_IMPORTABLE) from None
        if kind == "TypeError" and "argument" in text:
            raise Broken(called, str(error), Mistake.SERIALIZE_DOES_NOT_FIT_INIT) from None
        raise Broken(called, str(error), Mistake.CANNOT_BE_BUILT_IN_ANOTHER_PROCESS) from None
    expect_equal(
        rebuilt,
        (class_path, kwargs),
        called="serialize() of the trigger that the triggerer has built",
        mistake=Mistake.REBUILT_TRIGGER_DIFFERS,
    )


def lost_or_changed(kwargs: dict[str, Any], given: dict[str, Any]) -> Mistake:
    """Name the mistake of a ``serialize()`` that does not give what was given."""
    return Mistake.ARGUMENT_LOST_OR_CHANGED if set(given) <= set(kwargs) else Mistake.ARGUMENT_NOT_SERIALIZED


def arguments_of(trigger: BaseTrigger, name: str = "") -> Result:
    """
    Return what ``serialize()`` says of the arguments.

    :param name: of the class that the trigger should be of.
    """
    called = f"{type(trigger).__name__}(…).serialize()[1]"
    other = name not in ("", type(trigger).__name__)
    kwargs = trigger.serialize()[1] if isinstance(trigger, BaseTrigger) else {}
    return Result(called, kwargs, Mistake.DEFERS_TO_ANOTHER_TRIGGER if other else Mistake.ARGUMENT_NOT_SERIALIZED)


def class_loaded_by_airflow(submission: Submission, name: str) -> type[BaseTrigger]:
    """Return a class as it is when Airflow has loaded the file as a DAG file, under a made-up module name."""
    before = set(sys.modules)
    bag = DagBag(dag_folder=os.fspath(submission.path), safe_mode=False)
    for module in set(sys.modules) - before:
        if module.startswith("unusual_prefix_") and hasattr(sys.modules[module], name):
            return getattr(sys.modules[module], name)
    loaded = [
        module
        for module in sys.modules
        if module.startswith("unusual_prefix_") and module.endswith(submission.path.stem)
    ]
    for module in loaded:
        if hasattr(sys.modules[module], name):
            return getattr(sys.modules[module], name)
    for error in bag.import_errors.values():
        raise Broken("Airflow loads the DAG file", error.strip(), Mistake.THE_DAG_FILE_DOES_NOT_PARSE)
    raise Broken("Airflow loads the DAG file", f"it has no {name}", Mistake.MISSING_NAME)


def parameters(cls: type) -> list[str]:
    """Return the names of the arguments of ``cls``, without ``*args`` and ``**kwargs``."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, parameter in inspect.signature(cls).parameters.items() if parameter.kind not in kinds]


def written(arguments: dict[str, Any]) -> str:
    """Return keyword arguments as one would write them."""
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def expect_constructed(trigger: BaseTrigger) -> None:
    """Raise Broken unless ``trigger`` was constructed as every BaseTrigger is."""
    expect(
        "trigger_id" in vars(trigger),
        called=f"{type(trigger).__name__}(...)",
        got="BaseTrigger.__init__ was not called",
        mistake=Mistake.SUPER_INIT_IS_MISSING,
    )


def expect_defaults(trigger: BaseTrigger, **defaults: Any) -> None:
    """Raise Broken unless what was not given is as the signature says."""
    kwargs = arguments_of(trigger)
    expect_equal(
        {name: kwargs[name] for name in defaults},
        defaults,
        called="serialize() with the defaults",
        mistake=Mistake.ARGUMENT_LOST_OR_CHANGED,
    )


def expect_taken(construct: Callable[[], object], called: str) -> None:
    """Raise Broken if ``construct`` refuses arguments that are allowed."""
    try:
        construct()
    except ValueError as error:
        raise Broken(called, repr(error), Mistake.VALID_ARGUMENT_REFUSED) from error


def expect_refused(construct: Callable[[], object], called: str) -> None:
    """Raise Broken unless ``construct`` raises ValueError."""
    try:
        built = construct()
    except ValueError:
        return
    raise Broken(called, f"no ValueError but {type(built).__name__}", Mistake.ARGUMENTS_NOT_VALIDATED)


def expect_error_event(payload: dict[str, Any], error_type: str, called: str) -> None:
    """Raise Broken unless ``payload`` is an error event of that type."""
    expect(payload.get("status") == "error", called=called, got=payload, mistake=Mistake.NO_ERROR_EVENT)
    wrong = [key for key, kind in _ERROR_EVENT.items() if not isinstance(payload.get(key), kind)]
    expect(not wrong and bool(payload["message"]), called=called, got=payload, mistake=Mistake.INCOMPLETE_ERROR_EVENT)
    expect(payload["error_type"] == error_type, called=called, got=payload, mistake=Mistake.WRONG_ERROR_TYPE)


_ERROR_EVENT = {"status": str, "error_type": str, "message": str, "errors": dict}


def expect_left_out(watched: Watched, directory: str) -> None:
    """Raise Broken unless ``directory`` was left out and named with a reason in the event's ``errors``."""
    errors = watched.payload.get("errors")
    named = isinstance(errors, dict) and list(errors) == [directory]
    named = named and isinstance(errors[directory], str) and bool(errors[directory])
    expect(named, called=watched.called, got=f"errors is {errors}", mistake=Mistake.UNREADABLE_DIRECTORY_NOT_REPORTED)
    looks = len(watched.spy.looks.get(directory, []))
    watched.expect_pace(looks <= 2, f"{looks} looks into it", Mistake.UNREADABLE_DIRECTORY_STILL_CHECKED)


def expect_logged_once(watched: Watched, directory: str) -> None:
    """Raise Broken unless one warning names ``directory``, which was left out."""
    warnings = [line.text for line in watched.logs if line.level >= logging.WARNING and directory in line.text]
    got = f"{len(warnings)} warnings that name it: {warnings}"
    expect(len(warnings) == 1, called=watched.called, got=got, mistake=Mistake.EXCLUDED_DIRECTORY_NOT_LOGGED_ONCE)


def expect_waited_for(watched: Watched, missing: str) -> None:
    """Raise Broken unless there was a success, though the directory ``missing`` was not there at first."""
    if watched.spy.written and not watched.events:
        raise Broken(watched.called, f"{watched.spy.written}", Mistake.SIDE_EFFECT_IN_A_TRIGGER)
    watched.expect_event(Mistake.MISSING_DIRECTORY_NOT_WATCHED)
    watched.expect_found(Mistake.MISSING_DIRECTORY_NOT_WATCHED, because=missing)


def expect_in_time(watched: Watched, directory: str, made_at: float, interval: float = 10) -> None:
    """Raise Broken unless a file in ``directory`` was reported at the latest two intervals after it was made."""
    watched.expect_event(Mistake.ONE_DIRECTORY_DELAYS_ANOTHER)
    expect_equal(watched.found["directory"], directory, called=watched.called)
    got = f"reported after {watched.fired_at:g} seconds, made at {made_at:g}, looked for every {interval:g}"
    in_time = watched.fired_at <= made_at + 2 * interval + 0.5
    expect(watched.fired_at >= made_at, called=watched.called, got=got)
    watched.expect_pace(in_time, got, Mistake.ONE_DIRECTORY_DELAYS_ANOTHER)


def expect_pauses(watched: Watched, directories: list[str], at_least: float, mistake: Mistake) -> None:
    """
    Raise Broken unless at least so many seconds lie between two looks; listings at the same moment are one look.

    :param mistake: the mistake if there are fewer.
    """
    for directory in directories:
        moments = sorted({round(look, 1) for look in watched.spy.looks.get(directory, [])})
        pauses = [round(later - earlier, 1) for earlier, later in itertools.pairwise(moments)]
        got = f"{len(moments)} looks into {directory}; seconds between them: {pauses}"
        watched.expect_pace(len(moments) > 1, got, Mistake.NOT_ALL_DIRECTORIES_WATCHED)
        watched.expect_pace(min(pauses) >= at_least - 0.5, got, mistake)


def expect_it_works(trigger: BaseTrigger, clients: Clients) -> None:
    """Raise Broken unless ``trigger`` finds a file at all: doing nothing is no way to be well-behaved."""
    path = clients.drop(1, "it_works.csv")
    watched = watch(trigger, seconds=60, root=clients.root)
    expect(
        path in watched.found["files"], called=watched.called, got=watched.payload, mistake=Mistake.NOT_ALL_FILES_LISTED
    )
