"""Whether the learner's code has changed what the checks are made of.

Learner code runs in the interpreter that checks it, so it can replace anything there. The guard
remembers, before the learner's module is imported, what the checks rely on: the suite's own modules, pytest, the
reporter, the builtins, and what else the suite refers to. It compares after every check, when fixtures and spies have
put back what they had replaced for its time.

That turns cheating from one line into real work, and no more: code that hunts down the guard itself, or that puts
everything back before its check ends, wins in the end. Only another interpreter could prevent that.
"""

from __future__ import annotations

import builtins
import gc
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.fixtures import FixtureFunctionDefinition

# Looked into as deeply as the suite itself: what runs the checks, and what they measure with.
_TOOLS = frozenset(
    [f"_pytest.{name}" for name in ("config", "fixtures", "main", "monkeypatch", "nodes", "outcomes", "python")]
    + [f"_pytest.{name}" for name in ("raises", "reports", "runner", "skipping", "tmpdir", "_code.code")]
    + [f"asyncio.{name}" for name in ("base_events", "events", "futures", "queues", "selector_events", "tasks")]
    + ["pytest", "pluggy._callers", "pluggy._caller", "pluggy._execution", "pluggy._hooks", "pluggy._manager"]
    + ["json", "json.decoder", "json.encoder", "asyncio", "unittest.mock", "freezegun.api", "inspect", "selectors"]
    + ["enum"]
    + ["kata.grading.child", "kata.grading.failure", "kata.grading.guard", "kata.grading.reporter"]
)
_WRAPPERS = (classmethod, staticmethod, property, FixtureFunctionDefinition)
# Whoever catches warnings or crashes puts functions of its own there, and that is no matter of the checks.
_CHANGING = ("warnings", "sys")
_FOLLOWED = (FunctionType, BuiltinFunctionType, type, ModuleType, *_WRAPPERS)
_TABLES = ("tests.support.", "tests.virtual_time.")
_HOOKS = ("pytest_runtest", "pytest_pyfunc_call", "pytest_fixture")


class Guard:
    """Remembers how things are when it is made.

    :param suite: folder of the checks.
    :param items: the checks that will be run, all of one session.
    """

    def __init__(self, suite: Path, items: Iterable[pytest.Item]) -> None:
        self._spaces: list[tuple[Mapping[str, Any], tuple[str, ...], tuple[Any, ...], str]] = []
        self._functions: dict[int, tuple[FunctionType, str]] = {}
        self._rewritten: list[str] = []
        self._closed: list[tuple[Mapping[str, Any], frozenset[str], str]] = []
        self._constants: list[tuple[object, str, str]] = []
        self._hooks: list[tuple[Any, list[Any], str]] = []
        self._tracing = (sys.gettrace(), sys.getprofile())
        self._known: set[int] = set()

        own = [module for module in _modules() if _is_below(module, suite)]
        for module in own:
            self._remember_module(module, deep=True)
            # A new name would hide a builtin from the whole module, or what a class has inherited.
            self._close(vars(module), dir(builtins), module.__name__)
            for name, value in list(vars(module).items()):
                if isinstance(value, type) and value.__module__ == module.__name__:
                    self._close(vars(value), dir(object), f"{module.__name__}.{name}")
            # The tables of a test are handed to the learner's code, which may write into them as into any XCom.
            self._remember_constants(module, with_content=module.__name__.startswith(_TABLES))
        for module in _modules():
            if module.__name__ in _TOOLS:
                self._remember_module(module, deep=True)
        self._remember_module(builtins)
        for module in own:
            for value in list(vars(module).values()):
                if isinstance(value, ModuleType):
                    self._remember_module(value)
                else:
                    self._remember(value, getattr(value, "__qualname__", ""))
        self._remember_session(list(items))
        self._compare = _comparison()
        sys.addaudithook(_listener(self._functions, self._rewritten))
        # Out of reach of `gc.get_objects()`.
        gc.freeze()

    def changed(self) -> str:
        """Return the name of something that has changed, "" if nothing has."""
        if (sys.gettrace(), sys.getprofile()) != self._tracing:
            return "sys.settrace or sys.setprofile"
        if self._rewritten:
            return self._rewritten[0]
        return self._compare(self._spaces, self._closed, self._constants, self._hooks)

    def _remember_module(self, module: ModuleType, deep: bool = False) -> None:
        if id(module) in self._known or module.__name__ in _CHANGING:
            return
        self._known.add(id(module))
        name = module.__name__
        self._remember_space(vars(module), name)
        self._remember_space(sys.modules, "sys.modules", {name: module} if sys.modules.get(name) is module else {})
        for key, value in list(vars(module).items()):
            if isinstance(value, FunctionType) or (deep and getattr(value, "__module__", None) == name):
                self._remember(value, f"{name}.{key}")

    def _remember(self, value: object, label: str) -> None:
        if id(value) in self._known or isinstance(value, ModuleType):
            return
        self._known.add(id(value))
        if isinstance(value, FunctionType):
            self._functions[id(value)] = (value, label)
        elif isinstance(value, type):
            self._remember_space(vars(value), label)
            for key, each in list(vars(value).items()):
                if isinstance(each, (FunctionType, *_WRAPPERS)):
                    self._remember(each, f"{label}.{key}")
            if issubclass(value, Enum):
                self._remember_members(value, label)
            return
        for wrapped in _wrapped_by(value):
            self._remember(wrapped, label)

    def _remember_space(self, space: Mapping[str, Any], label: str, part: Mapping[str, Any] | None = None) -> None:
        known = {
            key: value for key, value in list((space if part is None else part).items()) if isinstance(value, _FOLLOWED)
        }
        self._spaces.append((space, tuple(known), tuple(known.values()), label))

    def _remember_members(self, enum: type[Enum], label: str) -> None:
        members = dict(enum.__members__)
        # Python 3.10 takes a member from the first of them, later versions from the second.
        for space in (enum._member_map_, vars(enum)):
            self._spaces.append((space, tuple(members), tuple(map(space.get, members)), label))
        for name, member in members.items():
            self._spaces.append((vars(member), ("_value_",), (member._value_,), f"{label}.{name}"))

    def _close(self, space: Mapping[str, Any], names: list[str], label: str) -> None:
        self._closed.append((space, frozenset(names) - space.keys(), label))

    def _remember_constants(self, module: ModuleType, with_content: bool) -> None:
        for key, value in vars(module).items():
            if key.isupper() and isinstance(value, (str, int, float, dict, list, set, tuple, frozenset)):
                self._spaces.append((vars(module), (key,), (value,), module.__name__))
                if with_content and isinstance(value, (dict, list, set)):
                    self._constants.append((value, repr(value), f"{module.__name__}.{key}"))

    def _remember_session(self, items: list[pytest.Item]) -> None:
        for item in items:
            parts = {"_obj": getattr(item, "obj", None), "runtest": None}
            self._spaces.append((vars(item), tuple(parts), tuple(parts.values()), f"the check {item.name}"))
        for manager in {item.config.pluginmanager for item in items}:
            for name, hook in vars(manager.hook).items():
                if name.startswith(_HOOKS):
                    implementations = hook.get_hookimpls()
                    self._hooks.append((hook, [each.function for each in implementations], f"the hook {name}"))
                    for each in implementations:
                        self._remember(getattr(each.function, "__func__", each.function), f"the hook {name}")
            self._remember_space(vars(manager), "pytest's plugins", {"_inner_hookexec": manager._inner_hookexec})


