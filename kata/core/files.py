"""Files that are complete or absent, scratch folders, and the generated parts of Markdown pages."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kata.core.environment import airflow_version
from kata.core.paths import STATE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # a requirement of pytest on Python 3.10


def write_atomically(file: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Replace a file, completely or not at all.

    :param content: a text is written in UTF-8.
    :param mode: the permissions of the file.
    :raises OSError: if it cannot be written; the old file is still there.
    """
    handle, unfinished = tempfile.mkstemp(dir=file.absolute().parent, prefix=".unfinished-")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content.encode() if isinstance(content, str) else content)
        os.chmod(unfinished, mode)
        os.replace(unfinished, file)
    except BaseException:
        os.unlink(unfinished)
        raise


_SCRATCH = STATE / "scratch"
# What a killed process has left is swept away once it is surely of no use to anybody.
_FORGOTTEN_AFTER = 3600.0  # seconds


@contextlib.contextmanager
def scratch_folder() -> Iterator[str]:
    """Create a folder that is removed, with its content, at the end of the `with` block."""
    _SCRATCH.mkdir(parents=True, exist_ok=True)
    for left in _SCRATCH.iterdir():
        # Another start may sweep at the same time.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _FORGOTTEN_AFTER:
                remove_tree(left)
    folder = tempfile.mkdtemp(dir=_SCRATCH)
    try:
        yield folder
    finally:
        remove_tree(Path(folder))


def remove_tree(folder: Path) -> None:
    """Remove a folder and its content, whatever a submission has made of it.

    `shutil.rmtree` fails at a thousand nested folders, and `tempfile` before Python 3.12 follows links.
    """
    for command in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        if folder.exists():
            subprocess.run([*command, folder], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def write_between_marks(name: str, text: str, page: Path) -> None:
    """Replace the text between the two marks of this name in a Markdown page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    part = f"{begin}\n{text}\n{end}"
    new = re.sub(f"{begin}.*{end}", lambda _: part, page.read_text(encoding="utf-8"), flags=re.DOTALL)
    page.write_text(new, encoding="utf-8")


def read_toml(file: Path) -> dict[str, Any]:
    """Return the content of a TOML file; "{airflow}" in it stands for the version of the installed Airflow."""
    return tomllib.loads(file.read_text(encoding="utf-8").replace("{airflow}", airflow_version()))
