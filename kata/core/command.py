"""What every command line of the kata does around a command: signals, errors in one line, the exit code."""

from __future__ import annotations

import errno
import functools
import signal
import sys
from collections.abc import Callable
from types import FrameType

import typer

from kata.core.errors import BrokenSetup, WrongUsage

SUCCEEDED, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def command_line(name: str, summary: str) -> typer.Typer:
    """Create a command line without commands.

    :param name: how it is called, such as "python -m kata".
    """
    app = typer.Typer(name=name, help=summary, add_completion=False, rich_markup_mode=None, no_args_is_help=True)
    # A command line with a single command would do without its name.
    app.callback()(lambda: None)
    return app


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., bool | None]], Callable[..., bool | None]]:
    """Add the decorated function to a command line; the process exits with `exit_code` of it."""

    def add(function: Callable[..., bool | None]) -> Callable[..., bool | None]:
        @app.command(name)
        @functools.wraps(function)
        def exit_with_code(**options: object) -> None:
            raise typer.Exit(exit_code(functools.partial(function, **options)))

        return function

    return add


def exit_code(function: Callable[[], bool | None]) -> int:
    """Call a function.

    :param function: returns False for a wrong submission, True or None if all is well.
    :return: 0 if all is well, 1 for a wrong submission, 2 for wrong usage, a broken set-up or a full disk, 130 if the
        process was interrupted; the last two print one line to standard error.
    """
    _interrupt_on_signals()
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


def _interrupt_on_signals() -> None:
    # Also in a process that was started in the background, which ignores SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    # A closed terminal ends the process, unless it was started with nohup.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
