"""Copies of what a learner wrote, made before anything takes its place. They are never removed."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from kata.failures import WrongUsage
from kata.places import STATE, shown
from kata.whole_file import write_whole

BACKUPS = STATE / "backups"


def replace_file(file: Path, content: bytes) -> Path | None:
    """Put `content` in the file's place, whole or not at all; the copy of what was there, None when nothing was.

    Raises `WrongUsage` when that cannot be done; then all is as it was.
    """
    file = file.resolve()
    try:
        copy = _copy(file) if file.exists() else None
        write_whole(file, content, file.stat().st_mode if copy else 0o644)
    except OSError as error:
        raise WrongUsage(f"{shown(file)} cannot be replaced: {error.strerror}. Nothing was changed.") from None
    return copy


def backups() -> list[Path]:
    """All copies, the latest first."""
    return sorted(BACKUPS.glob("*.py"), reverse=True) if BACKUPS.is_dir() else []


def find_backup(name: str) -> Path:
    """The copy of this name. Raises `WrongUsage` when there is none."""
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
