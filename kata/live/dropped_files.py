"""The files that the proof lets arrive, and takes away again: the folder may be the learner's own."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from kata.airflow.arriving_files import drop


class DroppedFiles:
    """Drops files below a folder; at the end of the `with` block they are gone.

    :param data: the folder that the DAGs read and write below.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._dropped: list[Path] = []

    def __enter__(self) -> DroppedFiles:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.take_away()

    def drop(self, name: str) -> None:
        """Let a file arrive.

        :param name: relative to the folder.
        """
        self._dropped.append(drop(self._data / name))

    def take_away(self) -> None:
        """Remove every file that was dropped so far, and nothing else."""
        while self._dropped:
            self._dropped.pop().unlink(missing_ok=True)
