"""A process that ends with its owner, with all that it has started, also when the owner is killed.

No library does this: psutil kills only while the owner lives, and cannot find children that have left both session and
parent. So a small keeper (`python -m kata.airflow.kept_process`) runs between the two. It adopts such children (Linux),
and ends everything as soon as the pipe from its owner is closed.
"""

from __future__ import annotations

import contextlib
import select
import signal
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import psutil

from kata.core.paths import ROOT
from kata.core.processes import adopt_orphans, die_with_parent

_POLL_EVERY = 0.2  # seconds
_KILLED_BY = 128  # is added to the number of a signal in the keeper's exit status, as shells do


class KeptProcess:
    """A command, run in a session of its own.

    :param environment: all its variables.
    :param folder: where it runs.
    :param log: the file that all it prints is appended to.
    """

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, log: Path) -> None:
        with log.open("ab") as output:
            self._keeper = subprocess.Popen(
                [sys.executable, "-m", "kata.airflow.kept_process", folder, *command],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                start_new_session=True,
            )

    @cached_property
    def pid(self) -> int:
        """Process id of the command itself; 0 if it could not be started."""
        return int(self._keeper.stdout.readline() or 0)

    def status(self) -> int | None:
        """Return the exit status, a negative one for a signal; None while it runs."""
        status = self._keeper.poll()
        return _KILLED_BY - status if status and status > _KILLED_BY else status

    def terminate(self) -> None:
        """Ask it to end."""
        self._keeper.terminate()

    def kill(self) -> None:
        """End it and its descendants with SIGKILL; return when they are gone."""
        self._keeper.communicate()


def _keep(folder: str, *command: str) -> int:
    """Run a command in a folder until it ends, or the pipe from the owner is closed."""
    # A handler, not SIG_IGN, which the command would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    adopt_orphans()
    how = {"stdin": subprocess.DEVNULL, "stdout": sys.stderr, "stderr": sys.stderr, "start_new_session": True}
    process = subprocess.Popen(command, cwd=folder, **how, preexec_fn=die_with_parent)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        print(process.pid, flush=True)
        while process.poll() is None and not select.select([sys.stdin], [], [], _POLL_EVERY)[0]:
            pass
    finally:
        # What is killed may have started something in the meantime.
        while left := psutil.Process().children(recursive=True):
            for each in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            process.wait()
            psutil.wait_procs(left, timeout=5)
    status = process.wait()
    return status if status >= 0 else _KILLED_BY - status


if __name__ == "__main__":
    sys.exit(_keep(*sys.argv[1:]))
