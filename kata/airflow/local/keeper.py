"""Starts commands and sees to it that nothing of them outlives their owner.

It runs as a process of its own, in a session of its own. Its owner writes a request a line to its standard input and
reads an answer a line from its standard output, both JSON. When the input ends, however the owner has ended, everything
that was started is ended too, and with it whatever has lost its parent meanwhile: this process adopts it (Linux).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

import psutil

from kata.core.processes import adopt_orphans, die_with_parent

# Between two looks at what has ended or lost its parent, in seconds.
_LOOK_EVERY = 1.0


class _Keeper:
    def __init__(self) -> None:
        self._kept: dict[str, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        """Do what is asked until the owner is gone or asks for the end."""
        unread = b""
        while True:
            readable, _, _ = select.select([sys.stdin.fileno()], [], [], _LOOK_EVERY)
            self._end_orphans()
            if not readable:
                continue
            more = os.read(sys.stdin.fileno(), 65536)
            if not more:
                return
            *lines, unread = (unread + more).split(b"\n")
            for line in lines:
                if not self._answer(json.loads(line)):
                    return

    def end(self, grace: float = 0.0) -> None:
        """End everything: politely, and what is left after so many seconds, by force."""
        for kept in self._kept.values():
            kept.send_signal(signal.SIGTERM if grace else signal.SIGKILL)
        patience = time.monotonic() + grace
        while time.monotonic() < patience and any(kept.poll() is None for kept in self._kept.values()):
            time.sleep(0.05)
        while left := psutil.Process().children(recursive=True):
            _kill(left)

    def _answer(self, request: dict[str, Any]) -> bool:
        answer: Any = None
        try:
            match request:
                case {"start": name, **how}:
                    answer = self._start(name, **how)
                case {"kill": name}:
                    self._kill(name)
                case {"end": grace}:
                    self.end(grace)
        except OSError as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        statuses = {name: kept.poll() for name, kept in self._kept.items()}
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"answer": answer, "statuses": statuses}), flush=True)
        return "end" not in request

    def _start(self, name: str, command: list[str], environment: dict[str, str], folder: str, log: str) -> int:
        with open(log, "ab") as output:
            self._kept[name] = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return self._kept[name].pid

    def _kill(self, name: str) -> None:
        kept = self._kept.pop(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(kept.pid)
            _kill([process, *process.children(recursive=True)])
        kept.wait()

    def _end_orphans(self) -> None:
        own = {kept.pid for kept in self._kept.values()}
        _kill([child for child in psutil.Process().children() if child.pid not in own])


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    # Those that became children of this process are also buried by it.
    psutil.wait_procs(processes, timeout=5)


def main() -> None:
    # It ends with its owner, not before. A handler, not SIG_IGN, which what it starts would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    adopt_orphans()
    keeper = _Keeper()
    try:
        keeper.serve()
    finally:
        keeper.end()


if __name__ == "__main__":
    main()
