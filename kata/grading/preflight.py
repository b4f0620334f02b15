"""What can be said about a tree without running it, and then about importing its module."""

from __future__ import annotations

import ast
import io
import time
import tokenize
from pathlib import Path
from typing import Any

from kata.failures import WrongUsage
from kata.grading.hang import line_of_hang
from kata.grading.last_words import how_it_ended
from kata.grading.supervisor import Ending
from kata.grading.verdict import Problem
from kata.places import MODULE, ROOT, shown

IMPORT_DEADLINE = 10.0
# The reference solution has 60 kB. Parsing takes about 500 bytes of memory for each byte.
MOST_BYTES = 1_000_000


def find_tree(name: str) -> Path:
    """The folder that is meant: a name in the clone or any path. Raises `WrongUsage` when it is no folder."""
    tree = Path(name).expanduser()
    if not tree.is_absolute():
        tree = tree if tree.is_dir() else ROOT / tree
    if not tree.is_dir():
        what = "is a file, not a folder" if tree.is_file() else "does not exist"
        raise WrongUsage(f"TREE={name} {what}. Name a folder with {MODULE}.py in it, such as exercise or solution.")
    return tree.resolve()


def tree_option(name: str) -> str:
    """What is added to a command of make so that it works on this tree: nothing for the exercise."""
    return "" if name == "exercise" else f" TREE={name}"


def read_module(file: Path) -> tuple[str, Problem | None]:
    """The text of the learner's file, and what keeps it from being Python code, if anything does."""
    path = shown(file)
    if not file.is_file():
        return "", Problem("The file to grade is not there.", path, f"Put your work into {path}.")
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            what = f"The file has {size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB is graded."
            return "", Problem(what, path, "Move data into files of their own.")
        source = file.read_bytes()
    except OSError as error:
        return "", Problem(f"The file cannot be read: {error.strerror}.", path, f"Make it readable: chmod u+r {path}")
    try:
        # Honours an encoding declaration, as Python does.
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        line = source[: error.start].count(b"\n") + 1 if isinstance(error, UnicodeDecodeError) else 1
        return "", Problem("The file is not UTF-8 text.", path, "Save it as UTF-8.", line)
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
        lines = text.splitlines()
        source = lines[line - 1] if 0 < line <= len(lines) else ""
        return Problem(f"Python cannot parse the file: {message}.", path, "Mend this line first.", line, source, column)
    if not parsed.body:
        tree = tree_option(shown(file.parent))
        return Problem("The file is empty.", path, f"Bring the starter back with: make reset{tree}.")
    return None


class ImportWork:
    """Imports the learner's module once in a child of its own.

    :param job: what every job of this grade is told.
    """

    def __init__(self, job: dict[str, Any], deadline: float = IMPORT_DEADLINE) -> None:
        self.problem: Problem | None = None
        self._job = job
        self._file = Path(job["learner_file"])
        self._deadline = deadline
        self._since = 0.0
        self._said: dict[str, Any] = {}
        self._is_over = False

    def next_job(self) -> dict[str, Any] | None:
        if self._is_over:
            return None
        self._since = time.monotonic()
        return {**self._job, "do": "import", "module": MODULE}

    def kill_at(self) -> float:
        return self._since + self._deadline

    def reported(self, message: dict[str, Any]) -> None:
        if message["event"] == "start":
            self._since = time.monotonic()
        self._said = message

    def overdue(self) -> None:
        pass

    def interrupted(self) -> None:
        pass

    def ended(self, ending: Ending) -> None:
        self._is_over = True
        event = self._said.get("event")
        if event == "import failed":
            self.problem = self._failed(self._said, ending)
        elif event != "imported":
            self.problem = self._hung(ending) if ending.killed else self._vanished(ending)

    def _failed(self, told: dict[str, Any], ending: Ending) -> Problem:
        what = f"Importing the file fails: {told['error'] or told['got']}"
        if told["error"].startswith("SystemExit"):
            what = "Importing the file ends the process: it calls sys.exit() at module level."
        return self._problem(what, "The file must import without an error; mend this first.", told, ending)

    def _hung(self, ending: Ending) -> Problem:
        what = f"Importing it did not end within {self._deadline:g} seconds."
        if ending.stopped:
            what = "Importing it halts the process (SIGSTOP)."
        todo = "Nothing that waits or loops may stand at module level."
        return self._problem(what, todo, line_of_hang(ending.stack, self._file), ending)

    def _vanished(self, ending: Ending) -> Problem:
        what = f"Importing the file ends the process: {how_it_ended(ending)}."
        return self._problem(what, "Nothing at module level may end the process.", {}, ending)

    def _problem(self, what: str, todo: str, told: dict[str, Any], ending: Ending) -> Problem:
        path = shown(Path(told.get("path") or self._file))
        line, source = int(told.get("line") or 0), str(told.get("source") or "")
        return Problem(what, path, todo, line, source, printed=ending.printed[:500])
