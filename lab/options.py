"""What is looked at before anything is measured: who asks for what cannot be shall not wait for it."""

from __future__ import annotations

import math
import os
from pathlib import Path

from kata.core.errors import WrongUsage
from kata.core.paths import MODULE, shown
from kata.core.submission import find_tree, read_module


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


def number(name: str, text: str, kind: type[int] | type[float], least: float, most: float) -> float:
    """The number in an option. Raises `WrongUsage` for what is none, or too small or too large."""
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        what = "a whole number" if kind is int else "a number of seconds"
        raise WrongUsage(f"{name}={text} does not do: take {what} from {least} to {most}.")
    return value
