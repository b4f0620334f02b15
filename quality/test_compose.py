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
from kata.core.paths import ROOT

FILE = ROOT / "docker-compose.yaml"
ONE_SHOT = {"secrets", "migrate"}
AIRFLOW = {"secrets", "migrate", "api-server", "scheduler", "dag-processor", "worker", "triggerer"}
AT_WORK = AIRFLOW - {"secrets"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(FILE.read_text())["services"]


def mounts(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["target"]: mount for mount in service["volumes"]}


# The file


def test_the_services_and_their_images(services: dict[str, dict[str, Any]]):
    assert set(services) == AIRFLOW | {"postgres", "redis"}
    assert {services[name]["image"] for name in AIRFLOW} == {"${AIRFLOW_IMAGE:-apache/airflow:3.3.2}"}
    assert services["postgres"]["image"] == "postgres:16"
    assert services["redis"]["image"] == "redis:7.2-bookworm"


def test_only_the_api_server_is_published_and_only_to_this_machine(services: dict[str, dict[str, Any]]):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:${KATA_PORT:-8080}:8080"]}


def test_every_service_can_be_scaled(services: dict[str, dict[str, Any]]):
    assert not any("container_name" in service or "hostname" in service for service in services.values())


@pytest.mark.parametrize("folder", ["tree", "dags", "compose"])
def test_code_is_mounted_read_only(services: dict[str, dict[str, Any]], folder: str):
    for name in AT_WORK:
        assert mounts(services[name])[f"/opt/kata/{folder}"]["read_only"] is True


def test_no_folder_of_the_host_is_made_by_a_typing_error(services: dict[str, dict[str, Any]]):
    binds = [mount for service in services.values() for mount in service["volumes"] if mount["type"] == "bind"]
    assert binds
    assert all(mount["bind"] == {"create_host_path": False} for mount in binds)


def test_every_component_imports_from_the_tree_and_works_on_the_same_data(services: dict[str, dict[str, Any]]):
    for name in AT_WORK:
        environment = services[name]["environment"]
        assert environment["PYTHONPATH"] == "/opt/kata/tree:/opt/kata/dags"
        assert environment["KATA_DATA_DIR"] == "/opt/kata/data"
        assert mounts(services[name])["/opt/kata/tree"]["source"] == "${KATA_TREE:-exercise}"
        assert mounts(services[name])["/opt/kata/data"]["source"] == "./data"


def test_tree_and_dags_are_two_bundles(services: dict[str, dict[str, Any]]):
    bundles = json.loads(services["scheduler"]["environment"]["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    paths = {bundle["name"]: bundle["kwargs"]["path"] for bundle in bundles}
    assert paths == {"tree": "/opt/kata/tree", "dags": "/opt/kata/dags"}


def test_connections_are_what_airflow_reads(services: dict[str, dict[str, Any]]):
    environment = services["worker"]["environment"]
    assert json.loads(environment["AIRFLOW_CONN_FS_DEFAULT"])["conn_type"] == "fs"
    api = json.loads(environment["AIRFLOW_CONN_AIRFLOW_API"])
    assert (api["host"], api["port"]) == ("http://api-server", 8080)


def test_no_secret_stands_in_the_file(services: dict[str, dict[str, Any]]):
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|FERNET|SQL_ALCHEMY_CONN|RESULT_BACKEND", name):
                assert name.endswith(("_CMD", "_FILE")), name
                assert re.fullmatch(r"(cat )?/run/kata/[a-z_]+", value), name


def test_every_secret_that_is_read_is_made(services: dict[str, dict[str, Any]]):
    made = set(re.findall(r"^keep (\w+)", (ROOT / "kata/airflow/compose/make_secrets.sh").read_text(), re.MULTILINE))
    assert set(re.findall(r"/run/kata/(\w+)", FILE.read_text())) == made


def test_what_runs_on_has_a_health_check_and_comes_back(services: dict[str, dict[str, Any]]):
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"]


def test_whoever_is_waited_for_can_reach_the_condition(services: dict[str, dict[str, Any]]):
    conditions = {
        (waits_for, how["condition"])
        for service in services.values()
        for waits_for, how in service.get("depends_on", {}).items()
    }
    assert conditions == {
        ("secrets", "service_completed_successfully"),
        ("migrate", "service_completed_successfully"),
        ("postgres", "service_healthy"),
        ("redis", "service_healthy"),
    }
    for name in AT_WORK - {"migrate"}:
        assert "migrate" in services[name]["depends_on"]


def test_no_image_is_asked_for_each_time(services: dict[str, dict[str, Any]]):
    assert not any("pull_policy" in service or "build" in service for service in services.values())
    assert "# syntax=" not in FILE.read_text()


def has_compose() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_compose(), reason="needs docker compose, but no engine")
def test_compose_accepts_the_file():
    done = subprocess.run(["docker", "compose", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# The scripts in the containers


@pytest.mark.parametrize("script", ["as_owner.sh", "make_secrets.sh"])
def test_the_scripts_are_bash(script: str):
    done = subprocess.run(["bash", "-n", ROOT / "kata/airflow/compose" / script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# The commands, with a `docker` that says what a test has it say

Answers = dict[str, tuple[int, str]]

VERSIONS: Answers = {"compose version": (0, "2.26.1"), "version": (0, "28.2.2")}
NOTHING_IS_UP: Answers = {
    **VERSIONS,
    "compose ps": (0, ""),
    "compose config --images": (0, ""),
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
        timeout=30,
    )


DOES_NOT_DO = [
    (None, "There is no Docker here"),
    ({"compose version": (1, "docker: 'compose' is not a docker command.")}, "no Compose v2"),
    ({**VERSIONS, "version": (1, "Cannot connect to the Docker daemon at unix:///x.sock.")}, "engine is not running"),
    ({**VERSIONS, "version": (1, "permission denied while trying to connect to the Docker")}, "not in the group"),
]


@pytest.mark.parametrize("command", ["up", "down", "ps", "logs"])
@pytest.mark.parametrize(("answers", "says"), DOES_NOT_DO)
def test_docker_that_does_not_do_its_part(tmp_path: Path, answers: Answers | None, says: str, command: str):
    done = kata(tmp_path, answers, command)
    assert done.returncode == 2
    assert says in done.stderr
    assert "make standalone" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_tree_that_is_not_there(tmp_path: Path):
    done = kata(tmp_path, NOTHING_IS_UP, "up", "--tree", "nowhere")
    assert done.returncode == 2
    assert "TREE=nowhere does not exist" in done.stderr


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
        **({"kata.tree": "exercise"} if service in AIRFLOW else {}),
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


FAILED_START: Answers = {
    **with_containers(container("migrate", state="exited", exit_code=1)),
    "compose config --hash": (0, "migrate 0"),
    "compose config --services": (0, "migrate"),
    "compose up": (1, 'service "migrate" didn\'t complete successfully: exit 1'),
}


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("alembic.util.exc.CommandError: Can't locate revision identified by 'ffff'", "make down VOLUMES=1"),
        ('FATAL:  password authentication failed for user "airflow"', "make down VOLUMES=1"),
        ("something else\n", "migrate: failed, exit code 1. It printed last:\nsomething else"),
    ],
)
def test_a_database_that_cannot_be_used(tmp_path: Path, log: str, says: str, free_port: str):
    done = kata(tmp_path, {**FAILED_START, "compose logs": (0, log)}, "up", KATA_PORT=free_port)
    assert done.returncode == 2
    assert says in done.stderr


@pytest.fixture
def free_port() -> str:
    return str(ports.free_port())


@pytest.mark.parametrize(
    ("docker_says", "says"),
    [
        ("failed to register layer: write /usr/lib/x: no space left on device", "no disk space left"),
        ("Bind for 127.0.0.1:8080 failed: port is already allocated", "KATA_PORT=8081 make up"),
        ("Error response from daemon: pull access denied for airflow", "An image cannot be fetched"),
        ("Error response from daemon: something new", "`docker compose up` failed: Error response"),
    ],
)
def test_what_docker_says_about_a_failed_start(tmp_path: Path, docker_says: str, says: str, free_port: str):
    answers = {**FAILED_START, "compose ps": (0, ""), "compose up": (1, docker_says)}
    done = kata(tmp_path, answers, "up", KATA_PORT=free_port)
    assert done.returncode == 2
    assert says in done.stderr


def test_another_clone_of_the_same_name(tmp_path: Path):
    theirs = container("api-server", health="healthy")
    theirs["Config"]["Labels"]["com.docker.compose.project.working_dir"] = "/elsewhere/kata"
    done = kata(tmp_path, with_containers(theirs), "up")
    assert done.returncode == 2
    assert "The clone in /elsewhere/kata has the same folder name" in done.stderr


def test_up_once_more_says_where_it_is_and_starts_nothing(tmp_path: Path):
    up = with_containers(container("api-server", health="healthy"))
    done = kata(tmp_path, {**up, "compose config --hash": (0, "api-server 0")}, "up", "--tree", "exercise")
    assert done.returncode == 0, done.stderr
    assert "Airflow is up with exercise: http://127.0.0.1:8099" in done.stdout


def test_a_tree_that_does_not_parse_is_named(tmp_path: Path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "trigger_implementation_exercise.py").write_text("x = 1\ndef f(:\n")
    up = with_containers(container("api-server", health="healthy"))
    done = kata(tmp_path, {**up, "compose config --hash": (0, "api-server 0")}, "up", "--tree", str(broken))
    assert done.returncode == 0, done.stderr
    assert "Switching from exercise to" in done.stdout
    assert "import error" in done.stdout
    assert "trigger_implementation_exercise.py:2" in done.stdout, done.stdout


def test_down_where_nothing_is_up(tmp_path: Path):
    done = kata(tmp_path, NOTHING_IS_UP, "down")
    assert (done.returncode, done.stdout) == (0, "Nothing is up.\n")


def test_logs_of_a_service_that_is_not_there(tmp_path: Path):
    done = kata(tmp_path, {**NOTHING_IS_UP, "compose config --services": (0, "worker\ntriggerer\n")}, "logs", "flower")
    assert done.returncode == 2
    assert "There are: triggerer, worker" in done.stderr
