"""The triggers that are to be read first: each keeps the rules of a trigger, and all of them run on a real Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from kata.airflow.local.own_airflow import own_airflow
from kata.core.dag_run import DagRun, Task
from kata.core.environment import child_environment
from kata.core.paths import DAGS, ROOT, SOLUTION
from kata.core.rest_api import look_until

EXAMPLES = DAGS / "trigger_examples.py"
TRIGGERS = ["PauseTrigger", "HeartbeatTrigger", "MomentTrigger", "DecisionTrigger"]
WAITS = ["pause", "next_heartbeat", "half_a_minute_later", "decision"]
TRY_OUT = ROOT / "quality" / "example_triggers_tried_out.py"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came out when each trigger was tried out."""
    folder = tmp_path_factory.mktemp("examples")
    environment = child_environment(DAGS, database=folder / "none.db", data=folder)
    ended = subprocess.run(
        [sys.executable, TRY_OUT], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_importing_them_warns_of_nothing(told: dict[str, Any]):
    assert told["warnings"] == []


def test_each_can_be_built_again_from_its_class_path_and_all_its_arguments(told: dict[str, Any]):
    paths = [each["path"] for each in told["tried"]]
    assert list(dict.fromkeys(paths)) == [f"trigger_examples.{name}" for name in TRIGGERS]
    for each in told["tried"]:
        assert each["arguments"] == each["parameters"]
        assert each["is_as_it_was"]


def test_each_yields_one_event_and_ends(told: dict[str, Any]):
    pause, heartbeat, moment, decided, undecided = (each["payloads"] for each in told["tried"])
    assert pause == [{"slept": 0.3}]
    assert [list(payload) for payload in (*heartbeat, *moment)] == [["heartbeat"], ["moment"]]
    assert (decided, undecided) == ([{"outcome": "rejected"}], [{"outcome": "expired"}])


def test_what_goes_wrong_while_a_decision_is_waited_for_is_an_outcome(told: dict[str, Any]):
    assert told["unreadable"]["payloads"] == [{"outcome": "error", "message": "ZeroDivisionError('division by zero')"}]


def test_none_blocks_the_event_loop(told: dict[str, Any]):
    assert [each["path"] for each in told["tried"] if each["blocked"]] == []
    *waited, _ = (each["ticks"] for each in told["tried"])
    assert all(waited), "others on the loop had no turn while it waited"


def test_a_cancellation_ends_each_at_once(told: dict[str, Any]):
    assert told["cancelled"] == [True] * len(TRIGGERS)


def test_they_are_short_and_about_something_else_than_the_exercise():
    text = EXAMPLES.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 275
    names = {line.split("(")[0].split()[-1] for line in SOLUTION.read_text().splitlines() if line.startswith("class ")}
    for word in (*names, "import os", "pathlib", "open("):
        assert word not in text


def test_the_readme_says_that_they_are_to_be_read_first():
    assert "dags/trigger_examples.py" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_all_of_them_are_deferred_at_once_and_come_back_on_a_real_airflow():
    with own_airflow(SOLUTION.parent, lambda what: None) as airflow:
        assert look_until(lambda: "trigger_examples" in airflow.api.dag_ids(), 60)
        assert airflow.api.import_errors() == {}
        run = DagRun(airflow.api, "trigger_examples")
        assert _seen_deferred(run) == dict(zip(WAITS, TRIGGERS, strict=True))
        airflow.api.patch(
            "/variables/trigger_examples_decision", {"key": "trigger_examples_decision", "value": "rejected"}
        )
        look_until(lambda: run.state() in ("success", "failed"), 60)
        ended = {task.task_id: (task.state, task.try_number) for task in run.tasks()}
        assert {task_id: ended.pop(task_id) for task_id in WAITS} == dict.fromkeys(WAITS, ("success", 1))
        assert {task_id: state for task_id, (state, _) in ended.items()} == {
            "approved": "skipped",
            "rejected": "success",
            "expired": "skipped",
        }


def _seen_deferred(run: DagRun) -> dict[str, str]:
    """The name of the trigger's class for each task that was seen deferred."""
    seen: dict[str, str] = {}

    def look() -> list[Task]:
        tasks = run.tasks()
        seen.update({task.task_id: task.trigger.rpartition(".")[2] for task in tasks if task.is_watched})
        return tasks

    look_until(look, 45, is_done=lambda tasks: seen.keys() >= set(WAITS))
    return {task_id: seen[task_id] for task_id in WAITS if task_id in seen}
