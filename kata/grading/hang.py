"""Where a hanging process was: the learner's line in a stack that faulthandler wrote."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from typing import Any

_FRAME = re.compile(r'^  File "(?P<path>.+)", line (?P<line>\d+) in ', re.MULTILINE)


def line_of_hang(stack: str, learner_file: Path) -> dict[str, Any]:
    """`path`, `line` and `source` of the innermost frame in the learner's file; empty when no frame is in it."""
    for frame in _FRAME.finditer(stack):
        path = Path(frame["path"])
        if path.name == learner_file.name and path.resolve() == learner_file:
            line = int(frame["line"])
            return {"path": str(path), "line": line, "source": linecache.getline(str(path), line).strip()}
    return {}
