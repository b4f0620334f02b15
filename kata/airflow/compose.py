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
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from kata.airflow.deployment import Deployment
from kata.core.errors import BrokenSetup
from kata.core.paths import DATA, ROOT, shown
from kata.core.ports import DEFAULT_PORT, LOOPBACK

WITHOUT_DOCKER = "Or do without Docker: make standalone"

_UP_WITHIN = 300  # seconds; it takes about 70 on two cores

# What Docker's own words for a failure mean, and what to do.
_MEANINGS = (
    (
        "unknown flag: --ansi|unknown command|is not a docker command",
        "Docker has no Compose v2 here (`docker compose version` fails): install its plugin.",
    ),
    ("permission denied while trying to connect", "You may not use Docker: your user is not in the group `docker`."),
    (
        "cannot connect to the docker daemon|error during connect|daemon is not running|failed to connect",
        "Docker's engine is not running: start Docker Desktop, or the service `docker`.",
    ),
    (
        "port is already allocated|address already in use|ports are not available",
        "The port is taken. Take another: KATA_PORT=8081 make up",
    ),
    ("no space left on device", "There is no disk space left for Docker. `docker system df` shows what fills it."),
    (
        "bind source path does not exist",
        "A folder of the clone that is mounted is missing. `git status` shows which; or KATA_TREE names none.",
    ),
)


class Container:
    """A container of the stack, also one that has ended.

    :param described: by `docker inspect`.
    :ivar state: running, exited, restarting, created …
    :ivar started_at: in seconds since 1970.
    """

    def __init__(self, described: dict[str, Any]) -> None:
        self.id: str = described["Id"]
        self.labels: dict[str, str] = described["Config"]["Labels"]
        self.service = self.labels["com.docker.compose.service"]
        self.name = f"{self.service} {self.labels['com.docker.compose.container-number']}".removesuffix(" 1")
        self._state: dict[str, Any] = described["State"]
        self.state: str = self._state["Status"]
        # Nine digits behind the point are more than Python 3.10 reads.
        self.started_at = datetime.fromisoformat(f"{self._state['StartedAt'][:19]}+00:00").timestamp()
        published = (described["HostConfig"]["PortBindings"] or {}).get("8080/tcp")
        self.port = int(published[0]["HostPort"]) if published else None

    @property
    def is_ready(self) -> bool:
        """Whether it is healthy, or has done its work and ended with success."""
        return self.condition in ("healthy", "done")

    @property
    def condition(self) -> str:
        """The state in a word or three, for people."""
        if self.state == "exited":
            return f"failed, exit code {self._state['ExitCode']}" if self._state["ExitCode"] else "done"
        return self._state.get("Health", {}).get("Status") or self.state if self.state == "running" else self.state


