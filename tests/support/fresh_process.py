"""Processes that have never imported the submission, as a triggerer has not when a trigger is sent to it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from .environment import put_on_path

TIMEOUT = 10  # seconds for a job; importing the submission is most of it

_LATE = False, f"it did not end within {TIMEOUT} seconds"
_context = multiprocessing.get_context("fork")


class FreshProcess:
    """
    Runs functions in processes that have Airflow but not the submission.

    It forks a server before the submission is imported; the server forks a new process for each job. Only the
    submission's folder is added to ``sys.path``, as a deployment does with ``PYTHONPATH``.

    :param tree: the submission's folder.
    """

    def __init__(self, tree: str) -> None:
        self._connection, other_end = _context.Pipe()
        self._server = _context.Process(target=_serve, args=(other_end, self._connection, tree))
        self._server.start()
        other_end.close()

    def run(self, job: Callable[..., Any], *args: Any) -> Any:
        """
        Return what ``job(*args)`` returns there.

        :raises FreshProcessFailed: if it raises, or does not end within 10 seconds.
        """
        self._connection.send((job, args))
        succeeded, result = self._connection.recv()
        if not succeeded:
            raise FreshProcessFailed(result)
        return result

    def close(self) -> None:
        """End the server."""
        self._connection.close()
        self._server.join(1)
        self._server.kill()


class FreshProcessFailed(Exception):
    """A job raised; the text is the exception with its type."""


def _serve(connection: Connection, other_end: Connection, tree: str) -> None:
    other_end.close()  # so that the server ends when the checks do, in whatever way
    put_on_path(tree)
    with suppress(EOFError, OSError):
        while True:
            job, args = connection.recv()
            answers, answer = _context.Pipe(duplex=False)
            process = _context.Process(target=_do, args=(answer, job, args))
            process.start()
            answer.close()
            result = False, "the process ended without an answer"
            with suppress(EOFError):
                result = answers.recv() if answers.poll(TIMEOUT) else _LATE
            process.kill()
            process.join()
            connection.send(result)


def _do(answer: Connection, job: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        answer.send((True, job(*args)))
    except BaseException as error:
        answer.send((False, f"{type(error).__name__}: {error}"))
