"""The grader's own files, kept in memory while learner code runs: it may write wherever the grader may."""

from __future__ import annotations

import py_compile
import tempfile
from functools import cache
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
        """Write them below another folder, with what Python would have to compile of them in every child."""
        for path, content in self._content.items():
            copy = folder / path.relative_to(self._folder)
            _write(copy, content)
            # pytest compiles its own files itself.
            if path.suffix == ".py" and not path.name.startswith(_OF_PYTEST) and (compiled := _compiled(content)):
                _write(Path(cache_from_source(str(copy))), compiled)

    def changed(self) -> list[Path]:
        """Return the files that have changed, are gone, or are new."""
        there = {path: path.read_bytes() for path in _files_below(self._folder)}
        paths = sorted(self._content.keys() | there.keys())
        return [path for path in paths if self._content.get(path) != there.get(path)]


@cache
def _compiled(source: bytes) -> bytes | None:
    """Return what Python would cache of the module; None if it is not Python code."""
    with tempfile.TemporaryDirectory() as scratch:
        file, made = Path(scratch) / "source.py", Path(scratch) / "made.pyc"
        file.write_bytes(source)
        try:
            # Never looked at again whether it is still up to date: it is written together with its source.
            mode = PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(str(file), str(made), doraise=True, invalidation_mode=mode)
        except PyCompileError:
            return None
        return made.read_bytes()


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _files_below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_file() and path.suffix in (".ini", ".json", ".py", ".toml")]
    for path in folder.iterdir():
        if path.is_dir() and path.name not in _LEFT_OUT and not path.name.startswith("."):
            found += _files_below(path)
    return found
