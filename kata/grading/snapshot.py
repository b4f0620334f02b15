"""A submission as it was at one moment: what is graded, whatever is saved meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kata.core.paths import MODULE, ROOT, shown
from kata.core.submission import Problem, decode_source, leads_into, read_source

_MOST_HELPERS = 100
_DEEPEST = 10  # folders
_MOST_BYTES = 1_000_000  # of a helper
# A helper of such a name would hide behind a package of the checks.
_TAKEN = ("kata", "tests")


@dataclass(frozen=True)
class Snapshot:
    """The learner's file and the other Python files in its folder.

    :param tree: the folder of the submission.
    :param text: of the learner's file.
    :param problem: why it cannot be graded, None if it can.
    :param files: the content of each by its path in the folder.
    """

    tree: Path
    text: str = ""
    problem: Problem | None = None
    files: dict[str, bytes] = field(default_factory=dict)

    def write_to(self, folder: Path) -> None:
        """Write the files into a folder that is made for them."""
        for name, content in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def take_snapshot(tree: Path) -> Snapshot:
    """Read a submission.

    :param tree: the folder of the submission, resolved.
    """
    source, problem = read_source(tree)
    text = ""
    if problem is None:
        text, problem = decode_source(source, tree / f"{MODULE}.py")
    if problem is not None:
        return Snapshot(tree, text, problem)
    files = {f"{MODULE}.py": source}
    for helper in _helpers(tree):
        if problem := _refused(helper, tree, len(files)):
            return Snapshot(tree, text, problem)
        with helper.open("rb") as opened:
            files[str(helper.relative_to(tree))] = opened.read(_MOST_BYTES)
    return Snapshot(tree, text, None, files)


def _refused(helper: Path, tree: Path, count: int) -> Problem | None:
    path = shown(helper)
    if count > _MOST_HELPERS:
        what = f"There are more than {_MOST_HELPERS} Python files in the folder of the submission."
        return Problem(what, shown(tree), "Put it into a folder of its own.")
    if helper.relative_to(tree).parts[0].removesuffix(".py") in _TAKEN:
        return Problem("The file has the name of a package of the checks.", path, "Rename it.")
    if helper.stat().st_size > _MOST_BYTES:
        return Problem(f"The file has more than {_MOST_BYTES // 1000} kB.", path, "Split it.")
    return None


def _helpers(tree: Path) -> Iterator[Path]:
    if tree == ROOT:
        return
    for folder, folders, names in os.walk(tree):
        here = Path(folder)
        is_deep = len(here.relative_to(tree).parts) >= _DEEPEST
        folders[:] = [] if is_deep else sorted(name for name in folders if _may_hold_helpers(here / name))
        for name in sorted(names):
            file = here / name
            is_other = here != tree or name != f"{MODULE}.py"
            # Only Python files are looked at any closer: there may be thousands of others.
            if (
                name.endswith(".py")
                and is_other
                and file.is_file()
                and leads_into(tree, file)
                and os.access(file, os.R_OK)
            ):
                yield file


def _may_hold_helpers(folder: Path) -> bool:
    is_environment = os.path.exists(folder / "pyvenv.cfg")
    return folder.name.isidentifier() and folder.name != "__pycache__" and not is_environment
