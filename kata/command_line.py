"""The commands behind the Makefile: `python -m kata grade` and the others."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console

from kata.core.errors import BrokenSetup, WrongUsage
from kata.core.steps import find_steps

if TYPE_CHECKING:
    from kata.grading.verdict import Grade

SUCCEEDED, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Carry out a command; the exit code: 0 done and right, 1 done and wrong, 2 wrong usage or a broken set-up."""
    options = _parser().parse_args(arguments)
    # Also where whoever started this in the background has it ignore an interruption.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    # A terminal that is closed ends it too, unless it was started so as to outlive that.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        succeeded = options.carry_out(options)
    except (WrongUsage, BrokenSetup) as error:
        print(error, file=sys.stderr)
        return WRONG_USAGE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"No space is left on the disk ({error.filename}). Make room and run the command again.", file=sys.stderr)
        return WRONG_USAGE
    except KeyboardInterrupt:
        print("Interrupted; everything that was started has been ended.", file=sys.stderr)
        return INTERRUPTED
    return SUCCEEDED if succeeded else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kata", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, carry_out: Callable[[argparse.Namespace], bool], what: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=what)
        added.set_defaults(carry_out=carry_out)
        default_tree = os.environ.get("KATA_TREE") or "exercise"
        added.add_argument("--tree", default=default_tree, help="exercise, solution, or a folder")
        return added

    grade = command("grade", _grade, "grade a tree; exit code 0 only at full points of the seven steps")
    grade.add_argument("--step", metavar="N", help="grade one step (1 to 7), part (3a to 3d) or challenge (c1 to c3)")
    grade.add_argument("--results", metavar="FILE", type=Path, help="also write the results as JSON")
    command("watch", _watch, "grade the step that is worked on at every save")
    hint = command("hint", _hint, "help with a step, in three levels")
    hint.add_argument("--step", metavar="N", required=True)
    hint.add_argument("--level", metavar="K", type=int, default=1, help="1 a nudge, 2 the concept, 3 nearly the answer")
    diff = command("diff", _diff, "show a step of the tree beside the worked answer, once it is green")
    diff.add_argument("--step", metavar="N", required=True)
    diff.add_argument("--peek", action="store_true", help="show it before the step is green")
    reset = command("reset", _reset, "put the starter back; what was there is kept")
    reset.add_argument("--step", metavar="N", help="put only this step back")
    restore = command("restore", _restore, "bring back what a reset has kept")
    restore.add_argument("name", nargs="?", help="a copy; without it the copies are listed")
    command("run", _run, "run the DAG of a tree while files arrive")
    command("up", _up, "start a whole Airflow in Docker, or switch the tree of the one that is up")
    down = command("down", _down, "end the Airflow in Docker")
    down.add_argument("--volumes", action="store_true", help="also remove its database, logs and secrets")
    command("ps", _ps, "show the services of the Airflow in Docker; exit code 0 only if all are well")
    logs = command("logs", _logs, "show what the services print")
    logs.add_argument("service", nargs="?", help="only this one")
    command("standalone", _standalone, "run Airflow on this machine without Docker, until Ctrl-C")
    command("trigger", _trigger, "start the DAG in the Airflow that runs")
    dropped = command("drop", _drop, "let files arrive where the DAG waits for them")
    dropped.add_argument("--client", metavar="N", type=int, help="1 to 5; without it the upload, and client 3")
    dropped.add_argument("--count", metavar="K", type=int, default=1, help="how many files")
    live = command("live", _live, "prove a tree on a real scheduler, worker and triggerer")
    live.add_argument(
        "--stack", choices=("own", "compose"), default="own", help="which Airflow; default: one of its own"
    )
    live.add_argument("--results", metavar="FILE", type=Path, help="also write the results as JSON")
    pitfall = command("pitfall", _pitfall, "run a mistake on a real Airflow, then its fix")
    pitfall.add_argument("name", nargs="?", help="which; without it they are listed")
    pitfall.add_argument("--write", action="store_true", help="also write what was seen into docs/pitfalls.md")
    raced = command("race", _race, "race poke, reschedule and deferrable sensors against each other on a real Airflow")
    raced.set_defaults(tree="solution")
    raced.add_argument("--waits", default="100", help="how many sensors wait at once; default: 100")
    raced.add_argument("--slots", default="8", help="how many tasks may run at once; default: 8")
    raced.add_argument("--hold", default="60", metavar="SECONDS", help="how long the waits are held; default: 60")
    raced.add_argument("--folder", metavar="FOLDER", type=Path, help="where the results go; default: data/monitoring")
    even = command("breakeven", _break_even, "measure from which length of wait on deferring pays, on a real Airflow")
    even.set_defaults(tree="solution")
    even.add_argument("--repeats", default="4", help="how often each short wait is measured in each way; default: 4")
    even.add_argument("--folder", metavar="FOLDER", type=Path, help="where the results go; default: data/monitoring")
    benched = command("bench", _bench, "measure what a trigger costs on one event loop, beside Airflow's own")
    benched.set_defaults(tree="solution")
    benched.add_argument("--waits", default="100,1000,5000", help="how many at once; default: 100,1000,5000")
    benched.add_argument("--seconds", default="20", help="how long each is measured; default: 20")
    benched.add_argument("--interval", default="5", metavar="SECONDS", help="between two looks; default: 5")
    benched.add_argument("--only", default="", metavar="NAMES", help="such as full,FileTriggers")
    benched.add_argument("--folder", metavar="FOLDER", type=Path, help="where the results go; default: data/monitoring")
    return parser


