"""Processes of ours that end with us, however we end."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from kata.core.errors import BrokenSetup
from kata.core.paths import ROOT


class KeptProcesses:
    """Starts processes, each in a session of its own; at the end of the `with` block all are gone, with their children.

    They are kept by `kata.airflow.local.keeper`, a process that ends them also when this one is killed.
    """

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "kata.airflow.local.keeper"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> KeptProcesses:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        # The end of its input is its order to end everything.
        with contextlib.suppress(BrokenPipeError):
            self._keeper.communicate()

    def start(self, name: str, command: list[str], environment: dict[str, str], folder: Path, log: Path) -> int:
        """Start a command; its process id.

        :param name: to speak of it later.
        :param folder: where it runs.
        :param log: what it prints is added to this file.
        :raises BrokenSetup: if it cannot be started.
        """
        how = {"command": command, "environment": environment, "folder": str(folder), "log": str(log)}
        answer = self._ask(start=name, **how)["answer"]
        if not isinstance(answer, int):
            raise BrokenSetup(f"{command[0]} cannot be started. {answer['error']}")
        return answer

    def kill(self, name: str) -> None:
        """End it and its children with SIGKILL; returns when they are gone."""
        self._ask(kill=name)

    def ended(self) -> dict[str, int]:
        """The exit status of each that has ended by itself, by name."""
        statuses = self._ask()["statuses"]
        return {name: status for name, status in statuses.items() if status is not None}

    def end(self, grace: float) -> None:
        """Ask all to end, and kill what is still there after so many seconds."""
        self._ask(end=grace)

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        try:
            self._keeper.stdin.write(json.dumps(request) + "\n")
            self._keeper.stdin.flush()
            answer = self._keeper.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise BrokenSetup("The process that keeps the parts of Airflow together is gone: somebody has ended it.")
        return json.loads(answer)
