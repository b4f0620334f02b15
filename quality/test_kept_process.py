"""Nothing that is started to run an Airflow outlives whoever started it, however that one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kata.airflow.kept_process import KeptProcess
from kata.core.paths import ROOT
from kata.core.rest_api import poll_until
from quality.conftest import wait_until_gone

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

    def pids() -> list[int]:
        return [int(line) for line in log.read_text().split()] if log.exists() else []

    return poll_until(pids, 20, is_done=lambda found: len(found) == 2) or pytest.fail(f"{pids()} have started")


def status(process: KeptProcess) -> int | None:
    """Return its exit status, once it has ended."""
    poll_until(lambda: process.status() is not None, 20)
    return process.status()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_end_with_an_owner_that_is_killed(log: Path, number: signal.Signals):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, STUBBORN, str(log)], cwd=ROOT)
    pids = started(log)
    owner.send_signal(number)
    owner.wait()
    wait_until_gone(*pids)


def test_who_does_not_end_when_asked_is_killed(log: Path):
    process = kept(log)
    pids = started(log)
    assert process.pid in pids
    process.terminate()
    time.sleep(0.5)
    assert process.status() is None
    process.kill()
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("end", [KeptProcess.terminate, lambda process: os.kill(process.pid, signal.SIGTERM)])
def test_a_signal_is_its_status(log: Path, end: Callable[[KeptProcess], None]):
    process = kept(log, "import time; print(1, 2, flush=True); time.sleep(600)")
    started(log)
    end(process)
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
