"""Puts what `make bench` has measured into docs/measurements.md: `python -m quality.bench_page`."""

from __future__ import annotations

import json
import shutil
from typing import Any

from kata.core.files import write_between_marks
from kata.core.paths import MONITORING, ROOT, shown
from lab.bench import results
from lab.bench.directories import HUNG
from lab.tables import markdown

PAGE = ROOT / "docs" / "measurements.md"
KEPT = ROOT / "docs" / "bench.json"
_WAITS = 1000
_SHOWN = ("loop lag p99", "CPU", "memory a wait", "threads", "to event max", "in 2 intervals")


def tables(bench: dict[str, Any]) -> str:
    """Return a table for each setting, as Markdown: where there are several numbers of waiting tasks, that of 1,000."""
    chosen = [each for each in bench["results"] if each["waits"] == _WAITS or each["setting"] == HUNG.name]
    blocks = []
    for title, columns, rows in results.tables(chosen):
        blocks.append(f"**{title}**\n\n{markdown(columns, [row for row in rows if row[0] in _SHOWN])}")
    return "\n\n".join(blocks)


def main() -> None:
    """Copy the bench into docs/, and write its tables."""
    shutil.copyfile(MONITORING / "bench.json", KEPT)
    shutil.copyfile(MONITORING / "bench.png", ROOT / "docs" / "pictures" / "bench.png")
    write_between_marks("bench", tables(json.loads(KEPT.read_text(encoding="utf-8"))), PAGE)
    print(f"Written: {shown(PAGE)}")


if __name__ == "__main__":
    main()
