"""The public names of a Python file, with signatures and docstrings, read without running it."""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass, field

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_LONGEST_DEFAULT = 60  # characters or digits


@dataclass(frozen=True)
class Name:
    """A function, method, class or variable.

    :param name: with its class in front where it has one: "MultiDirectoryTrigger.run".
    :param kind: "class", "function", "coroutine" or "variable".
    :param signature: its arguments, without types; "" for what has none.
    :param arguments: the same as syntax.
    :param doc: its docstring without indentation; "" for none.
    """

    name: str
    kind: str
    line: int
    signature: str = ""
    arguments: ast.arguments | None = field(default=None, compare=False, repr=False)
    doc: str = ""


def skeleton(source: str) -> dict[str, Name]:
    """Return the public names of a module and the methods of its public classes, in order. Raises `SyntaxError`."""
    return {name.name: name for name in _names(ast.parse(source).body)}


def differences(source: str, expected: str) -> list[str]:
    """List what `source` lacks of the names and signatures in `expected`, a sentence each.

    Further names, further optional parameters and methods that may be inherited are no difference.
    """
    theirs, ours = skeleton(source), skeleton(expected)
    found = []
    for name, our in ours.items():
        owner = name.rpartition(".")[0]
        their = theirs.get(name)
        if their is None:
            if not owner and our.kind != "variable":
                found.append(f"{our.kind} {name} is missing")
        elif our.kind != their.kind:
            found.append(f"line {their.line}: {name} should be a {our.kind}, not a {their.kind}")
        elif their.arguments and our.arguments and not _accepts(their.arguments, our.arguments):
            found.append(f"line {their.line}: {name}({their.signature}) should be {name}({our.signature})")
    return found


def _names(body: list[ast.stmt], owner: str = "") -> list[Name]:
    found: list[Name] = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_public(node.name):
            kind = "coroutine" if isinstance(node, ast.AsyncFunctionDef) else "function"
            found.append(Name(owner + node.name, kind, node.lineno, _signature(node.args), node.args, _doc(node)))
        elif isinstance(node, ast.ClassDef) and _is_public(node.name) and not owner:
            found.append(Name(node.name, "class", node.lineno, doc=_doc(node)))
            found += _names(node.body, f"{node.name}.")
        elif not owner and isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and _is_public(target.id):
                    found.append(Name(target.id, "variable", node.lineno))
    return found


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name == "__init__"


def _doc(node: ast.ClassDef | _Function) -> str:
    return ast.get_docstring(node) or ""


def _signature(arguments: ast.arguments) -> str:
    """Return the arguments without types; defaults that are no short constant or name are shown as `...`."""
    bare = copy.copy(arguments)
    bare.defaults = [_shown_default(default) for default in arguments.defaults]
    bare.kw_defaults = [default and _shown_default(default) for default in arguments.kw_defaults]
    for group in ("posonlyargs", "args", "kwonlyargs"):
        setattr(bare, group, [ast.arg(argument.arg) for argument in getattr(arguments, group)])
    for rest in ("vararg", "kwarg"):
        setattr(bare, rest, getattr(arguments, rest) and ast.arg(getattr(arguments, rest).arg))
    return ast.unparse(bare)


def _shown_default(default: ast.expr) -> ast.expr:
    # What a learner writes there may be too long to show, or nested too deep for `ast.unparse`.
    constant = default.value if isinstance(default, ast.Constant) else None
    short = isinstance(constant, str | bytes) and len(constant) < _LONGEST_DEFAULT
    number = isinstance(constant, int | float) and abs(constant) < 10**_LONGEST_DEFAULT
    is_none = isinstance(default, ast.Constant) and constant is None
    return default if short or number or is_none or isinstance(default, ast.Name) else ast.Constant(...)


def _accepts(theirs: ast.arguments, ours: ast.arguments) -> bool:
    """Return whether their signature allows every call that ours allows."""
    if (ours.vararg and not theirs.vararg) or (ours.kwarg and not theirs.kwarg):
        return False
    return _accepts_positional(theirs, ours) and _accepts_keywords(theirs, ours)


def _accepts_positional(theirs: ast.arguments, ours: ast.arguments) -> bool:
    their_names, our_names = _positional(theirs), _positional(ours)
    if their_names[: len(our_names)] != our_names:
        return False
    further = their_names[len(our_names) :]
    required = len(their_names) - len(theirs.defaults)
    return len(further) <= len(theirs.defaults) and required <= len(our_names) - len(ours.defaults)


def _accepts_keywords(theirs: ast.arguments, ours: ast.arguments) -> bool:
    allowed = {argument.arg for argument in theirs.kwonlyargs} | set(_positional(theirs))
    if not theirs.kwarg and any(argument.arg not in allowed for argument in ours.kwonlyargs):
        return False
    given = {argument.arg for argument, default in _keyword_only(ours) if default is None}
    return all(argument.arg in given for argument, default in _keyword_only(theirs) if default is None)


def _keyword_only(arguments: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    return list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))


def _positional(arguments: ast.arguments) -> list[str]:
    return [argument.arg for argument in arguments.posonlyargs + arguments.args]
