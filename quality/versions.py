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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def grade_on(release: Release) -> dict[str, Any]:
    """Grade the reference solution on one version. If anything fails, say so, so that the other versions follow.

    :return: the results of the grade, and the installed versions under "airflow" and "python"; empty without a grade.
    """
    print(f"\n── Airflow {release.minor} ──", flush=True)
    try:
        python = environment(release)
    except subprocess.CalledProcessError:
        print(f"Airflow {release.minor} cannot be installed.")
        return {}
    results = _ENVIRONMENTS / f"{release.minor}.json"
    results.unlink(missing_ok=True)
    command = [python, "-m", "kata", "grade", "--tree", "solution", "--results", results]
    subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    if not results.is_file():
        return {}
    ask = "import sys, importlib.metadata as m; print(m.version('apache-airflow'), '%d.%d' % sys.version_info[:2])"
    installed = subprocess.check_output([python, "-c", ask], text=True).split()
    return json.loads(results.read_text(encoding="utf-8")) | dict(zip(("airflow", "python"), installed, strict=True))


def is_full(results: dict[str, Any]) -> bool:
    """Return whether every check has passed, and there are checks."""
    tests = results.get("tests")
    return bool(tests) and not failing(results) and results["points"] == results["possible"]


def failing(results: dict[str, Any]) -> list[str]:
    """Return the ids of the checks that did not pass."""
    return [test["name"] for test in results.get("tests", []) if test["status"] != "pass"]


def row(release: Release, results: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells in the order of the headings."""
    if not results:
        return (release.minor, "", "–", "–", "no grade")
    points, seconds = f"{results['points']}/{results['possible']}", f"{results['duration']:.0f}"
    return (results["airflow"], results["python"], points, seconds, release.differs)


def environment(release: Release) -> Path:
    """Install what the version needs, unless it is installed already, and return its interpreter.

    :raises subprocess.CalledProcessError: if uv fails; uv has said why.
    """
    folder, uv = _ENVIRONMENTS / release.minor, [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--allow-existing", "--python", release.pythons, folder], check=True)
    python = folder / "bin" / "python"
    # Copied, as in the Makefile: with links, what damages one environment would damage uv's cache and all others.
    sync = ["pip", "sync", "--require-hashes", "--compile-bytecode", "--link-mode=copy", f"--python={python}"]
    subprocess.run([*uv, *sync, release.requirements], check=True)
    return python


def main(arguments: Sequence[str] | None = None) -> int:
    """Grade on all versions, or on one, and print the table.

    :return: the exit code: 0 only if every version has full points.
    """
    parser = argparse.ArgumentParser(prog="python -m quality.versions", description=__doc__)
    parser.add_argument("--only", choices=[release.minor for release in RELEASES], help="one version alone")
    only = parser.parse_args(arguments).only
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    releases = [release for release in RELEASES if only in (None, release.minor)]
    try:
        outcomes = [grade_on(release) for release in releases]
    except KeyboardInterrupt:
        print("Interrupted. An environment that is not complete is completed the next time.")
        return 130
    for release, results in zip(releases, outcomes, strict=True):
        for check in failing(results):
            print(f"Airflow {release.minor} fails {check}")
    print(f"\nThe table for the README:\n\n{markdown(HEADINGS, map(row, releases, outcomes))}")
    return 0 if all(map(is_full, outcomes)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
