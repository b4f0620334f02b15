"""The text of the contract: the comments of the DAGs, which are contracts like the docstrings, and single sentences."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from itertools import takewhile

_SECTION = "# ── The DAGs "
_ITEM = re.compile(r"\* |:(param|return|raises|ivar)\b[^:]*: ")
_END_OF_SENTENCE = re.compile(r"(?<=\D[.?!])\s+(?=[A-Z(`*\"])")


def dag_comments(source: str) -> dict[str, str]:
    """Return the comments of each `with DAG(…) as name` in the section "The DAGs", by that name.

    A DAG has the comments right above it and those inside it. Comments apart from each other are paragraphs. Lines that
    begin with TODO are left out.
    """
    lines, found = source.splitlines(), {}
    begin = next(number for number, line in enumerate(lines) if line.startswith(_SECTION))
    for block in (node for node in ast.parse(source).body if isinstance(node, ast.With) and node.lineno > begin):
        above = list(takewhile(lambda line: line.startswith("#"), reversed(lines[: block.lineno - 1])))[::-1]
        inside = takewhile(lambda line: not line or line.startswith((" ", ")")), lines[block.lineno :])
        stripped = [line.strip() for line in (*above, *inside) if not line.strip().startswith("# TODO")]
        comments = (line.removeprefix("#").removeprefix(" ") if line.startswith("#") else "" for line in stripped)
        found[ast.unparse(block.items[0].optional_vars)] = "\n".join(comments)
    return found


def split(doc: str) -> Iterator[str]:
    """Yield the sentences of a text. A payload after `::` is one; a list item and a field begin a new one."""
    is_payload = False
    for paragraph in doc.split("\n\n"):
        if is_payload:
            yield " ".join(paragraph.split())
            is_payload = False
            continue
        is_payload = paragraph.rstrip().endswith("::")
        blocks: list[list[str]] = [[]]
        for line in textwrap.dedent(paragraph).splitlines():
            if _ITEM.match(line) and blocks[-1]:
                blocks.append([])
            blocks[-1].append(line.removeprefix("* "))
        for block in blocks:
            yield from filter(None, _END_OF_SENTENCE.split(" ".join(" ".join(block).split())))
