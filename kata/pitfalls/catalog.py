"""The pitfalls of pitfalls.toml, and the texts of their lessons."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from kata.core.errors import WrongUsage
from kata.core.files import read_toml

LESSONS = Path(__file__).parent / "lessons"


@dataclass(frozen=True)
class Pitfall:
    """A mistake that has a lesson; pitfalls.toml says what each value means."""

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


_CATALOG = read_toml(Path(__file__).with_name("pitfalls.toml"))
PITFALLS = tuple(Pitfall(name, **entry) for name, entry in _CATALOG.items())


def find_pitfall(name: str) -> Pitfall:
    """Return a pitfall. Raises `WrongUsage` for an unknown name."""
    if found := [pitfall for pitfall in PITFALLS if pitfall.name == name]:
        return found[0]
    raise WrongUsage(f"NAME={name} is no pitfall. Take one of {', '.join(_CATALOG)}.")
