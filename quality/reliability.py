"""`make reliability`: puts what a live proof on the compose stack has shown into docs/reliability.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kata.core.paths import ROOT, shown
from quality.measured_table import write_table

PAGE = ROOT / "docs" / "reliability.md"
_OUTCOMES = {"pass": "held", "fail": "**failed**", "error": "**not run**"}


def main(results: Path) -> None:
    """Put the table into the page.

    :param results: the RESULTS file of `make live STACK=compose`.
    """
    tests = json.loads(results.read_text(encoding="utf-8"))["tests"]
    of_faults = [test for test in tests if test["task_id"] in ("survived", "faults")]
    if not of_faults:
        sys.exit("These are no results of a live proof with faults. Take them with: make reliability")
    rows = ((test["title"], _OUTCOMES[test["status"]], test["output"] or "") for test in of_faults)
    write_table(("fault", "outcome", "measured"), rows, PAGE)
    print(f"Written: {shown(PAGE)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
