"""Wrong solutions of Step 3c: the trigger shares its event loop with hundreds of others, and can be cancelled."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_RUN = "MultiDirectoryTrigger.run"
_WAIT = "MultiDirectoryTrigger._wait_for_files"

_UNBLOCKED = "test_never_blocks_the_event_loop"
_PROPAGATES = "test_lets_the_cancellation_propagate[restart]"
_WHILE_HUNG = "test_stops_immediately_while_a_directory_hangs"
_ONE_HUNG = "test_a_hung_directory_delays_no_other"
_FORTY_HUNG = "test_forty_hung_directories_delay_no_other_trigger"

_BLOCKS = Mistake.BLOCKING_CALL_ON_THE_EVENT_LOOP
_DELAYED = Mistake.ONE_DIRECTORY_DELAYS_ANOTHER
_SHARED = Mistake.HUNG_DIRECTORIES_STOP_OTHER_TRIGGERS

_PAYLOAD = "payload = await self._wait_for_files()"
_CHECKED = "loop.run_in_executor(DIRECTORY_THREADS, _list_files, path, self.file_pattern)"
_WAITED = "await asyncio.wait(checks.values(), timeout=self.check_interval / 2)"
_SLEPT = "await asyncio.sleep(next_round - loop.time())"
_CANCELLED = "for check in checks.values(): check.cancel()"
_WRITE = 'def _write(path):\n    with open(path, "w"):\n        pass'


def _with_method(name: str, check: str, mistake: Mistake, method: str) -> Wrong:
    """Return a wrong solution whose trigger inherits this method."""
    base = f"class _Base(BaseTrigger):\n    {method}"
    return Wrong(name, check, mistake).adding(base).within("MultiDirectoryTrigger", "BaseTrigger", "_Base")


WRONG = [
    # Blocking
    Wrong("s3-blocking-checksum", _UNBLOCKED, _BLOCKS).within(
        _WAIT,
        "return payload",
        """
        if files:
            with open(payload["path"], "rb") as file:
                payload["first_line"] = file.readline(200).decode(errors="replace")
        return payload
        """,
    ),
    Wrong("s3-blocking-glob", _UNBLOCKED, _BLOCKS)
    .adding("import glob")
    .within(
        _WAIT,
        _SLEPT,
        f"""
        self.log.debug("%s", [glob.glob(os.path.join(path, self.file_pattern)) for path in directories])
        {_SLEPT}
        """,
    ),
    Wrong("s3-blocking-imported-names", _UNBLOCKED, _BLOCKS)
    .adding("from os import listdir as names_in")
    .within(_WAIT, _WAITED, f"{_WAITED}\nwith suppress(OSError):\n    names_in(directories[0])"),
    Wrong("s3-blocking-isdir", _UNBLOCKED, _BLOCKS).within(
        _WAIT,
        _SLEPT,
        f"""
        self.log.debug("%s", [path for path in directories if not os.path.exists(path)])
        {_SLEPT}
        """,
    ),
    Wrong("s3-blocking-scan", _UNBLOCKED, _BLOCKS)
    .adding("async def _list(*arguments):\n    return _list_files(*arguments)")
    .within(_WAIT, _CHECKED, "loop.create_task(_list(path, self.file_pattern))"),
    Wrong("s3-blocking-stat-after-scan", _UNBLOCKED, _BLOCKS).within(
        "_payload", "first.stat.st_size", "os.path.getsize(first.path)"
    ),
    Wrong(
        "s3-calculation-on-loop", "test_does_not_compute_on_the_event_loop", Mistake.LONG_CALCULATION_ON_THE_EVENT_LOOP
    ).within(_WAIT, _SLEPT, f"sum(hash((path, n)) for path in done for n in range(1_000_000))\n{_SLEPT}"),
    _with_method("s3-cleanup-blocks", _UNBLOCKED, _BLOCKS, "async def cleanup(self): time.sleep(2)"),
    Wrong("s3-time-sleep", _UNBLOCKED, _BLOCKS).within(_WAIT, _SLEPT, "time.sleep(self.check_interval)"),
    # Cancellation
    Wrong("s3-cancel-becomes-event", _PROPAGATES, Mistake.EVENT_INSTEAD_OF_THE_CANCELLATION).within(
        _RUN, "Exception", "BaseException"
    ),
    Wrong("s3-cancel-logged-and-returned", _PROPAGATES, Mistake.SWALLOWS_THE_CANCELLATION).within(
        _RUN,
        _PAYLOAD,
        f"""
        try:
            {_PAYLOAD}
        except asyncio.CancelledError:
            self.log.info("Cancelled")
            return
        """,
    ),
    Wrong("s3-cancel-swallowed", _PROPAGATES, Mistake.SWALLOWS_THE_CANCELLATION).within(
        _WAIT,
        _SLEPT,
        f"""
        try:
            {_SLEPT}
        except asyncio.CancelledError:
            self.log.info("Interrupted, checking again")
        """,
    ),
    Wrong("s3-cancel-waits-for-hung-look", _WHILE_HUNG, Mistake.CANCELLATION_WAITS_FOR_A_CHECK).within(
        _WAIT, _CANCELLED, "await asyncio.gather(*checks.values(), return_exceptions=True)"
    ),
    Wrong("s3-cancel-writes-a-file", "test_modifies_nothing_when_cancelled[restart]", Mistake.ACTS_ON_CANCELLATION)
    .adding(_WRITE)
    .within(
        _RUN,
        _PAYLOAD,
        f"""
        try:
            {_PAYLOAD}
        except asyncio.CancelledError:
            await asyncio.to_thread(_write, os.path.dirname(self.directories[0]) + "/cancelled")
            raise
        """,
    ),
    Wrong("s3-children-left-behind", _WHILE_HUNG, Mistake.RESOURCE_LEAK)
    .within(_WAIT, _CHECKED, f"loop.create_task(asyncio.wait_for({_CHECKED}, timeout=None))")
    .within(_WAIT, _CANCELLED, ""),
    _with_method(
        "s3-on-kill-writes-a-file",
        "test_modifies_nothing_when_cancelled[killed]",
        Mistake.ACTS_ON_CANCELLATION,
        'async def on_kill(self): await asyncio.to_thread(_write, self.directories[0] + "/killed")',
    ).adding(_WRITE),
    # Slow and hung directories, and the threads for them
    Wrong("s3-gather-waits-for-all", _ONE_HUNG, _DELAYED).within(_WAIT, "timeout=self.check_interval / 2", ""),
    Wrong("s3-one-check-thread", _ONE_HUNG, _DELAYED)
    .adding("_CHECK_THREAD = ThreadPoolExecutor(1)")
    .within(_WAIT, "DIRECTORY_THREADS", "_CHECK_THREAD"),
    Wrong("s3-own-pool-joined", _ONE_HUNG, Mistake.DOES_NOT_END)
    .within(_RUN, _PAYLOAD, f"with ThreadPoolExecutor(len(self.directories)) as self._pool:\n    {_PAYLOAD}")
    .within(_WAIT, "DIRECTORY_THREADS", "self._pool"),
    Wrong("s3-sequential", _ONE_HUNG, _DELAYED).within(
        _WAIT,
        f"checks[path] = {_CHECKED}",
        f"""
        checks[path] = {_CHECKED}
        await asyncio.wait([checks[path]])
        """,
    ),
    Wrong("s3-shares-default-executor", _FORTY_HUNG, _SHARED).within(_WAIT, "DIRECTORY_THREADS", "None"),
    Wrong("s3-shares-to-thread", _FORTY_HUNG, _SHARED).within(
        _WAIT, _CHECKED, "loop.create_task(asyncio.to_thread(_list_files, path, self.file_pattern))"
    ),
    Wrong("s3-thread-pile-up", "test_checks_a_hung_directory_only_once", Mistake.THREADS_ACCUMULATE).within(
        _WAIT,
        _WAITED,
        f"""
        {_WAITED}
        for path in [path for path in checks if not checks[path].done()]:
            checks.pop(path).cancel()  # times out
        """,
    ),
    Wrong("s3-two-threads", "test_checks_a_slow_directory_one_at_a_time", Mistake.TWO_CHECKS_OF_ONE_DIRECTORY_AT_ONCE)
    .within(_WAIT, "errors: dict[str, str] = {}", "errors: dict[str, str] = {}\nslow = []")
    .within(
        _WAIT,
        _SLEPT,
        f"""
        if all(check.done() for check in slow):  # check the slow ones a second time, in case they never respond
            slow = list(checks.values())
            checks.clear()
        {_SLEPT}
        """,
    ),
    # Manners of other kinds
    Wrong("s3-claims-file", "test_modifies_nothing", Mistake.SIDE_EFFECT_IN_A_TRIGGER)
    .adding(_WRITE)
    .within(
        _WAIT,
        "return payload",
        """
        if files:
            await loop.run_in_executor(DIRECTORY_THREADS, _write, payload["path"] + ".claimed")
        return payload
        """,
    ),
    Wrong("s3-class-level-errors", "test_instances_share_nothing", Mistake.STATE_SHARED_BY_INSTANCES)
    .adding("class _Base(BaseTrigger):\n    errors: dict[str, str] = {}")
    .within("MultiDirectoryTrigger", "BaseTrigger", "_Base")
    .within(_WAIT, "errors: dict[str, str] = {}", "errors = self.errors"),
    Wrong("s3-polls-too-often", "test_sleeps_between_checks", Mistake.CHECKS_TOO_OFTEN).within(
        _WAIT, _SLEPT, "await asyncio.sleep(self.check_interval / 10)"
    ),
    Wrong("s3-sleep-not-awaited", "test_sleeps_between_checks", Mistake.LOOPS_WITHOUT_SLEEPING).within(
        _WAIT, _SLEPT, "asyncio.sleep(self.check_interval)"
    ),
]
