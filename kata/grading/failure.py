"""What the exception of a failing check says, as plain JSON: made in the child, shown by the parent."""

from __future__ import annotations

import contextlib
import errno
import linecache
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from kata.grading.limits import beyond_a_limit
from kata.grading.mistakes import NOT_DONE, RAISES

_LONGEST = 2000
_ONLY_BELOW = "In a grade, code can write below its working directory, DATA_DIR and tempfile.gettempdir() only."


def explain(error: BaseException, learner_file: Path) -> dict[str, Any]:
    """Take the parts of an explanation from an exception, all plain JSON.

    A check that knows its contract carries `called`, `got`, `contract` and `mistake`; of any other exception the type
    and the text are told, and if it came out of the learner's own code, that is the mistake. `path`, `line` and
    `source` are the innermost line of the learner's file, if there was one.
    """
    told: dict[str, Any] = {name: _attribute(error, name) for name in ("called", "got", "contract", "mistake")}
    beyond = beyond_a_limit(error)
    told["error"] = f"{beyond[0].upper()}{beyond[1:]}." if beyond else "" if told["contract"] else _name_and_text(error)
    if told["error"] and isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS):
        told["error"] += f" ({_ONLY_BELOW})"
    # The learner's code may have raised it itself, with whatever in it.
    if isinstance(error, SyntaxError) and type(error.filename) is str and type(error.lineno) is int:
        told.update(path=_text(error.filename), line=error.lineno, source=_text(error.text).strip())
    else:
        told.update(_innermost_line(error, learner_file))
        if told["error"] and any(_same(path, learner_file) for path, _ in _frames(error.__traceback__)):
            told["mistake"] = NOT_DONE if _is_to_do(error) else RAISES
    return told


def _attribute(error: BaseException, name: str) -> str:
    # A `__getattr__` of the learner's may raise anything.
    try:
        return _text(getattr(error, name, ""))
    except BaseException:
        return ""


def _is_to_do(error: BaseException) -> bool:
    return isinstance(error, NotImplementedError) and _text(error).startswith("TODO")


def _name_and_text(error: BaseException) -> str:
    text = _text(error)
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _text(value: object) -> str:
    # The exception may be the learner's own, and so may its __str__.
    try:
        text = value if type(value) is str else str(value)
    except BaseException as error:
        return f"(its text cannot be had: {type(error).__name__})"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " …"


def _innermost_line(error: BaseException, learner_file: Path) -> dict[str, Any]:
    for each in _chain(error):
        found = None
        for path, line in _frames(each.__traceback__):
            if _same(path, learner_file):
                found = (path, line)
        if found:
            path, line = found
            return {"path": path, "line": line, "source": _text(linecache.getline(path, line).strip())}
    return {"path": "", "line": 0, "source": ""}


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, int]]:
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next


def _same(path: str, learner_file: Path) -> bool:
    if Path(path).name != learner_file.name:
        return False
    with contextlib.suppress(OSError):
        return Path(path).resolve() == learner_file
    return False
