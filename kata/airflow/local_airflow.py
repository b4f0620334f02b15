"""A whole Airflow on this machine, without Docker: scheduler, API server, DAG processor and triggerer, with SQLite."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from kata.airflow.deployment import CAUSES, Deployment
from kata.airflow.kept_process import KeptProcess
from kata.core.console import StatusLine
from kata.core.environment import airflow_home, child_environment, copy_template
from kata.core.errors import BrokenSetup, WrongUsage
from kata.core.files import read_toml, scratch_folder
from kata.core.paths import DAGS, DATA, shown
from kata.core.ports import LOOPBACK, free_port, is_free, wanted_port
from kata.core.processes import die_with_parent
from kata.core.rest_api import ApiUnavailable, poll_until
from kata.core.submission import find_tree, read_module, show_problem

# The command of each. The logs are on this machine; to serve them would open ports to other machines.
COMPONENTS = {
    "api-server": ("api-server", "--workers", "1", "--host", LOOPBACK, "--port"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}

SETTINGS: dict[str, dict[str, str]] = read_toml(Path(__file__).with_name("settings.toml"))

_STOPPED_WITHIN = 60.0  # seconds at most
_HEALTHY_AFTER = 150.0  # seconds at most, on a busy machine

# Holds the address of the one that `make standalone` runs.
ADDRESS = airflow_home() / "standalone" / "address"
_GRACE = 10.0  # seconds that its running tasks may take to end
_NEXT = """In another terminal: make trigger starts the DAG, make drop lets files arrive.
Ctrl-C ends it. Start it again after a change to a trigger: a triggerer keeps what it has imported."""


class LocalAirflow(Deployment):
    """One Airflow. At the end of the `with` block none of its processes is left.

    :param tree: folder of the learner's module.
    :param home: AIRFLOW_HOME, with database and logs; the database is made if it is not there.
    :param data: folder that its DAGs read and write below.
    :param port: of the API server and its UI, on loopback; without it some port that is free.
    :param more: further settings, as environment variables.
    :ivar database: the SQLite file that is its metadata database.
    :ivar environment: the variables that all components share.
    """

    causes = CAUSES["local"]

    def __init__(self, tree: Path, home: Path, data: Path, port: int | None = None, **more: str) -> None:
        self.data = data
        self.database = home / "airflow.db"
        self.log_place = shown(home / "logs" / "{}.log")
        self._home = home
        self._port = port or free_port()
        self.address = f"http://{LOOPBACK}:{self._port}"
        base = child_environment(tree, database=self.database, data=data)
        self.environment = base | SETTINGS["local"] | self._settings(tree) | more
        self._processes: dict[str, KeptProcess] = {}

    def __enter__(self) -> LocalAirflow:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each component."""
        return {component: process.pid for component, process in self._processes.items()}

    def start_all(self, say: Callable[[str], None]) -> None:
        """Start every component, and return when all are healthy.

        :param say: told what is waited for, again and again.
        :raises BrokenSetup: if one has ended, or takes too long.
        """
        say("starting scheduler, API server, DAG processor and triggerer")
        (self._home / "logs").mkdir(parents=True, exist_ok=True)
        if not self.database.exists():
            copy_template(self.database)
        for component in COMPONENTS:
            self.start(component)
        deadline = time.monotonic() + _HEALTHY_AFTER
        while waiting := self._not_healthy():
            say(f"waiting for {', '.join(waiting)}")
            self.check_alive()
            if time.monotonic() > deadline:
                raise BrokenSetup(self.failure_of(waiting[0], f"is not healthy after {_HEALTHY_AFTER:.0f} seconds"))
            time.sleep(0.5)

    def start(self, component: str) -> None:
        port = [str(self._port)] if component == "api-server" else []
        command = [sys.executable, "-m", "airflow", *COMPONENTS[component], *port]
        self._processes[component] = KeptProcess(command, self.environment, self._home, self.log_file(component))

    def stop(self, component: str) -> None:
        self._processes[component].terminate()
        poll_until(lambda: component in self.ended(), _STOPPED_WITHIN)
        self.kill(component)

    def kill(self, component: str) -> None:
        self._processes.pop(component).kill()

    def end(self, grace: float = 0.0) -> None:
        """Ask all components to end, and kill those that have not after `grace` seconds."""
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and len(self.ended()) < len(self._processes):
            time.sleep(0.05)
        for component in list(self._processes):
            self.kill(component)

    def log_file(self, component: str) -> Path:
        """Return the file that the component prints to."""
        return self._home / "logs" / f"{component}.log"

    def log_of(self, component: str) -> str:
        try:
            return self.log_file(component).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def ended(self) -> dict[str, int]:
        statuses = {component: process.status() for component, process in self._processes.items()}
        return {component: status for component, status in statuses.items() if status is not None}

    def _not_healthy(self) -> list[str]:
        try:
            health = self.api.health()
        except ApiUnavailable:
            return list(COMPONENTS)
        # The one that answers, the API server, is not among those that it knows.
        return [each for each in COMPONENTS if health.get(each.replace("-", "_"), "healthy") != "healthy"]

    def _settings(self, tree: Path) -> dict[str, str]:
        api = {"conn_type": "http", "host": f"http://{LOOPBACK}", "port": self._port}
        no_proxy = {name: os.environ.get(name, "") for name in ("NO_PROXY", "no_proxy")}
        return {
            # A worker must not ask a proxy for the API server of its own machine.
            **{name: ",".join(filter(None, (hosts, LOOPBACK, "localhost"))) for name, hosts in no_proxy.items()},
            # A triggerer uses no DAG bundle: it imports the learner's triggers and those of the examples from here.
            "PYTHONPATH": os.pathsep.join([str(tree), str(DAGS)]),
            "AIRFLOW_HOME": str(self._home),
            "AIRFLOW_CONN_AIRFLOW_API": json.dumps(api),
            "AIRFLOW__API__BASE_URL": self.address,
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundles(tree=tree, dags=DAGS),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self._home / "logs"),
        }


