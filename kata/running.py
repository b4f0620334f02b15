"""The Airflow that somebody has started with `make up` or `make standalone`, and where its files lie."""

from __future__ import annotations

import os

from kata.environment import airflow_home
from kata.failures import WrongUsage
from kata.local.ports import LOOPBACK
from kata.places import ROOT
from kata.rest_api import AirflowApi, ApiUnavailable

DEFAULT_PORT = 8080

# What every such Airflow reads and writes.
DATA = ROOT / "data"
# Where `make standalone` answers, while it runs.
ADDRESS = airflow_home() / "standalone" / "address"


def wanted_port() -> int:
    """`KATA_PORT`, or Airflow's own. Raises `WrongUsage` if it is no port."""
    text = os.environ.get("KATA_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise WrongUsage(f"KATA_PORT={text} is no port. Choose a number from 1024 to 65535.")
    return int(text)


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
