"""The registry: everything that is said about a step stands here, once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kata.failures import WrongUsage


@dataclass(frozen=True)
class Step:
    """One step or challenge of the exercise.

    :param id: "1" to "7" for the steps, "c1" to "c3" for the challenges.
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
        return self.id.startswith("c")

    @property
    def name(self) -> str:
        """ "Step 3" or "Challenge 1"."""
        return f"Challenge {self.id[1:]}" if self.is_challenge else f"Step {self.id}"

    @property
    def hints_file(self) -> Path:
        """Its hints, in Markdown: a section a level."""
        return Path(__file__).parent / "hints" / f"{self.name.lower().replace(' ', '_')}.md"


@dataclass(frozen=True)
class Hint:
    """One level of help.

    :param title: what kind of help it is: a nudge, the concept, nearly the answer.
    :param text: in Markdown.
    """

    title: str
    text: str


_DEFERRING = "https://airflow.apache.org/docs/apache-airflow/3.3.2/authoring-and-scheduling/deferring.html"

STEPS: tuple[Step, ...] = (
    Step(
        "1",
        "Setup and environment",
        10,
        "test_step_1_setup.py",
        "a DAG, and folders that a set-up task makes and a teardown task removes",
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
        "3",
        "MultiDirectoryTrigger",
        30,
        "test_step_3_multi_directory_trigger.py",
        "a trigger: `serialize()`, `run()`, and an event loop that others need too",
        read=(_DEFERRING,),
    ),
    Step(
        "4",
        "MultiDirectorySensorAsync",
        20,
        "test_step_4_multi_directory_sensor.py",
        "a sensor: look, `defer()`, come back in another process",
        ("3",),
        read=(_DEFERRING,),
    ),
    Step(
        "5",
        "Event processing and data flow",
        10,
        "test_step_5_event_processing.py",
        "what is done with an event, and how it gets to the next tasks",
    ),
    Step(
        "6",
        "Error handling",
        10,
        "test_step_6_error_handling.py",
        "timeouts, directories that cannot be read, triggers that fail",
        ("4",),
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
        ("3",),
        read=(_DEFERRING,),
    ),
    Step(
        "c2",
        "Metrics",
        6,
        "test_challenge_2_metrics.py",
        "waits, failures, slots and queues, read from Airflow's API",
    ),
    Step(
        "c3",
        "Orchestration",
        12,
        "test_challenge_3_orchestration.py",
        "one DAG that waits for data, a moment, an API and a rule of its own",
        ("4",),
        read=(_DEFERRING,),
    ),
)


def find_step(step_id: str, steps: tuple[Step, ...] = STEPS) -> Step:
    """The step with this id. Raises `WrongUsage` when there is none."""
    for step in steps:
        if step.id == step_id.lower():
            return step
    what = f"There is no step {step_id!r}." if step_id else "Which step? Name it: STEP=3."
    raise WrongUsage(f"{what} Choose one of: {', '.join(step.id for step in steps)}.")


def prerequisites(step: Step, steps: tuple[Step, ...] = STEPS) -> tuple[Step, ...]:
    """The steps that `step` depends on, directly or not, in the order of `steps`."""
    needed: set[str] = set()
    waiting = list(step.depends_on)
    while waiting:
        step_id = waiting.pop()
        if step_id not in needed:
            needed.add(step_id)
            waiting += find_step(step_id, steps).depends_on
    return tuple(step for step in steps if step.id in needed)


def read_hints(step: Step) -> tuple[Hint, ...]:
    """The hints of a step, the slightest first."""
    sections = re.split(r"^## (.+)\n", step.hints_file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return tuple(Hint(title, text.strip()) for title, text in zip(sections[::2], sections[1::2], strict=True))
