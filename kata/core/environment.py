"""The environment of every process that is started: none of the user's Airflow settings, and a migrated database."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kata.core.errors import BrokenSetup, WrongUsage
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
    """Return the version of the installed Airflow, such as "3.3.2"."""
    return version("apache-airflow")


def circumstances() -> dict[str, Any]:
    """Describe a measurement: its date, the versions, the machine."""
    return {
        "date": str(date.today()),
        "airflow": airflow_version(),
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count(),
    }


def airflow_home() -> Path:
    """Return AIRFLOW_HOME, one for each version: Airflow writes settings there that another version would read."""
    return STATE / "airflow" / airflow_version()


def child_environment(tree: Path, *, database: Path, data: Path) -> dict[str, str]:
    """Return all variables of a child process that works on `tree`.

    :param tree: folder of the learner's module: on the import path, and the folder of the DAGs.
    :param database: the SQLite file that is Airflow's metadata database.
    :param data: folder that the DAGs read and write below.
    :raises WrongUsage: if Airflow cannot work with one of the paths.
    """
    # In its settings, Airflow takes these for variables.
    for path in (tree, database, data):
        if set("$%") & set(str(path)):
            raise WrongUsage(f"Airflow cannot work in {path}: there is a $ or % in the name. Rename the folder.")
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
    """Return where the migrated database is kept, whether or not it is there."""
    return airflow_home() / "template.db"


def template_is_sound() -> bool:
    """Return whether there is a migrated database in the file."""
    if not template_file().is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"file:{template_file()}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT version_num FROM alembic_version").fetchall())
    except sqlite3.Error:
        return False


def make_template() -> None:
    """Migrate a new SQLite database; an incomplete one is never left behind.

    :raises BrokenSetup: if Airflow fails to.
    """
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
            said = [line for line in made.stderr.strip().splitlines() if not line.startswith("(Background on")]
            if "disk" in made.stderr or "No space" in made.stderr:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(template.parent))
            raise BrokenSetup(
                f"Airflow cannot make its database ({(said or ['it said nothing'])[-1]}). Run: make clean setup"
            )
        if template.is_dir():
            shutil.rmtree(template)
        os.replace(database, template)


def copy_template(to: Path) -> None:
    """Replace the file, if there is one, by a migrated database."""
    if not template_file().exists():
        make_template()
    # What SQLite has left beside a database that was there before belongs to that one.
    for left in to.parent.glob(f"{to.name}*"):
        left.unlink()
    shutil.copyfile(template_file(), to)
