"""Who is measured: the ways to wait for a file in one of several directories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from glob import escape
from os.path import join
from typing import Any

from kata.bench.scene import PATTERN
from kata.places import MODULE

# What a triggerer is given of a trigger: its class path and its arguments.
Written = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Contender:
    """A way to wait.

    :param triggers: what one wait takes, for these directories and an interval in seconds.
    """

    name: str
    triggers: Callable[[list[str], float], list[Written]]


def _of_the_tree(directories: list[str], interval: float) -> list[Written]:
    arguments = {"directories": directories, "file_pattern": PATTERN, "check_interval": interval}
    return [(f"{MODULE}.MultiDirectoryTrigger", arguments)]


def _of_airflow(directories: list[str], interval: float) -> list[Written]:
    class_path = "airflow.providers.standard.triggers.file.FileTrigger"
    return [(class_path, {"filepath": pattern, "poke_interval": interval}) for pattern in _patterns(directories)]


def _naive(class_name: str) -> Callable[[list[str], float], list[Written]]:
    def triggers(directories: list[str], interval: float) -> list[Written]:
        return [(f"kata.bench.naive_triggers.{class_name}", {"patterns": _patterns(directories), "interval": interval})]

    return triggers


def _patterns(directories: list[str]) -> list[str]:
    return [join(escape(directory), PATTERN) for directory in directories]


# What Airflow offers for this today is what the others are compared with.
REFERENCE = Contender("5 FileTriggers", _of_airflow)
TREE = Contender("MultiDirectory", _of_the_tree)
BLOCKING = Contender("blocking", _naive("BlockingTrigger"))
THREADS = Contender("threads", _naive("ThreadsTrigger"))

CONTENDERS = {each.name: each for each in [REFERENCE, TREE, BLOCKING, THREADS]}
