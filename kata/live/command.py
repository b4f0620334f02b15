"""`make live`: the proof, on an Airflow of its own that is gone afterwards, or on the running compose stack."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from kata.airflow.arriving_files import files_there
from kata.airflow.compose import ComposeStack
from kata.airflow.local_airflow import SETTINGS, own_airflow
from kata.core.console import StatusLine, plain
from kata.core.dag_run import active_runs, end_active_runs
from kata.core.environment import airflow_version
from kata.core.errors import WrongUsage
from kata.core.paths import shown
from kata.core.submission import find_tree, read_module, show_problem, tree_option
from kata.grading.results_file import check_results_file, write_results
from kata.grading.scorecard import show_next, show_step, sum_of, table_of
from kata.grading.verdict import Grade
from kata.live.faults import Faults, Survived
from kata.live.parts import Deferred, Loaded, Resumed, TimedOut
from kata.live.proof import Proof

PARTS = (Loaded, Deferred, Resumed, TimedOut, Survived)


def live(tree_name: str, stack: str, results: Path | None, console: Console, progress: Console) -> bool:
    """Prove a submission and show the results; return whether it passes.

    :param stack: "own" for an Airflow of its own, "compose" for the running stack, which also has faults injected.
    :param results: file to write the results to, as JSON.
    :raises WrongUsage: if the submission is no folder, or the stack is not ready for the proof.
    :raises BrokenSetup: if Airflow or Docker does not do its part.
    """
    tree = find_tree(tree_name)
    if results is not None:
        check_results_file(results)
    _, problem = read_module(tree)
    with StatusLine(progress) as say:
        proof = Proof(PARTS if stack == "own" or problem else (*PARTS, Faults), say)
        if problem is None and stack == "own":
            with own_airflow(tree, say, **SETTINGS["quick_triggerer"]) as airflow:
                proof.carry_out(airflow)
        elif problem is None:
            _prove_on_compose(proof, tree, tree_name)
    grade = proof.grade(tree_name, problem)
    if results is not None:
        write_results(grade, results)
    show_proof(grade, f"make live{tree_option(tree_name)}{'' if stack == 'own' else f' STACK={stack}'}", console)
    return grade.succeeded


def _prove_on_compose(proof: Proof, tree: Path, tree_name: str) -> None:
    stack = ComposeStack(logs_since=datetime.now(timezone.utc))
    _check_ready(stack, tree, tree_name)
    triggerers = len(stack.of_service("triggerer"))
    try:
        proof.carry_out(stack)
    finally:
        stack.start("triggerer")
        stack.scale("triggerer", triggerers)
        end_active_runs(stack.api)  # the proof's own: there were none when it began


def _check_ready(stack: ComposeStack, tree: Path, tree_name: str) -> None:
    start = f"make up{tree_option(tree_name)}"
    if not any(each.is_ready for each in stack.of_service("api-server")):
        raise WrongUsage(f"The compose stack is not up. Start it: {start}")
    if stack.tree != tree:
        raise WrongUsage(f"The compose stack runs {shown(stack.tree or tree)}, not {tree_name}. Switch it: {start}")
    if stack.is_older_than_its_code:
        raise WrongUsage(f"{tree_name} was saved after the triggerer had imported it. Have it restarted: {start}")
    if active := active_runs(stack.api):
        raise WrongUsage(f"The proof needs the stack for itself. Wait for the end of the run of {active[0][0]}.")
    if there := files_there():
        what = f"The waiting tasks would find existing files, such as {shown(there[0])}."
        raise WrongUsage(f"{what} Move the uploads out of data/ first.")


def show_proof(grade: Grade, command: str, console: Console) -> None:
    """Print what was proven, the first failure in full, and what to do next.

    :param command: runs the proof again.
    """
    console.print(Text.assemble("\n ", plain(grade.tree, "bold"), f"  live on Airflow {airflow_version()}\n"))
    console.print(table_of(grade), Rule(style="dim"), sum_of(grade), "", sep="\n")
    option = tree_option(grade.tree)
    if grade.problem is not None:
        show_problem(grade.problem, console)
        show_next(f"{grade.problem.todo} Then run", command, console)
    elif grade.succeeded:
        console.print(Text(" It works on a real scheduler, worker and triggerer.", "bold green"))
        show_next("watch it yourself, and let it run", f"make up{option}", console)
        show_next("the same without Docker", f"make standalone{option}", console)
    elif grade.first_failing is not None:
        show_step(grade.first_failing, console, printed_by="The log ends with")
        show_next("fix it, and run the checks before the next proof", f"make grade{option}", console)
        show_next("prove it again", command, console)
