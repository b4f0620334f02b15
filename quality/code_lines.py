"""`python -m quality.code_lines [FILE …]`: the lines of code of each step, without docstrings, comments, blank lines,
imports and given code.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kata.core.paths import MODULE, ROOT

GIVEN = {"WaitFailed", "read_airflow_api", "measure"}  # and all constants with public names
FILES = [ROOT / folder / f"{MODULE}.py" for folder in ("exercise", "solution")]

_NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(source: str) -> Counter[str]:
    """Return how many lines of code each section has, by the name in its heading, such as "Step 3"."""
    left_out = {line for node in _left_out(ast.parse(source)) for line in range(node.lineno, node.end_lineno + 1)}
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in _NOT_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    found: Counter[str] = Counter()
    section = "top"
    for number, line in enumerate(source.splitlines(), 1):
        if line.startswith("# ── "):
            section = line.strip("# ─").partition(":")[0]
        found[section] += number in code and number not in left_out
    return found


def _left_out(tree: ast.Module) -> list[ast.stmt]:
    """The nodes that do not count: imports, docstrings, given definitions."""
    found: list[ast.stmt] = []
    for node in ast.walk(tree):
        targets = getattr(node, "targets", []) if node in tree.body else []
        names = {getattr(node, "name", ""), *(getattr(each, "id", "") for each in targets)}
        is_setting = any(name and name.isupper() and not name.startswith("_") for name in names)
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_import = isinstance(node, (ast.Import, ast.ImportFrom)) or (node in tree.body and isinstance(node, ast.Try))
        if is_docstring or is_import or names & GIVEN or is_setting:
            found.append(node)
    return found


def main() -> None:
    files = [Path(name) for name in sys.argv[1:]] or FILES
    table = Table("", *(f"{file.parent.name}" for file in files))
    counts = [lines_of_code(file.read_text(encoding="utf-8")) for file in files]
    for section in counts[-1]:
        table.add_row(section, *(str(count[section]) for count in counts))
    table.add_section()
    table.add_row("code", *(str(count.total()) for count in counts))
    table.add_row("file", *(str(len(file.read_text(encoding="utf-8").splitlines())) for file in files))
    Console().print(table)


if __name__ == "__main__":
    main()
