"""The triggers to read first: each keeps the rules of a trigger, and all of them run on a real Airflow."""

from __future__ import annotations

from typing import Any

import pytest

from kata.airflow.local.own_airflow import own_airflow
from kata.core.paths import SOLUTION
from kata.live.dag_run import DagRun, Task
from kata.live.patience import wait_for
from quality.script import run_script

TRIGGERS = {
    "pause": "PauseTrigger",
    "next_heartbeat": "HeartbeatTrigger",
    "half_a_minute_later": "MomentTrigger",
    "decision": "DecisionTrigger",
}

SCRIPT = """
import asyncio, http.server, inspect, json, sys, threading, warnings
from datetime import timedelta
from airflow.providers.standard.operators import branch, empty  # their warnings are not the examples'
from airflow.sdk import DAG, Variable, timezone

sys.path.insert(0, "dags")
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    import trigger_examples as examples

examples.CHECK_INTERVAL = 0.1
now = timezone.utcnow()
ticked, ticks, blocked = threading.Event(), [], []

def moment(seconds_from_now):
    return (now + timedelta(seconds=seconds_from_now)).isoformat()

async def tick():
    while True:
        ticks.append(ticked.set())
        await asyncio.sleep(0.01)

def answer_once_the_loop_has_turned(answer):
    ticked.clear()
    blocked.append(not ticked.wait(10))
    return answer

class Health(http.server.BaseHTTPRequestHandler):
    beats = [{"scheduler": {"latest_scheduler_heartbeat": beat}} for beat in (None, moment(-1), moment(1))]
    answers = [None, [], {}, *beats]

    def do_GET(self):
        answer = answer_once_the_loop_has_turned(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        self.send_response(500 if answer is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"

async def tried(trigger):
    path, arguments = trigger.serialize()
    rebuilt = getattr(examples, path.partition(".")[2])(**json.loads(json.dumps(arguments)))
    ticks.clear()
    ticking = asyncio.create_task(tick())
    payloads = [event.payload async for event in rebuilt.run()]
    ticking.cancel()
    return {
        "path": path,
        "is_complete": set(arguments) == set(inspect.signature(type(trigger)).parameters),
        "is_as_it_was": rebuilt.serialize() == (path, arguments),
        "payloads": payloads,
        "ticks": len(ticks),
    }

async def ends_when_cancelled(trigger):
    before = asyncio.all_tasks()
    running = asyncio.create_task(anext(trigger.run()))
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running], timeout=2)
    return running.cancelled() and asyncio.all_tasks() == before

decisions = iter(["", None, "maybe", "rejected"])
Variable.get = lambda key, default: answer_once_the_loop_has_turned(next(decisions))

def triggers():
    yield examples.PauseTrigger(0.3)
    yield examples.HeartbeatTrigger(url, since=moment(0))
    yield examples.MomentTrigger((timezone.utcnow() + timedelta(seconds=0.5)).isoformat())
    yield examples.DecisionTrigger("decided", deadline=moment(3600))

told = {"tried": [asyncio.run(tried(trigger)) for trigger in triggers()], "warned": [str(each) for each in warned]}
told["expired"] = asyncio.run(tried(examples.DecisionTrigger("decided", deadline=moment(0))))["payloads"]
Variable.get = lambda key, default: 1 / 0
told["error"] = asyncio.run(tried(examples.DecisionTrigger("decided", deadline=moment(3600))))["payloads"]
Variable.get = lambda key, default: ""
waiting = [examples.PauseTrigger(3600), examples.HeartbeatTrigger(url, since=moment(3600))]
waiting += [examples.MomentTrigger(moment(3600)), examples.DecisionTrigger("decided", deadline=moment(3600))]
told["cancelled"] = [asyncio.run(ends_when_cancelled(trigger)) for trigger in waiting]
print(json.dumps({**told, "blocked": any(blocked)}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what came out when each trigger was tried out."""
    return run_script(SCRIPT, tmp_path_factory.mktemp("examples"))


def test_each_is_rebuilt_from_its_class_path_and_all_its_arguments(told: dict[str, Any]):
    assert told["warned"] == []
    assert [each["path"] for each in told["tried"]] == [f"trigger_examples.{name}" for name in TRIGGERS.values()]
    assert all(each["is_complete"] and each["is_as_it_was"] for each in told["tried"])


def test_each_yields_one_event_and_ends(told: dict[str, Any]):
    pause, heartbeat, moment, decided = (each["payloads"] for each in told["tried"])
    assert pause == [{"slept": 0.3}]
    assert [list(payload) for payload in (*heartbeat, *moment)] == [["heartbeat"], ["moment"]]
    assert (decided, told["expired"]) == ([{"outcome": "rejected"}], [{"outcome": "expired"}])
    assert told["error"] == [{"outcome": "error", "message": "ZeroDivisionError('division by zero')"}]


def test_none_blocks_the_event_loop_and_a_cancellation_ends_each(told: dict[str, Any]):
    assert not told["blocked"]
    assert all(each["ticks"] > 1 for each in told["tried"]), "others on the loop had no turn while it waited"
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