def _grade(options: argparse.Namespace) -> bool:
    from kata.grading.results_file import check_results_file, write_results
    from kata.grading.scorecard import show_scorecard

    if options.results is not None:
        check_results_file(options.results)
    grade = _graded(options.tree, options.step)
    if options.results is not None:
        write_results(grade, options.results)
    show_scorecard(grade, Console())
    return grade.succeeded


def _graded(tree: str, step: str | None) -> Grade:
    from kata.grading.grader import Grader
    from kata.grading.progress import progress_on

    with progress_on(Console(stderr=True)) as progress:
        return Grader(progress).grade(tree, step)


def _watch(options: argparse.Namespace) -> bool:
    from kata.practice.watch import watch

    watch(options.tree, Console())
    return True


def _hint(options: argparse.Namespace) -> bool:
    from kata.practice.hints import list_parts, show_hint

    steps = find_steps(options.step)
    if len(steps) > 1:
        list_parts(steps, Console())
    else:
        show_hint(steps[0], options.level, Console())
    return True


def _diff(options: argparse.Namespace) -> bool:
    from kata.core.submission import find_tree, tree_option
    from kata.practice.diff import show_diff

    step, tree = find_steps(options.step)[0], find_tree(options.tree)
    # The reference solution of one part would give the others away.
    if not options.peek and not _graded(options.tree, step.section_id).succeeded:
        again = f"make diff STEP={step.section_id}{tree_option(options.tree)}"
        print(f"{step.section} is not green yet. To look at the worked answer all the same: {again} PEEK=1")
        return False
    return show_diff(tree, step, Console())


def _reset(options: argparse.Namespace) -> bool:
    from kata.practice.reset import reset

    reset(options.tree, find_steps(options.step)[0] if options.step else None, Console())
    return True


def _restore(options: argparse.Namespace) -> bool:
    from kata.practice.reset import restore

    restore(options.tree, options.name, Console())
    return True


def _run(options: argparse.Namespace) -> bool:
    from kata.airflow.run_dag import run_dag

    return run_dag(options.tree, Console())


def _up(options: argparse.Namespace) -> bool:
    from kata.airflow.compose_commands import up

    up(options.tree, Console())
    return True


def _down(options: argparse.Namespace) -> bool:
    from kata.airflow.compose_commands import down

    down(options.volumes, Console())
    return True


def _ps(options: argparse.Namespace) -> bool:
    from kata.airflow.compose_commands import show_services

    return show_services(Console())


def _logs(options: argparse.Namespace) -> bool:
    from kata.airflow.compose_commands import show_logs

    show_logs(options.service)
    return True


def _live(options: argparse.Namespace) -> bool:
    from kata.live.command import live

    return live(options.tree, options.stack, options.results, Console(), Console(stderr=True))


def _race(options: argparse.Namespace) -> bool:
    from kata.core.paths import MONITORING
    from lab.race.command import race
    from lab.race.plan import plan_of

    plan = plan_of(options.waits, options.slots, options.hold)
    race(options.tree, plan, options.folder or MONITORING, Console(), Console(stderr=True))
    return True


def _break_even(options: argparse.Namespace) -> bool:
    from kata.core.paths import MONITORING
    from lab.break_even.command import measure_break_even
    from lab.break_even.plan import plan_of

    plan = plan_of(options.repeats)
    measure_break_even(options.tree, plan, options.folder or MONITORING, Console(), Console(stderr=True))
    return True


def _bench(options: argparse.Namespace) -> bool:
    from kata.core.paths import MONITORING
    from lab.bench.command import bench
    from lab.bench.plan import plan_of

    plan = plan_of(options.waits, options.seconds, options.interval, options.only)
    # A table that goes into a file need not fit the eighty columns of old.
    console = Console(width=None if sys.stdout.isatty() else 120)
    bench(options.tree, plan, options.folder or MONITORING, console, Console(stderr=True))
    return True


def _pitfall(options: argparse.Namespace) -> bool:
    from kata.pitfalls.command import list_pitfalls, show_pitfall

    if options.name:
        show_pitfall(options.name, options.write, Console(), Console(stderr=True))
    else:
        list_pitfalls(Console())
    return True


def _standalone(options: argparse.Namespace) -> bool:
    from kata.airflow.local_airflow import standalone

    standalone(options.tree, Console())
    return True


def _trigger(options: argparse.Namespace) -> bool:
    from kata.airflow.trigger_dag import trigger_dag

    trigger_dag(Console())
    return True


def _drop(options: argparse.Namespace) -> bool:
    from kata.airflow.arriving_files import drop_files

    drop_files(options.client, options.count, Console())
    return True


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
