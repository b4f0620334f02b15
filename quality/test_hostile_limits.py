"""Learner code that takes all that there is costs its own check only, and is told what was too much."""

from __future__ import annotations

import pytest

from kata.grading.verdict import CRASHED, HUNG, NOT_RUN, WRONG
from quality.conftest import HOSTILE, Workshop, function, kinds_of

TOO_MUCH = HOSTILE["too_much"]
LEFT_BEHIND = HOSTILE["left_behind"]


@pytest.mark.parametrize("case", TOO_MUCH.values(), ids=TOO_MUCH)
def test_more_than_there_is(workshop: Workshop, case: dict[str, str]):
    verdicts = workshop.call(case["code"])
    assert kinds_of(verdicts) == [None, case["kind"], None]
    assert case["says"] in verdicts[1].error


def test_printing_much_is_no_mistake(workshop: Workshop):
    verdicts = workshop.call("for _ in range(500): print('x' * 100_000)")
    assert kinds_of(verdicts) == [None, None, None]
    assert len(verdicts[1].printed) < 1000


@pytest.mark.parametrize("code", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_what_is_left_behind_costs_nothing(workshop: Workshop, code: str):
    assert kinds_of(workshop.call(code)) == [None, None, None]


def test_closing_the_output_is_an_error(workshop: Workshop):
    assert kinds_of(workshop.call("sys.stdout.close(); sys.stderr.close()"))[:2] == [None, WRONG]


@pytest.mark.parametrize("close", ["os.closerange(0, 256)", "os.closerange(3, 256)"])
def test_closing_all_files(workshop: Workshop, close: str):
    verdicts = workshop.call(close)
    assert kinds_of(verdicts) == [None, CRASHED, None]
    assert verdicts[1].error.endswith("it closed the file that the grader listens to.")


def test_reporting_into_nothing(workshop: Workshop):
    code = "nothing = os.open(os.devnull, 1)\nfor each in range(3, nothing): _try(lambda: os.dup2(nothing, each))"
    assert kinds_of(workshop.call(code)) == [None, CRASHED, None]


def test_what_halts_itself_is_told_so(workshop: Workshop):
    verdicts = workshop.call("os.kill(os.getpid(), signal.SIGSTOP)", check_deadline=1)
    assert kinds_of(verdicts) == [None, HUNG, None]
    assert verdicts[1].error == "It halted its own process (SIGSTOP) and never went on."


@pytest.mark.parametrize("code", ["sum(range(10**12))", "import re; re.match('(a+)+$', 'a' * 50 + 'b')"])
def test_a_loop_that_hears_nothing(workshop: Workshop, code: str):
    assert kinds_of(workshop.call(code, check_deadline=1)) == [None, HUNG, None]


def test_killing_the_other_steps(workshop: Workshop):
    code = """
        me = os.getpid()
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != me:
                parent = _try(lambda: open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[1])
                if parent == str(os.getppid()):
                    _try(lambda: os.kill(int(name), signal.SIGKILL))
    """
    innocent = "import time\ndef test_a(): time.sleep(1)\ndef test_b(): time.sleep(1)\n"
    tests = "import time\ndef test_bad(module):\n    time.sleep(0.5)\n    module.bad()\n"
    workshop.write(module=function(code), test_bad=tests, test_good=innocent)
    assert kinds_of(workshop.run("test_bad", "test_good")["test_good"]) == [None, None]


def test_forked_copies_say_nothing_for_the_check(workshop: Workshop):
    # The copy runs on as if it were the check; the parent is gone.
    assert workshop.call("if os.fork(): os._exit(0)")[1].kind in (CRASHED, NOT_RUN)
