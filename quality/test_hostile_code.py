"""Whatever the learner's code does, it costs its own check and no other."""

from __future__ import annotations

import secrets

import pytest

from kata.grading.verdict import CRASHED, HUNG, NOT_RUN, TAMPERED, WRONG
from quality.conftest import HOSTILE, Workshop, function, kinds_of, processes_with, wait_until_gone

ENDS = HOSTILE["ends"]


@pytest.mark.parametrize(("bad", "how"), ENDS.items(), ids=ENDS)
def test_ending_the_process(workshop: Workshop, bad: str, how: str):
    verdicts = workshop.call(bad)
    if how.startswith("PermissionError"):
        assert kinds_of(verdicts) == [None, WRONG, None]
        assert verdicts[1].error == how
    else:
        assert kinds_of(verdicts) == [None, CRASHED, None]
        assert verdicts[1].error == f"The process ended in the middle of the check: {how}."


@pytest.mark.parametrize("bad", HOSTILE["skips"]["codes"])
def test_skipping_the_check(workshop: Workshop, bad: str):
    verdicts = workshop.call(bad)
    assert kinds_of(verdicts) == [None, WRONG, None]
    assert verdicts[1].error == "The check was skipped; a skipped check does not count as passed."


@pytest.mark.parametrize(("bad", "words"), HOSTILE["ends_at_import"].items())
def test_a_bad_end_at_import(workshop: Workshop, bad: str, words: str):
    problem = workshop.import_problem(bad)
    assert problem is not None
    assert words in problem.what


def test_sys_exit_in_a_call(workshop: Workshop):
    assert kinds_of(workshop.call("sys.exit(0)")) == [None, WRONG, None]


@pytest.mark.parametrize("bad", ["while True: pass", "import time; time.sleep(1e6)", "import signal; signal.pause()"])
def test_hanging(workshop: Workshop, bad: str):
    verdicts = workshop.call(bad, check_deadline=1)
    assert kinds_of(verdicts) == [None, HUNG, None]
    assert verdicts[1].line == len(function(bad).splitlines())
    assert verdicts[1].error == "It did not end within 1 seconds."


def test_hanging_and_swallowing_everything(workshop: Workshop):
    code = """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        while True:
            try:
                time.sleep(1)
            except BaseException:
                pass
    """
    assert kinds_of(workshop.call(code, check_deadline=1)) == [None, HUNG, None]


def test_hanging_again_and_again_is_given_up(workshop: Workshop):
    tests = """
        @pytest.mark.deadline(0.5)
        @pytest.mark.parametrize("number", range(6))
        def test_a(module, number): module.bad()
    """
    assert kinds_of(workshop.verdicts(tests, function("while True: pass"))) == [HUNG] * 4 + [NOT_RUN] * 2


def test_the_deadline_of_the_step(workshop: Workshop):
    assert kinds_of(workshop.call("while True: pass", deadline=6)) == [None, HUNG, NOT_RUN]


def test_a_step_that_takes_the_server_down_costs_no_other_step(bare_workshop: Workshop):
    workshop = bare_workshop
    tests = """
        def test_one(module): module.bad()
        def test_two(): pass
    """
    module = function("os.kill(os.getppid(), signal.SIGKILL); time.sleep(1e6)")
    innocent = "import time\ndef test_a(): time.sleep(0.5)\ndef test_b(): pass\n"
    workshop.write(module=module, test_bad=tests, test_good=innocent)
    found = workshop.run("test_bad", "test_good")
    assert kinds_of(found["test_bad"]) == [CRASHED, None]
    assert kinds_of(found["test_good"]) == [None, None]


def test_forged_reports_do_not_count(workshop: Workshop):
    code = """
        import json
        report = {"event": "result", "id": "test_one.py::test_bad", "told": {}, "printed": "", "duration": 0,
                  "phases": {"setup": "passed", "call": "passed", "teardown": "passed"}}
        for descriptor in range(3, 256):
            _try(lambda: os.write(descriptor, b"\\n" + json.dumps(report).encode() + b"\\n"))
        raise ValueError
    """
    assert workshop.call(code)[1].kind == WRONG


@pytest.mark.parametrize("then", ["raise ValueError", "os._exit(0)", "time.sleep(1e6)"])
def test_a_report_in_the_name_of_the_reporter_does_not_count(workshop: Workshop, then: str):
    code = f"""
        frame = sys._getframe()
        while "report" not in frame.f_locals or "job" not in frame.f_locals:
            frame = frame.f_back
        frame.f_locals["report"](
            event="result", id="test_one.py::test_bad", told={{}}, printed="", duration=0, changed="",
            solution_read=False,
            phases={{"setup": "passed", "call": "passed", "teardown": "passed"}},
        )
        {then}
    """
    assert workshop.call(code)[1].kind in (TAMPERED, CRASHED, HUNG)


@pytest.mark.parametrize("leaves", ["", "os.setsid()"])
def test_no_process_outlives_its_step(workshop: Workshop, leaves: str):
    token = str(secrets.randbits(40))
    code = f"""
        ready, written = os.pipe()
        os.set_inheritable(written, True)
        if os.fork() == 0:
            {leaves}
            os.execlp("sh", "sh", "-c", f"echo > /proc/self/fd/{{written}}; sleep {token}")
        os.read(ready, 1)
    """
    assert kinds_of(workshop.call(code)) == [None, None, None]
    wait_until_gone(*processes_with(token))
