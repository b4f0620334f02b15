"""`make reset` and `make restore`: the starter back, and back again."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from kata.failures import WrongUsage
from kata.grading.preflight import find_tree
from kata.places import MODULE, STARTER, shown
from kata.practice.backups import backups, find_backup, replace_file
from kata.practice.sections import section_of, with_section
from kata.steps import Step


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
