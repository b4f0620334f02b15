"""A process that has never seen the learner's module, as a triggerer has not when it is handed a trigger."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

TIMEOUT = 10  # seconds for a job; importing the module is most of it

_context = multiprocessing.get_context("fork")


class Elsewhere:
    """
    Runs functions in processes that have Airflow but not the learner's module.

    It forks a witness before anybody has imported that module; the witness forks a new process for each job. Only the
    tree is added to ``sys.path``, as a deployment would do with ``PYTHONPATH``.
    """

    def __init__(self, tree: str) -> None:
        self._connection, there = _context.Pipe()
        self._witness = _context.Process(target=_serve, args=(there, self._connection, tree), daemon=True)
        self._witness.start()
        there.close()

    def run(self, job: Callable[..., Any], *args: Any) -> Any:
        """
        Return what ``job(*args)`` returns there.

        :raises ElsewhereFailed: if it raises or does not end within 10 seconds.
        """
        self._connection.send((job, args))
        succeeded, result = self._connection.recv()
        if not succeeded:
            raise ElsewhereFailed(result)
        return result

    def close(self) -> None:
        """End the witness."""
        self._connection.close()
        self._witness.join(1)
        self._witness.kill()


class ElsewhereFailed(Exception):
    """A job raised; the text is the exception with its type."""


def _serve(connection: Connection, other_end: Connection, tree: str) -> None:
    other_end.close()  # so that the witness ends when the checks do, however they do
    sys.path.append(tree)
    while True:
        try:
            job, args = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(_fork_and_do(job, args))


def _fork_and_do(job: Callable[..., Any], args: tuple[Any, ...]) -> tuple[bool, Any]:
    answers, answer = _context.Pipe(duplex=False)
    process = os.fork()
    if process == 0:
        _do(answer, job, args)
        os._exit(0)
    answer.close()
    try:
        return answers.recv() if answers.poll(TIMEOUT) else (False, f"it did not end within {TIMEOUT} seconds")
    except EOFError:
        return False, "the process ended without an answer"
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _do(answer: Connection, job: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        answer.send((True, job(*args)))
    except BaseException as error:
        answer.send((False, f"{type(error).__name__}: {error}"))
