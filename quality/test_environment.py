"""Nothing of the user's own Airflow or Python settings gets into a child."""

from __future__ import annotations

from pathlib import Path

import pytest

from kata.core.environment import airflow_home, child_environment


def test_the_users_own_settings_are_dropped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "x")
    monkeypatch.setenv("AIRFLOW_HOME", "/mine")
    monkeypatch.setenv("PYTHONPATH", "/mine")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--maxfail=1")
    monkeypatch.setenv("EDITOR", "ed")
    environment = child_environment(Path("/tree"), database=Path("/a.db"), data=Path("/data"))
    assert "/mine" not in environment.values()
    assert environment["EDITOR"] == "ed"
    assert environment["AIRFLOW_HOME"] == str(airflow_home())
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == environment["PYTHONPATH"] == "/tree"
    assert not {"AIRFLOW__CORE__EXECUTOR", "AIRFLOW_CONN_MINE", "PYTEST_ADDOPTS"} & set(environment)


def test_every_child_has_a_data_folder_of_its_own(kinds):
    tests = """
        import os
        def test_a():
            assert os.environ["KATA_ENVIRONMENT"] == "ready"
            assert os.environ["KATA_DATA_DIR"].startswith(os.getcwd())
            assert not os.path.exists(os.environ["KATA_DATA_DIR"])
    """
    assert kinds(tests) == [None]


def test_grading_leaves_nothing_in_the_tree(workshop):
    workshop.verdicts("def test_a(module): pass", "x = 1\n")
    assert [file.name for file in workshop.tree.iterdir()] == ["trigger_implementation_exercise.py"]
