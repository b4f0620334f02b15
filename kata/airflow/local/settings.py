"""How the components of Airflow are set up when they run on this machine without Docker."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from kata.core.environment import child_environment
from kata.core.paths import DAGS
from kata.core.ports import LOOPBACK, free_port

# How many tasks may run at once; Airflow keeps a process of about 140 MB for each.
SLOTS = 4


@dataclass(frozen=True)
class Settings:
    """What is particular to one Airflow.

    :param tree: folder of the learner's module.
    :param home: AIRFLOW_HOME, with `airflow.db` in it.
    :param data: folder that the DAGs read and write below.
    :param port: of the API server and its UI, on loopback.
    :param more: further settings, as environment variables.
    """

    tree: Path
    home: Path
    data: Path
    port: int
    more: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that all components share."""
        bundles = [bundle("tree", self.tree), bundle("dags", DAGS)]
        api = {"conn_type": "http", "host": f"http://{LOOPBACK}", "port": self.port}
        return {
            **child_environment(self.tree, database=self.home / "airflow.db", data=self.data),
            **_no_proxy(),
            # A triggerer sees no DAG bundle: it imports the learner's triggers and those of the examples from here.
            "PYTHONPATH": os.pathsep.join([str(self.tree), str(DAGS)]),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_CONN_AIRFLOW_API": json.dumps(api),
            "AIRFLOW__API__BASE_URL": self.address,
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            # All have to have the same, and each would make one of its own at the first start. Nothing is secret here.
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.address}/execution/",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(SLOTS),
            # Whoever reaches loopback is the user.
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1",
            **self.more,
        }


def settings_for(tree: Path, home: Path, data: Path, port: int | None = None, **more: str) -> Settings:
    """Settings with a port that is free now, if none is given; `more` are further environment variables."""
    return Settings(tree, home, data, port or free_port(), more)


def _no_proxy() -> dict[str, str]:
    """A worker is not to ask a proxy for the API server of its own machine."""
    past = {name: os.environ.get(name, "") for name in ("NO_PROXY", "no_proxy")}
    return {name: ",".join(filter(None, (hosts, LOOPBACK, "localhost"))) for name, hosts in past.items()}


def bundle(name: str, folder: Path) -> dict[str, object]:
    """A folder of DAGs, for the setting `dag_bundle_config_list`."""
    return {
        "name": name,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
    }
