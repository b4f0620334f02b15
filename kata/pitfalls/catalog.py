"""The pitfalls, in the order of the page. The docstring of each lesson says what happens, and what the fix is."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from kata.core.errors import WrongUsage

LESSONS = Path(__file__).parent / "lessons"


@dataclass(frozen=True)
class Pitfall:
    """A mistake that has a lesson.

    :param name: of the file of the lesson, and the start of the ids of its DAGs, `<name>_wrong` and `<name>_right`.
    :param signs: pattern of the lines that show the mistake, in the log of the triggerer or of the task.
    :param seconds: how long a run is observed if its tasks do not end.
    :param seconds_after: how long a run is observed after the end of its tasks.
    """

    name: str
    signs: str = r"(?!)"  # no line
    seconds: float = 60.0
    seconds_after: float = 3.0

    @property
    def lesson(self) -> Path:
        return LESSONS / f"{self.name}.py"

    def text(self) -> tuple[str, str]:
        """Return the title, and what happens with the fix, in Markdown."""
        # Parsed, not imported, because an import needs Airflow.
        docstring = ast.get_docstring(ast.parse(self.lesson.read_text(encoding="utf-8"))) or ""
        title, _, story = docstring.partition("\n\n")
        return title, story


PITFALLS = (
    Pitfall("blocking_call", r"async thread was blocked"),
    Pitfall("serialization", r"Trigger failed to inflate|^TypeError|^TaskDeferralError"),
    Pitfall("missing_error_handling", r"^PermissionError|^TaskDeferralError|^AirflowException"),
    Pitfall("resource_leak"),
    Pitfall("class_path", r"Trigger failed to load code|^ModuleNotFoundError|^TaskDeferralError"),
    Pitfall("yields_a_dict", r"^\w+Error|xit", seconds=40.0),
    Pitfall("swallowed_cancellation", r"Continuing after|^TaskDeferralTimeout", seconds_after=15.0),
    Pitfall("no_timeout", r"^AirflowSensorTimeout", seconds=40.0),
    Pitfall("state_on_self", r"^AttributeError"),
)


def find_pitfall(name: str) -> Pitfall:
    """Return a pitfall. Raises `WrongUsage` for an unknown name."""
    for pitfall in PITFALLS:
        if pitfall.name == name:
            return pitfall
    names = ", ".join(pitfall.name for pitfall in PITFALLS)
    raise WrongUsage(f"NAME={name} is no pitfall. Take one of {names}.")
