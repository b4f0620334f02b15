"""The Airflow on this machine: its settings, what it says when a part of it fails, and that nothing outlives it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from kata.airflow.local.airflow import COMPONENTS, LocalAirflow
from kata.airflow.local.settings import Settings, settings_for
from kata.airflow.local.standalone import only_one
from kata.core.errors import BrokenSetup, WrongUsage
from kata.core.paths import ROOT
from kata.core.ports import LOOPBACK, free_port, is_free


class Ended:
    """Processes of which one has ended by itself."""

    def ended(self) -> dict[str, int]:
        return {"api-server": 1}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "logs").mkdir()
    return settings_for(ROOT / "solution", tmp_path, tmp_path / "data")


@pytest.mark.parametrize(
    ("log", "todo"),
    [
        ("[Errno 98] error while attempting to bind: address already in use", "run the command again"),
        ("sqlite3.OperationalError: database or disk is full", "make room"),
        ("Can't locate revision identified by 'f00'", "make clean"),
        ("Something else", "ends with:\n   | starting\n   | Something else"),
    ],
)
def test_a_component_that_ends_by_itself_is_explained(settings: Settings, log: str, todo: str):
    airflow = LocalAirflow(settings, Ended())  # type: ignore[arg-type]
    airflow.log_file("api-server").write_text(f"starting\n{log}\n")
    with pytest.raises(BrokenSetup, match="api-server has ended with exit status 1") as raised:
        airflow.wait_healthy(lambda what: None)
    assert todo in str(raised.value)
    assert log in str(raised.value)


def test_all_components_share_what_a_trigger_needs(settings: Settings):
    environment = settings.environment()
    assert environment["PYTHONPATH"] == f"{ROOT / 'solution'}:{ROOT / 'dags'}"
    bundles: list[dict[str, Any]] = json.loads(environment["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert [bundle["kwargs"]["path"] for bundle in bundles] == [str(ROOT / "solution"), str(ROOT / "dags")]
    # Started at the same time on an empty AIRFLOW_HOME, each part would make a key of its own, and a trigger whose
    # arguments the scheduler has encrypted ends the triggerer that cannot read them.
    assert environment["AIRFLOW__CORE__FERNET_KEY"] == ""
    assert {"AIRFLOW_CONN_FS_DEFAULT", "AIRFLOW_CONN_AIRFLOW_API", "KATA_DATA_DIR"} <= set(environment)


def test_nothing_listens_beyond_this_machine(settings: Settings):
    assert settings.address.startswith(f"http://{LOOPBACK}:")
    assert LOOPBACK in COMPONENTS["api-server"]
    assert all("--skip-serve-logs" in COMPONENTS[component] for component in ("scheduler", "triggerer"))


def test_a_proxy_of_the_user_s_is_not_asked_for_this_machine(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "example.org")
    environment = settings.environment()
    assert environment["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert environment["no_proxy"].endswith("127.0.0.1,localhost")


def test_two_starts_do_not_share_a_secret(settings: Settings):
    secret = "AIRFLOW__API_AUTH__JWT_SECRET"
    assert len(settings.environment()[secret]) >= 64
    assert settings.environment()[secret] != settings.environment()[secret]


def test_a_port_in_use_is_not_free():
    with socket.socket() as held:
        held.bind((LOOPBACK, 0))
        held.listen()
        assert not is_free(held.getsockname()[1])
    assert is_free(free_port())


def test_a_second_one_is_refused(tmp_path: Path):
    with only_one(tmp_path / "lock"), pytest.raises(WrongUsage, match="It runs already"), only_one(tmp_path / "lock"):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_proof_that_is_ended_leaves_no_process(number: signal.Signals):
    command = [sys.executable, "-m", "kata", "live", "--tree", "solution"]
    live = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started = _components_of(live.pid)
    live.send_signal(number)
    _, said = live.communicate(timeout=60)
    assert live.returncode == {signal.SIGKILL: -signal.SIGKILL}.get(number, 130)
    assert number == signal.SIGKILL or said.splitlines()[-1].startswith("Interrupted")
    _, alive = psutil.wait_procs(started, timeout=30)
    assert alive == []


def _components_of(pid: int) -> list[psutil.Process]:
    """The keeper and all components, once they are there."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        children = psutil.Process(pid).children(recursive=True)
        if sum("-m airflow" in " ".join(child.cmdline()) for child in children) >= len(COMPONENTS):
            return children
        time.sleep(0.1)
    raise AssertionError("Airflow did not start")
