"""The grader's own files, kept in memory while learner code runs: it may write wherever the grader may."""

from __future__ import annotations

from pathlib import Path

_LEFT_OUT = ("__pycache__", "starter", "hints")


class KeptFiles:
    """The files below a folder as they were when this was made.

    :param folder: of Python modules.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._content = {path: path.read_bytes() for path in _files_below(folder)}

    def write_to(self, folder: Path) -> None:
        """Write them anew, below another folder."""
        for path, content in self._content.items():
            copy = folder / path.relative_to(self._folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)

    def changed(self) -> list[Path]:
        """The files that are not what they were, are gone, or are new."""
        there = {path: path.read_bytes() for path in _files_below(self._folder)}
        paths = sorted(self._content.keys() | there.keys())
        return [path for path in paths if self._content.get(path) != there.get(path)]


def _files_below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_file() and path.suffix in (".py", ".ini")]
    for path in folder.iterdir():
        if path.is_dir() and path.name not in _LEFT_OUT and not path.name.startswith("."):
            found += _files_below(path)
    return found
