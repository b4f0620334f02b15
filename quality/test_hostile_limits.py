"""Learner code that takes all that there is costs its own check only, and is told what was too much."""

from __future__ import annotations

import textwrap

import pytest

from kata.grading.verdict import CRASHED, HUNG, NOT_RUN, WRONG
from quality.conftest import Workshop

MIDDLE = """
    def test_before(): pass
    def test_bad(module): module.bad()
    def test_after(): pass
"""
MEMORY = "needed more than 1 GiB of memory"

TOO_MUCH = {
    "memory at once": (WRONG, MEMORY, "return bytearray(64 * 2**30)"),
    "memory bit by bit": (WRONG, MEMORY, "taken = []\nwhile True: taken.append(bytes(2**24))"),
    "memory shared with others": (
        CRASHED,
        MEMORY,
        "taken = mmap.mmap(-1, 2 * 2**30)\n" + "taken.write(bytes(2**28))\n" * 5 + "time.sleep(60)",
    ),
    "memory in other processes": (
        CRASHED,
        MEMORY,
        """
        for _ in range(3):
            if os.fork() == 0:
                taken = b'x' * (450 * 2**20)
                time.sleep(60)
        time.sleep(60)
        """,
    ),
    "processes": (
        CRASHED,
        "started more than 100 processes",
        "for _ in range(120):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(60)",
    ),
    "a file": (WRONG, "wrote more than 64 MiB into one file", "open('f', 'wb').write(bytes(65 * 2**20))"),
    "files": (
        CRASHED,
        "wrote more than 512 MiB",
        "for _ in range(10):\n    with open('f', 'wb') as file: file.write(bytes(60 * 2**20))\ntime.sleep(60)",
    ),
    "printing": (WRONG, "or printed as much", "while True: print('x' * 100_000)"),
    "printing below Python": (WRONG, "or printed as much", "while True: os.write(1, b'x' * 100_000)"),
    "a file, killed for it": (
        CRASHED,
        "wrote more than 64 MiB",
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nopen('f', 'wb').write(bytes(65 * 2**20))",
    ),
    "recursion": (WRONG, "RecursionError", "bad()"),
}

# What is left behind must not hurt the checks that follow in the same process.
LEFT_BEHIND = {
    "the working directory is gone": "import shutil; here = os.getcwd(); os.chdir('/'); shutil.rmtree(here)",
    "another working directory": "os.chdir('/')",
    "no environment": "os.environ.clear()",
    "another locale and time zone": "os.environ.update(LC_ALL='xx', TZ='Nowhere/None'); time.tzset()",
    "deaf to signals": "[signal.signal(each, signal.SIG_IGN) for each in (1, 2, 3, 10, 12, 13, 14, 15)]",
    "an alarm that nobody expects": "signal.signal(14, lambda *_: None); signal.setitimer(0, 0.01, 0.01)",
    "no faulthandler": "import faulthandler; faulthandler.disable(); faulthandler.unregister(signal.SIGUSR1)",
    "no logging": "import logging; logging.disable(logging.CRITICAL); logging.shutdown()",
    "warnings are errors": "import warnings; warnings.simplefilter('error')",
    "another excepthook": "sys.excepthook = sys.unraisablehook = threading.excepthook = None",
    "no output": "sys.stdout = sys.stderr = None",
    "deeper recursion": "sys.setrecursionlimit(10**6)",
    "a thread that never ends": "threading.Thread(target=time.sleep, args=(1e6,)).start()",
    "a thread that ends with an error": "threading.Thread(target=lambda: 1 / 0).start()",
    "a thread that exits": "threading.Thread(target=sys.exit).start()",
    "an exit handler that ends the process": "import atexit; atexit.register(os._exit, 0)",
    "an exit handler that hangs": "import atexit; atexit.register(time.sleep, 1e6)",
    "control characters": "print('\\x1b[2J\\x00\\x07' * 10)",
    "a halted grader": "os.kill(os.getppid(), signal.SIGSTOP)",
    "a line that is not finished": "[_try(lambda: os.write(each, b'{')) for each in range(3, 256)]",
}


