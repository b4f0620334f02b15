"""The grader's own files, kept in memory while learner code runs: it may write wherever the grader may."""

from __future__ import annotations

import contextlib
import py_compile
import tempfile
from functools import cached_property
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode, PyCompileError

_OF_PYTEST = ("test_", "conftest")
_LEFT_OUT = ("__pycache__", "starter", "hints")


class KeptFiles:
    """The files below a folder as they were when this was made.

    :param folder: of Python modules.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._content = {path: path.read_bytes() for path in _files_below(folder)}

    def write_to(self, folder: Path) -> None:
        """Write them anew, below another folder, with what Python would have to compile of them in every child."""
        for path, content in self._content.items():
            copy = folder / path.relative_to(self._folder)
            _write(copy, content)
            if path in self._compiled:
                _write(Path(cache_from_source(str(copy))), self._compiled[path])

    @cached_property
    def _compiled(self) -> dict[Path, bytes]:
        # pytest compiles its own files itself.
        modules = [path for path in self._content if path.suffix == ".py" and not path.name.startswith(_OF_PYTEST)]
        with tempfile.TemporaryDirectory() as scratch, contextlib.suppress(PyCompileError):
            return {path: _compile(self._content[path], Path(scratch)) for path in modules}
        return {}

    def changed(self) -> list[Path]:
        """The files that are not what they were, are gone, or are new."""
        there = {path: path.read_bytes() for path in _files_below(self._folder)}
        paths = sorted(self._content.keys() | there.keys())
        return [path for path in paths if self._content.get(path) != there.get(path)]


def _compile(source: bytes, scratch: Path) -> bytes:
    (scratch / "source.py").write_bytes(source)
    made = scratch / "made.pyc"
    # Never looked at again whether it is still up to date: it is written together with its source.
    py_compile.compile(
        str(scratch / "source.py"), str(made), doraise=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )
    return made.read_bytes()


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _files_below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_file() and path.suffix in (".py", ".ini")]
    for path in folder.iterdir():
        if path.is_dir() and path.name not in _LEFT_OUT and not path.name.startswith("."):
            found += _files_below(path)
    return found
