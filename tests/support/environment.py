"""The environment in which plain pytest grades a submission. The grader behind `make grade` sets the same itself."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from freezegun import api

# Kathmandu's: not a whole number of hours, so that local time is not taken for UTC.
UTC_OFFSET = timedelta(hours=5, minutes=45)


def prepare(tree: Path, state: Path) -> Path:
    """
    Give Airflow a folder of its own, before it is imported, and drop the user's settings.

    :param tree: the folder of the submission.
    :param state: where a folder for this run is created.
    :return: that folder; the caller removes it in the end.
    """
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()
    _correct_freezegun()
    _speed_up_freezegun()
    # The APIs of the checks are on this machine, which a proxy of the learner's network cannot reach.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    graded = os.environ.get("KATA_ENVIRONMENT") == "ready"
    if not graded:
        state.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=None if graded else state))
    # The learner's setup and teardown change it, so each run has one of its own.
    os.environ["KATA_DATA_DIR"] = str(home / "data")
    if graded:
        return home
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ |= {
        "KATA_ENVIRONMENT": "ready",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(tree),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        # Airflow 3 makes no default connections.
        "AIRFLOW_CONN_FS_DEFAULT": '{"conn_type": "fs", "extra": {"path": "/"}}',
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return home


def put_on_path(tree: str) -> None:
    """
    Let the submission's folder be imported from, as a deployment does with ``PYTHONPATH``, and the clone no longer.

    A helper beside the submission may have the name of a folder of the clone.
    """
    clone = str(Path(__file__).resolve().parents[2])
    sys.path[:] = [*(path for path in sys.path if path not in (clone, tree)), tree]


def _correct_freezegun() -> None:
    """Correct a frozen ``datetime.now(tz)``: freezegun 1.5.5 adds its ``tz_offset``, which is for naive times."""
    naive_now = api.FakeDatetime.now
    api.FakeDatetime.now = classmethod(
        lambda cls, tz=None: cls.fromtimestamp(time.time(), tz) if tz is not None else naive_now()
    )


def _speed_up_freezegun() -> None:
    """
    Let freezegun look up the clocks in a module only once for each number of names in it, not at each freeze.

    freezegun has a cache, but it hashes the names in all 1,700 modules to see whether the cache is up to date, which is
    four fifths of the time of a freeze. A module that gains or loses a name is still searched again.
    """
    search, known = api._get_cached_module_attributes, {}

    def clocks(module: ModuleType) -> list[tuple[str, Any]]:
        key = id(module), len(getattr(module, "__dict__", ()))
        if key not in known:
            known[key] = search(module), module  # held, so that no other module gets its id
        return known[key][0]

    api._get_cached_module_attributes = clocks
