"""The commands behind the Makefile: `python -m kata grade` and the others.

Each imports what it needs when it is called, so that `make hint` does not wait for what only `make live` needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from rich.console import Console
from typer import Argument, Option

from kata.core.command import command_line
from kata.core.steps import find_steps

if TYPE_CHECKING:
    from kata.grading.verdict import Grade

Submission = Annotated[str, Option("--tree", envvar="KATA_TREE", help="exercise, solution, or a folder")]
OneStep = Annotated[str, Option("--step", metavar="N", help="a step (1 to 7), part (3a to 3d) or challenge (c1 to c3)")]
AnyStep = Annotated[str | None, Option("--step", metavar="N", help="only this step, part or challenge")]
Results = Annotated[Path | None, Option("--results", metavar="FILE", help="also write the results as JSON")]


app = command_line("python -m kata", "Learn Airflow's triggers: grade your work, watch it run, prove it.")


@app.command()
def grade(tree: Submission = "exercise", step: AnyStep = None, results: Results = None) -> bool:
    """Grade a submission; exit code 0 only with all points of the seven steps."""
    from kata.grading.results_file import check_results_file, write_results
    from kata.grading.scorecard import show_scorecard

    if results is not None:
        check_results_file(results)
    graded = _grade(tree, step)
    if results is not None:
        write_results(graded, results)
    show_scorecard(graded, Console())
    return graded.succeeded


@app.command()
def watch(tree: Submission = "exercise") -> None:
    """Grade the current step at every save."""
    from kata.practice.watch import watch

    watch(tree, Console())


@app.command()
def hint(
    step: OneStep,
    level: Annotated[int, Option(metavar="K", help="1 a nudge, 2 the concept, 3 nearly the answer")] = 1,
) -> None:
    """Help with a step, in three levels."""
    from kata.practice.hints import list_parts, show_hint

    steps = find_steps(step)
    if len(steps) > 1:
        list_parts(steps, Console())
    else:
        show_hint(steps[0], level, Console())


@app.command()
def diff(
    step: OneStep,
    peek: Annotated[bool, Option("--peek", help="show it before the step is green")] = False,
    tree: Submission = "exercise",
) -> bool:
    """Show a step of a submission beside the reference solution, once it is green."""
    from kata.core.submission import find_tree, tree_option
    from kata.practice.diff import show_diff

    chosen, folder = find_steps(step)[0], find_tree(tree)
    # The reference solution of one part would give the others away.
    if not peek and not _grade(tree, chosen.section_id).succeeded:
        again = f"make diff STEP={chosen.section_id}{tree_option(tree)}"
        print(f"{chosen.section} is not green yet. To see the reference solution anyway: {again} PEEK=1")
        return False
    return show_diff(folder, chosen, Console())


@app.command()
def reset(tree: Submission = "exercise", step: AnyStep = None) -> None:
    """Put the starter back; a copy of the work is kept."""
    from kata.practice.reset import reset

    reset(tree, find_steps(step)[0] if step else None, Console())


@app.command()
def restore(
    name: Annotated[str | None, Argument(help="a copy; without it the copies are listed")] = None,
    tree: Submission = "exercise",
) -> None:
    """Bring back a copy of your work."""
    from kata.practice.reset import restore

    restore(tree, name, Console())


@app.command()
def run(tree: Submission = "exercise") -> bool:
    """Run the DAG of a submission while files arrive."""
    from kata.airflow.run_dag import run_dag

    return run_dag(tree, Console())


@app.command()
def up(tree: Submission = "exercise") -> None:
    """Start a whole Airflow in Docker, or switch its submission."""
    from kata.airflow.compose_commands import up

    up(tree, Console())


@app.command()
def down(
    volumes: Annotated[bool, Option("--volumes", help="also remove its database, logs and secrets")] = False,
) -> None:
    """End the Airflow in Docker."""
    from kata.airflow.compose_commands import down

    down(volumes, Console())


@app.command()
def ps() -> bool:
    """Show the services of the Airflow in Docker; exit code 0 only if all are healthy."""
    from kata.airflow.compose_commands import show_services

    return show_services(Console())


@app.command()
def logs(service: Annotated[str | None, Argument(help="only this one")] = None) -> None:
    """Show what the services in Docker print."""
    from kata.airflow.compose_commands import show_logs

    show_logs(service)


@app.command()
def standalone(tree: Submission = "exercise") -> None:
    """Run Airflow on this machine without Docker, until Ctrl-C."""
    from kata.airflow.local_airflow import standalone

    standalone(tree, Console())


@app.command()
def trigger() -> None:
    """Start the DAG in the running Airflow."""
    from kata.airflow.trigger_dag import trigger_dag

    trigger_dag(Console())


@app.command()
def drop(
    client: Annotated[int | None, Option(metavar="N", help="1 to 5; without it the upload, and client 3")] = None,
    count: Annotated[int, Option(metavar="K", help="the number of files")] = 1,
) -> None:
    """Let files arrive where the DAG waits for them."""
    from kata.airflow.arriving_files import drop_files

    drop_files(client, count, Console())


@app.command()
def live(
    tree: Submission = "exercise",
    stack: Annotated[Literal["own", "compose"], Option(help="an Airflow of its own, or the one in Docker")] = "own",
    results: Results = None,
) -> bool:
    """Prove a submission on a real scheduler, worker and triggerer."""
    from kata.live.command import live

    return live(tree, stack, results, Console(), Console(stderr=True))


@app.command()
def pitfall(
    name: Annotated[str | None, Argument(help="a pitfall; without it they are listed")] = None,
    write: Annotated[bool, Option("--write", help="also write what was seen into docs/pitfalls.md")] = False,
) -> None:
    """Run a mistake on a real Airflow, then its fix."""
    from kata.pitfalls.command import list_pitfalls, show_pitfall

    if name:
        show_pitfall(name, write, Console(), Console(stderr=True))
    else:
        list_pitfalls(Console())


@app.command("doctor")
def doctor() -> bool:
    """Say what this machine can do for the kata."""
    from kata.practice.doctor import show_findings

    return show_findings(Console())


def _grade(tree: str, step: str | None) -> Grade:
    from kata.grading.grader import Grader
    from kata.grading.progress import GradeProgress

    with GradeProgress(Console(stderr=True)) as progress:
        return Grader(progress).grade(tree, step)


if __name__ == "__main__":
    app()