@pytest.mark.parametrize(("kind", "words", "body"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_more_than_there_is(workshop: Workshop, kind: str, words: str, body: str):
    verdicts = workshop.verdicts(MIDDLE, _module(body))
    assert [verdict.kind for verdict in verdicts] == [None, kind, None]
    assert words in verdicts[1].error


def test_printing_much_is_no_mistake(workshop: Workshop):
    verdicts = workshop.verdicts(MIDDLE, _module("for _ in range(500): print('x' * 100_000)"))
    assert [verdict.kind for verdict in verdicts] == [None, None, None]
    assert len(verdicts[1].printed) < 1000


@pytest.mark.parametrize("body", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_what_is_left_behind_costs_nothing(kinds, body: str):
    assert kinds(MIDDLE, _module(body)) == [None, None, None]


def test_closing_the_output_is_an_error(kinds):
    assert kinds(MIDDLE, _module("sys.stdout.close(); sys.stderr.close()"))[:2] == [None, WRONG]


@pytest.mark.parametrize("close", ["os.closerange(0, 256)", "os.closerange(3, 256)"])
def test_closing_all_files(workshop: Workshop, close: str):
    verdicts = workshop.verdicts(MIDDLE, _module(close))
    assert [verdict.kind for verdict in verdicts] == [None, CRASHED, None]
    assert verdicts[1].error.endswith("it closed the file that the grader listens to.")


def test_reporting_into_nothing(kinds):
    body = "nothing = os.open(os.devnull, 1)\nfor each in range(3, nothing): _try(lambda: os.dup2(nothing, each))"
    assert kinds(MIDDLE, _module(body)) == [None, CRASHED, None]


def test_what_halts_itself_is_told_so(workshop: Workshop):
    tests = MIDDLE.replace("def test_bad", "@pytest.mark.deadline(1)\n    def test_bad")
    verdicts = workshop.verdicts(tests, _module("os.kill(os.getpid(), signal.SIGSTOP)"))
    assert [verdict.kind for verdict in verdicts] == [None, HUNG, None]
    assert verdicts[1].error == "It halted its own process (SIGSTOP) and never went on."


@pytest.mark.parametrize("body", ["sum(range(10**12))", "import re; re.match('(a+)+$', 'a' * 50 + 'b')"])
def test_a_loop_that_hears_nothing(workshop: Workshop, body: str):
    tests = MIDDLE.replace("def test_bad", "@pytest.mark.deadline(1)\n    def test_bad")
    assert [verdict.kind for verdict in workshop.verdicts(tests, _module(body))] == [None, HUNG, None]


def test_killing_the_other_steps(workshop: Workshop):
    body = """
        me = os.getpid()
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != me:
                parent = _try(lambda: open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[1])
                if parent == str(os.getppid()):
                    _try(lambda: os.kill(int(name), signal.SIGKILL))
    """
    innocent = "import time\ndef test_a(): time.sleep(1)\ndef test_b(): time.sleep(1)\n"
    tests = "import time\ndef test_bad(module):\n    time.sleep(0.5)\n    module.bad()\n"
    workshop.write(module=_module(textwrap.dedent(body)), test_bad=tests, test_good=innocent)
    found = workshop.run("test_bad", "test_good")
    assert [verdict.kind for verdict in found["test_good"]] == [None, None]


def test_forked_copies_say_nothing_for_the_check(kinds):
    # The copy runs on as if it were the check; the parent is gone.
    assert kinds(MIDDLE, _module("if os.fork(): os._exit(0)"))[1] in (CRASHED, NOT_RUN)


def _module(body: str) -> str:
    lines = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    imports = "import mmap, os, signal, sys, threading, time\n"
    return imports + f"def _try(act):\n    try: return act()\n    except OSError: pass\ndef bad():\n{lines}\n"