def bundles(**folders: Path) -> str:
    """Return folders of DAGs, by name, as the setting `dag_bundle_config_list` wants them."""
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    local = {name: {"path": str(folder)} for name, folder in folders.items()}
    return json.dumps([{"name": name, "classpath": classpath, "kwargs": kwargs} for name, kwargs in local.items()])


@contextmanager
def own_airflow(tree: Path, say: Callable[[str], None], **more: str) -> Iterator[LocalAirflow]:
    """Start an Airflow with a database and data of its own; at the end of the `with` block nothing of it is left.

    :param tree: folder of the learner's module.
    :param say: told what is waited for.
    :param more: further settings, as environment variables.
    :raises BrokenSetup: if it does not get healthy, or does not answer when it is asked.
    """
    with scratch_folder() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        with LocalAirflow(tree, Path(folder) / "airflow", data, **more) as airflow:
            airflow.start_all(say)
            try:
                yield airflow
            except ApiUnavailable as error:
                raise BrokenSetup(f"Airflow does not answer as it should. {error}") from error


def standalone(tree_name: str, console: Console) -> None:
    """Run Airflow until somebody ends this process.

    Its database, history and logs stay in `.kata` for the next time.

    :raises WrongUsage: for a tree that is no folder, or if it runs already.
    :raises BrokenSetup: if a component of Airflow ends by itself.
    """
    tree = find_tree(tree_name)
    _, problem = read_module(tree)
    if problem is not None:
        show_problem(problem, console)
        console.print(" Airflow starts all the same, and shows an import error until you fix it.\n")
    # If make is killed, it sends no signal to what it has started.
    die_with_parent(signal.SIGTERM)
    home = ADDRESS.parent
    home.mkdir(parents=True, exist_ok=True)
    # If the port is taken, some other.
    port = wanted_port() if is_free(wanted_port()) else None
    with only_one(home / "lock"), LocalAirflow(tree, home, DATA, port) as airflow:
        with StatusLine(console) as say:
            airflow.start_all(say)
        ADDRESS.write_text(airflow.address, encoding="utf-8")
        where = f"\nAirflow runs {tree_name} at {airflow.address}, open to whoever is on this machine."
        try:
            console.print(f"{where}\n{_NEXT}", highlight=False, soft_wrap=True)
            while True:
                airflow.check_alive()
                time.sleep(1)
        finally:
            ADDRESS.unlink(missing_ok=True)
            console.print("Ending Airflow …")
            airflow.end(_GRACE)


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Hold the lock file until the end of the `with` block, or of the process, however that one ends.

    :raises WrongUsage: if another process holds it.
    """
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = f" at {ADDRESS.read_text(encoding='utf-8')}" if ADDRESS.is_file() else ""
            raise WrongUsage(f"It runs already{where}. End that one first, with Ctrl-C in its terminal.") from None
        yield
