"""The compose file, and what the commands around it say when Docker does not do its part. No engine is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from kata.core.paths import MODULE, ROOT
from kata.core.ports import free_port
from quality.conftest import run_command

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
SCRIPTS = ROOT / "kata" / "airflow" / "containers"


# The file


def test_only_the_api_server_is_published_and_only_to_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:${KATA_PORT:-8080}:8080"]}


def test_code_is_mounted_read_only_and_no_folder_is_made_by_a_typing_error():
    for service in SERVICES.values():
        for mount in service["volumes"]:
            if mount["type"] == "bind":
                assert mount["bind"] == {"create_host_path": False}
                assert mount["source"] == "./data" or mount["read_only"]


def test_no_secret_stands_in_the_file():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|FERNET|SQL_ALCHEMY_CONN|RESULT_BACKEND", name):
                assert re.fullmatch(r"(cat )?/run/kata/[a-z_]+", value), name


def test_compose_accepts_the_file():
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("needs docker compose, but no engine")
    done = subprocess.run(["docker", "compose", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# The scripts in the containers


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda script: script.name)
def test_the_scripts_are_bash(script: Path):
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


CURL = """#!/bin/bash
case "${*: -1}" in
  */auth/token) echo '{"access_token":"a.b-c"}' ;;
  *job_type=TriggererJob*) [[ $* == *"Bearer a.b-c"* ]] && echo '%s' ;;
esac
"""


@pytest.mark.parametrize(
    ("curl", "exit_code"),
    [
        (CURL % '{"jobs":[{"id":7,"dag_id":null}],"total_entries":1}', 0),
        (CURL % '{"jobs":[],"total_entries":0}', 1),
        ("#!/bin/bash\nexit 7\n", 7),
    ],
    ids=["alive", "no fresh heartbeat", "no API"],
)
def test_the_health_of_a_job_is_what_the_api_says(tmp_path: Path, curl: str, exit_code: int):
    (tmp_path / "curl").write_text(curl)
    (tmp_path / "curl").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    check = ["bash", SCRIPTS / "job_is_alive.sh", "TriggererJob"]
    assert subprocess.run(check, env={"PATH": path, "HOSTNAME": "here"}).returncode == exit_code


# The commands, with a `docker` that says what a test has it say

Answers = dict[str, tuple[int, str]]

NOTHING_IS_UP: Answers = {
    "compose ps": (0, ""),
    "compose config --images": (0, ""),
    "compose config --hash": (0, "migrate 0"),
    "compose config --services": (0, "worker\ntriggerer\n"),
    "image inspect": (0, ""),
}

FAKE = """#!{python} -ES
import sys
asked = " ".join(sys.argv[1:]).replace(" --ansi never", "")
for begin, (exit_code, says) in {answers!r}.items():
    if asked.startswith(begin):
        (sys.stderr if exit_code else sys.stdout).write(says)
        sys.exit(exit_code)
