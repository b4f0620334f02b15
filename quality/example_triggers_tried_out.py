"""Tries out the triggers of the examples, in a process that has them on its path, and prints what came out as JSON."""

from __future__ import annotations

import asyncio
import http.server
import importlib
import inspect
import json
import threading
import time
import warnings
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators import branch, empty  # noqa: F401  # what they warn of is not the examples'
from airflow.sdk import DAG, Variable, timezone  # noqa: F401
from airflow.triggers.base import BaseTrigger

SLOW = 1.0  # seconds that whatever is asked takes to answer
NOW = timezone.utcnow()


def main() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        examples = importlib.import_module("trigger_examples")
    examples.CHECK_INTERVAL = 0.1
    decisions = iter(["", None, "maybe", "rejected"])
    Variable.get = lambda key, default: (time.sleep(SLOW), next(decisions))[1]
    health = health_endpoint()
    tried = [
        try_out(examples.PauseTrigger(0.3)),
        try_out(examples.HeartbeatTrigger(health, since=moment(0))),
        try_out(examples.MomentTrigger(moment(0.2 + seconds_passed()))),
        try_out(examples.DecisionTrigger("decided", deadline=moment(3600))),
        try_out(examples.DecisionTrigger("decided", deadline=moment(0))),
    ]
    Variable.get = lambda key, default: 1 / 0
    unreadable = try_out(examples.DecisionTrigger("decided", deadline=moment(3600)))
    Variable.get = lambda key, default: ""
    waiting = [
        examples.PauseTrigger(3600),
        examples.HeartbeatTrigger(health, since=moment(3600)),
        examples.MomentTrigger(moment(3600)),
        examples.DecisionTrigger("decided", deadline=moment(3600)),
    ]
    cancelled = [asyncio.run(cancel(trigger)) for trigger in waiting]
    warned_of = [str(each.message) for each in warned]
    print(json.dumps({"warnings": warned_of, "tried": tried, "unreadable": unreadable, "cancelled": cancelled}))


def moment(seconds_from_now: float) -> str:
    return (NOW + timedelta(seconds=seconds_from_now)).isoformat()


def seconds_passed() -> float:
    return (timezone.utcnow() - NOW).total_seconds()


def health_endpoint() -> str:
    """Address of a service that is slow, fails, talks nonsense, and at last has a new heartbeat to tell, for ever."""
    heartbeats = [moment(seconds).replace("+00:00", "Z") for seconds in (-1, 1)]
    known = [{"scheduler": {"latest_scheduler_heartbeat": heartbeat}} for heartbeat in (None, *heartbeats)]
    answers = [None, [], {}, *known]

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(SLOW)
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(500 if answer is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *what: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def try_out(trigger: BaseTrigger) -> dict[str, Any]:
    """Build it again from its class path and its arguments, as a triggerer does, and run it to its end."""
    path, arguments = trigger.serialize()
    module, name = path.rsplit(".", 1)
    again = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    payloads, lag = asyncio.run(run(again))
    return {
        "path": path,
        "arguments": sorted(arguments),
        "parameters": sorted(inspect.signature(type(trigger)).parameters),
        "is_as_it_was": again.serialize() == trigger.serialize(),
        "payloads": payloads,
        "lag": lag,
    }


async def run(trigger: BaseTrigger) -> tuple[list[Any], float]:
    """The payloads of all its events, and the longest that something else on the loop had to wait, in seconds."""
    lag = asyncio.create_task(longest_lag(over := asyncio.Event()))
    payloads = [event.payload async for event in trigger.run()]
    over.set()
    return payloads, await lag


async def longest_lag(over: asyncio.Event) -> float:
    longest = 0.0
    while not over.is_set():
        began = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - began)
    return longest


async def cancel(trigger: BaseTrigger) -> bool:
    """Whether a trigger that waits ends at once when it is cancelled, and leaves no task behind."""
    before = asyncio.all_tasks()
    running = asyncio.create_task(anext(trigger.run()))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running], timeout=2)
    return running.cancelled() and asyncio.all_tasks() == before


if __name__ == "__main__":
    main()
