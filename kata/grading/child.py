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

from kata.core.processes import die_with_parent
from kata.grading.limits import limit_this_process

# Exit codes that the parent has a word for.
OUT_OF_MEMORY, CHANNEL_LOST = 71, 74

Report = Callable[..., None]


def live(job: dict[str, Any], channel: int) -> NoReturn:
    """Do the job and end this process, whatever happens; never returns to the server's code.

    :param job: `do` ("collect", "import" or "grade") and its arguments.
    :param channel: file descriptor that the reports are written to.
    """
    status = 1
    report: Report = lambda **_: None  # noqa: E731 - until there is one
    try:
        _set_apart(job)
        report = _reporter_on(channel, job["seal"])
        if job["do"] == "import":
            _import_module(job, report)
        else:
            _run_pytest(job, report)
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


def _set_apart(job: dict[str, Any]) -> None:
    os.setsid()
    die_with_parent()
    folder = Path(job["folder"])
    os.chdir(folder)
    with open(os.devnull, "rb") as nothing, open(job["printed"], "wb") as printed:
        os.dup2(nothing.fileno(), 0)
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
    limit_this_process()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(
        PYTHONPATH=job["tree"],
        KATA_DATA_DIR=str(folder / "data"),
        TMPDIR=str(folder),
    )
    tempfile.tempdir = None
    # Airflow took it from the environment when the server imported it. To run a DAG it imports all that lies in there:
    # only the one file is to be graded, not what else the learner keeps beside it.
    if settings := sys.modules.get("airflow.settings"):
        settings.DAGS_FOLDER = str(_folder_with(Path(job["learner_file"]), folder))  # type: ignore[attr-defined]
    # On this signal the stack is written down, so that a hang can be shown with its line.
    stack = open(job["stack"], "w")  # noqa: SIM115 - stays open as long as the process
    faulthandler.register(signal.SIGUSR1, file=stack, all_threads=True)


def _folder_with(file: Path, beside: Path) -> Path:
    dags = beside.with_name("dags")
    dags.mkdir()
    (dags / file.name).symlink_to(file)
    return dags


def _reporter_on(channel: int, seal: str) -> Report:
    # Bound here and now: the learner's module may put something else in their place later.
    dumps, write, end, pid, own = json.dumps, os.write, os._exit, os.getpid, os.getpid()

    def report(**message: Any) -> None:
        if pid() != own:
            # A copy that the learner's code has forked off has nothing to say.
            end(0)
        # The learner's code may have begun a line of its own.
        text = b"\n" + dumps({"seal": seal, **message}).encode() + b"\n"
        try:
            while text:
                text = text[write(channel, text) :]
        except OSError:
            end(CHANNEL_LOST)

    return report


def _import_module(job: dict[str, Any], report: Report) -> None:
    from kata.grading.failure import explain

    sys.path.insert(0, job["tree"])
    report(event="start")
    try:
        importlib.import_module(job["module"])
    except BaseException as error:
        report(event="import failed", **explain(error, Path(job["learner_file"])))
    else:
        report(event="imported")


def _run_pytest(job: dict[str, Any], report: Report) -> None:
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
    pytest.main(options + files, plugins=[Reporter(report, wanted, Path(job["learner_file"]))])
