"""A submission: the folder that a learner names, its one file, and what can be said about it without running it."""

from __future__ import annotations

import ast
import io
import shlex
import tokenize
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from kata.core.console import plain, show_printed
from kata.core.errors import WrongUsage
from kata.core.paths import MODULE, ROOT, shown

# The reference solution has 60 kB. Parsing takes about 500 bytes of memory for each byte, and cannot be interrupted.
MOST_BYTES = 250_000


@dataclass(frozen=True)
class Problem:
    """Why the learner's file cannot be graded at all.

    :param what: one sentence, without the place.
    :param path: the file, as shown to the learner.
    :param line: 0 when there is no line to name; `source` is its text, `column` counts from 1, 0 for none.
    :param todo: what to do about it.
    :param printed: what the file printed.
    """

    what: str
    path: str
    todo: str
    line: int = 0
    source: str = ""
    column: int = 0
    printed: str = ""

    @property
    def place(self) -> str:
        """The file, and the line if there is one, as an editor opens it."""
        return f"{self.path}:{self.line}" if self.line else self.path


def find_tree(name: str) -> Path:
    """Return the folder of a submission.

    :param name: a folder of the clone, or any path.
    :raises WrongUsage: if it is not a folder.
    """
    try:
        path = Path(name).expanduser()
        for tree in (path, ROOT / path):
            if tree.is_dir():
                return tree.resolve()
        what = "is a file, not a folder" if (ROOT / path).is_file() else "does not exist"
    except (OSError, RuntimeError, ValueError) as error:  # too long a name, no such user, a NUL in it
        what = f"is no path ({error.strerror if isinstance(error, OSError) else error})"
    raise WrongUsage(f"TREE={name} {what}. Name a folder with {MODULE}.py in it, such as exercise or solution.")


def tree_option(name: str) -> str:
    """Return what a make command needs for this submission, such as " TREE=solution"; "" for the exercise."""
    return "" if name == "exercise" else f" TREE={shlex.quote(name)}"


def read_module(tree: Path) -> tuple[str, Problem | None]:
    """Return the text of the file in the folder of a submission, and the problem if it is not Python code."""
    source, problem = read_source(tree)
    return ("", problem) if problem else decode_source(source, tree / f"{MODULE}.py")


def read_source(tree: Path) -> tuple[bytes, Problem | None]:
    """Return the content of the file in the folder of a submission, and the problem if it cannot be read."""
    file = tree / f"{MODULE}.py"
    path = shown(file)
    if not file.is_file():
        return b"", Problem("The file to grade is not there.", path, f"Put your work into {path}.")
    if not leads_into(tree, file):
        return b"", Problem("The file is a link to another folder.", path, "Put the file itself there.")
    try:
        with file.open("rb") as opened:
            source = opened.read(MOST_BYTES + 1)
    except OSError as error:
        return b"", Problem(f"The file cannot be read: {error.strerror}.", path, f"Make it readable: chmod u+r {path}")
    if len(source) > MOST_BYTES:
        what = f"The file has more than {MOST_BYTES // 1000} kB, which is the most that is graded."
        return b"", Problem(what, path, "Move data into files of their own.")
    return source, None


def leads_into(tree: Path, file: Path) -> bool:
    """Return whether a file is in the folder of a submission, and no link out of it."""
    try:
        return file.resolve().is_relative_to(tree.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return False


def decode_source(source: bytes, file: Path) -> tuple[str, Problem | None]:
    """Return a source as text, and the problem if it is not Python code.

    :param file: where it was read.
    """
    try:
        # Honours an encoding declaration, as Python does.
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding)
    except (SyntaxError, LookupError, ValueError) as error:
        line = source[: error.start].count(b"\n") + 1 if isinstance(error, UnicodeDecodeError) else 1
        return "", Problem("The file is not UTF-8 text.", shown(file), "Save it as UTF-8.", line)
    return text, _syntax_problem(text, file)


def _syntax_problem(text: str, file: Path) -> Problem | None:
    path = shown(file)
    try:
        parsed = ast.parse(text)
    except (RecursionError, MemoryError):
        return Problem("The file is nested too deep to be parsed.", path, "Split its longest expression.")
    except (SyntaxError, ValueError) as error:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        line, column = (error.lineno or 0, error.offset or 0) if isinstance(error, SyntaxError) else (0, 0)
        # Not `splitlines`, for which more characters end a line than for Python.
        lines = io.StringIO(text).readlines()
        source = lines[line - 1].rstrip() if 0 < line <= len(lines) else ""
        what = f"Python cannot parse the file: {message or 'invalid syntax'}."
        todo = "Fix this line first." if line else "Fix the file first."
        return Problem(what, path, todo, line, source, column)
    if not parsed.body:
        tree = tree_option(shown(file.parent))
        return Problem("The file is empty.", path, f"Bring the starter back with: make reset{tree}.")
    return None


def show_problem(problem: Problem, console: Console) -> None:
    """Print why the file cannot be graded, with the line and a caret if they are known."""
    console.print(Text.assemble((" ✗ ", "bold red"), plain(problem.what, "bold")), soft_wrap=True)
    console.print(Text.assemble("   ", plain(problem.place)), soft_wrap=True)
    if problem.source:
        code = problem.source.replace("\t", " ")
        indent = len(code) - len(code.lstrip())
        console.print(Padding(plain(code.strip()), (1, 0, 0, 6)), soft_wrap=True)
        if problem.column > indent:
            console.print(Text(" " * (6 + problem.column - 1 - indent) + "^", "bold red"))
    show_printed(problem.printed, console)
    console.print()
