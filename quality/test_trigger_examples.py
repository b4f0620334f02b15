"""The triggers to read first: each keeps the rules of a trigger, and all of them run on a real Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from kata.airflow.local.own_airflow import own_airflow
from kata.core.environment import child_environment
from kata.core.paths import DAGS, SOLUTION
from kata.live.dag_run import DagRun, Task
from kata.live.patience import wait_for

TRIGGERS = {
    "pause": "PauseTrigger",
    "next_heartbeat": "HeartbeatTrigger",
    "half_a_minute_later": "MomentTrigger",
    "decision": "DecisionTrigger",
}

SCRIPT = """
import asyncio, functools, inspect, json, threading, warnings
from datetime import timedelta
from airflow.providers.standard.operators import branch, empty  # their warnings are not the examples'
from airflow.sdk import DAG, Variable, timezone

with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    import trigger_examples as examples

def moment(seconds_from_now):
    return (timezone.utcnow() + timedelta(seconds=seconds_from_now)).isoformat()

examples.CHECK_INTERVAL = 0.1
http, since, ticks = examples.httpx, moment(0), []
beats = [{"scheduler": {"latest_scheduler_heartbeat": beat}} for beat in (None, moment(-9), moment(9))]
answers = [http.Response(500), *(http.Response(200, json=answer) for answer in ([], {}, *beats))]
health = http.MockTransport(lambda request: answers.pop(0) if len(answers) > 1 else answers[0])
examples.httpx.AsyncClient = functools.partial(http.AsyncClient, transport=health)

def read(decisions):
    # In the thread of the event loop it would block.
    return lambda key, default: threading.current_thread() is not threading.main_thread() and decisions.pop(0)

async def tick():
    while True:
        ticks.append(0)
        await asyncio.sleep(0.01)

async def tried(trigger):
    path, arguments = trigger.serialize()
    rebuilt = getattr(examples, path.partition(".")[2])(**json.loads(json.dumps(arguments)))
    ticks.clear()
    ticking = asyncio.create_task(tick())
    payloads = [event.payload async for event in rebuilt.run()]
    ticking.cancel()
    is_complete = set(arguments) == set(inspect.signature(type(trigger)).parameters)
    return path, is_complete and rebuilt.serialize() == (path, arguments), len(ticks) > 1, payloads

async def ends_when_cancelled(trigger):
    before = asyncio.all_tasks()
    running = asyncio.create_task(anext(trigger.run()))
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running], timeout=2)
    return running.cancelled() and asyncio.all_tasks() == before

def triggers(seconds):
    yield examples.PauseTrigger(seconds)
    yield examples.HeartbeatTrigger("http://airflow/health", since if seconds < 1 else moment(seconds))
    yield examples.MomentTrigger(moment(seconds))
    Variable.get = read(["", None, "maybe", "rejected"] if seconds < 1 else [""])
    yield examples.DecisionTrigger("decided", moment(3600))

told = {"warned": [str(each) for each in warned]}
told["tried"] = [asyncio.run(tried(trigger)) for trigger in triggers(0.3)]
told["cancelled"] = [asyncio.run(ends_when_cancelled(trigger)) for trigger in triggers(3600)]
Variable.get = read([])
for outcome, seconds in (("expired", 0), ("error", 3600)):
    told[outcome] = asyncio.run(tried(examples.DecisionTrigger("decided", moment(seconds))))[-1]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what came out when each trigger was tried out, in a process that may import Airflow."""
    folder = tmp_path_factory.mktemp("examples")
    environment = child_environment(DAGS, database=folder / "none.db", data=folder)
    command = [sys.executable, "-c", SCRIPT]
    ended = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_each_keeps_the_rules_of_a_trigger(told: dict[str, Any]):
    assert told["warned"] == []
    paths, is_rebuilt, lets_others_run, (pause, heartbeat, moment, decided) = zip(*told["tried"], strict=True)
    assert list(paths) == [f"trigger_examples.{name}" for name in TRIGGERS.values()]
    assert all(is_rebuilt)
    assert all(lets_others_run)
    assert pause == [{"slept": 0.3}]
    assert [list(payload) for payload in (*heartbeat, *moment)] == [["heartbeat"], ["moment"]]
    assert (decided, told["expired"]) == ([{"outcome": "rejected"}], [{"outcome": "expired"}])
    assert told["error"] == [{"outcome": "error", "message": "IndexError('pop from empty list')"}]
    assert told["cancelled"] == [True] * len(TRIGGERS)


def test_all_of_them_are_deferred_at_once_and_resume_on_a_real_airflow():
    with own_airflow(SOLUTION.parent, lambda what: None) as airflow:
        wait_for(airflow, airflow.api.dag_ids, lambda ids: "trigger_examples" in ids, 60)
        assert airflow.api.import_errors() == {}
        run = DagRun(airflow.api, "trigger_examples")
        deferred: dict[str, str] = {}

        def look() -> list[Task]:
            tasks = run.tasks()
            deferred.update({task.task_id: task.trigger.rpartition(".")[2] for task in tasks if task.is_watched})
            return tasks

        wait_for(airflow, look, lambda tasks: deferred.keys() >= TRIGGERS.keys(), 45)
        assert deferred == TRIGGERS
        decision = {"key": "trigger_examples_decision", "value": "rejected"}
        airflow.api.patch("/variables/trigger_examples_decision", decision)
        wait_for(airflow, run.state, lambda state: state in ("success", "failed"), 60)
        ended = {task.task_id: (task.state, task.try_number) for task in run.tasks()}
        assert {task_id: ended.pop(task_id) for task_id in TRIGGERS} == dict.fromkeys(TRIGGERS, ("success", 1))
        outcomes = {"approved": "skipped", "rejected": "success", "expired": "skipped"}
        assert {task_id: state for task_id, (state, _) in ended.items()} == outcomes
