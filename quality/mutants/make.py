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
OPERATORS = """
AddNot ExceptionReplacer NumberReplacer RemoveDecorator ReplaceAndWithOr ReplaceOrWithAnd ReplaceBreakWithContinue
ReplaceContinueWithBreak ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceUnaryOperator_Delete_Not
ReplaceBinaryOperator_Add_Sub ReplaceBinaryOperator_Sub_Add ReplaceBinaryOperator_Mul_Div ReplaceBinaryOperator_Div_Mul
ReplaceBinaryOperator_Pow_Mul ReplaceComparisonOperator_Eq_NotEq ReplaceComparisonOperator_NotEq_Eq
ReplaceComparisonOperator_Lt_LtE ReplaceComparisonOperator_LtE_Lt ReplaceComparisonOperator_Gt_GtE
ReplaceComparisonOperator_GtE_Gt ReplaceComparisonOperator_Is_IsNot ReplaceComparisonOperator_IsNot_Is
"""
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete)


def by_operators(source: str) -> Iterator[tuple[str, str]]:
    """Yield the name of an operator and the code that it has mutated."""
    for name in OPERATORS.split():
        for occurrence in itertools.count():
            try:
                code = mutate_code(source, get_operator(f"core/{name}")(), occurrence)
            except AttributeError:  # cosmic-ray cannot replace each exception in a tuple of them
                continue
            if code is None:
                break
            yield name, code


def by_deletion(source: str) -> Iterator[tuple[str, str]]:
    """Replace each simple statement in a function by `pass`."""
    lines = source.splitlines(keepends=True)
    functions = (
        node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    for node in (node for function in functions for node in ast.walk(function)):
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, _SIMPLE) and not is_docstring:
            first, last = node.lineno - 1, node.end_lineno or node.lineno
            replaced = lines[first][: node.col_offset] + "pass\n"
            yield "DeleteStatement", "".join([*lines[:first], replaced, *lines[last:]])


if __name__ == "__main__":
    original = Path(sys.argv[1]).read_text(encoding="utf-8")
    seen = {original}
    for operator, mutated in (*by_operators(original), *by_deletion(original)):
        if mutated not in seen:
            seen.add(mutated)
            print(json.dumps({"operator": operator, "code": mutated}))
