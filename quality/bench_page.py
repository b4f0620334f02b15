"""Puts what `make bench` has measured into docs/measurements.md: `python -m quality.bench_page`."""

from __future__ import annotations

import json
import shutil
from typing import Any

from kata.core.files import write_between_marks
from kata.core.paths import MONITORING, ROOT, shown
from lab.bench.measurement import Died, Measured
from lab.bench.setting import HUNG, SETTINGS
from lab.bench.table import contenders, rows
from quality.measured_table import markdown

PAGE = ROOT / "docs" / "measurements.md"
KEPT = ROOT / "docs" / "bench.json"
_WAITS = 1000
_SHOWN = ("loop lag p99", "CPU", "memory a wait", "threads", "to event max", "in 2 intervals")


def tables(bench: dict[str, Any]) -> str:
    """A table for each setting, as Markdown; where there are several numbers of waits, of the 1,000."""
    results = [Measured(**each) if "cpu" in each else Died(**each) for each in bench["results"]]
    results = [each for each in results if each.waits == _WAITS or each.setting == HUNG.name]
    blocks = []
    for setting, waits in dict.fromkeys((each.setting, each.waits) for each in results):
        of_table = [each for each in results if (each.setting, each.waits) == (setting, waits)]
        title = f"**{SETTINGS[setting].title}; {waits:,} waits**"
        shown_rows = (row for row in rows(of_table) if row[0] in _SHOWN)
        blocks.append(f"{title}\n\n{markdown(['', *contenders(of_table)], shown_rows)}")
    return "\n\n".join(blocks)


def main() -> None:
    shutil.copyfile(MONITORING / "bench.json", KEPT)
    shutil.copyfile(MONITORING / "bench.png", ROOT / "docs" / "pictures" / "bench.png")
    write_between_marks("bench", tables(json.loads(KEPT.read_text(encoding="utf-8"))), PAGE)
    print(f"Written: {shown(PAGE)}")


if __name__ == "__main__":
    main()
