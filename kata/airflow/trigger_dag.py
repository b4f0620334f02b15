"""`make trigger`: start the DAG in the Airflow that runs."""

from __future__ import annotations

from rich.console import Console

from kata.airflow.arriving_files import files_there
from kata.airflow.local_airflow import ADDRESS
from kata.core.errors import WrongUsage
from kata.core.paths import MODULE
from kata.core.ports import LOOPBACK, wanted_port
from kata.core.rest_api import AirflowApi, ApiUnavailable


def running_airflow() -> AirflowApi:
    """Return the REST API of the Airflow that was started with `make standalone` or `make up`.

    :raises WrongUsage: if none answers.
    """
    addresses = [f"http://{LOOPBACK}:{wanted_port()}"]
    if ADDRESS.is_file():
        addresses.insert(0, ADDRESS.read_text(encoding="utf-8").strip())
    for api in map(AirflowApi, addresses):
        try:
            api.health()
        except ApiUnavailable:
            continue
        return api
    raise WrongUsage("No Airflow answers. Start one with make up, or with make standalone.")


def trigger_dag(console: Console) -> None:
    """Begin a run and say where to watch it.

    :raises WrongUsage: if no Airflow runs, or the DAG cannot be started.
    """
    api = running_airflow()
    try:
        errors = api.import_errors()
        if trace := next((trace for file, trace in errors.items() if MODULE in file), None):
            error = trace.strip().splitlines()[-1]
            raise WrongUsage(f"Airflow cannot import your file: {error}. Fix it and try again.")
        api.patch(f"/dags/{MODULE}", {"is_paused": False})
        run = api.post(f"/dags/{MODULE}/dagRuns", {"logical_date": None})
        health = api.health()
    except ApiUnavailable as error:
        raise WrongUsage(f"The DAG {MODULE} cannot be started: is it on {api.address}/dags yet? ({error})") from error
    if health.get("triggerer") != "healthy":
        advice = "No triggerer is healthy: tasks will stay deferred forever, without an error. See make ps."
    elif there := files_there():
        advice = (
            f"{len(there)} files exist already: the tasks that wait for them end at once. To see them wait, remove the "
            "files first: rm -r data/client_data data/uploads"
        )
    else:
        advice = "The waiting tasks turn purple: deferred. Let files arrive with make drop."
    watch = f"{api.address}/dags/{MODULE}/runs/{run['dag_run_id']}"
    console.print(f"Started. Watch it: {watch}\n{advice}", highlight=False, soft_wrap=True)
