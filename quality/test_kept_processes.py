"""Nothing that is started to run an Airflow outlives whoever started it, however that one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from kata.airflow.local.kept_processes import KeptProcesses
from kata.core.errors import BrokenSetup
from kata.core.paths import ROOT

# A process that leaves its session and loses its parent, as servers do, beside one that hears no polite word.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
print(os.getpid(), flush=True)
time.sleep(600)
"""

OWNER = """
import os, sys, time
from pathlib import Path
from kata.airflow.local.kept_processes import KeptProcesses
with KeptProcesses() as processes:
    processes.start("stubborn", [sys.executable, "-c", sys.argv[1]], dict(os.environ), Path("."), Path(sys.argv[2]))
    time.sleep(600)
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def started(log: Path, count: int = 2) -> list[int]:
    """The ids of the processes that have written theirs down."""
    patience = time.monotonic() + 20
    while time.monotonic() < patience:
        pids = [int(line) for line in log.read_text().split()] if log.exists() else []
        if len(pids) == count:
            return pids
        time.sleep(0.05)
    raise AssertionError(f"{pids} have started")


def are_gone(pids: list[int]) -> bool:
    patience = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < patience:
        time.sleep(0.05)
    return not any(psutil.pid_exists(pid) for pid in pids)


def start(processes: KeptProcesses, log: Path) -> None:
    processes.start("stubborn", [sys.executable, "-c", STUBBORN], dict(os.environ), ROOT, log)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_an_owner_that_is_killed(log: Path, number: signal.Signals):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, STUBBORN, str(log)], cwd=ROOT)
    pids = started(log)
    owner.send_signal(number)
    owner.wait()
    assert are_gone(pids)


def test_all_end_with_the_block(log: Path):
    with KeptProcesses() as processes:
        start(processes, log)
        pids = started(log)
    assert are_gone(pids)


def test_who_does_not_end_when_asked_is_killed(log: Path):
    with KeptProcesses() as processes:
        start(processes, log)
        pids = started(log)
        processes.end(grace=0.2)
        assert are_gone(pids)


def test_one_can_be_killed_and_started_again(log: Path):
    with KeptProcesses() as processes:
        start(processes, log)
        pids = started(log)
        processes.kill("stubborn")
        assert are_gone(pids)
        assert processes.ended() == {}
        start(processes, log)
        assert len(started(log, 4)) == 4


def test_what_ends_by_itself_is_told_with_its_status(log: Path):
    with KeptProcesses() as processes:
        processes.start("short", [sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ), ROOT, log)
        patience = time.monotonic() + 20
        while not processes.ended() and time.monotonic() < patience:
            time.sleep(0.05)
        assert processes.ended() == {"short": 3}


def test_what_cannot_be_started_is_named(log: Path):
    with KeptProcesses() as processes, pytest.raises(BrokenSetup, match="no-such-program"):
        processes.start("none", ["no-such-program"], {}, ROOT, log)


def test_a_lost_keeper_is_told(log: Path):
    with KeptProcesses() as processes:
        start(processes, log)
        pids = started(log)
        [keeper] = [
            each for each in psutil.Process().children() if "kata.airflow.local.keeper" in " ".join(each.cmdline())
        ]
        keeper.kill()
        keeper.wait()
        with pytest.raises(BrokenSetup, match="somebody has ended it"):
            processes.ended()
    # What has left the session is beyond anybody's reach now.
    for pid in filter(psutil.pid_exists, pids):
        os.kill(pid, signal.SIGKILL)
