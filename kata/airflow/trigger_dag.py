"""`make trigger`: start the DAG in the Airflow that runs."""

from __future__ import annotations

from rich.console import Console

from kata.airflow.drop_files import files_there
from kata.airflow.running import running_airflow
from kata.core.errors import WrongUsage
from kata.core.paths import MODULE
from kata.core.rest_api import ApiUnavailable


def trigger_dag(console: Console) -> None:
    """Begin a run and say where to watch it.

    :raises WrongUsage: if no Airflow runs, or the DAG cannot be started.
    """
    api = running_airflow()
    try:
        errors = api.import_errors()
        if trace := next((trace for file, trace in errors.items() if MODULE in file), None):
            raise WrongUsage(
                f"Airflow cannot import your file: {trace.strip().splitlines()[-1]}. Mend it and try again."
            )
        api.patch(f"/dags/{MODULE}", {"is_paused": False})
        run = api.post(f"/dags/{MODULE}/dagRuns", {"logical_date": None})
        health = api.health()
    except ApiUnavailable as error:
        raise WrongUsage(f"The DAG {MODULE} cannot be started: is it on {api.address}/dags yet? ({error})") from error
    console.print(
        f"Started. Watch it: {api.address}/dags/{MODULE}/runs/{run['dag_run_id']}", highlight=False, soft_wrap=True
    )
    if health.get("triggerer") != "healthy":
        console.print("No triggerer is well: the waits will be deferred for ever, without an error. See make ps.")
    elif there := files_there():
        console.print(
            f"{len(there)} files are there already, so the waits for them end at once. To see them wait, remove the "
            "files first: rm -r data/client_data data/uploads",
            soft_wrap=True,
        )
    else:
        console.print("What waits turns purple: deferred. Let files arrive with make drop.")
