"""The compose file, and what the commands around it say when Docker does not do its part. No engine is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kata.core import ports
from kata.core.paths import MODULE, ROOT

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


def has_compose() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_compose(), reason="needs docker compose, but no engine")
def test_compose_accepts_the_file():
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


def kata(tmp_path: Path, answers: Answers | None, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command where `docker` gives these answers to what begins so; where there is none without answers."""
    if answers is not None:
        fake = tmp_path / "docker"
        fake.write_text(FAKE.format(python=sys.executable, answers=answers))
        fake.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KATA_", "DOCKER_"))}
    return subprocess.run(
        [sys.executable, "-m", "kata", *command],
        cwd=ROOT,
        env={**environment, **settings, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


DOES_NOT_DO = [
    (None, "There is no Docker here"),
    ({"compose": (125, "unknown flag: --ansi\nSee 'docker --help'.")}, "no Compose v2"),
    ({"compose ps": (1, "Cannot connect to the Docker daemon at unix:///x.sock.")}, "engine is not running"),
    ({"compose ps": (1, "permission denied while trying to connect to the Docker")}, "not in the group"),
]


@pytest.mark.parametrize("command", ["up", "down", "ps", "logs"])
@pytest.mark.parametrize(("answers", "says"), DOES_NOT_DO)
def test_docker_that_does_not_do_its_part(tmp_path: Path, answers: Answers | None, says: str, command: str):
    done = kata(tmp_path, answers, command)
    assert done.returncode == 2
    assert says in done.stderr
    assert "make standalone" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken(tmp_path: Path, taken_port: int):
    done = kata(tmp_path, NOTHING_IS_UP, "up", KATA_PORT=str(taken_port))
    assert done.returncode == 2
    assert f"has the port {taken_port}" in done.stderr
    assert f"KATA_PORT={taken_port + 1} make up" in done.stderr


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none(tmp_path: Path, port: str):
    done = kata(tmp_path, NOTHING_IS_UP, "up", KATA_PORT=port)
    assert done.returncode == 2
    assert f"KATA_PORT={port} is no port" in done.stderr


def container(service: str, *, state: str = "running", health: str = "", exit_code: int = 0) -> dict[str, Any]:
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


IS_UP: Answers = {
    **with_containers(container("api-server", health="healthy")),
    "compose config --hash": (0, "api-server 0"),
}


def test_ps_shows_the_services_and_where_they_are(tmp_path: Path):
    well = with_containers(container("api-server", health="healthy"), container("migrate", state="exited"))
    done = kata(tmp_path, well, "ps")
    assert done.returncode == 0
    assert re.search(r"api-server +healthy", done.stdout)
    assert re.search(r"migrate +done", done.stdout)
    assert "With exercise: http://127.0.0.1:8099" in done.stdout


def test_ps_fails_when_a_service_is_not_well(tmp_path: Path):
    unwell = with_containers(
        container("api-server", health="healthy"), container("triggerer", state="exited", exit_code=137)
    )
    done = kata(tmp_path, unwell, "ps")
    assert done.returncode == 1
    assert re.search(r"triggerer +failed, exit code 137", done.stdout)


@pytest.mark.parametrize(
    ("unwell", "docker_says", "log", "says"),
    [
        (
            container("migrate", state="exited", exit_code=1),
            'service "migrate" didn\'t complete successfully: exit 1',
            "alembic.util.exc.CommandError: Can't locate revision identified by 'ffff'",
            "make down VOLUMES=1",
        ),
        (
            container("migrate", state="exited", exit_code=1),
            'service "migrate" didn\'t complete successfully: exit 1',
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
def test_a_service_that_does_not_come_up(
    tmp_path: Path, unwell: dict[str, Any], docker_says: str, log: str, says: str, free_port: str
):
    answers = {**with_containers(unwell), "compose up": (1, docker_says), "compose logs": (0, log)}
    done = kata(tmp_path, answers, "up", KATA_PORT=free_port)
    assert done.returncode == 2
    assert docker_says in done.stderr
    assert says in done.stderr
    assert "To end what runs: make down" in done.stderr


@pytest.fixture
def free_port() -> str:
    return str(ports.free_port())


@pytest.mark.parametrize(
    ("docker_says", "says"),
    [
        ("failed to register layer: write /usr/lib/x: no space left on device", "no disk space left"),
        ("Bind for 127.0.0.1:8080 failed: port is already allocated", "KATA_PORT=8081 make up"),
        ("Error response from daemon: something new", "`docker compose up` failed: Error response"),
    ],
)
def test_what_docker_says_about_a_failed_start(tmp_path: Path, docker_says: str, says: str, free_port: str):
    done = kata(tmp_path, {**NOTHING_IS_UP, "compose up": (1, docker_says)}, "up", KATA_PORT=free_port)
    assert done.returncode == 2
    assert says in done.stderr
    assert docker_says in done.stdout  # as it went on


def test_an_image_that_cannot_be_fetched(tmp_path: Path, free_port: str):
    answers = {**NOTHING_IS_UP, "image inspect": (1, "No such image"), "compose pull": (1, "pull access denied")}
    done = kata(tmp_path, answers, "up", KATA_PORT=free_port)
    assert done.returncode == 2
    assert "pull access denied" in done.stderr
    assert "An image cannot be fetched (see above)" in done.stderr


def test_another_clone_of_the_same_name(tmp_path: Path):
    theirs = container("api-server", health="healthy")
    theirs["Config"]["Labels"]["com.docker.compose.project.working_dir"] = "/elsewhere/kata"
    done = kata(tmp_path, with_containers(theirs), "up")
    assert done.returncode == 2
    assert "The clone in /elsewhere/kata has the same folder name" in done.stderr


def test_up_once_more_says_where_it_is_and_starts_nothing(tmp_path: Path):
    done = kata(tmp_path, IS_UP, "up", "--tree", "exercise")
    assert done.returncode == 0, done.stderr
    assert "Airflow is up with exercise: http://127.0.0.1:8099" in done.stdout


def test_a_tree_that_does_not_parse_is_named(tmp_path: Path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / f"{MODULE}.py").write_text("x = 1\ndef f(:\n")
    done = kata(tmp_path, IS_UP, "up", "--tree", str(broken))
    assert done.returncode == 0, done.stderr
    assert "Switching from exercise to" in done.stdout
    assert "import error" in done.stdout
    assert f"{MODULE}.py:2" in done.stdout, done.stdout


def test_down_where_nothing_is_up(tmp_path: Path):
    done = kata(tmp_path, NOTHING_IS_UP, "down")
    assert (done.returncode, done.stdout) == (0, "Nothing is up.\n")


def test_logs_of_a_service_that_is_not_there(tmp_path: Path):
    done = kata(tmp_path, {**NOTHING_IS_UP, "compose config --services": (0, "worker\ntriggerer\n")}, "logs", "flower")
    assert done.returncode == 2
    assert "There are: triggerer, worker" in done.stderr
