"""`make reset` and `make restore`: a copy of the learner's work is kept before anything replaces it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kata.core.errors import WrongUsage
from kata.core.files import write_atomically
from kata.core.paths import MODULE, STARTER, STATE, shown
from kata.core.steps import Step
from kata.core.submission import find_tree
from kata.practice.sections import sections, with_section

BACKUPS = STATE / "backups"


def backups() -> list[Path]:
    """Return all copies, the latest first."""
    return sorted(BACKUPS.glob("*.py"), reverse=True)


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
    copies = backups()
    if name is None:
        for copy in copies:
            console.print(Text(f"   make restore BACKUP={copy.stem}"), soft_wrap=True)
        console.print(Text(" The latest copy first." if copies else " There are no copies yet: nothing was reset."))
        return
    chosen = next((copy for copy in copies if name in (copy.name, copy.stem)), None)
    if chosen is None:
        raise WrongUsage(f"There is no copy {name!r}. `make restore` lists the existing copies.")
    file = _file_to_change(tree_name)
    _replace(file, chosen.read_bytes(), console)
    console.print(Text(f" {chosen.stem} is back in {shown(file)}."), soft_wrap=True)


def _file_to_change(tree_name: str) -> Path:
    file = find_tree(tree_name) / f"{MODULE}.py"
    if file.is_dir():
        raise WrongUsage(f"{shown(file)} is a folder, not a file. Move it away first.")
    return file.resolve()


def _replace(file: Path, content: bytes, console: Console) -> None:
    """Replace the file, completely or not at all, after a copy of it was made. Raises `WrongUsage`."""
    copy, mode = BACKUPS / f"{datetime.now():%Y-%m-%d-%H%M%S-%f}-{file.parent.name}.py", 0o644
    try:
        if file.exists():
            BACKUPS.mkdir(parents=True, exist_ok=True)
            mode = file.stat().st_mode
            write_atomically(copy, file.read_bytes(), mode)
        write_atomically(file, content, mode)
    except OSError as error:
        raise WrongUsage(f"{shown(file)} cannot be replaced: {error.strerror}. Nothing was changed.") from None
    if copy.exists():
        console.print(Text(f" Your file is kept: make restore BACKUP={copy.stem}"), soft_wrap=True)


def _only(step: Step, file: Path, starter: str) -> bytes:
    section = sections(starter)[step.section]
    try:
        # Not as text: the line endings stay as they are.
        return with_section(step, file.read_bytes().decode(), section).encode()
    except (KeyError, OSError, UnicodeDecodeError):
        heading = section.splitlines()[0].rstrip("─ ")
        raise WrongUsage(
            f"{shown(file)} has no line {heading!r}, so the beginning of {step.section} is unknown. "
            "Put the line back, or reset the whole file: make reset"
        ) from None
