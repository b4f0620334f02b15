"""The triggers to read first: each keeps the rules of a trigger, and all of them run on a real Airflow."""

from __future__ import annotations

from kata.airflow.local_airflow import own_airflow
from kata.core.dag_run import DagRun, Task
from kata.core.paths import DAGS, SOLUTION
from kata.core.rest_api import poll_until
from quality.conftest import Workshop

TRIGGERS = {
    "pause": "PauseTrigger",
    "next_heartbeat": "HeartbeatTrigger",
    "half_a_minute_later": "MomentTrigger",
    "decision": "DecisionTrigger",
}

RULES = """
import asyncio, functools, inspect, json, sys, threading
from datetime import timedelta
from airflow.sdk import Variable, timezone

sys.path.insert(0, "DAGS")
import trigger_examples as examples

def moment(seconds):
    return (timezone.utcnow() + timedelta(seconds=seconds)).isoformat()

SINCE, LATER = moment(0), moment(3600)
WAITING = [
    examples.PauseTrigger(3600), examples.HeartbeatTrigger("http://airflow/health", LATER),
    examples.MomentTrigger(LATER), examples.DecisionTrigger("open", LATER),
]

@pytest.fixture(autouse=True)
def world(monkeypatch):
    http = examples.httpx
    beats = [{"scheduler": {"latest_scheduler_heartbeat": beat}} for beat in (None, moment(-9), moment(9))]
    answers = [http.Response(500), *(http.Response(200, json=answer) for answer in ([], {}, *beats))]
    health = http.MockTransport(lambda request: answers.pop(0) if len(answers) > 1 else answers[0])
    monkeypatch.setattr(http, "AsyncClient", functools.partial(http.AsyncClient, transport=health))
    decisions = {"decided": ["", None, "maybe", "rejected"], "open": [""] * 100, "broken": []}
    # In the thread of the event loop it would block.
    is_allowed = lambda: threading.current_thread() is not threading.main_thread()
    monkeypatch.setattr(Variable, "get", lambda key, default: is_allowed() and decisions[key].pop(0))
    monkeypatch.setattr(examples, "CHECK_INTERVAL", 0.1)

def payloads_of(trigger):
    path, arguments = trigger.serialize()
    assert set(arguments) == set(inspect.signature(type(trigger)).parameters)
    module, _, name = path.partition(".")
    rebuilt = getattr(sys.modules[module], name)(**json.loads(json.dumps(arguments)))
    assert rebuilt.serialize() == (path, arguments)

    async def run():
        others = asyncio.create_task(asyncio.sleep(0.01))
        payloads = [event.payload async for event in rebuilt.run()]
        did_not_wait = payloads[0].get("outcome") in ("expired", "error")
        assert others.done() or did_not_wait, "others on the loop had no turn"
        return payloads

    return asyncio.run(run())

def test_pause():
    assert payloads_of(examples.PauseTrigger(0.3)) == [{"slept": 0.3}]

def test_heartbeat():
    [payload] = payloads_of(examples.HeartbeatTrigger("http://airflow/health", SINCE))
    assert list(payload) == ["heartbeat"]

def test_moment():
    when = moment(0.3)
    assert payloads_of(examples.MomentTrigger(when)) == [{"moment": when}]

@pytest.mark.parametrize("variable, seconds, outcome", [
    ("decided", 3600, "rejected"), ("open", 0, "expired"), ("broken", 3600, "error"),
])
def test_decision(variable, seconds, outcome):
    [payload] = payloads_of(examples.DecisionTrigger(variable, moment(seconds)))
    assert payload["outcome"] == outcome

@pytest.mark.parametrize("trigger", WAITING)
def test_ends_when_cancelled(trigger):
    async def cancel():
        before = asyncio.all_tasks()
        running = asyncio.create_task(anext(trigger.run()))
        await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.wait([running], timeout=2)
        return running.cancelled() and asyncio.all_tasks() == before

    assert asyncio.run(cancel())
"""


def test_each_keeps_the_rules_of_a_trigger(bare_workshop: Workshop):
    verdicts = bare_workshop.verdicts(RULES.replace("DAGS", str(DAGS)))
    assert len(verdicts) == 10
    assert not {verdict.check.id: verdict.error for verdict in verdicts if not verdict.passed}


def test_all_of_them_are_deferred_at_once_and_resume_on_a_real_airflow():
    with own_airflow(SOLUTION.parent, lambda what: None) as airflow:
        assert poll_until(lambda: "trigger_examples" in airflow.api.dag_ids(), 60)
        assert airflow.api.import_errors() == {}
        run = DagRun(airflow.api, "trigger_examples")
        deferred: dict[str, str] = {}

        def look() -> list[Task]:
            tasks = run.tasks()
            deferred.update({task.task_id: task.trigger.rpartition(".")[2] for task in tasks if task.is_watched})
            return tasks

        poll_until(look, 45, is_done=lambda tasks: deferred.keys() >= TRIGGERS.keys())
        assert deferred == TRIGGERS
        decision = {"key": "trigger_examples_decision", "value": "rejected"}
        airflow.api.patch("/variables/trigger_examples_decision", decision)
        poll_until(lambda: run.state() in ("success", "failed"), 60)
        ended = {task.task_id: (task.state, task.try_number) for task in run.tasks()}
        assert {task_id: ended.pop(task_id) for task_id in TRIGGERS} == dict.fromkeys(TRIGGERS, ("success", 1))
        outcomes = {"approved": "skipped", "rejected": "success", "expired": "skipped"}
        assert {task_id: state for task_id, (state, _) in ended.items()} == outcomes
