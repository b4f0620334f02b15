"""The environment of every process that is started: none of the user's Airflow settings, and a migrated database."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kata.core.errors import BrokenSetup
from kata.core.paths import ROOT, STATE

_DROPPED = ("AIRFLOW", "KATA_", "PYTHON", "PYTEST", "COVERAGE")

_QUIET = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "NO_COLOR": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONUTF8": "1",
}

# Airflow 2 made this connection by itself, Airflow 3 does not.
_FILE_SYSTEM = '{"conn_type": "fs", "extra": {"path": "/"}}'


def airflow_version() -> str:
    return version("apache-airflow")


def circumstances() -> dict[str, Any]:
    """When something is measured, with what, and on what kind of machine."""
    return {
        "date": str(date.today()),
        "airflow": airflow_version(),
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count(),
    }


def airflow_home() -> Path:
    """One for each version: the settings that one Airflow has written down there would rule the next."""
    return STATE / "airflow" / airflow_version()


def child_environment(tree: Path, *, database: Path, data: Path) -> dict[str, str]:
    """All variables of a child process that works on `tree`.

    :param tree: folder of the learner's module: on the import path, and the folder of the DAGs.
    :param database: the SQLite file that is Airflow's metadata database.
    :param data: folder that the DAGs read and write below.
    """
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_DROPPED)}
    return {
        **kept,
        **_QUIET,
        "AIRFLOW_HOME": str(airflow_home()),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tree),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW_CONN_FS_DEFAULT": _FILE_SYSTEM,
        "PYTHONPATH": str(tree),
        "KATA_DATA_DIR": str(data),
        "KATA_ENVIRONMENT": "ready",
    }


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
