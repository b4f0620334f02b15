"""`make live`: the proof on an Airflow of its own, which is gone afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from kata.live.card import Card
from kata.live.dropped_files import DroppedFiles
from kata.live.parts import PARTS
from kata.live.proof import prove
from kata.live.scorecard import show_proof
from kata.local.airflow import LocalAirflow
from kata.local.kept_processes import KeptProcesses
from kata.local.settings import settings_for
from kata.places import MODULE
from kata.preflight import find_tree, read_module
from kata.results_file import check_results_file, write_results
from kata.saying import Saying
from kata.scratch import scratch_folder
from kata.verdict import Grade

# A triggerer that is gone is missed after 30 seconds by default. Less time to wait, the same code.
_SOONER = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}


def live(tree_name: str, results: Path | None, console: Console, progress: Console) -> bool:
    """Prove the tree on an Airflow of its own, and show what came out; whether it holds.

    :param results: file to write the results to, as JSON.
    :raises WrongUsage: for a tree that is no folder.
    :raises BrokenSetup: if Airflow itself does not do its part.
    """
    tree = find_tree(tree_name)
    if results is not None:
        check_results_file(results)
    with Saying(progress) as say:
        grade = _proven(tree_name, tree, say)
    if results is not None:
        write_results(grade, results)
    again = f"make live{'' if tree_name == 'exercise' else f' TREE={tree_name}'}"
    show_proof(grade, again, console)
    return grade.succeeded


def _proven(tree_name: str, tree: Path, say: Callable[[str], None]) -> Grade:
    card = Card(PARTS, say)
    _, problem = read_module(tree / f"{MODULE}.py")
    if problem is not None:
        grade = card.grade(tree_name)
        grade.problem = problem
        return grade
    with scratch_folder() as folder, KeptProcesses() as processes:
        data = Path(folder) / "data"
        data.mkdir()
        airflow = LocalAirflow(settings_for(tree, Path(folder) / "airflow", data, **_SOONER), processes)
        say("starting scheduler, API server, DAG processor and triggerer")
        airflow.start_all()
        airflow.wait_healthy(say)
        prove(airflow, DroppedFiles(data), card)
        return card.grade(tree_name)
