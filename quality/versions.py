"""`make versions`: the grade of the worked answer on the newest patch of every Airflow 3.

Each version has an environment of its own in `.kata/versions/`, made from pinned requirements and kept until these
change. What the versions do otherwise than each other is told to the checks by `tests/support/airflow_version.py`.
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
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kata.core.console import plain
from kata.core.paths import ROOT, STATE, shown

EVERY_VERSION_IS_FULL, NOT_EVERY_VERSION_IS_FULL, INTERRUPTED = 0, 1, 130

_PINNED = ROOT / "quality" / "versions"
_ENVIRONMENTS = STATE / "versions"
_LOGS = STATE / "logs"
_SECONDS_BETWEEN_SIGNS_OF_LIFE = 2.0
_WIDTH_OF_SIGNS_OF_LIFE = 78
_OLDEST_PYTHON = (3, 10)


@dataclass(frozen=True)
class Release:
    """A version of Airflow that the worked answer is graded on.

    :param minor: "3.1"; the patch stands in its requirements.
    :param requirements: what is installed, pinned and hashed.
    :param newest_python: the newest one that this Airflow runs on.
    :param differs: what it does otherwise than the version that the kata teaches, as far as the kata shows it.
    """

    minor: str
    requirements: Path
    newest_python: tuple[int, int]
    differs: str

    @property
    def environment(self) -> Path:
        return _ENVIRONMENTS / self.minor

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"


_OLD_PLACES = "exceptions in airflow.exceptions; arguments that cannot travel are sent as text"

RELEASES = (
    Release(
        "3.0",
        _PINNED / "airflow-3.0.txt",
        (3, 12),
        f"{_OLD_PLACES}; no TriggerRule in airflow.sdk; soft_fail ignored at a timeout",
    ),
    Release("3.1", _PINNED / "airflow-3.1.txt", (3, 13), _OLD_PLACES),
    Release("3.2", _PINNED / "airflow-3.2.txt", (3, 13), "nothing that shows"),
    Release("3.3", ROOT / "requirements.txt", (3, 13), "the version that is taught"),
)


@dataclass(frozen=True)
class Outcome:
    """What came of the grade on one version.

    :param airflow: the whole version, "3.1.8"; the minor one where nothing was installed.
    :param python: "3.12"; "" where there is none.
    :param failing: ids of the checks that did not pass.
    :param problem: why there is no grade; "" when there is one.
    """

    release: Release
    airflow: str
    python: str = ""
    points: int = 0
    possible: int = 0
    passed: int = 0
    total: int = 0
    seconds: float = 0.0
    failing: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_full(self) -> bool:
        return not self.problem and self.total > 0 and (self.points, self.passed) == (self.possible, self.total)


class NoEnvironment(Exception):
    """The environment of a version cannot be made. Its text says why, where to look, and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Grade on all versions, or on one, and print the table; the exit code: 0 only if every version is full."""
    parser = argparse.ArgumentParser(prog="python -m quality.versions", description=__doc__)
    parser.add_argument("--only", choices=[release.minor for release in RELEASES], help="one version alone")
    only = parser.parse_args(arguments).only
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    outcomes = []
    try:
        for release in RELEASES:
            if only in (None, release.minor):
                outcomes.append(grade_on(release, console))
    except KeyboardInterrupt:
        console.print("Interrupted. An environment that was being made is made anew the next time.")
        return INTERRUPTED
    show(outcomes, console)
    return EVERY_VERSION_IS_FULL if all(outcome.is_full for outcome in outcomes) else NOT_EVERY_VERSION_IS_FULL


# ── One version ──


def grade_on(release: Release, console: Console) -> Outcome:
    """Grade the worked answer on one version. Whatever fails is told in the outcome: the others come all the same."""
    try:
        make_environment(release, console)
    except NoEnvironment as error:
        console.print(f"Airflow {release.minor}: {error}", style="red", soft_wrap=True, highlight=False, markup=False)
        return Outcome(release, release.minor, problem=str(error))
    installed = _installed(release)
    results, log = _ENVIRONMENTS / f"{release.minor}.json", _LOGS / f"versions-{release.minor}-grade.log"
    results.unlink(missing_ok=True)
    command = [str(release.python), "-m", "kata", "grade", "--tree", "solution", "--results", str(results)]
    exit_code = run(command, f"Airflow {release.minor}: grading the solution", log, console)
    outcome = outcome_of(release, installed, _read(results), exit_code, log)
    console.print(f"Airflow {release.minor}: {_summary(outcome)}", soft_wrap=True, highlight=False, markup=False)
    return outcome


def outcome_of(
    release: Release, installed: tuple[str, str], results: dict[str, Any] | None, exit_code: int, log: Path
) -> Outcome:
    """The outcome from the results that the grader has written, or from their absence."""
    airflow, python = installed
    if results is None:
        problem = f"the grader ended with exit code {exit_code} and no results ({_last_line(log)}). Log: {shown(log)}"
        return Outcome(release, airflow, python, problem=problem)
    failing = tuple(test["name"] for test in results["tests"] if test["status"] != "pass")
    return Outcome(
        release,
        airflow,
        python,
        points=results["points"],
        possible=results["possible"],
        passed=len(results["tests"]) - len(failing),
        total=len(results["tests"]),
        seconds=results["duration"],
        failing=failing,
        problem=results["message"] or "",
    )


def _read(results: Path) -> dict[str, Any] | None:
    return json.loads(results.read_text(encoding="utf-8")) if results.is_file() else None


def _installed(release: Release) -> tuple[str, str]:
    """The versions of Airflow and of Python in the environment."""
    ask = "import sys, importlib.metadata as m; print(m.version('apache-airflow'), '%d.%d' % sys.version_info[:2])"
    airflow, python = subprocess.check_output([release.python, "-c", ask], text=True).split()
    return airflow, python


# ── Its environment ──


def make_environment(release: Release, console: Console) -> None:
    """Install what the version needs, unless that is there already. Raises `NoEnvironment`."""
    python = python_for(release.newest_python)
    if python is None:
        newest = _dotted(release.newest_python)
        raise NoEnvironment(
            f"it runs on Python up to {newest}, this is {_dotted(sys.version_info[:2])}, and none that is old enough "
            f"is on the PATH. Install Python {newest} and run this again."
        )
    made_of = hashlib.sha256(release.requirements.read_bytes()).hexdigest() + f" {os.path.realpath(python)}"
    ready = release.environment / ".ready"
    if ready.is_file() and ready.read_text() == made_of:
        return
    shutil.rmtree(release.environment, ignore_errors=True)
    requirements, log = shown(release.requirements), _LOGS / f"versions-{release.minor}-install.log"
    doing = f"Airflow {release.minor}: installing it into {shown(release.environment)}"
    if run([python, "-m", "venv", str(release.environment)], doing, log, console):
        raise NoEnvironment(f"{python} cannot make a virtual environment ({_last_line(log)}). Log: {shown(log)}")
    # The file names everything, so that pip need not look for more: nothing but what is pinned, and that to the byte.
    install = [str(release.python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    if run([*install, "--no-deps", "--require-hashes", "--requirement", requirements], doing, log, console):
        raise NoEnvironment(
            f"pip cannot install {requirements} ({_last_line(log)}). Log: {shown(log)}. "
            f"Is the package index in reach? Then run: make versions ONLY={release.minor}"
        )
    ready.write_text(made_of)


def python_for(newest: tuple[int, int]) -> str | None:
    """The running Python, or, where it is too new, the newest on the PATH that is not; None where there is none."""
    if sys.version_info[:2] <= newest:
        return sys.executable
    names = [f"python3.{minor}" for minor in range(newest[1], _OLDEST_PYTHON[1] - 1, -1)]
    return next((found for name in names if (found := shutil.which(name))), None)


def _dotted(python: Sequence[int]) -> str:
    return ".".join(map(str, python))


def _last_line(log: Path) -> str:
    """What a command said last; of pip's many lines that with the error."""
    said = log.read_text(errors="replace") if log.is_file() else ""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["it said nothing"])[-1][:300]


