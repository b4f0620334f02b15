"""`make versions`: the grade of the reference solution on the newest patch of every Airflow 3.

Each version has an environment of its own in `.kata/versions/`, which uv makes from pinned requirements.
`tests/support/airflow_version.py` tells the checks how the versions differ.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kata.core.environment import airflow_version
from kata.core.paths import ROOT, STATE
from quality.measured_table import markdown

HEADINGS = ("Airflow", "Python", "points", "seconds", "what differs")

_PINNED = ROOT / "quality" / "versions"
_ENVIRONMENTS = STATE / "versions"


@dataclass(frozen=True)
class Release:
    """A version of Airflow that the reference solution is graded on.

    :param minor: "3.1"; the patch stands in its requirements.
    :param requirements: what is installed, pinned and hashed.
    :param pythons: those that this Airflow runs on.
    :param differs: how it differs from the version that the kata teaches, as far as the kata shows it.
    """

    minor: str
    requirements: Path
    pythons: str
    differs: str


_OLD_PLACES = "exceptions in airflow.exceptions; arguments that cannot be serialized are sent as text"
_ONLY_3_0 = f"{_OLD_PLACES}; no TriggerRule in airflow.sdk; soft_fail ignored at a timeout"

RELEASES = (
    Release("3.0", _PINNED / "airflow-3.0.txt", ">=3.10,<3.13", _ONLY_3_0),
    Release("3.1", _PINNED / "airflow-3.1.txt", ">=3.10,<3.14", _OLD_PLACES),
    Release("3.2", _PINNED / "airflow-3.2.txt", ">=3.10,<3.14", "nothing that shows"),
    Release(
        airflow_version().rpartition(".")[0], ROOT / "requirements.txt", ">=3.10,<3.14", "the version that is taught"
    ),
)


@dataclass(frozen=True)
class Outcome:
    """The grade on one version.

    :param installed: the versions of Airflow and Python, ("3.1.8", "3.12").
    :param results: of the grade, as its results file has them; empty if there is no grade.
    """

    release: Release
    installed: tuple[str, str]
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def failing(self) -> list[str]:
        """The ids of the checks that did not pass."""
        return [test["name"] for test in self.results.get("tests", []) if test["status"] != "pass"]

    @property
    def is_full(self) -> bool:
        return (
            bool(self.results.get("tests")) and self.results["points"] == self.results["possible"] and not self.failing
        )

    @property
    def row(self) -> tuple[str, ...]:
        """The cells in the order of the headings."""
        if not self.results:
            return (*self.installed, "–", "–", "no grade")
        points = f"{self.results['points']}/{self.results['possible']}"
        return (*self.installed, points, f"{self.results['duration']:.0f}", self.release.differs)


def grade_on(release: Release, console: Console) -> Outcome:
    """Grade the reference solution on one version. If anything fails, say so, so that the other versions follow."""
    console.rule(f"Airflow {release.minor}")
    try:
        python = environment(release)
    except subprocess.CalledProcessError:
        console.print(f"Airflow {release.minor} cannot be installed.", style="red")
        return Outcome(release, (release.minor, ""))
    ask = "import sys, importlib.metadata as m; print(m.version('apache-airflow'), '%d.%d' % sys.version_info[:2])"
    airflow, version = subprocess.check_output([python, "-c", ask], text=True).split()
    results = _ENVIRONMENTS / f"{release.minor}.json"
    results.unlink(missing_ok=True)
    command = [python, "-m", "kata", "grade", "--tree", "solution", "--results", results]
    subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    found = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    return Outcome(release, (airflow, version), found)


def environment(release: Release) -> Path:
    """Install what the version needs, unless it is installed already, and return its interpreter.

    :raises subprocess.CalledProcessError: if uv fails; uv has said why.
    """
    folder, uv = _ENVIRONMENTS / release.minor, [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--allow-existing", "--python", release.pythons, folder], check=True)
    python = folder / "bin" / "python"
    sync = ["pip", "sync", "--require-hashes", "--compile-bytecode", "--python", python, release.requirements]
    subprocess.run([*uv, *sync], check=True)
    return python


def main(arguments: Sequence[str] | None = None) -> int:
    """Grade on all versions, or on one, and print the table.

    :return: the exit code: 0 only if every version has full points.
    """
    parser = argparse.ArgumentParser(prog="python -m quality.versions", description=__doc__)
    parser.add_argument("--only", choices=[release.minor for release in RELEASES], help="one version alone")
    only = parser.parse_args(arguments).only
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False)
    try:
        outcomes = [grade_on(release, console) for release in RELEASES if only in (None, release.minor)]
    except KeyboardInterrupt:
        console.print("Interrupted. An environment that was not complete is made again the next time.")
        return 130
    table = Table(*HEADINGS)
    for outcome in outcomes:
        table.add_row(*outcome.row, style="green" if outcome.is_full else "red")
    console.print(table)
    for outcome in outcomes:
        for check in outcome.failing:
            console.print(f"Airflow {outcome.release.minor} fails {check}", soft_wrap=True, markup=False)
    console.print("\nThe same for the README:\n")
    console.print(markdown(HEADINGS, (outcome.row for outcome in outcomes)), soft_wrap=True, markup=False)
    return 0 if all(outcome.is_full for outcome in outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
