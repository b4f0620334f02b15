"""The event loop in virtual time: when its clock stands still, and when it jumps. See tests/virtual_time/README.md."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from kata.core.files import read_toml
from kata.core.paths import ROOT

PROGRAM = """
import asyncio, concurrent.futures, os, queue, select, socket, subprocess, sys, threading, time
from contextlib import closing
import anyio.to_thread
from tests.virtual_time import Spinning, VirtualTimeLoop, any_thread_at_work, install

install()
real_sleep = time.sleep
now = [0.0]

def tick(seconds):
    now[0] += seconds

def run(main):
    with closing(VirtualTimeLoop(clock=lambda: now[0], tick=tick)) as loop:
        return loop.run_until_complete(main())

def sleep(seconds):  # as tests/support replaces time.sleep
    threading.Event().wait(seconds)

"""

PROGRAMS = read_toml(Path(__file__).with_name("virtual_time.toml"))
STILL, JUMPS = PROGRAMS["still"], PROGRAMS["jumps"]


def run(body: str, after: str = "") -> list[str]:
    """Run a coroutine with this body in virtual time; return what it prints, and the time at its end."""
    main = f"async def main():\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n\nrun(main)\n{after}"
    return run_program(f"{main}\nprint(now[0])\n")


def run_program(program: str) -> list[str]:
    """Run a program in a process of its own; return the words that it prints."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PROGRAM}\n{program}\nsys.stdout.flush()\nos._exit(0)\n"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert not ended.returncode, ended.stderr
    return ended.stdout.split()


@pytest.mark.parametrize("body", STILL.values(), ids=STILL)
def test_the_clock_stands_still_while_something_is_at_work(body: str):
    timer = "asyncio.get_running_loop().call_later(10, lambda: None)\n"
    assert run(timer + textwrap.dedent(body)) == ["0.0"]


@pytest.mark.parametrize("body", JUMPS.values(), ids=JUMPS)
def test_the_clock_jumps_while_everything_waits(body: str):
    began = time.monotonic()
    assert run(body) == ["600.0"]
    assert time.monotonic() - began < 10


def test_a_thread_that_was_blocked_for_long_is_at_work_again_as_soon_as_it_can_go_on():
    """It needs next to no CPU time for the rest, and others keep it from having it at once."""
    body = """
    loop, (theirs, ours) = asyncio.get_running_loop(), socket.socketpair()
    def client():
        theirs.recv(1)
        for _ in range(5):
            select.select([], [], [], 0.03)
        return now[0]
    def server():
        threading.Event().wait(4)
        ours.send(b"x")
    answer = loop.run_in_executor(None, client)
    threading.Thread(target=server).start()
    loop.call_later(5, lambda: None)
    print(await answer)
    """
    assert run(body) == ["4.0", "4.0"]


def test_a_blocked_thread_delays_the_clock_but_does_not_stop_it():
    body = """
    lock, loop, began = threading.Lock(), asyncio.get_running_loop(), time.monotonic()
    lock.acquire()
    loop.run_in_executor(None, lock.acquire)
    for _ in range(10):
        await asyncio.sleep(60)
    assert 1 < time.monotonic() - began < 5
    """
    assert run(body) == ["600.0"]


def test_a_thread_that_computes_is_at_work_however_long_it_takes():
    body = """
    def compute():
        end = time.monotonic() + 2
        while time.monotonic() < end:
            sum(range(1000))
    asyncio.get_running_loop().call_later(10, lambda: None)
    await asyncio.to_thread(compute)
    """
    assert run(body) == ["0.0"]


def test_polling_without_sleeping_is_noticed():
    with pytest.raises(AssertionError, match=r"tests\.virtual_time\.loop\.Spinning"):
        run("while True: await asyncio.sleep(0)")


def test_closing_the_loop_ends_waits_in_threads():
    body = """
    def work():
        sleep(600)
        print("awake", flush=True)
    thread = threading.Thread(target=work)
    thread.start()
    """
    assert run(body, after="[thread.join(5) for thread in threading.enumerate()[1:]]") == ["awake", "0.0"]


@pytest.mark.parametrize(("whose", "waited"), [("debugger", "[False]"), ("learner", "[]")])
def test_the_threads_of_a_debugger_go_by_the_real_clock(whose: str, waited: str):
    """At a breakpoint the loop stands still, and the debugger must not."""
    program = f"""
    VirtualTimeLoop(clock=lambda: 0.0, tick=lambda seconds: None)
    waited = []
    thread = threading.Thread(target=lambda: waited.append(threading.Event().wait(0.01)))
    thread.is_pydev_daemon_thread = {whose == "debugger"}
    thread.start()
    thread.join(timeout=30 if thread.is_pydev_daemon_thread else 0.5)
    print(waited)
    """
    assert run_program(textwrap.dedent(program)) == [waited]
