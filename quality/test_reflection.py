"""docs/reflection.md names what there is: checks, lines of the proof, figures, and what Airflow has."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kata.core.environment import child_environment
from kata.core.paths import ROOT, SUITE
from kata.core.steps import find_steps
from kata.live.parts import FAULTS, PARTS
from lab.race.report import result_rows

DOCS = ROOT / "docs"
PAGE = (DOCS / "reflection.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())
CHECKLIST = WORDS.partition("## Is it done?")[2].partition("## Where to go next")[0]

# Imports what it can of a dotted name, and takes the rest from what it has got; a setting has to have a default.
LOOK_UP = """
import pkgutil, sys
from airflow.configuration import conf
for name in sys.argv[1:]:
    section, _, option = name.partition("/")
    conf.get(section, option) if option else pkgutil.resolve_name(name)
"""


def test_every_check_stands_behind_the_step_that_has_it():
    before, *parts = re.split(r"`make grade STEP=(\w+)`", CHECKLIST)
    assert "`test_" not in before
    for step, text in zip(parts[::2], parts[1::2], strict=True):
        named = set(re.findall(r"`(test_\w+)`", text))
        suite = "".join((SUITE / part.test_file).read_text(encoding="utf-8") for part in find_steps(step))
        assert named
        assert named <= set(re.findall(r"^(?:async )?def (test_\w+)", suite, re.MULTILINE))
    assert WORDS.count("`test_") == CHECKLIST.count("`test_")


def test_what_only_the_proof_shows_is_in_its_words():
    said = re.findall(r'"([^"]+)"', CHECKLIST)
    assert len(said) >= 7
    assert set(said) <= {sentence for part in (*PARTS, FAULTS) for _, sentence in part.checks}


def test_its_table_has_the_figures_of_the_race():
    race = json.loads((DOCS / "race.json").read_text(encoding="utf-8"))
    measured = {name: dict(zip(race["approaches"], cells, strict=True)) for name, *cells in result_rows(race)}
    table = re.findall(r"^\| (.+) \| (.*\d.*) \| (.*\d.*) \|$", PAGE.partition("### 2. ")[0], re.MULTILINE)
    assert len(table) == 6
    for name, poke, deferrable in table:
        assert (poke, deferrable) == (measured[name]["poke"], measured[name]["deferrable"])


@pytest.mark.parametrize(
    "figure",
    [
        "3.2 slot-seconds in the mean",
        "0.37 for 0.19",
        "2.1 seconds later",
        "2.9 seconds on",
        "5.3 tasks a second",
    ],
)
def test_other_figures_are_those_of_the_measurements(figure: str):
    measured = " ".join((DOCS / "measurements.md").read_text(encoding="utf-8").split())
    assert figure in WORDS
    assert figure in measured


def test_airflow_has_all_that_is_named(tmp_path: Path):
    names = re.findall(r"`(airflow(?:\.\w+)+)`", PAGE)
    settings = [f"{section}/{option}" for section, option in re.findall(r"`\[(\w+)\] (\w+)`", PAGE)]
    assert names
    assert settings
    environment = child_environment(tmp_path, database=tmp_path / "none.db", data=tmp_path)
    looked_up = subprocess.run(
        [sys.executable, "-c", LOOK_UP, *names, *settings],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert looked_up.returncode == 0, looked_up.stderr
