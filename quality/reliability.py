"""`make reliability`: puts what a live proof on the compose stack has shown into docs/reliability.md."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from kata.core.errors import WrongUsage
from kata.core.paths import ROOT, shown
from quality.measured_table import write_table

PAGE = ROOT / "docs" / "reliability.md"
_OUTCOMES = {"pass": "held", "fail": "**failed**", "error": "**not run**"}


def write_page(results: dict[str, Any], page: Path) -> None:
    """Put the table between the marks of the page.

    :param results: of `make live STACK=compose`, as its RESULTS file has them.
    """
    tests = [test for test in results["tests"] if test["task_id"] in ("survived", "faults")]
    if not tests:
        raise WrongUsage("These are no results of a live proof with faults. Take them with: make reliability")
    rows = ((test["title"], _OUTCOMES[test["status"]], test["output"] or "") for test in tests)
    write_table(("fault", "outcome", "measured"), rows, page)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m quality.reliability", description=__doc__)
    parser.add_argument("results", type=Path)
    options = parser.parse_args()
    try:
        write_page(json.loads(options.results.read_text(encoding="utf-8")), PAGE)
    except (WrongUsage, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Written: {shown(PAGE)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
