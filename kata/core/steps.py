"""The registry of the steps: the only place for their titles, points, parts and prerequisites."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.core.environment import airflow_version
from kata.core.errors import WrongUsage
from kata.core.files import read_toml
from kata.core.paths import HINTS


@dataclass(frozen=True)
class Step:
    """What is graded on its own: a step of the exercise, a part of a step, or a challenge.

    :param id: "1" to "7" for the steps, "3a" to "3d" for the parts of Step 3, "c1" to "c3" for the challenges.
    :param points: what it is worth when all its checks pass.
    :param test_file: its checks, in the suite's folder.
    :param learn: what it is about, in a few words.
    :param depends_on: ids of the steps without which this one cannot be green.
    :param read: links to what explains it.
    :param runs_the_dag: one of its checks runs the whole DAG, which takes Airflow long the first time.
    """

    id: str
    title: str
    points: int
    test_file: str
    learn: str = ""
    depends_on: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    runs_the_dag: bool = False

    @property
    def is_challenge(self) -> bool:
        """Whether its points are extra."""
        return self.id.startswith("c")

    @property
    def name(self) -> str:
        """Its name: "Step 2", "Step 3b" or "Challenge 1"."""
        return f"Challenge {self.id[1:]}" if self.is_challenge else f"Step {self.id}"

    @property
    def section_id(self) -> str:
        """The id of the whole step: "3" for each part of Step 3, otherwise its own."""
        return _without_part(self.id)

    @property
    def section(self) -> str:
        """The section of the learner's file that this is written in: "Step 3" for each of its parts."""
        return _without_part(self.name)

    @property
    def hints_file(self) -> Path:
        """Its hints, in Markdown: a section a level."""
        return HINTS / f"{self.name.lower().replace(' ', '_')}.md"


def _without_part(name: str) -> str:
    return re.sub(r"(?<=\d)[a-z]$", "", name)


@dataclass(frozen=True)
class Hint:
    """One level of help.

    :param title: what kind of help it is: a nudge, the concept, nearly the answer.
    :param text: in Markdown.
    """

    title: str
    text: str


def _as_tuples(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}


_REGISTRY = read_toml(Path(__file__).with_suffix(".toml"))
STEPS: tuple[Step, ...] = tuple(Step(step_id, **_as_tuples(entry)) for step_id, entry in _REGISTRY.items())


def find_steps(chosen: str, steps: tuple[Step, ...] = STEPS) -> tuple[Step, ...]:
    """Find what a user chose: `"3"` is all parts of Step 3, `"3b"` one of them.

    :raises WrongUsage: if there is no such step.
    """
    if found := tuple(step for step in steps if chosen.lower() in (step.id, step.section_id)):
        return found
    what = f"There is no step {chosen!r}." if chosen else "Which step? Name it: STEP=3."
    choices = dict.fromkeys(step_id for step in steps for step_id in (step.section_id, step.id))
    raise WrongUsage(f"{what} Choose one of: {', '.join(choices)}.")


def find_step(step_id: str) -> Step:
    """Return the step, or the part of a step, with exactly this id."""
    return next(step for step in STEPS if step.id == step_id)


def prerequisites(step: Step, steps: tuple[Step, ...] = STEPS) -> tuple[Step, ...]:
    """Return the steps that `step` depends on, directly or indirectly, in the order of `steps`."""
    needed = set(step.depends_on)
    # A step depends on earlier ones only.
    for earlier in reversed(steps):
        if earlier.id in needed:
            needed.update(earlier.depends_on)
    return tuple(step for step in steps if step.id in needed)


def read_hints(step: Step) -> tuple[Hint, ...]:
    """Return the hints of a step, the smallest first."""
    text = step.hints_file.read_text(encoding="utf-8").replace("{airflow}", airflow_version())
    sections = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    return tuple(Hint(title, text.strip()) for title, text in zip(sections[::2], sections[1::2], strict=True))