sys.exit(f"nobody has told me what to say to: docker {{asked}}")
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs a command where `docker` gives these answers to what begins so."""
    for name in [name for name in os.environ if name.startswith(("KATA_", "DOCKER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KATA_PORT", str(free_port()))

    def run(answers: Answers, *command: str) -> Result:
        fake = tmp_path / "docker"
        fake.write_text(FAKE.format(python=sys.executable, answers=answers))
        fake.chmod(0o755)
        return run_command(*command)

    return run


DOES_NOT_DO: list[tuple[Answers, str]] = [
    ({"compose": (125, "unknown flag: --ansi\nSee 'docker --help'.")}, "no Compose v2"),
    ({"compose ps": (1, "Cannot connect to the Docker daemon at unix:///x.sock.")}, "engine is not running"),
    ({"compose ps": (1, "permission denied while trying to connect to the Docker")}, "not in the group"),
]


@pytest.mark.parametrize("command", ["up", "down", "ps", "logs"])
@pytest.mark.parametrize(("answers", "says"), DOES_NOT_DO)
def test_docker_that_does_not_do_its_part(run, answers: Answers, says: str, command: str):
    ended = run(answers, command)
    assert ended.exit_code == 2
    [line] = ended.stderr.splitlines()
    assert says in line
    assert "make standalone" in line


def test_without_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = run_command("up")
    assert ended.exit_code == 2
    assert "There is no Docker here" in ended.stderr
    assert "make standalone" in ended.stderr


def test_a_port_that_is_taken(run, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("KATA_PORT", str(port))
        ended = run(NOTHING_IS_UP, "up")
    assert ended.exit_code == 2
    assert f"has the port {port}" in ended.stderr
    assert f"KATA_PORT={port + 1} make up" in ended.stderr


@pytest.mark.parametrize("command", ["up", "trigger"])
@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none(run, monkeypatch: pytest.MonkeyPatch, port: str, command: str):
    monkeypatch.setenv("KATA_PORT", port)
    ended = run(NOTHING_IS_UP, command)
    told = f"KATA_PORT={port} is no port. Take a number from 1024 to 65535, such as KATA_PORT=8081.\n"
    assert (ended.exit_code, ended.stderr) == (2, told)


def container(service: str, state: str = "running", health: str = "", exit_code: int = 0) -> dict[str, Any]:
    labels = {
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": "1",
        "com.docker.compose.project.working_dir": str(ROOT),
        "com.docker.compose.config-hash": "0",
        "kata.tree": "exercise",
    }
    bindings = {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8099"}]} if service == "api-server" else {}
    return {
        "Id": service,
        "Config": {"Labels": labels},
        "HostConfig": {"PortBindings": bindings},
        "State": {
            "Status": state,
            "ExitCode": exit_code,
            "StartedAt": "2026-01-01T00:00:00.123456789Z",
            **({"Health": {"Status": health}} if health else {}),
        },
    }


def with_containers(*containers: dict[str, Any]) -> Answers:
    ids = "\n".join(one["Id"] for one in containers)
    return {**NOTHING_IS_UP, "compose ps": (0, ids), "inspect": (0, json.dumps(containers))}


WELL = container("api-server", health="healthy")
IS_UP: Answers = {**with_containers(WELL), "compose config --hash": (0, "api-server 0")}


ELSEWHERE = container("api-server", health="healthy")
ELSEWHERE["Config"]["Labels"]["com.docker.compose.project.working_dir"] = "/elsewhere/kata"


@pytest.mark.parametrize(
    ("answers", "command", "exit_code", "says"),
    [
        (NOTHING_IS_UP, "down", 0, ["^Nothing is up.$"]),
        (NOTHING_IS_UP, "logs flower", 2, ["There are: triggerer, worker"]),
        (IS_UP, "up --tree exercise", 0, ["Airflow is up with exercise: http://127.0.0.1:8099"]),
        (with_containers(ELSEWHERE), "up", 2, ["The clone in /elsewhere/kata has the same folder name"]),
        (
            with_containers(WELL, container("migrate", "exited")),
            "ps",
            0,
            ["api-server +healthy", "migrate +done", "With exercise: http://127.0.0.1:8099"],
        ),
        (
            with_containers(WELL, container("triggerer", "exited", exit_code=137)),
            "ps",
            1,
            ["triggerer +failed, exit code 137"],
        ),
    ],
)
def test_what_a_command_says(run, answers: Answers, command: str, exit_code: int, says: list[str]):
    ended = run(answers, *command.split())
    assert ended.exit_code == exit_code
    for each in says:
        assert re.search(each, ended.stderr if exit_code == 2 else ended.stdout)


MIGRATE_FAILED = 'service "migrate" didn\'t complete successfully: exit 1'


@pytest.mark.parametrize(
    ("unwell", "docker_says", "log", "says"),
    [
        (
            container("migrate", "exited", exit_code=1),
            MIGRATE_FAILED,
            "alembic.util.exc.CommandError: Can't locate revision identified by 'ffff'",
            "make down VOLUMES=1",
        ),
        (
            container("migrate", "exited", exit_code=1),
            MIGRATE_FAILED,
            'FATAL:  password authentication failed for user "airflow"',
            "make down VOLUMES=1",
        ),
        (
            container("triggerer", health="unhealthy"),
            "container kata-triggerer-1 is unhealthy",
            "starting\nsomething else",
            "Airflow's triggerer did not come up: unhealthy. Its log, make logs SERVICE=triggerer, ends with:\n"
            "   | starting\n   | something else",
        ),
        (
            container("worker", health="starting"),
            "application not healthy after 5m0s",
            "",
            "Airflow's worker did not come up: starting",
        ),
    ],
    ids=["other Airflow", "other password", "unhealthy", "late"],
)
def test_a_service_that_does_not_come_up(run, unwell: dict[str, Any], docker_says: str, log: str, says: str):
    ended = run({**with_containers(unwell), "compose up": (1, docker_says), "compose logs": (0, log)}, "up")
    assert ended.exit_code == 2
    assert docker_says in ended.stderr
    assert says in ended.stderr
    assert "To end what runs: make down" in ended.stderr


@pytest.mark.parametrize(
    ("docker_says", "says"),
    [
        ("failed to register layer: write /usr/lib/x: no space left on device", "no disk space left"),
        ("Bind for 127.0.0.1:8080 failed: port is already allocated", "KATA_PORT=8081 make up"),
        ("Error response from daemon: something new", "`docker compose up` failed: Error response"),
    ],
)
def test_what_docker_says_about_a_failed_start(run, docker_says: str, says: str):
    ended = run({**NOTHING_IS_UP, "compose up": (1, docker_says)}, "up")
    assert ended.exit_code == 2
    assert says in ended.stderr
    assert docker_says in ended.stdout  # as it went on


def test_an_image_that_cannot_be_fetched(run, capfd: pytest.CaptureFixture[str]):
    answers = {**NOTHING_IS_UP, "image inspect": (1, "No such image"), "compose pull": (1, "pull access denied")}
    ended = run(answers, "up")
    assert ended.exit_code == 2
    assert "pull access denied" in capfd.readouterr().err
    assert "An image cannot be fetched (see above)" in ended.stderr


def test_a_tree_that_does_not_parse_is_named(run, tmp_path: Path):
    (tmp_path / f"{MODULE}.py").write_text("x = 1\ndef f(:\n")
    ended = run(IS_UP, "up", "--tree", str(tmp_path))
    assert ended.exit_code == 0, ended.stderr
    assert "Switching from exercise to" in ended.stdout
    assert "import error" in ended.stdout
    assert f"{MODULE}.py:2" in ended.stdout
