"""The Airflow that somebody has started with `make up` or `make standalone`, and where its files lie."""

from __future__ import annotations

from kata.environment import airflow_home
from kata.failures import WrongUsage
from kata.places import ROOT
from kata.ports import LOOPBACK, wanted_port
from kata.rest_api import AirflowApi, ApiUnavailable

# What every such Airflow reads and writes.
DATA = ROOT / "data"
# Where `make standalone` answers, while it runs.
ADDRESS = airflow_home() / "standalone" / "address"


def running_airflow() -> str:
    """The address of the one that answers. Raises `WrongUsage` if none does."""
    addresses = [f"http://{LOOPBACK}:{wanted_port()}"]
    if ADDRESS.is_file():
        addresses.insert(0, ADDRESS.read_text(encoding="utf-8").strip())
    for address in addresses:
        try:
            AirflowApi(address).health()
        except ApiUnavailable:
            continue
        return address
    raise WrongUsage("No Airflow answers. Start one with make up, or with make standalone.")
