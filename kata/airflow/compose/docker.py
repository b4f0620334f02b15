"""Runs `docker` and `docker compose` for this clone.

It is always what you would type in the clone's folder: the project has the name that Compose gives it, that of the
folder, so that `make up` and a plain `docker compose ps` mean the same containers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from kata.airflow.compose.failure import failure_of
from kata.core.errors import BrokenSetup
from kata.core.paths import ROOT

WITHOUT_DOCKER = "Or do without Docker: make standalone"

Settings = Mapping[str, str]


def check_docker() -> None:
    """Raise `BrokenSetup` unless there are Docker, Compose v2 and an engine that answers."""
    if shutil.which("docker") is None:
        raise BrokenSetup(f"There is no Docker here (no program `docker` on the PATH). {WITHOUT_DOCKER}")
    if _run(["docker", "compose", "version"]).returncode != 0:
        raise BrokenSetup(
            f"Docker has no Compose v2 here (`docker compose version` fails): install its plugin. {WITHOUT_DOCKER}"
        )
    engine = _run(["docker", "version", "--format", "{{.Server.Version}}"])
    if engine.returncode != 0:
        raise BrokenSetup(f"{failure_of(engine.stderr, 'docker version')} {WITHOUT_DOCKER}")


def is_docker_content(*arguments: str) -> bool:
    """Whether `docker …` succeeds."""
    return _run(["docker", *arguments]).returncode == 0


def docker(*arguments: str) -> str:
    """What `docker …` printed. Raises `BrokenSetup` when it fails."""
    return _checked(["docker", *arguments], {})


def compose(*arguments: str, settings: Settings | None = None) -> str:
    """What `docker compose …` printed. Raises `BrokenSetup` when it fails.

    :param settings: variables that docker-compose.yaml reads, such as KATA_TREE.
    """
    return _checked(["docker", "compose", "--ansi", "never", *arguments], settings or {})


def start_compose(*arguments: str, settings: Settings, printed: int) -> subprocess.Popen[bytes]:
    """Begin `docker compose …`, out of reach of a Ctrl-C on this terminal.

    :param printed: descriptor of the file that takes all that it prints.
    """
    return subprocess.Popen(
        ["docker", "compose", "--ansi", "never", *arguments],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=printed,
        start_new_session=True,
    )


def show_compose(*arguments: str) -> bool:
    """Let `docker compose …` print to the terminal by itself; whether it succeeded."""
    return subprocess.run(["docker", "compose", *arguments], cwd=ROOT).returncode == 0


def _checked(command: list[str], settings: Settings) -> str:
    done = _run(command, settings)
    if done.returncode != 0:
        raise BrokenSetup(failure_of(done.stderr, " ".join(command).replace(" --ansi never", "")))
    return done.stdout


def _run(command: list[str], settings: Settings | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(settings or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
