"""The registry of the steps: the only place for their titles, points, parts and prerequisites."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kata.core.environment import airflow_version
from kata.core.errors import WrongUsage
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


_DEFERRING = f"https://airflow.apache.org/docs/apache-airflow/{airflow_version()}/authoring-and-scheduling/deferring.html"

STEPS: tuple[Step, ...] = (
    Step(
        "1",
        "Setup and environment",
        10,
        "test_step_1_setup.py",
        "a DAG, and directories that a setup task creates and a teardown task removes",
    ),
    Step(
        "2",
        "Deferrable FileSensor",
        10,
        "test_step_2_deferrable_file_sensor.py",
        "Airflow's own sensor, told to defer",
        read=(_DEFERRING,),
    ),
    Step(
        "3a",
        "It travels",
        5,
        "test_step_3a_it_travels.py",
        "a trigger's arguments, and `serialize()`: how another process rebuilds the trigger",
        read=(_DEFERRING,),
    ),
    Step(
        "3b",
        "It fires",
        10,
        "test_step_3b_it_fires.py",
        "`run()`: an async generator that yields one `TriggerEvent`",
        ("3a",),
        read=(_DEFERRING,),
    ),
    Step(
        "3c",
        "It is a good neighbor",
        10,
        "test_step_3c_good_neighbor.py",
        "an event loop that all triggers share: threads, timeouts, cancellation",
        ("3b",),
        read=(_DEFERRING,),
    ),
    Step(
        "3d",
        "It copes",
        5,
        "test_step_3d_it_copes.py",
        "missing directories, transient errors, and exceptions that become an error event",
        ("3b",),
        read=(_DEFERRING,),
    ),
    Step(
        "4",
        "MultiDirectorySensorAsync",
        20,
        "test_step_4_multi_directory_sensor.py",
        "a sensor: check, `defer()`, resume in another process",
        ("3a", "3b", "3d"),
        read=(_DEFERRING,),
    ),
    Step(
        "5",
        "Event processing and data flow",
        10,
        "test_step_5_event_processing.py",
        "what a DAG does with an event, and how data gets to the next tasks",
    ),
    Step(
        "6",
        "Error handling",
        10,
        "test_step_6_error_handling.py",
        "timeouts, directories that cannot be read, triggers that fail",
        ("2", "4"),
        read=(_DEFERRING,),
    ),
    Step(
        "7",
        "Comparison, report and the whole DAG",
        10,
        "test_step_7_comparison_and_report.py",
        "what deferring has saved, in a report; the DAG from end to end",
        ("1", "2", "4", "5", "6"),
        runs_the_dag=True,
    ),
    Step(
        "c1",
        "Advanced trigger",
        12,
        "test_challenge_1_advanced_trigger.py",
        "files that still grow, several patterns, priorities, backoff",
        ("3a", "3b", "3c", "3d"),
        read=(_DEFERRING,),
    ),
    Step(
        "c2",
        "Metrics",
        6,
        "test_challenge_2_metrics.py",
        "waiting tasks, failures, slots and queues, read from Airflow's API",
    ),
    Step(
        "c3",
        "Orchestration",
        12,
        "test_challenge_3_orchestration.py",
        "one DAG that waits for data, a time, an API and a business rule",
        ("4",),
        read=(_DEFERRING,),
    ),
)


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
