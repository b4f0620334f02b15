"""Makes the mutants of a file, one JSON object a line. Runs where cosmic-ray is installed; imports nothing of ours."""

from __future__ import annotations

import ast
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

# One of each kind: replacing < by == as well as by <= finds no more, and takes eight times as long.
OPERATORS = (
    "core/AddNot",
    "core/ExceptionReplacer",
    "core/NumberReplacer",
    "core/RemoveDecorator",
    "core/ReplaceAndWithOr",
    "core/ReplaceOrWithAnd",
    "core/ReplaceBreakWithContinue",
    "core/ReplaceContinueWithBreak",
    "core/ReplaceTrueWithFalse",
    "core/ReplaceFalseWithTrue",
    "core/ReplaceUnaryOperator_Delete_Not",
    "core/ReplaceBinaryOperator_Add_Sub",
    "core/ReplaceBinaryOperator_Sub_Add",
    "core/ReplaceBinaryOperator_Mul_Div",
    "core/ReplaceBinaryOperator_Div_Mul",
    "core/ReplaceBinaryOperator_Pow_Mul",
    "core/ReplaceComparisonOperator_Eq_NotEq",
    "core/ReplaceComparisonOperator_NotEq_Eq",
    "core/ReplaceComparisonOperator_Lt_LtE",
    "core/ReplaceComparisonOperator_LtE_Lt",
    "core/ReplaceComparisonOperator_Gt_GtE",
    "core/ReplaceComparisonOperator_GtE_Gt",
    "core/ReplaceComparisonOperator_Is_IsNot",
    "core/ReplaceComparisonOperator_IsNot_Is",
)


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """The name of the operator and the mutated code, each code once."""
    seen = {source}
    for name, code in (*_by_operators(source), *_by_deletion(source)):
        if code not in seen:
            seen.add(code)
            yield name, code


def _by_operators(source: str) -> Iterator[tuple[str, str]]:
    for name in OPERATORS:
        for occurrence in itertools.count():
            try:
                code = mutate_code(source, get_operator(name)(), occurrence)
            except AttributeError:  # cosmic-ray cannot replace each exception in a tuple of them
                continue
            if code is None:
                break
            yield name.removeprefix("core/"), code


def _by_deletion(source: str) -> Iterator[tuple[str, str]]:
    """Each simple statement in a function replaced by `pass`."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for statement in _simple_statements(node):
            first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
            replaced = [lines[first][: statement.col_offset] + "pass\n"]
            yield "DeleteStatement", "".join(lines[:first] + replaced + lines[last:])


def _simple_statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    for node in ast.walk(function):
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        simple = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete)
        if isinstance(node, simple) and not is_docstring:
            yield node


if __name__ == "__main__":
    for operator_name, mutated in mutants(Path(sys.argv[1]).read_text(encoding="utf-8")):
        print(json.dumps({"operator": operator_name, "code": mutated}))
