"""`make live`: the proof, on an Airflow of its own that is gone afterwards, or on the compose stack that runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console

from kata.airflow.arriving_files import files_there
from kata.airflow.compose import ComposeStack
from kata.airflow.local_airflow import own_airflow
from kata.core.console import Saying
from kata.core.errors import WrongUsage
from kata.core.paths import MODULE, shown
from kata.core.submission import Problem, find_tree, read_module, tree_option
from kata.grading.results_file import check_results_file, write_results
from kata.grading.verdict import Grade
from kata.live.card import Card
from kata.live.dag_run import active_runs, end_active_runs
from kata.live.dropped_files import DroppedFiles
from kata.live.parts import FAULTS, PARTS
from kata.live.proof import prove
from kata.live.scorecard import show_proof
from kata.live.stages.faults import prove_faults

# A triggerer that is gone is missed after 30 seconds by default. Less time to wait, the same code.
_SOONER = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}

Say = Callable[[str], None]


def live(tree_name: str, stack: str, results: Path | None, console: Console, progress: Console) -> bool:
    """Prove the tree and show what came out; whether it holds.

    :param stack: "own" for an Airflow of its own, "compose" for the stack that runs, which also has faults injected.
    :param results: file to write the results to, as JSON.
    :raises WrongUsage: for a tree that is no folder, or a stack that is not ready for the proof.
    :raises BrokenSetup: if Airflow or Docker does not do its part.
    """
    tree = find_tree(tree_name)
    if results is not None:
        check_results_file(results)
    _, problem = read_module(tree / f"{MODULE}.py")
    if problem is not None:
        grade = _not_proven(tree_name, problem)
    else:
        with Saying(progress) as say:
            grade = (_on_own if stack == "own" else _on_compose)(tree_name, tree, say)
    if results is not None:
        write_results(grade, results)
    stack_option = "" if stack == "own" else f" STACK={stack}"
    show_proof(grade, f"make live{tree_option(tree_name)}{stack_option}", console)
    return grade.succeeded


def _on_own(tree_name: str, tree: Path, say: Say) -> Grade:
    card = Card(PARTS, say)
    with own_airflow(tree, say, **_SOONER) as airflow:
        prove(airflow, DroppedFiles(airflow.data), card)
        return card.grade(tree_name)


def _on_compose(tree_name: str, tree: Path, say: Say) -> Grade:
    stack = ComposeStack(logs_since=datetime.now(timezone.utc))
    _check_ready(stack, tree, tree_name)
    card = Card((*PARTS, FAULTS), say)
    try:
        with DroppedFiles(stack.data) as files:
            prove(stack, files, card)
            if all(card.is_green(part) for part in PARTS):
                prove_faults(stack, files, card)
            return card.grade(tree_name)
    finally:
        # Nobody else's: there were none when it began.
        end_active_runs(stack.api)


def _check_ready(stack: ComposeStack, tree: Path, tree_name: str) -> None:
    start = f"make up{tree_option(tree_name)}"
    if not stack.is_ready("api-server"):
        raise WrongUsage(f"The compose stack is not up. Start it: {start}")
    if stack.tree != tree:
        raise WrongUsage(f"The compose stack runs {shown(stack.tree or tree)}, not {tree_name}. Switch it: {start}")
    if stack.is_older_than_its_code:
        raise WrongUsage(f"{tree_name} was saved after the triggerer had imported it. Have it restarted: {start}")
    if active := active_runs(stack.api):
        raise WrongUsage(
            f"The proof needs the stack for itself, and a run of {active[0][0]} is not over. Let it end first."
        )
    if there := files_there():
        raise WrongUsage(
            f"The waits of the proof would find files that are there already, such as {shown(there[0])}. Move the "
            "uploads out of data/ first."
        )


def _not_proven(tree_name: str, problem: Problem) -> Grade:
    grade = Card(PARTS, lambda what: None).grade(tree_name)
    grade.problem = problem
    return grade
