"""The process that is measured, and measures itself: `python -m lab.bench.measured_process '{a Job as JSON}'`.

The runner has the main thread, as in a triggerer. Another thread measures, so that a loop that hangs is measured too.
To standard output go lines of JSON: ``{"doing": str}`` while it goes on, at the end what was measured.
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
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import BinaryIO

import psutil
from airflow.sdk.log import configure_logging, reset_logging

from kata.core.processes import die_with_parent
from lab.bench.contender import CONTENDERS
from lab.bench.late_answers import answer_late
from lab.bench.lone_runner import LoneRunner
from lab.bench.loop_lag import LoopLag
from lab.bench.measurement import Job, Measured, percentile
from lab.bench.scene import Scene, Wait
from lab.bench.setting import SETTINGS

_INTERVALS_TO_START = 12  # then it is measured even if not all triggers could be started
_INTERVALS_TO_SETTLE = 3  # what was needed only to start has ended by then
_PATIENCE, _INTERVALS_OF_PATIENCE = 5.0, 3  # for events, in seconds and besides
_PAUSE = 0.1  # seconds


class Measurement:
    """One measurement of one contender.

    :param say: is told what is being done.
    """

    def __init__(self, job: Job, runner: LoneRunner, say: Callable[[str], None]) -> None:
        self._job = job
        self._runner = runner
        self._say = say
        self._scene = Scene(Path(job.folder), SETTINGS[job.setting], job.waits)
        triggers = CONTENDERS[job.contender].triggers
        written = [(wait, each) for wait in self._scene.waits for each in triggers(wait.directories, job.interval)]
        self._triggers = dict(enumerate(written, 1))
        self._lag = LoopLag()
        self._threads = 0  # the most that there were

    def take(self) -> Measured:
        self._runner.wait_until_begun()
        self._runner.loop.call_soon_threadsafe(lambda: self._runner.loop.create_task(self._lag.watch()))
        empty = self._memory_of_empty_runner()
        self._start_all()
        gc.collect()  # one of all objects blocks the loop for 0.2 s: whoever has more than this one, has earned it
        self._threads = 0
        started = len(self._runner.triggers)
        begin, used = time.monotonic(), time.process_time()
        dropped = self._drop_files_until(begin + self._job.seconds)
        cpu = (time.process_time() - used) / (time.monotonic() - begin)
        memory = (_memory() - empty) / len(self._scene.waits)
        lag = sorted(self._lag.between(begin, begin + self._job.seconds))
        self._wait_for_events(dropped)
        return Measured(
            self._job.contender,
            self._job.setting,
            self._job.waits,
            self._job.interval,
            lag_p50=percentile(lag, 50) or 0.0,
            lag_p99=percentile(lag, 99) or 0.0,
            lag_max=percentile(lag, 100) or 0.0,
            cpu=cpu,
            memory=memory,
            threads=self._threads,
            delays=self._delays(dropped),
            started=started,
            triggers=len(self._triggers),
            failed=self._failed(dropped),
        )

    def _memory_of_empty_runner(self) -> int:
        for class_path in {class_path for _, (class_path, _) in self._triggers.values()}:
            self._runner.get_trigger_by_classpath(class_path)  # the code is no wait's own
        return _memory()

    def _start_all(self) -> None:
        self._runner.hand_over({number: written for number, (_, written) in self._triggers.items()})
        doing, patience = f"starting {len(self._triggers):,} triggers", _INTERVALS_TO_START * self._job.interval
        self._wait_until(lambda: len(self._runner.triggers) == len(self._triggers), patience, doing)
        self._sleep_until(time.monotonic() + _INTERVALS_TO_SETTLE * self._job.interval, "letting them settle")

    def _drop_files_until(self, end: float) -> dict[str, float]:
        """Files arrive at moments that no interval knows; when each did, by its inbox."""
        chance = random.Random(self._job.waits)
        begin = time.monotonic()
        waits = [wait for wait in self._scene.waits if wait.inbox]
        moments = sorted((chance.uniform(begin, end), number) for number in range(len(waits)))
        dropped: dict[str, float] = {}
        for moment, number in moments:
            self._sleep_until(moment, "measuring")
            dropped[waits[number].inbox] = time.monotonic()
            self._scene.drop_file(waits[number])
        self._sleep_until(end, "measuring")
        return dropped

    def _wait_for_events(self, dropped: dict[str, float]) -> None:
        patience = _PATIENCE + _INTERVALS_OF_PATIENCE * self._job.interval
        self._wait_until(lambda: None not in self._delays(dropped), patience, "waiting for the last events")

    def _delays(self, dropped: dict[str, float]) -> list[float | None]:
        fired = {self._wait_of(number).inbox: at for number, at in self._runner.fired.copy().items()}
        delays = [fired[inbox] - at for inbox, at in dropped.items() if inbox in fired]
        return [*sorted(delays), *[None] * (len(dropped) - len(delays))]

    def _failed(self, dropped: dict[str, float]) -> int:
        """Triggers that have raised, or have fired before there was a file."""
        early = {
            number
            for number, at in self._runner.fired.copy().items()
            if at < dropped.get(self._wait_of(number).inbox, float("inf"))
        }
        return len(self._runner.failed | early)

    def _wait_of(self, trigger: int) -> Wait:
        return self._triggers[trigger][0]

    def _sleep_until(self, moment: float, doing: str) -> None:
        while (left := moment - time.monotonic()) > 0:
            self._say(doing)
            self._threads = max(self._threads, threading.active_count())
            time.sleep(min(left, _PAUSE))

    def _wait_until(self, done: Callable[[], bool], patience: float, doing: str) -> None:
        end = time.monotonic() + patience
        while not done() and time.monotonic() < end:
            self._say(doing)
            time.sleep(_PAUSE)


def _memory() -> int:
    return psutil.Process().memory_info().rss


def _log_like_a_triggerer(output: BinaryIO) -> None:
    """As JSON, which the supervisor would read from the output."""
    reset_logging()
    configure_logging(json_output=True, output=output, sending_to_supervisor=True)


def _make_directories_late(job: Job) -> None:
    setting = SETTINGS[job.setting]
    folder = Path(job.folder)
    if setting.answers_after:
        answer_late(folder, partial(time.sleep, setting.answers_after))
    if setting.hung:
        answer_late(Scene(folder, setting, 0).hung_folder, threading.Event().wait)


def _measure_and_exit(job: Job, runner: LoneRunner) -> None:
    def tell(what: dict[str, object]) -> None:
        print(json.dumps(what), flush=True)

    try:
        tell(asdict(Measurement(job, runner, lambda doing: tell({"doing": doing})).take()))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # not all threads and loops that were measured would ever end


def main() -> None:
    die_with_parent()
    job = Job(**json.loads(sys.argv[1]))
    with open(os.devnull, "wb", buffering=0) as nobody:
        _log_like_a_triggerer(nobody)
        _make_directories_late(job)
        runner = LoneRunner()
        threading.Thread(target=_measure_and_exit, args=[job, runner], daemon=True).start()
        runner.run()


if __name__ == "__main__":
    main()
