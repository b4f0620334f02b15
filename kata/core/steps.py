"""The registry of the steps: the only place for their titles, points, parts and prerequisites."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

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
        return _name_of(self.id)

    @property
    def section_id(self) -> str:
        """The id of the whole step: "3" for each part of Step 3, otherwise its own."""
        return re.sub(r"(?<=\d)[a-z]$", "", self.id)

    @property
    def section(self) -> str:
        """The section of the learner's file that this is written in: "Step 3" for each of its parts."""
        return _name_of(self.section_id)

    @property
    def hints_file(self) -> Path:
        """Its hints, in Markdown: a section a level."""
        return HINTS / f"{self.name.lower().replace(' ', '_')}.md"


def _name_of(step_id: str) -> str:
    return f"Challenge {step_id[1:]}" if step_id.startswith("c") else f"Step {step_id}"


@dataclass(frozen=True)
class Hint:
    """One level of help.

    :param title: what kind of help it is: a nudge, the concept, nearly the answer.
    :param text: in Markdown.
    """

    title: str
    text: str


def _read_registry() -> tuple[Step, ...]:
    registry = read_toml(Path(__file__).with_suffix(".toml"))
    return tuple(
        Step(
            id=step_id,
            **{name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()},
        )
        for step_id, entry in registry.items()
    )


STEPS: tuple[Step, ...] = _read_registry()


def find_steps(chosen: str, steps: tuple[Step, ...] = STEPS) -> tuple[Step, ...]:
    """Find what a user chose: `"3"` is all parts of Step 3, `"3b"` one of them.

    :raises WrongUsage: if there is no such step.
    """
    if found := tuple(step for step in steps if chosen.lower() in (step.id, step.section_id)):
        return found
    what = f"There is no step {chosen!r}." if chosen else "Which step? Name it: STEP=3."
    raise WrongUsage(f"{what} Choose one of: {', '.join(choices(steps))}.")


def choices(steps: tuple[Step, ...] = STEPS) -> tuple[str, ...]:
    """Return what `find_steps` knows, each step before its parts."""
    return tuple(dict.fromkeys(step_id for step in steps for step_id in (step.section_id, step.id)))


def find_step(step_id: str, steps: tuple[Step, ...] = STEPS) -> Step:
    """Return the step, or the part of a step, with exactly this id."""
    return next(step for step in steps if step.id == step_id)


def prerequisites(step: Step, steps: tuple[Step, ...] = STEPS) -> tuple[Step, ...]:
    """Return the steps that `step` depends on, directly or indirectly, in the order of `steps`."""
    needed: set[str] = set()
    waiting = list(step.depends_on)
    while waiting:
        step_id = waiting.pop()
        if step_id not in needed:
            needed.add(step_id)
            waiting += find_step(step_id, steps).depends_on
    return tuple(step for step in steps if step.id in needed)


def read_hints(step: Step) -> tuple[Hint, ...]:
    """Return the hints of a step, the smallest first."""
    text = step.hints_file.read_text(encoding="utf-8").replace("{airflow}", airflow_version())
    sections = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    return tuple(Hint(title, text.strip()) for title, text in zip(sections[::2], sections[1::2], strict=True))
