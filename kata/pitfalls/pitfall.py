"""The pitfalls, in the order of the page; what is said of each stands in its lesson."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from kata.core.errors import WrongUsage

LESSONS = Path(__file__).parent / "lessons"


@dataclass(frozen=True)
class Pitfall:
    """A mistake that has a lesson.

    :param name: the lesson's file is called so; it has the DAGs `<name>_wrong` and `<name>_right`.
    :param signs: patterns of the lines that show it, in the log of the triggerer or of the task.
    :param patience: how long the wrong one is looked at when it does not end by itself, in seconds.
    :param afterwards: how long it is looked at after the end of its tasks, in seconds.
    """

    name: str
    signs: tuple[str, ...] = ()
    patience: float = 60.0
    afterwards: float = 3.0

    @property
    def lesson(self) -> Path:
        return LESSONS / f"{self.name}.py"

    @property
    def title(self) -> str:
        return self._said()[0]

    @property
    def story(self) -> str:
        """What happens, and the fix: Markdown."""
        return self._said()[1]

    def _said(self) -> tuple[str, str]:
        # Read, not imported: that would take Airflow.
        docstring = ast.get_docstring(ast.parse(self.lesson.read_text(encoding="utf-8"))) or ""
        title, _, story = docstring.partition("\n\n")
        return title, story


PITFALLS = (
    Pitfall("blocking_call", signs=(r"async thread was blocked",)),
    Pitfall("serialization", signs=(r"Trigger failed to inflate", r"^TypeError", r"^TaskDeferralError")),
    Pitfall("missing_error_handling", signs=(r"^PermissionError", r"^TaskDeferralError", r"^AirflowException")),
    Pitfall("resource_leak"),
    Pitfall("class_path", signs=(r"Trigger failed to load code", r"^ModuleNotFoundError", r"^TaskDeferralError")),
    Pitfall("yields_a_dict", signs=(r"^\w+Error", r"xit"), patience=40),
    Pitfall("swallowed_cancellation", signs=(r"Looking on after", r"^TaskDeferralTimeout"), afterwards=15),
    Pitfall("no_timeout", signs=(r"^AirflowSensorTimeout",), patience=40),
    Pitfall("state_on_self", signs=(r"^AttributeError",)),
)


def find_pitfall(name: str) -> Pitfall:
    """Raises `WrongUsage` for a name that there is not."""
    for pitfall in PITFALLS:
        if pitfall.name == name:
            return pitfall
    names = ", ".join(pitfall.name for pitfall in PITFALLS)
    raise WrongUsage(f"NAME={name} is no pitfall. Take one of {names}.")
