"""How a wrong solution is written down: edits of the reference solution, addressed by symbol.

A file of `quality/wrong` lists the wrong solutions of one step:

    WRONG = [
        Wrong("s3-sleeps-first", "test_finds_an_existing_file", Mistake.SLEEPS_BEFORE_THE_FIRST_CHECK).within(
            "MultiDirectoryTrigger._wait_for_files",
            "next_round = loop.time() + self.check_interval",
            "await asyncio.sleep(self.check_interval)",
        ),
    ]

`within` takes the dotted path of a function, a class, a variable or a `with … as name`, so `dag.wait_for_upload` is a
task; "" is the top level of the module. What it replaces must match exactly one place in the symbol:

- one or more statements, or an expression;
- `timeout=600`, an argument of a call, or `"size": size`, an entry of a dict; an empty replacement removes them;
- `size: int = 3`, a parameter of a function;
- if left out, the symbol as a whole.

It is compared as syntax, so neither formatting nor a change elsewhere breaks an edit; whatever it does not match keeps
its text. `text="…"` finds a part of a string or a comment instead. An f-string can only be replaced as a whole.

This needs no library. libcst could find and replace nodes too, but its matchers are a second way to write Python, and
`ast` knows the position of each node in the text.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kata.core.paths import SOLUTION
from tests.support.mistakes import Mistake

_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class EditError(Exception):
    """An edit cannot be made."""


@dataclass(frozen=True)
class Wrong:
    """A wrong solution.

    :param check: the check that must catch it, without the file.
    :param mistake: the mistake that this check must name.
    :param edits: what makes the reference solution wrong, in this order: each returns the changed text of the module.
    :param step: id of the step that it is wrong in; `quality.trees` knows it from the name of the file.
    """

    name: str
    check: str
    mistake: Mistake
    edits: tuple[Callable[[str], str], ...] = ()
    step: str = ""

    def within(self, symbol: str, replace: str | None = None, by: str = "", *, text: str | None = None) -> Wrong:
        """Add an edit: within the symbol, replace this by that."""
        return self._with(partial(edited, symbol=symbol, replace=replace, by=by, text=text))

    def adding(self, code: str) -> Wrong:
        """Add imports or helpers, after the imports of the solution."""
        return self._with(partial(added, code=code))

    def _with(self, edit: Callable[[str], str]) -> Wrong:
        return dataclasses.replace(self, edits=(*self.edits, edit))

    def source(self) -> str:
        """Return the reference solution with this mistake in it.

        :raises EditError: if an edit does not match exactly once, or the result is no valid Python.
        """
        source = SOLUTION.read_text(encoding="utf-8")
        try:
            for edit in self.edits:
                source = edit(source)
            compile(source, SOLUTION.name, "exec")
        except (EditError, SyntaxError) as error:
            raise EditError(f"{self.name} does not fit the reference solution: {error}") from None
        return source

    def make(self, folder: Path) -> Path:
        """Write the submission into a new folder below this one."""
        tree = folder / self.name
        tree.mkdir(parents=True)
        (tree / SOLUTION.name).write_text(self.source(), encoding="utf-8")
        return tree


def added(source: str, code: str) -> str:
    """Return the text of a module with imports or helpers added after its imports."""
    first = next(each for each in ast.parse(source).body if isinstance(each, (ast.Assign, *_SCOPE)))
    start = _span(source, first).start
    return f"{source[:start]}{textwrap.dedent(code).strip()}\n\n{source[start:]}"


def edited(source: str, symbol: str, replace: str | None = None, by: str = "", text: str | None = None) -> str:
    """Return the text of a module with an edit made in it, as `Wrong.within` describes it.

    :raises EditError: if there is not exactly one match.
    """
    node = _find(ast.parse(source), symbol)
    if text is not None:
        span = _span(source, node)
        found = re.compile(re.escape(text)).finditer(source, span.start, span.stop)
        places = [(slice(*match.span()), by) for match in found]
    elif replace is not None:
        places = list(_matches(source, node, textwrap.dedent(replace).strip(), by))
    else:
        places = [_statements(source, [node], by)]
    if len(places) == 1:
        [(place, new)] = places
        return source[: place.start] + new + source[place.stop :]
    lines = ", ".join(str(source.count("\n", 0, place.start) + 1) for place, _ in places)
    where = f"within {symbol}" if symbol else "at the top level"
    got = f"{len(places)} (lines {lines})" if places else "none"
    raise EditError(f"{where}, expected one match, got {got}: {text or replace}")


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
    """Return the names that a definition, an assignment or a `with` defines."""
    if isinstance(node, _SCOPE):
        return [node.name]
    targets: list[ast.expr | None] = []
    if isinstance(node, ast.Assign):
        targets = [*node.targets]
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


def _matches(source: str, symbol: ast.AST, pattern: str, by: str) -> Iterator[tuple[slice, str]]:
    """Yield each place in the symbol that matches the pattern, with the text to put there."""
    closed = (*_SCOPE, ast.With, ast.JoinedStr) if isinstance(symbol, ast.Module) else (ast.JoinedStr,)
    nodes = list(_walk(symbol, closed))
    wanted, length = _normalized(pattern)
    for block in (value for node in nodes for _, value in ast.iter_fields(node) if isinstance(value, list)):
        for start in range(len(block) - length + 1):
            run = block[start : start + length]
            if all(isinstance(each, ast.stmt) for each in run) and ast.unparse(run) == wanted:
                yield _statements(source, run, by)
    statements = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        is_read = isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        if is_read and node not in statements and ast.unparse(ast.Expr(node)) == wanted:
            if not by.strip():
                raise EditError(f"an expression can only be replaced by an expression: {pattern}")
            yield _span(source, node), f"({by.strip()})"
        for part, first, last in _parts(node):
            if part == wanted:
                place = _span(source, first, last)
                yield place if by else _with_comma(source, place), by


def _normalized(pattern: str) -> tuple[str, int]:
    """Return what `ast` writes for a pattern, and of how many statements it is."""
    try:
        module = ast.parse(pattern)
    except SyntaxError as error:
        with suppress(SyntaxError, ValueError):
            [(entry, _, _)] = _parts(ast.parse(f"{{{pattern}}}", mode="eval").body)
            return entry, 1
        raise EditError(f"neither statements nor an expression: {error}: {pattern}") from None
    return ast.unparse(module.body), len(module.body)


def _parts(node: ast.AST) -> Iterator[tuple[str, ast.AST, ast.AST]]:
    """Yield the arguments, entries or parameters of a node: the code of each, and its first and last node."""
    if isinstance(node, ast.keyword) and node.arg:
        yield f"{node.arg} = {ast.unparse(node.value)}", node, node
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                yield f"{ast.unparse(key)}: {ast.unparse(value)}", key, value
    elif isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        defaults = [*[None] * (len(positional) - len(node.defaults)), *node.defaults, *node.kw_defaults]
        for parameter, default in zip([*positional, *node.kwonlyargs], defaults, strict=True):
            if default or parameter.annotation:
                value = f" = {ast.unparse(default)}" if default else ""
                yield f"{ast.unparse(parameter)}{value}", parameter, default or parameter


def _statements(source: str, nodes: list[ast.AST], by: str) -> tuple[slice, str]:
    place, margin = _span(source, nodes[0], nodes[-1]), " " * nodes[0].col_offset
    by = textwrap.dedent(by).strip() or "pass"
    if source.startswith("elif", place.start):  # to `ast`, an `if` in the `else`
        by = "else:\n" + textwrap.indent(by, "    ")
    return place, textwrap.indent(by, margin).lstrip()


def _with_comma(source: str, place: slice) -> slice:
    """Return the place of an argument, an entry or a parameter together with a comma."""
    if comma := re.compile(r"\s*,").match(source, place.stop):
        return slice(place.start, comma.end())
    return slice(len(source[: place.start].rstrip().removesuffix(",")), place.stop)


def _span(source: str, first: ast.AST, last: ast.AST | None = None) -> slice:
    """Return where a node, or the nodes from the first to the last, stand in the text."""
    if isinstance(first, ast.Module):
        return slice(0, len(source))
    last, lines = last or first, source.split("\n")

    def offset(line: int, column: int) -> int:
        # `ast` counts the columns in bytes.
        return sum(len(each) + 1 for each in lines[: line - 1]) + len(lines[line - 1].encode()[:column].decode())

    top = min([first.lineno, *(each.lineno for each in getattr(first, "decorator_list", []))])
    return slice(offset(top, first.col_offset), offset(last.end_lineno, last.end_col_offset))
