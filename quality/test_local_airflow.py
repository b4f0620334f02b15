"""The Airflow on this machine: its settings, what it says when a part of it fails, and that nothing outlives it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from kata.airflow.local_airflow import COMPONENTS, LocalAirflow, only_one
from kata.core.errors import BrokenSetup, WrongUsage
from kata.core.paths import ROOT
from kata.core.ports import LOOPBACK
from kata.core.rest_api import poll_until
from quality.conftest import wait_until_gone


@pytest.fixture
def airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalAirflow:
    monkeypatch.setenv("NO_PROXY", "example.org")
    (tmp_path / "logs").mkdir()
    return LocalAirflow(ROOT / "solution", tmp_path, tmp_path / "data")


@pytest.mark.parametrize(
    ("log", "todo"),
    [
        ("[Errno 98] error while attempting to bind: address already in use", "run the command again"),
        ("sqlite3.OperationalError: database or disk is full", "make room"),
        ("Can't locate revision identified by 'f00'", "make clean"),
        ("Something else", "ends with:\n   | starting\n   | Something else"),
    ],
)
def test_a_component_that_ends_by_itself_is_explained(
    airflow: LocalAirflow, log: str, todo: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(airflow, "ended", lambda: {"api-server": 1})
    airflow.log_file("api-server").write_text(f"starting\n{log}\n")
    with pytest.raises(BrokenSetup, match="api-server has ended with exit status 1") as raised:
        airflow.check_alive()
    assert todo in str(raised.value)
    assert log in str(raised.value)


def test_all_components_share_what_a_trigger_needs(airflow: LocalAirflow):
    environment = airflow.environment
    assert environment["PYTHONPATH"] == f"{ROOT / 'solution'}:{ROOT / 'dags'}"
    bundles: list[dict[str, Any]] = json.loads(environment["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert [bundle["kwargs"]["path"] for bundle in bundles] == [str(ROOT / "solution"), str(ROOT / "dags")]
    # Started at the same time on an empty AIRFLOW_HOME, each part would make a key of its own, and a trigger whose
    # arguments the scheduler has encrypted ends the triggerer that cannot read them.
    assert environment["AIRFLOW__CORE__FERNET_KEY"] == ""
    assert {"AIRFLOW_CONN_FS_DEFAULT", "AIRFLOW_CONN_AIRFLOW_API", "KATA_DATA_DIR"} <= set(environment)


def test_nothing_listens_beyond_this_machine(airflow: LocalAirflow):
    assert airflow.address.startswith(f"http://{LOOPBACK}:")
    assert LOOPBACK in COMPONENTS["api-server"]
    assert all("--skip-serve-logs" in COMPONENTS[component] for component in ("scheduler", "triggerer"))


def test_a_proxy_of_the_user_s_is_not_asked_for_this_machine(airflow: LocalAirflow):
    assert airflow.environment["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert airflow.environment["no_proxy"].endswith("127.0.0.1,localhost")


def test_two_starts_do_not_share_a_secret(airflow: LocalAirflow, tmp_path: Path):
    secret = "AIRFLOW__API_AUTH__JWT_SECRET"
    assert len(airflow.environment[secret]) >= 64
    assert LocalAirflow(ROOT / "solution", tmp_path, tmp_path).environment[secret] != airflow.environment[secret]


def test_a_second_one_is_refused(tmp_path: Path):
    with only_one(tmp_path / "lock"), pytest.raises(WrongUsage, match="It runs already"), only_one(tmp_path / "lock"):
        pass


@pytest.mark.parametrize(("number", "exit_status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_proof_that_is_ended_leaves_no_process(number: signal.Signals, exit_status: int):
    command = [sys.executable, "-m", "kata", "live", "--tree", "solution"]
    live = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def children() -> list[psutil.Process]:
        return psutil.Process(live.pid).children(recursive=True)

    def all_are_there() -> bool:
        # A keeper's command line ends with the component's.
        return sum("-m airflow" in " ".join(child.cmdline()) for child in children()) >= 2 * len(COMPONENTS)

    assert poll_until(all_are_there, 60)
    started = children()
    live.send_signal(number)
    _, said = live.communicate(timeout=60)
    assert live.returncode == exit_status
    assert number == signal.SIGKILL or said.splitlines()[-1].startswith("Interrupted")
    wait_until_gone(*(process.pid for process in started))
