"""How a wrong solution is written down: edits of the reference solution, addressed by symbol.

A file of `quality/wrong` lists the wrong solutions of one step:

    WRONG = [
        Wrong("s3-sleeps-first", "test_finds_an_existing_file", Mistake.SLEEPS_BEFORE_THE_FIRST_CHECK).within(
            "MultiDirectoryTrigger._wait_for_files",
            replace="next_round = loop.time() + self.check_interval",
            by="await asyncio.sleep(self.check_interval)",
        ),
    ]

`within` takes the dotted path of a function, a class, a variable or a `with … as name`, so `dag.wait_for_upload` is a
task; "" is the top level of the module. `replace` must match exactly one place in it:

- one or more statements, or an expression;
- `timeout=600`, an argument of a call, or `"size": size`, an entry of a dict; an empty `by` removes them;
- `size: int = 3`, a parameter of a function;
- if left out, the symbol as a whole.

It is compared as syntax, so neither formatting nor a change elsewhere breaks an edit; whatever it does not match keeps
its text. `text="…"` finds a part of a string or a comment instead. An f-string can only be replaced as a whole.

This needs no library. libcst could find and replace nodes too, but its matchers are a second way to write Python, and
`ast` knows the position of each node in the text.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kata.core.paths import SOLUTION
from tests.support.mistakes import Mistake

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPE = (*_FUNCTION, ast.ClassDef)
_NEEDS_NO_PARENTHESES = (
    *(ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript, ast.JoinedStr),
    *(ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp),
)


class EditError(Exception):
    """An edit cannot be made."""


@dataclass(frozen=True)
class Wrong:
    """A wrong solution.

    :param check: the check that must catch it, without the file.
    :param mistake: the mistake that this check must name.
    :param edits: what makes the reference solution wrong, in this order.
    :param step: id of the step that it is wrong in; `quality.trees` knows it from the name of the file.
    """

    name: str
    check: str
    mistake: Mistake
    edits: tuple[Edit | Addition, ...] = ()
    step: str = ""

    def within(self, symbol: str, *, replace: str | None = None, text: str | None = None, by: str) -> Wrong:
        """Add an edit: within the symbol, replace this by that."""
        return self._with(Edit(symbol, replace, text, by))

    def adding(self, source: str) -> Wrong:
        """Add imports or helpers, after the imports of the solution."""
        return self._with(Addition(source))

    def _with(self, edit: Edit | Addition) -> Wrong:
        return replace(self, edits=(*self.edits, edit))

    def source(self) -> str:
        """Return the reference solution with this mistake in it.

        :raises EditError: if an edit does not match exactly once, or the result is no valid Python.
        """
        text = SOLUTION.read_text(encoding="utf-8")
        try:
            for edit in self.edits:
                text = edit.apply(text)
            compile(text, SOLUTION.name, "exec")
        except (EditError, SyntaxError) as error:
            raise EditError(f"{self.name} does not fit the reference solution: {error}") from None
        return text

    def make(self, folder: Path) -> Path:
        """Write the submission into a new folder below this one."""
        tree = folder / self.name
        tree.mkdir(parents=True)
        (tree / SOLUTION.name).write_text(self.source(), encoding="utf-8")
        return tree


@dataclass(frozen=True)
class Addition:
    """Imports or helpers to be added to a module.

    :param source: their source code.
    """

    source: str

    def apply(self, text: str) -> str:
        """Return the text of the module with the addition."""
        first = next(each for each in ast.parse(text).body if isinstance(each, (ast.Assign, *_SCOPE)))
        start = _span(text, first).start
        return _splice(text, slice(start, start), textwrap.dedent(self.source).strip() + "\n\n")


@dataclass(frozen=True)
class Edit:
    """What `Wrong.within` describes."""

    symbol: str
    replace: str | None
    text: str | None
    by: str

    def apply(self, text: str) -> str:
        """Return the text of a module with the edit made in it.

        :raises EditError: if there is not exactly one match.
        """
        symbol = _find(ast.parse(text), self.symbol)
        if self.text is not None:
            within = _span(text, symbol)
            found = re.compile(re.escape(self.text)).finditer(text, within.start, within.stop)
            places = [(slice(*match.span()), self.by) for match in found]
        elif self.replace is not None:
            places = list(_matches(text, symbol, textwrap.dedent(self.replace).strip(), self.by))
        else:
            places = [_statements(text, [symbol], self.by)]
        if len(places) == 1:
            return _splice(text, *places[0])
        lines = ", ".join(str(text.count("\n", 0, place.start) + 1) for place, _ in places)
        where = f"within {self.symbol}" if self.symbol else "at the top level"
        got = f"{len(places)} (lines {lines})" if places else "none"
        raise EditError(f"{where}, expected one match, got {got}: {self.text or self.replace}")


def _find(module: ast.Module, path: str) -> ast.AST:
    """Return the node of the symbol with this dotted path."""
    node: ast.AST = module
    for name in path.split(".") if path else ():
        found = [each for each in _walk(node, _SCOPE) if each is not node and name in _names(each)]
        if len(found) != 1:
            raise EditError(f"expected one symbol {path}, got {len(found)}")
        [node] = found
    return node


def _names(node: ast.AST) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, _SCOPE):
        return [node.name]
    targets: list[ast.expr | None] = []
    if isinstance(node, ast.Assign):
        targets = list(node.targets)
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        targets = [item.optional_vars for item in node.items]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _walk(node: ast.AST, closed: tuple[type[ast.AST], ...]) -> Iterator[ast.AST]:
    """Yield the node and what is in it, but nothing in nodes of the closed types."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, closed):
            yield child
        else:
            yield from _walk(child, closed)


