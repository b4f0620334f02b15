"""What Airflow's log says about a run while it goes on."""

from __future__ import annotations

import re
from pathlib import Path

_NEWS = re.compile(
    r"\[DAG TEST\] starting task_id=(?P<running>\S+)"
    r"|Pausing task as DEFERRED\..* task_id=(?P<deferred>\S+)"
    r"|\[DAG TEST\] end task task_id=(?P<ended>\S+)"
)
_ERROR = re.compile(r"\[(?:error|critical) *\]|^[\w.]*(?:Error|Exception)\b.*:")


class DagRunLog:
    """Reads the log of one DAG run from its start, as it grows.

    :param file: the log.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read = 0

    def news(self) -> list[tuple[str, str]]:
        """Task id and "running", "deferred" or "ended", for each such line since the last call."""
        with self.file.open("rb") as opened:
            opened.seek(self._read)
            whole, line_end, _ = opened.read().rpartition(b"\n")
        self._read += len(whole) + len(line_end)
        found = _NEWS.finditer(whole.decode(errors="replace"))
        return [(match[match.lastgroup], match.lastgroup) for match in found if match.lastgroup]

    def errors(self, most: int = 6) -> list[str]:
        """The last lines that name an error, without their time stamps; the last of all where none does."""
        lines = self.file.read_text(errors="replace").splitlines()
        found = [line for line in lines if _ERROR.search(line)][-most:] or lines[-3:]
        return [re.sub(r"^\d{4}-\S+Z ", "", line)[:300] for line in found]