def _listener(functions: dict[int, tuple[FunctionType, str]], rewritten: list[str]) -> Callable[..., None]:
    """Hears when a function is given other code or other defaults: nobody can take a hook off again."""

    def listen(event: str, args: tuple[Any, ...]) -> None:
        if event == "object.__setattr__" and id(args[0]) in functions:
            rewritten.append(functions[id(args[0])][1])

    return listen


def _comparison() -> Callable[..., str]:
    # Bound here and now: the learner's module may replace a builtin later.
    all_, len_, map_, zip_, is_, repr_ = all, len, map, zip, operator.is_, repr

    def first_changed(space: Mapping[str, Any], keys: Any, values: Any, label: str) -> str:
        for key, value in zip_(keys, values):
            if space.get(key) is not value:
                return f"{label}.{key}"
        return label

    def compare(spaces: Any, closed: Any, constants: Any, hooks: Any) -> str:
        for space, keys, values, label in spaces:
            if not all_(map_(is_, map_(space.get, keys), values)):
                return first_changed(space, keys, values, label)
        for space, hidden, label in closed:
            for key in hidden & space.keys():
                return f"{label}.{key}"
        for value, text, label in constants:
            if repr_(value) != text:
                return str(label)
        for hook, implementations, label in hooks:
            there = [each.function for each in hook.get_hookimpls()]
            if len_(there) != len_(implementations) or not all_(map_(is_, there, implementations)):
                return str(label)
        return ""

    return compare


def _wrapped_by(value: object) -> list[FunctionType]:
    if isinstance(value, property):
        found = [value.fget]
    elif isinstance(value, FixtureFunctionDefinition):
        found = [value._fixture_function]
    else:
        found = [getattr(value, "__func__", None) if isinstance(value, (classmethod, staticmethod)) else None]
        found.append(vars(value).get("__wrapped__") if isinstance(value, FunctionType) else None)
    return [each for each in found if isinstance(each, FunctionType)]


def _modules() -> list[ModuleType]:
    return [module for module in list(sys.modules.values()) if isinstance(module, ModuleType)]


def _is_below(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and file.startswith(f"{folder}/")
