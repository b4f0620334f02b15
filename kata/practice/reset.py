"""`make reset` and `make restore`: a copy of the learner's work is kept before anything replaces it."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kata.core.errors import WrongUsage
from kata.core.files import write_atomically
from kata.core.paths import MODULE, STARTER, STATE, shown
from kata.core.steps import Step
from kata.core.submission import find_tree
from kata.practice.sections import section_of, with_section

BACKUPS = STATE / "backups"


def replace_file(file: Path, content: bytes) -> Path | None:
    """Put `content` in the file's place, whole or not at all; the copy of what was there, None when nothing was.

    Raises `WrongUsage` when that cannot be done; then all is as it was.
    """
    file = file.resolve()
    try:
        copy = _copy(file) if file.exists() else None
        write_atomically(file, content, file.stat().st_mode if copy else 0o644)
    except OSError as error:
        raise WrongUsage(f"{shown(file)} cannot be replaced: {error.strerror}. Nothing was changed.") from None
    return copy


def backups() -> list[Path]:
    """Return all copies, the latest first."""
    return sorted(BACKUPS.glob("*.py"), reverse=True) if BACKUPS.is_dir() else []


def find_backup(name: str) -> Path:
    """Return the copy of this name. Raises `WrongUsage` if there is none."""
    for copy in backups():
        if name in (copy.name, copy.stem):
            return copy
    raise WrongUsage(f"There is no copy {name!r}. `make restore` lists those there are.")


def _copy(file: Path) -> Path:
    BACKUPS.mkdir(parents=True, exist_ok=True)
    now = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for number in range(1000):
        copy = BACKUPS / f"{now}-{number:03d}-{file.parent.name}.py"
        if not copy.exists():
            shutil.copy2(file, copy)
            return copy
    raise WrongUsage(f"{shown(BACKUPS)} holds a thousand copies of this second. Nothing was changed.")


def reset(tree_name: str, step: Step | None, console: Console) -> None:
    """Put the starter, or only the section that `step` is written in, into the tree; what was there is kept.

    :raises WrongUsage: if the file cannot be replaced, or has no heading of this section.
    """
    file = _file_to_change(tree_name)
    starter = STARTER.read_bytes()
    _replace(file, starter if step is None else _only(step, file, starter.decode()), console)
    what = "The starter is" if step is None else f"The starter's section for {step.section} is"
    console.print(Text(f" {what} back in {shown(file)}."), soft_wrap=True)
    if step is not None:
        console.print(Text(" The DAGs at the end of the file are as you left them."))


def restore(tree_name: str, name: str | None, console: Console) -> None:
    """Bring a copy back into the tree, or list the copies when none is named. Raises `WrongUsage`."""
    if name is None:
        for copy in backups():
            console.print(Text(f"   make restore BACKUP={copy.stem}"), soft_wrap=True)
        console.print(Text(" The latest copy first." if backups() else " There are no copies yet: nothing was reset."))
        return
    copy = find_backup(name)
    file = _file_to_change(tree_name)
    _replace(file, copy.read_bytes(), console)
    console.print(Text(f" {copy.stem} is back in {shown(file)}."), soft_wrap=True)


def _file_to_change(tree_name: str) -> Path:
    file = find_tree(tree_name) / f"{MODULE}.py"
    if file.is_dir():
        raise WrongUsage(f"{shown(file)} is a folder, not a file. Move it away first.")
    return file


def _replace(file: Path, content: bytes, console: Console) -> None:
    copy = replace_file(file, content)
    if copy is not None:
        console.print(Text(f" What was there is kept: make restore BACKUP={copy.stem}"), soft_wrap=True)


def _only(step: Step, file: Path, starter: str) -> bytes:
    section = section_of(step, starter)
    assert section is not None
    try:
        # Not as text: the ends of its lines are to stay as they are.
        return with_section(step, file.read_bytes().decode(), section).encode()
    except (KeyError, OSError, UnicodeDecodeError):
        heading = section.splitlines()[0].rstrip("─ ")
        raise WrongUsage(
            f"{shown(file)} has no line {heading!r} any more, so it cannot be said where {step.section} begins. "
            "Put the line back, or reset the whole file: make reset"
        ) from None
