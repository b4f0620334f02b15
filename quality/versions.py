"""`make versions`: the grade of the reference solution on the newest patch of every Airflow 3.

Each version has an environment of its own in `.kata/versions/`, which uv makes from pinned requirements.
`tests/support/airflow_version.py` tells the checks how the versions differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from kata.core.command import exit_code
from kata.core.environment import airflow_version
from kata.core.paths import ROOT, STATE
from lab.tables import markdown

HEADINGS = ("Airflow", "Python", "points", "seconds", "what differs")

_ENVIRONMENTS = STATE / "versions"
_PYTHONS = ">=3.10,<3.13"  # all these versions run on them

_OLD_PLACES = "exceptions in airflow.exceptions; arguments that cannot be serialized are sent as text"
_TAUGHT = airflow_version().rpartition(".")[0]

# How each differs from the version that the kata teaches, as far as the kata shows it.
VERSIONS = {
    "3.0": f"{_OLD_PLACES}; no TriggerRule in airflow.sdk; soft_fail ignored at a timeout",
    "3.1": _OLD_PLACES,
    "3.2": "nothing that shows",
    _TAUGHT: "the version that is taught",
}


def grade_on(version: str) -> dict[str, Any]:
    """Grade the reference solution on one version. If anything fails, say so, so that the other versions follow.

    :return: the results of the grade, and the installed versions under "airflow" and "python"; empty without a grade.
    """
    print(f"\n── Airflow {version} ──", flush=True)
    try:
        python = environment(version)
    except subprocess.CalledProcessError:
        print(f"Airflow {version} cannot be installed.")
        return {}
    results = _ENVIRONMENTS / f"{version}.json"
    results.unlink(missing_ok=True)
    command = [python, "-m", "kata", "grade", "--tree", "solution", "--results", results]
    subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    if not results.is_file():
        return {}
    ask = "import sys, importlib.metadata as m; print(m.version('apache-airflow'), '%d.%d' % sys.version_info[:2])"
    installed = subprocess.check_output([python, "-c", ask], text=True).split()
    return json.loads(results.read_text(encoding="utf-8")) | dict(zip(("airflow", "python"), installed, strict=True))


def environment(version: str) -> Path:
    """Install what the version needs, unless it is installed already, and return its interpreter.

    :raises subprocess.CalledProcessError: if uv fails; uv has said why.
    """
    folder, uv = _ENVIRONMENTS / version, [sys.executable, "-m", "uv"]
    pinned = ROOT / "requirements.txt" if version == _TAUGHT else ROOT / f"quality/versions/airflow-{version}.txt"
    subprocess.run([*uv, "venv", "--quiet", "--allow-existing", "--python", _PYTHONS, folder], check=True)
    python = folder / "bin" / "python"
    # Copied, as in the Makefile: with links, what damages one environment would damage uv's cache and all others.
    sync = ["pip", "sync", "--require-hashes", "--compile-bytecode", "--link-mode=copy", f"--python={python}"]
    subprocess.run([*uv, *sync, pinned], check=True)
    return python


def row(version: str, results: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells in the order of the headings."""
    if not results:
        return (version, "", "–", "–", "no grade")
    points, seconds = f"{results['points']}/{results['possible']}", f"{results['duration']:.0f}"
    return (results["airflow"], results["python"], points, seconds, VERSIONS[version])


def main() -> bool:
    """Grade on all versions, or on one, and print the table; return whether every version has full points."""
    parser = argparse.ArgumentParser(prog="python -m quality.versions", description=__doc__)
    parser.add_argument("--only", choices=VERSIONS, help="one version alone")
    only = parser.parse_args().only
    outcomes = {version: grade_on(version) for version in VERSIONS if only in (None, version)}
    for version, results in outcomes.items():
        for check in (test["name"] for test in results.get("tests", []) if test["status"] != "pass"):
            print(f"Airflow {version} fails {check}")
    print(f"\nThe table for the README:\n\n{markdown(HEADINGS, map(row, outcomes, outcomes.values()))}")
    return all(results and results["points"] == results["possible"] for results in outcomes.values())


if __name__ == "__main__":
    sys.exit(exit_code(main))
