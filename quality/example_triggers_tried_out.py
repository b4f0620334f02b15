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

NOW = timezone.utcnow()
TICKS = 3  # of the event loop, that whatever is asked takes to answer
PATIENCE = 10.0  # seconds


class Loop:
    """What else goes on on the event loop.

    :cvar ticks: so often it had its turn.
    :cvar blocked: whether it had none while somebody waited for an answer.
    """

    ticks = 0
    blocked = False

    @classmethod
    async def tick(cls) -> None:
        while True:
            cls.ticks += 1
            await asyncio.sleep(0.01)

    @classmethod
    def wait_for_ticks(cls) -> None:
        """Let it have its turn; where that cannot be, because this is called on the loop, say so after a while."""
        enough, over = cls.ticks + TICKS, time.monotonic() + PATIENCE
        while cls.ticks < enough and time.monotonic() < over:
            time.sleep(0.01)
        cls.blocked |= cls.ticks < enough


def main() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        examples = importlib.import_module("trigger_examples")
    examples.CHECK_INTERVAL = 0.1
    decisions = iter(["", None, "maybe", "rejected"])
    Variable.get = lambda key, default: (Loop.wait_for_ticks(), next(decisions))[1]
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
            Loop.wait_for_ticks()
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
    payloads = asyncio.run(run(again))
    return {
        "path": path,
        "arguments": sorted(arguments),
        "parameters": sorted(inspect.signature(type(trigger)).parameters),
        "is_as_it_was": again.serialize() == trigger.serialize(),
        "payloads": payloads,
        "blocked": Loop.blocked,
        "ticks": Loop.ticks,
    }


async def run(trigger: BaseTrigger) -> list[Any]:
    """The payloads of all its events."""
    Loop.ticks, Loop.blocked = 0, False
    ticking = asyncio.create_task(Loop.tick())
    payloads = [event.payload async for event in trigger.run()]
    ticking.cancel()
    return payloads


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
