"""The Airflow of docker-compose.yaml: a thin layer over `docker` and `docker compose`.

Each command is what you would type in the clone's folder: the project has the name that Compose gives it, that of the
folder, so that `make up` and a plain `docker compose ps` mean the same containers.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from kata.airflow.deployment import CAUSES, Deployment
from kata.core.errors import BrokenSetup
from kata.core.paths import DATA, ROOT, shown
from kata.core.ports import DEFAULT_PORT, LOOPBACK

WITHOUT_DOCKER = "Or do without Docker: make standalone"

# Seconds. On two cores it takes about 70 until all are up.
_UP_WITHIN, _HEALTHY_WITHIN = 300, 180


class Container:
    """A container of the stack, also one that has ended.

    :param described: by `docker inspect`.
    :ivar state: running, exited, restarting, created …
    :ivar condition: the state in a word or three, for people.
    :ivar started_at: in seconds since 1970.
    """

    def __init__(self, described: dict[str, Any]) -> None:
        self.id: str = described["Id"]
        self.labels: dict[str, str] = described["Config"]["Labels"]
        self.service = self.labels["com.docker.compose.service"]
        self.name = f"{self.service} {self.labels['com.docker.compose.container-number']}".removesuffix(" 1")
        state = described["State"]
        self.state: str = state["Status"]
        self.condition = self.state
        if self.state == "running":
            self.condition = state.get("Health", {}).get("Status") or "running"
        elif self.state == "exited":
            self.condition = f"failed, exit code {state['ExitCode']}" if state["ExitCode"] else "done"
        # Nine digits behind the point are more than Python 3.10 reads.
        self.started_at = datetime.fromisoformat(f"{state['StartedAt'][:19]}+00:00").timestamp()
        published = (described["HostConfig"]["PortBindings"] or {}).get("8080/tcp")
        self.port = int(published[0]["HostPort"]) if published else None

    @property
    def is_ready(self) -> bool:
        """Whether it is healthy, or has done its work and ended with success."""
        return self.condition in ("healthy", "done")


class ComposeStack(Deployment):
    """The containers of this clone. What it tells about them is as of its last `refresh`.

    :param logs_since: with time zone; `log_of` leaves out what was printed before.
    :ivar containers: by service and number.
    :ivar port: on this machine; None while there is no api-server.
    :ivar tree: the folder that Airflow takes the exercise from; None while there is no Airflow.
    """

    causes = CAUSES["stack"]
    data = DATA
    log_place = "make logs SERVICE={}"

    def __init__(self, logs_since: datetime | None = None) -> None:
        self._since = ["--since", logs_since.isoformat()] if logs_since else []
        self.refresh()

    def refresh(self) -> None:
        """Ask Docker for the containers."""
        ids = compose("ps", "--all", "--quiet").split()
        found = map(Container, json.loads(docker("inspect", *ids)) if ids else [])
        self.containers = sorted(found, key=lambda each: each.name)
        self.port = next((each.port for each in self.containers if each.port), None)
        trees = [each.labels["kata.tree"] for each in self.containers if each.labels.get("kata.tree")]
        self.tree = (ROOT / trees[0]).resolve() if trees else None
        # What is started later gets the same.
        self._settings = {
            "KATA_TREE": shown(self.tree or ROOT / "exercise"),
            "KATA_PORT": str(self.port or DEFAULT_PORT),
        }

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port or DEFAULT_PORT}"

    @property
    def is_older_than_its_code(self) -> bool:
        """Whether the tree was saved after a triggerer had been started, which imports a module once."""
        saved = max((file.stat().st_mtime for file in self.tree.glob("*.py")), default=0) if self.tree else 0
        return any(each.started_at < saved for each in self.of_service("triggerer"))

    def of_service(self, service: str) -> list[Container]:
        """Return the containers of a service."""
        return [each for each in self.containers if each.service == service]

    def up(self, tree: Path, port: int, say: Callable[[str], None]) -> None:
        """Start what is not there, change what differs, and return when all services are ready.

        :param say: told how it goes on.
        :raises BrokenSetup: if a service does not get ready, with the end of its log.
        """
        # A tree of the clone is written as a plain `docker compose up` has it.
        self._settings = {"KATA_TREE": shown(tree), "KATA_PORT": str(port)}
        hashes = compose("config", "--hash", "*", settings=self._settings).splitlines()
        made = {each.service: each.labels["com.docker.compose.config-hash"] for each in self.containers}
        if made == dict(line.split() for line in hashes) and all(each.is_ready for each in self.containers):
            return
        # A service that was scaled up stays so.
        counts = Counter(each.service for each in self.containers)
        scale = [f"--scale={service}={count}" for service, count in counts.items() if count > 1]
        self._up(_UP_WITHIN, "--remove-orphans", *scale, say=say)

    def start(self, component: str) -> None:
        compose("start", component, settings=self._settings)

    def stop(self, component: str) -> None:
        compose("stop", "--timeout=60", component, settings=self._settings)

    def kill(self, component: str) -> None:
        # For Docker the user has stopped it: the restart policy does not start it again, `start` does.
        docker("kill", "--signal", "KILL", self.of_service(component)[0].id)

    def restart(self, service: str) -> None:
        """Restart each container of the service; return when all are healthy."""
        compose("restart", "--no-deps", service, settings=self._settings)
        self.scale(service, len(self.of_service(service)))

    def scale(self, service: str, containers: int) -> None:
        """Have this many containers of the service, and return when all are healthy; those that run are left alone.

        Quick, for it does not check what the service depends on. So Compose takes the new ones for changed: the next
        `make up` makes them again.
        """
        self._up(_HEALTHY_WITHIN, "--no-recreate", "--no-deps", f"--scale={service}={containers}", service)

    def log_of(self, component: str) -> str:
        log = compose("logs", "--no-color", "--no-log-prefix", *self._since, component)
        return log.replace("\x1b[2K", "")  # some versions of Compose clear each line, also in a pipe

    def ended(self) -> dict[str, int]:
        return {}  # the restart policy starts each again

    def _up(self, seconds: int, *options: str, say: Callable[[str], None] | None = None) -> None:
        """Let Compose start what is not there and wait. If that fails, name the service and show the end of its log."""
        wait = ("--detach", "--wait", f"--wait-timeout={seconds}")
        try:
            compose("up", *wait, *options, settings=self._settings, say=say)
            self.refresh()
        except BrokenSetup as error:
            self.refresh()
            for each in self.containers:
                is_meant = each.service in str(error) or "not healthy after" in str(error)
                if is_meant and not each.is_ready and each.state != "created":
                    why = self.failure_of(each.service, f"did not come up: {each.condition}")
                    raise BrokenSetup(f"{error}\n{why}\nTo end what runs: make down") from error
            raise


def compose(*arguments: str, **how: Any) -> str:
    """Run `docker compose …`; the rest is as for `docker`."""
    return docker("compose", "--ansi", "never", *arguments, **how)


def docker(*arguments: str, settings: dict[str, str] | None = None, say: Callable[[str], None] | None = None) -> str:
    """Run `docker …` out of reach of a Ctrl-C on this terminal, and return what it printed.

    :param settings: variables that docker-compose.yaml reads.
    :param say: told each line about its progress.
    :raises BrokenSetup: if it fails.
    """
    how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    how |= {"env": os.environ | (settings or {}), "text": True, "errors": "replace"}
    try:
        process = subprocess.Popen(["docker", *arguments], cwd=ROOT, start_new_session=True, **how)
    except FileNotFoundError:
        raise BrokenSetup(f"There is no Docker here (no program `docker` on the PATH). {WITHOUT_DOCKER}") from None
    complaint = ""
    with process:
        try:
            for line in process.stderr if say else ():
                complaint += line
                say(" ".join(line.split()))
            printed, rest = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
    if process.returncode == 0:
        return printed
    complaint = (complaint + rest).strip()
    last = complaint.rpartition("\n")[2].strip() or "nothing"
    for sign, meaning in CAUSES["docker"].items():
        if re.search(sign, complaint, re.IGNORECASE):
            raise BrokenSetup(f"{meaning} (Docker says: {last}) {WITHOUT_DOCKER}")
    command = " ".join(["docker", *arguments[:4]]).replace(" --ansi never", "")
    raise BrokenSetup(f"`{command}` failed: {last}")
