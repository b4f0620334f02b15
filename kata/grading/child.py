"""What a forked child does: it puts itself apart, does one job, reports, and is gone."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from kata.core.paths import MODULE
from kata.core.processes import die_with_parent
from kata.grading.limits import limit_this_process
from kata.grading.sandbox import enclose

# Exit codes that the parent has a word for.
OUT_OF_MEMORY, CHANNEL_LOST = 71, 74

Report = Callable[..., None]


def run_job(job: dict[str, Any], channel: int, printed: int, stack: int) -> NoReturn:
    """Do the job and end this process, whatever happens; never returns to the server's code.

    :param job: `do` ("collect", "import" or "grade"), its `seal`, its `folder`, and what it is to be done with.
    :param channel: file descriptor that the reports are written to.
    :param printed: file descriptor of what is printed.
    :param stack: file descriptor that the stack is written to on SIGUSR1, so that a hang can be shown with its line.
    """
    status = 1
    report: Report = lambda **_: None  # noqa: E731 - until there is one
    try:
        _set_apart(job, printed)
        faulthandler.register(signal.SIGUSR1, file=stack, all_threads=True)
        report = _reporter_on(channel, job["seal"])
        solution_read = _notice_reading(job["solution"])
        if job["do"] == "import":
            _import_module(job, report, solution_read)
        else:
            _run_pytest(job, report, solution_read)
        status = 0
    except MemoryError:
        status = OUT_OF_MEMORY
    except BaseException:
        with contextlib.suppress(BaseException):
            sys.excepthook(*sys.exc_info())
        # It goes no further, but this is no end that the learner's code has made for itself.
        with contextlib.suppress(BaseException):
            report(event="finished")
    finally:
        # No exit handler and no thread of the learner's may hold the process up or speak in its name.
        os._exit(status)


def _set_apart(job: dict[str, Any], printed: int) -> None:
    os.setsid()
    die_with_parent()
    folder = Path(job["folder"])
    work = folder / "work"
    os.chdir(work)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for output in (1, 2):
        os.dup2(printed, output)
    limit_this_process()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(
        AIRFLOW__CORE__DAGS_FOLDER=str(folder / "dags"),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{folder / 'airflow.db'}",
        AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(folder / "logs"),
        HOME=str(work),
        KATA_DATA_DIR=str(work / "data"),
        PYTHONPATH=job["tree"],
        TMPDIR=str(work),
    )
    tempfile.tempdir = None
    # Airflow took the first three from the environment when the server imported it.
    if settings := sys.modules.get("airflow.settings"):
        settings.configure_vars()  # type: ignore[attr-defined]
        settings.configure_orm()  # type: ignore[attr-defined]
    if job["enclosed"]:
        enclose(folder, Path(job["suite"]))


def _notice_reading(solution: str) -> list[str]:
    """Return a list that is filled as soon as anything tries to read the reference solution: it need not be there."""
    read: list[str] = []
    file, package = solution, Path(solution).parent.name

    def listen(event: str, args: tuple[Any, ...]) -> None:
        is_path = event == "open" and isinstance(args[0], (str, bytes))
        imported = args[0].partition(".")[0] if event == "import" else ""
        if imported == package or (is_path and os.path.realpath(os.fsdecode(args[0])) == file):
            read.append(file)

    if solution:
        sys.addaudithook(listen)
    return read


def _reporter_on(channel: int, seal: str) -> Report:
    # Bound here and now: the learner's module may put something else in their place later.
    dumps, write, end, pid, own = json.dumps, os.write, os._exit, os.getpid, os.getpid()

    def report(**message: Any) -> None:
        if pid() != own:
            # A copy that the learner's code has forked off has nothing to say.
            end(0)
        # The learner's code may have begun a line of its own.
        text = f"\n{seal} {dumps(message)}\n".encode()
        try:
            while text:
                text = text[write(channel, text) :]
        except OSError:
            end(CHANNEL_LOST)

    return report


def _learner_file(job: dict[str, Any]) -> Path:
    return Path(job["tree"], f"{MODULE}.py")


def _import_module(job: dict[str, Any], report: Report, solution_read: list[str]) -> None:
    from kata.grading.failure import explain

    sys.path.insert(0, job["tree"])
    report(event="start")
    try:
        importlib.import_module(MODULE)
    except BaseException as error:
        report(event="import failed", solution_read=bool(solution_read), **explain(error, _learner_file(job)))
    else:
        report(event="imported", solution_read=bool(solution_read))


def _run_pytest(job: dict[str, Any], report: Report, solution_read: list[str]) -> None:
    import pytest

    from kata.grading.reporter import Reporter

    suite = job["suite"]
    options = [
        # In one word: pytest would look for a conftest.py of the learner's in any folder that stands by itself.
        f"--tree={job['tree']}",
        f"--rootdir={suite}",
        f"--confcutdir={suite}",
        "-c",
        f"{suite}/pytest.ini",
        "-p",
        "no:cacheprovider",
        # What a check has no need of only takes time.
        "-p",
        "no:anyio",
        "-p",
        "no:xdist",
        "-p",
        "no:xdist.looponfail",
        "-q",
    ]
    if job["do"] == "collect":
        options.append("--collect-only")
    wanted = frozenset(job["wanted"]) if job.get("wanted") is not None else None
    files = [f"{suite}/{name}" for name in job["files"]]
    pytest.main(options + files, plugins=[Reporter(report, wanted, _learner_file(job), solution_read)])
