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

from kata.airflow.kept_process import KeptProcess
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
from kata.airflow.kept_process import KeptProcess
process = KeptProcess([sys.executable, "-c", sys.argv[1]], dict(os.environ), Path("."), Path(sys.argv[2]))
time.sleep(600)
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def kept(log: Path, code: str = STUBBORN) -> KeptProcess:
    return KeptProcess([sys.executable, "-c", code], dict(os.environ), ROOT, log)


def started(log: Path) -> list[int]:
    """Return the ids of the two processes, which have written theirs down."""
    patience = time.monotonic() + 20
    while time.monotonic() < patience:
        pids = [int(line) for line in log.read_text().split()] if log.exists() else []
        if len(pids) == 2:
            return pids
        time.sleep(0.05)
    raise AssertionError(f"{pids} have started")


def are_gone(pids: list[int]) -> bool:
    patience = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < patience:
        time.sleep(0.05)
    return not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_an_owner_that_is_killed(log: Path, number: signal.Signals):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, STUBBORN, str(log)], cwd=ROOT)
    pids = started(log)
    owner.send_signal(number)
    owner.wait()
    assert are_gone(pids)


def test_who_does_not_end_when_asked_is_killed(log: Path):
    process = kept(log)
    pids = started(log)
    assert process.pid in pids
    process.terminate()
    time.sleep(0.5)
    assert process.status() is None
    process.kill()
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("end", [lambda process: process.terminate(), lambda process: os.kill(process.pid, 15)])
def test_a_signal_is_its_status(log: Path, end: object):
    process = kept(log, "import time; print(1, 2, flush=True); time.sleep(600)")
    started(log)
    end(process)  # type: ignore[operator]
    assert status(process) == -signal.SIGTERM


@pytest.mark.parametrize(("code", "exit_status"), [("raise SystemExit(3)", 3), ("", 0)])
def test_what_ends_by_itself_is_told_with_its_status(log: Path, code: str, exit_status: int):
    assert status(kept(log, code)) == exit_status


def test_what_it_leaves_ends_with_it(log: Path):
    process = kept(log)
    pids = started(log)
    os.kill(process.pid, signal.SIGKILL)
    assert status(process) == -signal.SIGKILL
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_what_cannot_be_started_has_ended_and_its_log_says_why(log: Path):
    process = KeptProcess(["no-such-program"], {}, ROOT, log)
    assert status(process) == 1
    assert "no-such-program" in log.read_text()
    assert process.pid == 0


def status(process: KeptProcess) -> int | None:
    """Its exit status, once it has ended."""
    patience = time.monotonic() + 20
    while process.status() is None and time.monotonic() < patience:
        time.sleep(0.05)
    return process.status()
