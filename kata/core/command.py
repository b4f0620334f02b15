"""What every command line of the kata does around a command: signals, errors in one line, the exit code."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType

import typer
from typer.core import TyperGroup

from kata.core.errors import BrokenSetup, WrongUsage
from kata.core.paths import STATE, shown

_OF_THE_DISK = {
    errno.ENOSPC: ("No space is left on the disk", "Make room"),
    errno.EDQUOT: ("Your share of the disk is used up", "Make room"),
    errno.EFBIG: ("The file may not get as large as it would", "Raise the limit (ulimit -f)"),
    errno.EROFS: ("The disk cannot be written to", "Clone the kata to another place"),
    errno.EACCES: ("You may not write there", "Change the permissions"),
}

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
    :return: 0 if all is well, 1 for a wrong submission, 2 for wrong usage, a broken set-up, a full disk or a defect of
        the kata, 130 if the process was interrupted; the last two say so on standard error.
    """
    # Also in a process that was started in the background, which ignores SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    # A closed terminal ends the process, unless it was started with nohup.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed, as by >&-
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - stays open as long as the process
        getattr(sys, name).reconfigure(errors="replace")
    try:
        return FAILED if function() is False else SUCCEEDED
    except (WrongUsage, BrokenSetup) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted; everything that was started has been ended.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; nothing more can be said to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            return _admit_defect(error)
        what, todo = _OF_THE_DISK[error.errno]
        print(f"{what} ({error.filename}). {todo} and run the command again.", file=sys.stderr)
    except Exception as error:
        if hasattr(error, "exit_code"):  # typer's own, which prints it
            raise
        return _admit_defect(error)
    return WRONG_USAGE


def _admit_defect(error: Exception) -> int:
    """Say that it is not the user who did something wrong, and keep what helps to find out."""
    trace = "".join(traceback.format_exception(error))
    print(f"This is a defect of the kata, not of your code: {type(error).__name__}: {error}", file=sys.stderr)
    log = STATE / "logs" / "defect.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(trace, encoding="utf-8", errors="replace")
        print(f"Please report it with the file {shown(log)}.", file=sys.stderr)
    except OSError:
        print(trace, file=sys.stderr)
    return WRONG_USAGE


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
