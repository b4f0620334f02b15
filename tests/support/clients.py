"""The directories of clients, and files that arrive in them."""

from __future__ import annotations

import os
from pathlib import Path


class Clients:
    """
    Five directories of clients below one root, all empty.

    :ivar directories: their paths, in order.
    """

    def __init__(self, root: Path, count: int = 5) -> None:
        self.root = str(root)
        self.directories = [str(root / f"client_{number}") for number in range(1, count + 1)]
        for directory in self.directories:
            os.makedirs(directory)

    def __getitem__(self, number: int) -> str:
        """Return the directory of a client, from 1 on."""
        return self.directories[number - 1]

    def path(self, number: int, name: str) -> str:
        """Return the path of a file of a client, whether or not it exists."""
        return os.path.join(self[number], name)

    def drop(self, number: int, name: str, text: str = "id,amount\n1,10\n") -> str:
        """Write a file into a client's directory and return its path."""
        path = self.path(number, name)
        Path(path).write_text(text, encoding="utf-8")
        return path

    def tree(self) -> dict[str, float]:
        """Return all paths below the root with the time of their last change."""
        return {str(path): path.lstat().st_mtime for path in Path(self.root).rglob("*")}
