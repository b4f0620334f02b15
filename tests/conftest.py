"""What all checks need: the learner's module, processes that have not imported it, and client directories."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .support import environment

HERE = Path(__file__).resolve().parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tree", default="exercise", help="what to grade: exercise, solution, or the path of a folder")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "deadline(seconds): how long the check may take before the grader ends it")
    config.addinivalue_line("markers", "essential: while the check fails, its step scores 0 points")
    tree = config.getoption("--tree")
    config.kata_tree = HERE.parent / tree if tree in ("exercise", "solution") else Path(tree).resolve()
    if not (config.kata_tree / "trigger_implementation_exercise.py").is_file():
        raise pytest.UsageError(f"--tree {tree}: there is no trigger_implementation_exercise.py in {config.kata_tree}")
    config.kata_state = environment.prepare(config.kata_tree, HERE.parent / ".kata" / "pytest")

    from . import virtual_time
    from .support import fresh_process, system_calls

    # All of it before the submission is imported.
    virtual_time.install()
    system_calls.install()
    config.kata_fresh_process = fresh_process.FreshProcess(str(config.kata_tree))


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "kata_fresh_process"):
        config.kata_fresh_process.close()
        shutil.rmtree(config.kata_state, ignore_errors=True)


@pytest.fixture(autouse=True)
def _sentence(request: pytest.FixtureRequest) -> None:
    """Take the docstring of the check as the sentence of the contract that it checks."""
    from .support import contract

    contract.sentence = " ".join((request.function.__doc__ or "").split())


@pytest.fixture(scope="session")
def submission(pytestconfig: pytest.Config):
    """Return the learner's module."""
    from airflow.sdk.bases.operator import ExecutorSafeguard

    from .support.submission import Submission

    # It would log a warning for each execute() that a check calls, as if that were the learner's mistake.
    ExecutorSafeguard.test_mode = True
    return Submission(pytestconfig.kata_tree)


@pytest.fixture(scope="session")
def fresh_process(pytestconfig: pytest.Config):
    """Run functions in processes that have never imported the learner's module."""
    return pytestconfig.kata_fresh_process


@pytest.fixture
def clients(tmp_path: Path):
    """Five empty client directories."""
    from .support.clients import Clients

    return Clients(tmp_path.resolve() / "uploads")


@pytest.fixture
def data_dir(submission, pytestconfig: pytest.Config) -> str:
    """``DATA_DIR``, with nothing in it."""
    from .support.contract import expect

    root = submission.DATA_DIR
    inside = os.path.realpath(root).startswith(os.path.realpath(pytestconfig.kata_state))
    expect(inside, called="DATA_DIR", got=f"{root}, which is not what the setting KATA_DATA_DIR says")
    shutil.rmtree(root, ignore_errors=True)
    return root


@pytest.fixture
def trigger(submission, clients):
    """Step 3's trigger over all clients; arguments may be given otherwise."""

    def build(**arguments):
        return submission.MultiDirectoryTrigger(
            **{"directories": clients.directories, "check_interval": 10, **arguments}
        )

    return build


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a directory of 10,000 CSV files."""
    directory = tmp_path_factory.mktemp("crowded").resolve()
    first = directory / "00000.csv"
    first.touch()
    for number in range(1, 10_000):
        os.link(first, directory / f"{number:05}.csv")
    return str(directory)
