"""The parts of the proof, and what is checked in each: known before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

from kata.core.steps import Step
from kata.grading.verdict import Check


@dataclass(frozen=True)
class Part(Step):
    """A part of the proof: shown, counted and written down like a step of the exercise.

    :param checks: a sentence for each, by name.
    """

    checks: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.id.replace("_", " ").capitalize()

    def check(self, name: str) -> Check:
        return Check(id=f"{self.id}::{name}", title=dict(self.checks)[name], deadline=0.0)


def _part(id: str, title: str, *checks: tuple[str, str], after: str = "") -> Part:
    return Part(id, title, len(checks), test_file="", depends_on=(after,) if after else (), checks=checks)


LOADED = _part(
    "loaded",
    "Airflow takes the file",
    ("imported", "The DAG processor imports the file without an error."),
    ("shown", "Airflow shows the DAG."),
)
DEFERRED = _part(
    "deferred",
    "Both waits leave their slot",
    ("directories", "set_up_directories succeeds and has made the directories."),
    ("upload", "wait_for_upload is deferred to a FileTrigger."),
    ("clients", "monitor_client_uploads is deferred to the MultiDirectoryTrigger."),
    ("watched", "The triggerer has taken both triggers up."),
    ("no_slot", "No worker slot is held while they wait."),
    after="loaded",
)
RESUMED = _part(
    "resumed",
    "A file brings each wait back",
    ("upload", "wait_for_upload succeeds after its file has arrived."),
    ("clients", "monitor_client_uploads succeeds, and its result names the file that has arrived."),
    ("processed", "process_trigger_results returns that file as valid, with its rows."),
    ("report", "generate_trigger_report has written the report."),
    ("all", "Every task of the run succeeds, and so does the run."),
    ("not_blocked", "No trigger has blocked the event loop that all triggers share."),
    after="deferred",
)
TIMED_OUT = _part(
    "timed_out",
    "A wait without a file ends",
    ("failed", "After its timeout of 10 seconds the task fails."),
    ("sensor_timeout", "It fails with AirflowSensorTimeout, and is not tried again."),
    ("callback", "handle_trigger_failure logs one line at ERROR that names the task."),
    after="loaded",
)
SURVIVED = _part(
    "survived",
    "A wait outlives its triggerer",
    ("deferred", "Several waits of five directories each are deferred at once and hold no slot."),
    ("health", "With the triggerer killed, the health endpoint says so."),
    ("nothing_lost", "While it is gone files arrive; nothing fails, nothing comes back."),
    ("once", "A new triggerer ends every wait, each exactly once."),
    after="resumed",
)

PARTS = (LOADED, DEFERRED, RESUMED, TIMED_OUT, SURVIVED)

FAULTS = _part(
    "faults",
    "Nothing is lost when a part fails",
    ("worker", "Worker killed, files arrive, worker started: every wait ends, once."),
    ("redis", "Redis restarted as files arrive: every wait ends, once."),
    ("postgres", "PostgreSQL restarted while waits are deferred: every wait ends, once."),
    (
        "postgres_back",
        "PostgreSQL restarted as files arrive: every wait ends, once; what was being started is retried.",
    ),
    ("hundred", "100 waits of five directories each are deferred at once, over two triggerers, and hold no slot."),
    ("triggerer", "One of two triggerers killed: the other ends all 100 waits, each once."),
    after="resumed",
)
