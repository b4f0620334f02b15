"""What every command line of the kata does around a command: signals, errors in one line, the exit code."""

from __future__ import annotations

import errno
import functools
import signal
import sys
from collections.abc import Callable
from types import FrameType

import typer
from typer.core import TyperGroup

from kata.core.errors import BrokenSetup, WrongUsage

SUCCEEDED, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class _Commands(TyperGroup):
    """Commands that return False for a wrong submission, True or None if all is well."""

    def invoke(self, ctx: typer.Context) -> None:
        raise typer.Exit(exit_code(functools.partial(super().invoke, ctx)))


def command_line(name: str, summary: str) -> typer.Typer:
    """Create a command line without commands; the process exits with `exit_code` of the command that is called.

    :param name: how it is called, such as "python -m kata".
    """
    how = {"add_completion": False, "rich_markup_mode": None, "no_args_is_help": True}
    return typer.Typer(name=name, help=summary, cls=_Commands, **how)


def exit_code(function: Callable[[], bool | None]) -> int:
    """Call a function.

    :param function: returns False for a wrong submission, True or None if all is well.
    :return: 0 if all is well, 1 for a wrong submission, 2 for wrong usage, a broken set-up or a full disk, 130 if the
        process was interrupted; the last two print one line to standard error.
    """
    # Also in a process that was started in the background, which ignores SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    # A closed terminal ends the process, unless it was started with nohup.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        return FAILED if function() is False else SUCCEEDED
    except (WrongUsage, BrokenSetup) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"No space is left on the disk ({error.filename}). Make room and run the command again.", file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted; everything that was started has been ended.", file=sys.stderr)
        return INTERRUPTED
    return WRONG_USAGE


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
