"""`make versions`: the grade of the reference solution on the newest patch of every Airflow 3.

Each version has an environment of its own in `.kata/versions/`, made from pinned requirements and kept until these
change. `tests/support/airflow_version.py` tells the checks how the versions differ.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kata.core.errors import BrokenSetup
from kata.core.paths import ROOT, STATE, shown
from quality.measured_table import markdown

HEADINGS = ("Airflow", "Python", "points", "seconds", "what differs")

_PINNED = ROOT / "quality" / "versions"
_ENVIRONMENTS = STATE / "versions"
_OLDEST_PYTHON = (3, 10)


@dataclass(frozen=True)
class Release:
    """A version of Airflow that the reference solution is graded on.

    :param minor: "3.1"; the patch stands in its requirements.
    :param requirements: what is installed, pinned and hashed.
    :param newest_python: the newest one that this Airflow runs on.
    :param differs: how it differs from the version that the kata teaches, as far as the kata shows it.
    """

    minor: str
    requirements: Path
    newest_python: tuple[int, int]
    differs: str


_OLD_PLACES = "exceptions in airflow.exceptions; arguments that cannot be serialized are sent as text"
_ONLY_3_0 = f"{_OLD_PLACES}; no TriggerRule in airflow.sdk; soft_fail ignored at a timeout"

RELEASES = (
    Release("3.0", _PINNED / "airflow-3.0.txt", (3, 12), _ONLY_3_0),
    Release("3.1", _PINNED / "airflow-3.1.txt", (3, 13), _OLD_PLACES),
    Release("3.2", _PINNED / "airflow-3.2.txt", (3, 13), "nothing that shows"),
    Release("3.3", ROOT / "requirements.txt", (3, 13), "the version that is taught"),
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
    except (BrokenSetup, subprocess.CalledProcessError) as error:
        console.print(f"Airflow {release.minor} cannot be installed: {error}", style="red", markup=False)
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

    :raises BrokenSetup: if there is no Python that is old enough.
    :raises subprocess.CalledProcessError: if pip fails; pip has said why.
    """
    base = python_for(release.newest_python)
    if base is None:
        newest = ".".join(map(str, release.newest_python))
        raise BrokenSetup(f"it runs on Python up to {newest}, and there is none on the PATH. Install Python {newest}.")
    folder = _ENVIRONMENTS / release.minor
    python, ready = folder / "bin" / "python", folder / ".ready"
    made_of = hashlib.sha256(release.requirements.read_bytes()).hexdigest() + f" {os.path.realpath(base)}"
    if not ready.is_file() or ready.read_text() != made_of:
        print(f"Installing {shown(release.requirements)} into {shown(folder)} …", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([base, "-m", "venv", folder], check=True)
        # The file names everything, so pip installs nothing but what is pinned.
        options = ["--disable-pip-version-check", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([python, "-m", "pip", "install", *options, "-r", release.requirements], check=True)
        ready.write_text(made_of)
    return python


def python_for(newest: tuple[int, int]) -> str | None:
    """Return the running Python or, if it is too new, the newest on the PATH that is not; None if there is none."""
    if sys.version_info[:2] <= newest:
        return sys.executable
    names = [f"python3.{minor}" for minor in range(newest[1], _OLDEST_PYTHON[1] - 1, -1)]
    return next((found for name in names if (found := shutil.which(name))), None)


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
