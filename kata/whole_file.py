"""A file that is there whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(file: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write it, a text in UTF-8, in the place of what was there.

    :param mode: the permissions of the file.
    :raises OSError: if it cannot; what was there is left.
    """
    handle, unfinished = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content.encode() if isinstance(content, str) else content)
        os.chmod(unfinished, mode)
        os.replace(unfinished, file)
    except BaseException:
        os.unlink(unfinished)
        raise
