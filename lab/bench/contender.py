"""What is measured: the ways to wait for a file in one of several directories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from glob import escape
from os.path import join
from typing import Any

from kata.core.paths import MODULE
from lab.bench.scene import PATTERN

# What a triggerer is given of a trigger: its class path and its arguments.
Written = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Contender:
    """A way to wait.

    :param triggers: what one wait takes, for these directories and an interval in seconds.
    """

    name: str
    triggers: Callable[[list[str], float], list[Written]]


def _multi_directory(class_path: str) -> Callable[[list[str], float], list[Written]]:
    def triggers(directories: list[str], interval: float) -> list[Written]:
        return [(class_path, {"directories": directories, "file_pattern": PATTERN, "check_interval": interval})]

    return triggers


def _of_airflow(directories: list[str], interval: float) -> list[Written]:
    class_path = "airflow.providers.standard.triggers.file.FileTrigger"
    patterns = [join(escape(directory), PATTERN) for directory in directories]
    return [(class_path, {"filepath": pattern, "poke_interval": interval}) for pattern in patterns]


def _with_shared_listings(directories: list[str], interval: float) -> list[Written]:
    class_path = "lab.shared_listing_trigger.SharedListingTrigger"
    arguments = {"file_pattern": PATTERN, "check_interval": interval}
    return [(class_path, {"directory": directory, **arguments}) for directory in directories]


# What Airflow offers for this today. The others are compared with it.
BASELINE = Contender("5 FileTriggers", _of_airflow)
# Of the submission: the reference solution unless TREE says otherwise.
SUBMISSION = Contender("MultiDirectory", _multi_directory(f"{MODULE}.MultiDirectoryTrigger"))
SCALED = Contender("scaled", _multi_directory("lab.scaled_trigger.ScaledMultiDirectoryTrigger"))
SHARED = Contender("5 shared listings", _with_shared_listings)

CONTENDERS = {each.name: each for each in [BASELINE, SUBMISSION, SCALED, SHARED]}
