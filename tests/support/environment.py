"""The environment in which plain pytest grades a submission. The grader behind `make grade` sets the same itself."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from types import ModuleType

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


def _correct_freezegun() -> None:
    """Correct a frozen ``datetime.now(tz)``: freezegun 1.5.5 adds its ``tz_offset``, which is for naive times."""
    naive_now = api.FakeDatetime.now
    api.FakeDatetime.now = classmethod(
        lambda cls, tz=None: cls.fromtimestamp(time.time(), tz) if tz is not None else naive_now()
    )


def _speed_up_freezegun() -> None:
    """
    Let freezegun hash the names in a module only once for each number of names, not at each freeze.

    freezegun searches a module for clocks again if that hash has changed. To compute it for all 1,700 modules is three
    quarters of the time of a freeze. A module that gains or loses a name is still searched again.
    """
    compute, known = api._get_module_attributes_hash, {}

    def names_hash(module: ModuleType) -> str:
        key = id(module), len(getattr(module, "__dict__", ()))
        if key not in known:
            known[key] = compute(module)
        return known[key]

    api._get_module_attributes_hash = names_hash
