"""Airflow takes the file."""

from __future__ import annotations

from kata.airflow.deployment import Deployment
from kata.core.paths import MODULE
from kata.grading.mistakes import NOT_DONE
from kata.live.card import Card, CheckFailed
from kata.live.parts import LOADED
from kata.live.patience import wait_for

DAGS = (MODULE, "many_waits", "short_wait")
_PATIENCE = 60.0


def prove_loaded(deployment: Deployment, card: Card) -> None:
    card.check(LOADED, "imported", lambda: _imported(deployment))
    card.check(LOADED, "shown", lambda: _shown(deployment))


def _imported(deployment: Deployment) -> None:
    errors, _ = wait_for(
        deployment,
        lambda: (deployment.api.import_errors(), deployment.api.dag_ids()),
        lambda seen: bool(seen[0]) or seen[1] >= set(DAGS),
        _PATIENCE,
    )
    # That of the learner's own file first: what is wrong there also fails the DAGs that import it.
    for file, trace in sorted(errors.items(), key=lambda each: MODULE not in each[0]):
        lines = trace.strip().splitlines()
        mistake = NOT_DONE if lines[-1].startswith("NotImplementedError") else ""
        is_yours = MODULE in file or not mistake
        cause = _place(lines) if is_yours else "Its waits are made of your sensor: it comes with Step 4."
        told = {"mistake": mistake, "error": cause, "printed": "\n".join(lines[-8:])}
        raise CheckFailed(f"import of {file}", lines[-1], **told)


def _shown(deployment: Deployment) -> None:
    there = deployment.api.dag_ids()
    missing = [dag_id for dag_id in DAGS if dag_id not in there]
    if missing:
        raise CheckFailed("GET /api/v2/dags", f"no DAG {', '.join(missing)}", mistake="missing DAG")


def _place(lines: list[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip().startswith("File ")), "")
