"""A migrated SQLite database of the installed Airflow, made once and copied for every use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kata.environment import airflow_home, child_environment
from kata.failures import BrokenSetup
from kata.places import ROOT


def template_file() -> Path:
    return airflow_home() / "template.db"


def make_template() -> None:
    """Make the template; a half-made one is never left behind. Raises `BrokenSetup` when Airflow cannot."""
    template = template_file()
    template.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=template.parent) as folder:
        database = Path(folder) / "new.db"
        made = subprocess.run(
            [sys.executable, "-c", "from airflow.utils.db import initdb; initdb()"],
            cwd=ROOT,
            env=child_environment(Path(folder), database=database, data=Path(folder)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if made.returncode or not database.is_file():
            last = made.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise BrokenSetup(f"Airflow cannot make its database ({last[0]}). Run: make clean setup")
        os.replace(database, template)


def copy_template(to: Path) -> None:
    if not template_file().exists():
        make_template()
    # What SQLite has left beside a database that was there before belongs to that one.
    for left in to.parent.glob(f"{to.name}*"):
        left.unlink()
    shutil.copyfile(template_file(), to)
