"""What is looked at before an Airflow is started to measure something on it."""

from __future__ import annotations

import os
from pathlib import Path

from kata.failures import WrongUsage
from kata.grading.preflight import find_tree, read_module
from kata.places import MODULE, shown


def readable_tree(name: str) -> Path:
    """The folder of the tree whose sensor waits. Raises `WrongUsage` if there is none, or its module cannot be read."""
    tree = find_tree(name)
    _, problem = read_module(tree / f"{MODULE}.py")
    if problem is not None:
        raise WrongUsage(f"{problem.path}: {problem.what} {problem.todo}")
    return tree


def make_ready(folder: Path) -> None:
    """Make the folder for the results if it is not there. Raises `WrongUsage` if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUsage(f"The folder {shown(folder)} cannot be made: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise WrongUsage(f"The folder {shown(folder)} cannot be written to: make it writable.")