# ── What is started ──


def run(command: list[str], doing: str, log: Path, console: Console) -> int:
    """Run a command, keep in `log` what it says, and show all the while that it is alive; its exit code."""
    log.parent.mkdir(parents=True, exist_ok=True)
    console.print(f"{doing} …", highlight=False, soft_wrap=True)
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            while _still_runs(process):
                sign = f"{time.monotonic() - began:5.0f} s  {_newest_line(log)}"
                console.print(sign[:_WIDTH_OF_SIGNS_OF_LIFE], style="dim", highlight=False, markup=False)
        finally:
            # It has begun others, and ends them when it is asked to end.
            process.terminate()
            exit_code = process.wait()
    return exit_code


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=_SECONDS_BETWEEN_SIGNS_OF_LIFE)
    except subprocess.TimeoutExpired:
        return True
    return False


def _newest_line(log: Path) -> str:
    with log.open("rb") as opened:
        opened.seek(max(0, log.stat().st_size - 4096))
        lines = opened.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


# ── The table ──

HEADINGS = ("Airflow", "Python", "points", "seconds", "what differs")


def row(outcome: Outcome) -> tuple[str, ...]:
    """The cells of a version, in the order of the headings."""
    if outcome.problem and not outcome.total:
        return (outcome.airflow, outcome.python, "–", "–", "no grade")
    return (
        outcome.airflow,
        outcome.python,
        f"{outcome.points}/{outcome.possible}",
        f"{outcome.seconds:.0f}",
        outcome.release.differs,
    )


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The table for the README."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *map(row, outcomes)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in rows)


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print the table, for the eye and for the README, and the checks that did not pass."""
    table = Table(*HEADINGS)
    for outcome in outcomes:
        table.add_row(*map(plain, row(outcome)), style="green" if outcome.is_full else "red")
    console.print()
    console.print(table)
    for outcome in outcomes:
        for check in outcome.failing:
            console.print(f"Airflow {outcome.airflow} fails {check}", soft_wrap=True, highlight=False, markup=False)
    console.print("\nThe same for the README:\n")
    console.print(markdown(outcomes), soft_wrap=True, highlight=False, markup=False)


def _summary(outcome: Outcome) -> str:
    if outcome.problem:
        return outcome.problem
    return f"{outcome.points}/{outcome.possible} points in {outcome.seconds:.0f} s"


if __name__ == "__main__":
    raise SystemExit(main())
