"""What a trigger does while it is built: nothing but to validate and store its arguments."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from airflow.sdk.execution_time import context
from airflow.triggers.base import BaseTrigger
from freezegun import freeze_time

from .contract import Broken, shown
from .environment import UTC_OFFSET
from .mistakes import Mistake
from .spy import spying

# Whatever these packages make belongs to an event loop.
_PACKAGES_OF_LOOPS = {"aiohttp", "anyio", "asyncio", "httpx"}
_LOOKUPS = ("_get_connection", "_get_variable")  # every way to an Airflow connection or variable ends in one of them


def expect_no_work(build: Callable[[], BaseTrigger], root: str, called: str) -> BaseTrigger:
    """
    Raise Broken if a trigger does more than to validate and store its arguments while it is built.

    :param root: the directory of the paths among its arguments; they need not exist.
    :return: the trigger.
    """
    error: Exception | None = None
    with spying(root, blocked_thread=threading.get_ident()) as spy, _lookups() as lookups:
        try:
            built = build()
        except Exception as raised:  # told only if nothing that it did explains it
            error = raised
    if spy.touched or spy.written:
        raise Broken(called, shown(spy.touched + spy.written), Mistake.WORK_IN_INIT) from error
    if lookups:
        raise Broken(called, shown(lookups), Mistake.CONNECTION_OR_VARIABLE_IN_INIT) from error
    if spy.blocking:
        raise Broken(called, shown(spy.blocking), Mistake.NETWORK_OR_SLEEP_IN_INIT) from error
    if isinstance(error, OSError):
        raise Broken(called, f"{error!r}", Mistake.WORK_IN_INIT) from error
    if error:
        raise error
    for name, value in _values(built):
        if type(value).__module__.partition(".")[0] in _PACKAGES_OF_LOOPS:
            raise Broken(called, f"self.{name} is {shown(value)}", Mistake.EVENT_LOOP_OBJECT_IN_INIT)
    _expect_no_clock(build, called)
    return built


def _expect_no_clock(build: Callable[[], BaseTrigger], called: str) -> None:
    """Raise Broken if a trigger that is built later is another one."""
    at_noon, at_noon_again, later = (_built_at(build, time) for time in ("12:00", "12:00", "15:30"))
    for name, value in at_noon.items():
        if value == at_noon_again.get(name) != later.get(name):
            got = f"self.{name} is {value}; built three and a half hours later, it is {later.get(name)}"
            raise Broken(called, got, Mistake.CLOCK_IN_INIT)


def _built_at(build: Callable[[], BaseTrigger], time: str) -> dict[str, str]:
    with freeze_time(f"2026-01-31 {time}", tz_offset=UTC_OFFSET):
        return {name: re.sub(r"0x[0-9a-f]+", "0x…", repr(value)) for name, value in _values(build())}


def _values(built: BaseTrigger) -> Iterator[tuple[str, Any]]:
    """Yield the attributes, and what lies in those that are containers."""
    for name, value in vars(built).items():
        yield name, value
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple, set)) else ()
        yield from ((name, each) for each in inside)


@contextmanager
def _lookups() -> Iterator[list[str]]:
    """Collect the Airflow connections and variables that are read meanwhile."""
    found: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        original = getattr(context, name)

        def look_up(key: str, *args: Any, **kwargs: Any) -> Any:
            found.append(f"{name.removeprefix('_get_')} {key!r}")
            return original(key, *args, **kwargs)

        return look_up

    with ExitStack() as patches:
        for name in _LOOKUPS:
            patches.enter_context(mock.patch.object(context, name, watched(name)))
        yield found