class ComposeStack(Deployment):
    """The containers of this clone.

    :param logs_since: with time zone; `log_of` leaves out what was printed before.
    """

    causes = (
        (
            "Can't locate revision|password authentication failed",
            "The database was made by another Airflow, or with another password. make down VOLUMES=1 removes it, with "
            "its history; then again: make up.",
        ),
    )
    data = DATA
    log_place = "make logs SERVICE={}"

    def __init__(self, logs_since: datetime | None = None) -> None:
        self._since = ["--since", logs_since.isoformat()] if logs_since else []

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port or DEFAULT_PORT}"

    @property
    def port(self) -> int | None:
        """The port on this machine; None while there is no api-server."""
        return next((container.port for container in self.containers("api-server")), None)

    @property
    def tree(self) -> Path | None:
        """The folder that Airflow takes the exercise from; None while there is no Airflow."""
        trees = (container.labels.get("kata.tree") for container in self.containers())
        return next(((ROOT / tree).resolve() for tree in trees if tree), None)

    @property
    def is_older_than_its_code(self) -> bool:
        """Whether the tree was saved after a triggerer had been started, which imports a module once."""
        tree = self.tree
        saved = max((file.stat().st_mtime for file in tree.glob("*.py")), default=0) if tree else 0
        return any(container.started_at < saved for container in self.containers("triggerer"))

    def containers(self, service: str | None = None) -> list[Container]:
        """Return those of a service, or all, by service and number."""
        ids = compose("ps", "--all", "--quiet").split()
        found = map(Container, json.loads(docker("inspect", *ids)) if ids else [])
        return sorted((each for each in found if service in (None, each.service)), key=lambda each: each.name)

    def is_ready(self, service: str) -> bool:
        containers = self.containers(service)
        return bool(containers) and all(container.is_ready for container in containers)

    def up(self, tree: Path, port: int, say: Callable[[str], None]) -> None:
        """Start what is not there, change what differs, and return when all services are ready.

        :param say: told how it goes on.
        :raises BrokenSetup: if a service does not get ready, with the end of its log.
        """
        # A tree of the clone is written as a plain `docker compose up` has it.
        settings, before = {"KATA_TREE": shown(tree), "KATA_PORT": str(port)}, self.containers()
        wanted = dict(line.split() for line in compose("config", "--hash", "*", settings=settings).splitlines())
        made = {container.service: container.labels["com.docker.compose.config-hash"] for container in before}
        if made == wanted and all(container.is_ready for container in before):
            return
        # A service that was scaled up stays so.
        counts = Counter(container.service for container in before)
        scale = [f"--scale={service}={count}" for service, count in counts.items() if count > 1]
        self._up(_UP_WITHIN, "--remove-orphans", *scale, settings=settings, say=say)

    def start(self, component: str) -> None:
        compose("start", component, settings=self._settings())

    def kill(self, component: str) -> None:
        # For Docker the user has stopped it: the restart policy does not start it again, `start` does.
        docker("kill", "--signal", "KILL", self.containers(component)[0].id)

    def restart(self, service: str) -> None:
        compose("restart", "--no-deps", service, settings=self._settings())

    def scale(self, service: str, containers: int) -> None:
        """Have this many containers of the service; those that run and remain are left alone.

        Quick, for it does not check what the service depends on. So Compose takes the new ones for changed: the next
        `make up` makes them again.
        """
        scale = ["--no-recreate", "--no-deps", f"--scale={service}={containers}"]
        compose("up", "--detach", *scale, service, settings=self._settings())

    def wait_healthy(self, service: str, timeout: float) -> None:
        """Return when every container of the service is healthy; after `timeout` seconds raise `BrokenSetup`."""
        scale = ["--no-recreate", "--no-deps", f"--scale={service}={len(self.containers(service))}"]
        self._up(timeout, *scale, service, settings=self._settings())

    def log_of(self, component: str) -> str:
        log = compose("logs", "--no-color", "--no-log-prefix", *self._since, component)
        return log.replace("\x1b[2K", "")  # some versions of Compose clear each line, also in a pipe

    def ended(self) -> dict[str, int]:
        return {}  # the restart policy starts each again

    def _up(self, seconds: float, *options: str, **how: Any) -> None:
        """Let Compose start what is not there and wait. If that fails, name the service and show the end of its log."""
        try:
            compose("up", "--detach", "--wait", f"--wait-timeout={seconds:.0f}", *options, **how)
        except BrokenSetup as error:
            for each in self.containers():
                is_meant = each.service in str(error) or "not healthy after" in str(error)
                if is_meant and not each.is_ready and each.state != "created":
                    why = self.failure_of(each.service, f"did not come up: {each.condition}")
                    raise BrokenSetup(f"{error}\n{why}\nTo end what runs: make down") from error
            raise

    def _settings(self) -> dict[str, str]:
        """Return what the stack was started with, so that what is started now gets the same."""
        return {"KATA_TREE": shown(self.tree or ROOT / "exercise"), "KATA_PORT": str(self.port or DEFAULT_PORT)}


def compose(*arguments: str, **how: Any) -> str:
    """Run `docker compose …`; the rest is as for `docker`."""
    return docker("compose", "--ansi", "never", *arguments, **how)


def docker(*arguments: str, settings: Mapping[str, str] | None = None, say: Callable[[str], None] | None = None) -> str:
    """Run `docker …` out of reach of a Ctrl-C on this terminal, and return what it printed.

    :param settings: variables that docker-compose.yaml reads.
    :param say: told each line about its progress.
    :raises BrokenSetup: if it fails.
    """
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    how: dict[str, Any] = {"env": {**os.environ, **(settings or {})}, "text": True, "errors": "replace"}
    try:
        process = subprocess.Popen(["docker", *arguments], cwd=ROOT, start_new_session=True, **pipes, **how)
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
            process.wait()
            raise
    if process.returncode == 0:
        return printed
    complaint = (complaint + rest).strip()
    last = complaint.rpartition("\n")[2].strip() or "nothing"
    for sign, meaning in _MEANINGS:
        if re.search(sign, complaint, re.IGNORECASE):
            raise BrokenSetup(f"{meaning} (Docker says: {last}) {WITHOUT_DOCKER}")
    command = " ".join(["docker", *arguments[:4]]).replace(" --ansi never", "")
    raise BrokenSetup(f"`{command}` failed: {last}")
