"""The process that is measured, and measures itself: `python -m lab.bench.measured_process '{a job as JSON}'`.

A job is a dict with ``contender``, ``setting`` and ``waits`` as in the result; ``folder``, where the directories are;
``seconds``, how long it is measured; ``interval``, seconds between two checks of a directory.

The runner has the main thread, as in a triggerer. Another thread measures, so that a loop that hangs is measured, too.
It prints lines of JSON: ``{"doing": str}`` while it measures, at the end the result.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from airflow.sdk.log import configure_logging, reset_logging

from kata.core.processes import die_with_parent
from lab.bench.contenders import CONTENDERS
from lab.bench.directories import SETTINGS, WatchedDirectories, answer_late
from lab.bench.results import Result, percentile
from lab.bench.trigger_runner import LoopLag, StandaloneTriggerRunner

_INTERVALS_TO_START = 12  # then it is measured even if not all triggers have started
_INTERVALS_TO_SETTLE = 3  # what is needed only to start has ended by then
_PATIENCE, _INTERVALS_OF_PATIENCE = 5.0, 3  # for events: seconds, and intervals in addition
_PAUSE = 0.1  # seconds

Job = dict[str, Any]


class Measurement:
    """Measures a runner in the main thread.

    :param say: is told what is being done.
    """

    def __init__(self, job: Job, runner: StandaloneTriggerRunner, say: Callable[[str], None]) -> None:
        self._job = job
        self._runner = runner
        self._say = say
        self._directories = _directories(job)
        self._triggers, self._inboxes = {}, {}  # by the id of the trigger
        for task in self._directories.of_tasks:
            for trigger in CONTENDERS[job["contender"]](task.directories, job["interval"]):
                number = len(self._triggers) + 1
                self._triggers[number], self._inboxes[number] = trigger, task.inbox
        self._dropped: dict[str, float] = {}  # when the file arrived, by its inbox
        self._threads = 0  # the maximum so far

    def take(self) -> Result:
        """Measure, and return the result."""
        job, runner, lag, process = self._job, self._runner, LoopLag(), psutil.Process()
        runner.begun.wait()
        runner.loop.call_soon_threadsafe(lambda: runner.loop.create_task(lag.watch()))
        for class_path in {class_path for class_path, _ in self._triggers.values()}:
            runner.get_trigger_by_classpath(class_path)  # its code does not count as memory of a task
        empty = process.memory_info().rss
        count, interval = len(self._triggers), job["interval"]
        runner.start_triggers(self._triggers)
        doing, have_started = f"starting {count:,} triggers", lambda: len(runner.triggers) == count
        self._wait(_INTERVALS_TO_START * interval, doing, have_started)
        self._wait(_INTERVALS_TO_SETTLE * interval, "letting them settle")
        gc.collect()  # a full collection blocks the loop for 0.2 s: those that follow are the contender's own
        self._threads, started = 0, len(runner.triggers)
        begin, used = time.monotonic(), time.process_time()
        self._drop_files_until(begin + job["seconds"])
        cpu = (time.process_time() - used) / (time.monotonic() - begin)
        memory = (process.memory_info().rss - empty) / len(self._directories.of_tasks)
        threads, lags = self._threads, sorted(lag.between(begin, begin + job["seconds"]))
        patience = _PATIENCE + _INTERVALS_OF_PATIENCE * interval
        self._wait(patience, "waiting for the last events", lambda: None not in self._delays())
        return {
            **{name: job[name] for name in ("contender", "setting", "waits", "interval")},
            **{f"lag_{name}": percentile(lags, p) or 0.0 for name, p in (("p50", 50), ("p99", 99), ("max", 100))},
            "cpu": cpu,
            "memory": memory,
            "threads": threads,
            "delays": self._delays(),
            "started": started,
            "triggers": count,
            "failed": len(self._failed()),
        }

    def _drop_files_until(self, end: float) -> None:
        """Let files arrive at times that are not related to the interval."""
        chance, begin = random.Random(self._job["waits"]), time.monotonic()
        tasks = [task for task in self._directories.of_tasks if task.inbox]
        moments = sorted((chance.uniform(begin, end), number) for number in range(len(tasks)))
        for moment, number in moments:
            self._wait(moment - time.monotonic(), "measuring")
            self._dropped[tasks[number].inbox] = time.monotonic()
            self._directories.drop_file(tasks[number])
        self._wait(end - time.monotonic(), "measuring")

    def _delays(self) -> list[float | None]:
        fired = {self._inboxes[number]: at for number, at in self._runner.fired.copy().items()}
        delays = [fired[inbox] - at for inbox, at in self._dropped.items() if inbox in fired]
        return [*sorted(delays), *[None] * (len(self._dropped) - len(delays))]

    def _failed(self) -> set[int]:
        """Return the triggers that have raised, or have fired before there was a file."""
        dropped = {number: self._dropped.get(inbox, float("inf")) for number, inbox in self._inboxes.items()}
        early = {number for number, at in self._runner.fired.copy().items() if at < dropped[number]}
        return self._runner.failed | early

    def _wait(self, seconds: float, doing: str, is_done: Callable[[], bool] = lambda: False) -> None:
        end = time.monotonic() + seconds
        while not is_done() and (left := end - time.monotonic()) > 0:
            self._say(doing)
            self._threads = max(self._threads, threading.active_count())
            time.sleep(min(left, _PAUSE))


def _directories(job: Job) -> WatchedDirectories:
    return WatchedDirectories(Path(job["folder"]), SETTINGS[job["setting"]], job["waits"])


def _measure_and_exit(job: Job, runner: StandaloneTriggerRunner) -> None:
    def tell(what: dict[str, object]) -> None:
        print(json.dumps(what), flush=True)

    try:
        tell(Measurement(job, runner, lambda doing: tell({"doing": doing})).take())
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # some threads and loops that were measured would never end


def main() -> None:
    """Measure the job in the first argument, and exit."""
    die_with_parent()
    job = json.loads(sys.argv[1])
    with open(os.devnull, "wb", buffering=0) as nowhere:
        reset_logging()
        # As in a triggerer: as JSON, which the supervisor would read.
        configure_logging(json_output=True, output=nowhere, sending_to_supervisor=True)
        setting = SETTINGS[job["setting"]]
        if setting.latency:
            answer_late(Path(job["folder"]), partial(time.sleep, setting.latency))
        if setting.hung:
            answer_late(_directories(job).hung_folder, threading.Event().wait)
        runner = StandaloneTriggerRunner()
        threading.Thread(target=_measure_and_exit, args=[job, runner], daemon=True).start()
        runner.run()


if __name__ == "__main__":
    main()
