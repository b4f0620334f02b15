"""`make diff`: your code for a step beside the reference solution."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from kata.core.console import plain
from kata.core.paths import SOLUTION
from kata.core.steps import Step
from kata.core.submission import read_module
from kata.practice.sections import THE_DAGS, dags_of, sections

_WIDE = 140  # columns from which two codes fit beside each other


def show_diff(tree: Path, step: Step, console: Console) -> bool:
    """Print both, less the docstrings that they share; False when one of the two cannot be read."""
    if not SOLUTION.is_file():
        console.print("The reference solution is not in this copy of the kata.")
        return False
    text, problem = read_module(tree)
    if problem is not None:
        console.print(plain(f"{problem.place}: {problem.what} {problem.todo}"), soft_wrap=True)
        return False
    yours, reference = sections(text), sections(SOLUTION.read_text(encoding="utf-8"))
    _show_beside(step.section, yours, bare(reference[step.section]), console)
    # Of the DAGs no more than the step's: the next ones are still to be found.
    if dags := dags_of(step, reference[THE_DAGS]):
        _show_beside(THE_DAGS, yours, dedent(dags), console)
    console.print(Text(" The reference solution is one of many: yours may be as good.", "dim"))
    return True


def _show_beside(name: str, yours: dict[str, str], reference: str, console: Console) -> None:
    left: RenderableType = plain(f"Your file has no heading for {name} any more: find this part of it yourself.")
    if name in yours:
        left = Syntax(bare(yours[name]), "python", word_wrap=True)
    right = Syntax(reference, "python", word_wrap=True)
    if console.width >= _WIDE:
        table = Table(f"{name}: yours", "reference solution", expand=True)
        table.columns[0].ratio = table.columns[1].ratio = 1
        table.add_row(left, right)
        console.print(table)
    else:
        for title, code in ((f"{name}: yours", left), (f"{name}: reference solution", right)):
            console.print(Rule(title, align="left"), code)


def bare(section: str) -> str:
    """Return the section without its heading and docstrings; with them if it does not parse."""
    code = section.partition("\n")[2].strip("\n")
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return code
    lines = code.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            doc = node.body[0]
            alone = len(node.body) == 1 or doc.lineno == node.lineno
            for number in () if alone else range(doc.lineno - 1, doc.end_lineno or doc.lineno):
                lines[number] = "\0"
    return "\n".join(line for line in lines if line != "\0")
