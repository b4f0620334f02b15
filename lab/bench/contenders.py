"""What is measured: the ways to wait for a file in one of several directories.

A contender is a function that returns what one waiting task needs: a list of triggers, each with its class path and its
arguments, for the directories of the task and an interval in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from glob import escape
from os.path import join
from typing import Any

from kata.core.paths import MODULE
from lab.bench.directories import PATTERN

Serialized = tuple[str, dict[str, Any]]
Contender = Callable[[list[str], float], list[Serialized]]


def _multi_directory(class_path: str) -> Contender:
    def triggers(directories: list[str], interval: float) -> list[Serialized]:
        return [(class_path, {"directories": directories, "file_pattern": PATTERN, "check_interval": interval})]

    return triggers


def _file_triggers(directories: list[str], interval: float) -> list[Serialized]:
    class_path = "airflow.providers.standard.triggers.file.FileTrigger"
    patterns = [join(escape(directory), PATTERN) for directory in directories]
    return [(class_path, {"filepath": pattern, "poke_interval": interval}) for pattern in patterns]


def _shared_listings(directories: list[str], interval: float) -> list[Serialized]:
    class_path = "lab.shared_listing_trigger.SharedListingTrigger"
    arguments = {"file_pattern": PATTERN, "check_interval": interval}
    return [(class_path, {"directory": directory, **arguments}) for directory in directories]


# What Airflow offers today: the others are compared with it. Then the trigger of the submission, which is the reference
# solution unless TREE is set.
BASELINE, SUBMISSION, SCALED, SHARED = "5 FileTriggers", "MultiDirectory", "scaled", "5 shared listings"

CONTENDERS: dict[str, Contender] = {
    BASELINE: _file_triggers,
    SUBMISSION: _multi_directory(f"{MODULE}.MultiDirectoryTrigger"),
    SCALED: _multi_directory("lab.scaled_trigger.ScaledMultiDirectoryTrigger"),
    SHARED: _shared_listings,
}