def _matches(text: str, symbol: ast.AST, pattern: str, by: str) -> Iterator[tuple[slice, str]]:
    """Yield each place in the symbol that matches the pattern, with the text to put there."""
    closed = (*_SCOPE, ast.With, ast.JoinedStr) if isinstance(symbol, ast.Module) else (ast.JoinedStr,)
    found = list(_walk(symbol, closed))
    with suppress(SyntaxError):
        entry = ast.parse(f"{{{pattern}}}", mode="eval").body
        if isinstance(entry, ast.Dict) and len(entry.keys) == 1 and isinstance(entry.keys[0], ast.Constant):
            yield from _entries(text, found, ast.dump(entry), by)
            return
    try:
        wanted = ast.parse(pattern).body
    except SyntaxError as error:
        raise EditError(f"neither statements nor an expression: {error}: {pattern}") from None
    dumps = [ast.dump(statement) for statement in wanted]
    for block in (value for node in found for _, value in ast.iter_fields(node) if isinstance(value, list)):
        for start in range(len(block) - len(wanted) + 1):
            nodes = block[start : start + len(wanted)]
            if all(isinstance(node, ast.stmt) for node in nodes) and [ast.dump(node) for node in nodes] == dumps:
                yield _statements(text, nodes, by)
    statements = [node.value for node in found if isinstance(node, ast.Expr)]
    expression = ast.dump(wanted[0].value) if len(wanted) == 1 and isinstance(wanted[0], ast.Expr) else None
    for node in found:
        if isinstance(node, ast.expr) and ast.dump(node) == expression and node not in statements:
            yield _span(text, node), _in_parentheses(by, node)
        elif isinstance(node, ast.keyword) and [_dump_assignment(node.arg, None, node.value)] == dumps:
            yield _without_comma(text, _span(text, node), by), by
        elif isinstance(node, ast.arguments):
            for parameter, default in _parameters(node):
                if [_dump_assignment(parameter.arg, parameter.annotation, default)] == dumps:
                    yield _span(text, parameter, default or parameter), by


def _entries(text: str, nodes: list[ast.AST], wanted: str, by: str) -> Iterator[tuple[slice, str]]:
    for node in nodes:
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None and ast.dump(ast.Dict([key], [value])) == wanted:
                    yield _without_comma(text, _span(text, key, value), by), by


def _dump_assignment(name: str | None, annotation: ast.expr | None, value: ast.expr | None) -> str | None:
    """Return the dump of the assignment that looks like an argument, or like a parameter with an annotation."""
    if name is None:
        return None
    target = ast.Name(name, ast.Store())
    if annotation is not None:
        return ast.dump(ast.AnnAssign(target, annotation, value, simple=1))
    return None if value is None else ast.dump(ast.Assign([target], value))


def _parameters(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """Yield the parameters of a function with their defaults."""
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from zip(positional, [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults, strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def _statements(text: str, nodes: list[ast.AST], by: str) -> tuple[slice, str]:
    place, margin = _span(text, nodes[0], nodes[-1]), " " * nodes[0].col_offset
    by = textwrap.dedent(by).strip() or "pass"
    if text.startswith("elif", place.start):  # to `ast`, an `if` in the `else`
        by = "else:\n" + textwrap.indent(by, "    ")
    return place, textwrap.indent(by, margin).lstrip()


def _in_parentheses(by: str, replaced: ast.expr) -> str:
    """Return an expression in parentheses, unless it means the same without."""
    try:
        node = ast.parse(by.strip(), mode="eval").body
    except SyntaxError as error:
        raise EditError(f"an expression can only be replaced by an expression: {error}: {by}") from None
    plain = isinstance(node, _NEEDS_NO_PARENTHESES) and not isinstance(replaced, ast.GeneratorExp)
    return by.strip() if plain else f"({by.strip()})"


def _without_comma(text: str, place: slice, by: str) -> slice:
    """Return the place of an argument or an entry, with its comma if nothing takes its place."""
    if by:
        return place
    comma = re.compile(r"\s*,").match(text, place.stop)
    before = text[: place.start].rstrip().removesuffix(",")
    return slice(place.start, comma.end()) if comma else slice(len(before), place.stop)


def _span(text: str, first: ast.AST, last: ast.AST | None = None) -> slice:
    """Return where a node, or the nodes from the first to the last, stand in the text."""
    if isinstance(first, ast.Module):
        return slice(0, len(text))
    last, lines = last or first, text.split("\n")

    def offset(line: int, column: int) -> int:
        # `ast` counts the columns in bytes.
        return sum(len(each) + 1 for each in lines[: line - 1]) + len(lines[line - 1].encode()[:column].decode())

    top = min([first.lineno, *(each.lineno for each in getattr(first, "decorator_list", []))])
    return slice(offset(top, first.col_offset), offset(last.end_lineno, last.end_col_offset))


def _splice(text: str, place: slice, by: str) -> str:
    return text[: place.start] + by + text[place.stop :]
