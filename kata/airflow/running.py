"""The Airflow that somebody has started with `make up` or `make standalone`."""

from __future__ import annotations

from kata.core.environment import airflow_home
from kata.core.errors import WrongUsage
from kata.core.ports import LOOPBACK, wanted_port
from kata.core.rest_api import AirflowApi, ApiUnavailable

# Where `make standalone` answers, while it runs.
ADDRESS = airflow_home() / "standalone" / "address"


def running_airflow() -> AirflowApi:
    """The REST API of the one that answers. Raises `WrongUsage` if none does."""
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
