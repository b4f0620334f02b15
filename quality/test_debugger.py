"""A check can be stopped at a breakpoint: a debugger's threads do not go by the loop's clock, which stands then."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kata.core.paths import SUITE

WAIT = """
import os, sys, threading
sys.path.insert(0, sys.argv[1])
from support.clock import JumpingClockLoop
from support.threads import on_the_clock_of

waited = []
thread = threading.Thread(target=lambda: waited.append(threading.Event().wait(0.01)))
thread.is_pydev_daemon_thread = sys.argv[2] == "debugger"
with on_the_clock_of(JumpingClockLoop(clock=lambda: 0.0, tick=lambda seconds: None)):
    thread.start()
    thread.join(timeout=30 if thread.is_pydev_daemon_thread else 0.5)
    print(waited, flush=True)
    os._exit(0)
"""


@pytest.mark.parametrize(("whose", "waited"), [("debugger", "[False]"), ("learner", "[]")])
def test_who_goes_by_the_loop_s_clock(whose: str, waited: str):
    command = [sys.executable, "-c", WAIT, str(SUITE), whose]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == waited
