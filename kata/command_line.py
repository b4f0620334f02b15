"""The commands behind the Makefile: `python -m kata grade` and `python -m kata run`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from rich.console import Console

from kata.failures import BrokenSetup, WrongUsage

SUCCEEDED, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Carry out a command; the exit code: 0 done and right, 1 done and wrong, 2 wrong usage or a broken set-up."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        succeeded = _grade(options) if options.command == "grade" else _run(options)
    except (WrongUsage, BrokenSetup) as error:
        print(error, file=sys.stderr)
        return WRONG_USAGE
    except KeyboardInterrupt:
        print("Interrupted; everything that was started has been ended.", file=sys.stderr)
        return INTERRUPTED
    return SUCCEEDED if succeeded else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kata", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    default_tree = os.environ.get("KATA_TREE") or "exercise"
    grade = commands.add_parser("grade", help="grade a tree; exit code 0 only at full points of the seven steps")
    grade.add_argument("--step", metavar="N", help="grade one step (1 to 7) or challenge (c1 to c3)")
    grade.add_argument("--results", metavar="FILE", type=Path, help="also write the results as JSON")
    run = commands.add_parser("run", help="run the DAG of a tree while files arrive")
    for command in (grade, run):
        command.add_argument("--tree", default=default_tree, help="exercise, solution, or a folder")
    return parser


def _grade(options: argparse.Namespace) -> bool:
    from kata.grader import Grader
    from kata.progress import progress_on
    from kata.results_file import check_results_file, write_results
    from kata.scorecard import show_scorecard

    if options.results is not None:
        check_results_file(options.results)
    with progress_on(Console(stderr=True)) as progress:
        grade = Grader(progress).grade(options.tree, options.step)
    if options.results is not None:
        write_results(grade, options.results)
    show_scorecard(grade, Console())
    return grade.succeeded


def _run(options: argparse.Namespace) -> bool:
    from kata.run_dag import run_dag

    return run_dag(options.tree, Console())


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
