"""Nothing of the user's own Airflow or Python settings gets into a child, and a child leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.core.environment import airflow_home, child_environment
from kata.core.paths import MODULE
from quality.conftest import Workshop


def test_the_users_own_settings_are_dropped(monkeypatch: pytest.MonkeyPatch):
    own = ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW_CONN_MINE", "AIRFLOW_HOME", "PYTHONPATH", "PYTEST_ADDOPTS")
    for name in (*own, "EDITOR"):
        monkeypatch.setenv(name, "/mine")
    environment = child_environment(Path("/tree"), database=Path("/a.db"), data=Path("/data"))
    assert [name for name, value in environment.items() if value == "/mine"] == ["EDITOR"]
    assert environment["AIRFLOW_HOME"] == str(airflow_home())
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == environment["PYTHONPATH"] == "/tree"


def test_every_child_has_a_data_folder_of_its_own_and_leaves_nothing_in_the_tree(workshop: Workshop):
    tests = """
        import os
        def test_a(module):
            assert os.environ["KATA_ENVIRONMENT"] == "ready"
            assert os.environ["KATA_DATA_DIR"].startswith(os.getcwd())
            assert not os.path.exists(os.environ["KATA_DATA_DIR"])
    """
    assert [verdict.kind for verdict in workshop.verdicts(tests, "x = 1\n")] == [None]
    assert [file.name for file in workshop.tree.iterdir()] == [f"{MODULE}.py"]
