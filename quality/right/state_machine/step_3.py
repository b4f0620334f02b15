"""One state machine per directory, a schedule in a heap, threads of one run's own."""

import heapq


@dataclass(frozen=True)
class _Outcome:
    """What a call in a thread has returned or raised."""

    value: Any = None
    error: BaseException | None = None

    @classmethod
    def of(cls, function: Callable[..., Any], *args: Any) -> _Outcome:
        try:
            return cls(value=function(*args))
        except BaseException as error:
            return cls(error=error)


@dataclass(frozen=True)
class _Terms:
    """How to watch."""

    patterns: list[str]
    interval: float
    stable_seconds: float = 0
    pause_after_failures: Callable[[int], float | None] | None = None  # None: the interval; returns None: exclude


@dataclass
class _Machine:
    """The state of one directory."""

    directory: str
    terms: _Terms
    checks: int = 0
    started: float = 0
    due: float = 0
    failures: int = 0
    report_by: float = math.inf  # waiting longer for others would be too late
    excluded: str | None = None
    since: dict[tuple[Any, ...], float] = field(default_factory=dict)
    files: list[_File] = field(default_factory=list)

    def begin(self, now: float) -> None:
        self.checks += 1
        self.started = now
        self.due = now + self.terms.interval

    def settle(self, outcome: _Outcome, now: float) -> None:
        """Move on to the next state after a check."""
        match outcome.error:
            case None:
                self.failures = 0
                self._see(outcome.value, now)
            case FileNotFoundError():  # it may still be created
                self.failures = 0
                self._see([], now)
            case PermissionError() | NotADirectoryError() as error:
                self._exclude(error, now)
            case OSError() as error:
                self.failures += 1
                self._see([], now)
                if self.terms.pause_after_failures is not None:
                    pause = self.terms.pause_after_failures(self.failures)
                    if pause is None:
                        self._exclude(error, now)
                    else:
                        self.due = now + pause
            case error:
                raise RuntimeError(_reason(error)) from error

    def _see(self, files: list[_File], now: float) -> None:
        versions = {(file.name, file.stat.st_size, file.stat.st_mtime_ns, file.stat.st_ino): file for file in files}
        self.since = {version: self.since.get(version, now) for version in versions}
        self.files = [versions[each] for each in versions if now - self.since[each] >= self.terms.stable_seconds]
        if not self.files:
            self.report_by = math.inf
        elif self.report_by == math.inf:
            # A file may have appeared right after the check before: then one of its two intervals is over.
            self.report_by = self.started + (1.5 if self.checks == 1 else 0.5) * self.terms.interval

    def _exclude(self, error: BaseException, now: float) -> None:
        self._see([], now)
        self.excluded = _reason(error)
        log.warning("The directory %s is excluded: %s", self.directory, self.excluded)


async def _watch(directories: list[str], terms: _Terms) -> dict[str, Any]:
    """Watch directories, highest priority first, and return the payload of the event."""
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(len(directories))
    machines = [_Machine(directory, terms) for directory in directories]
    schedule = [(loop.time(), index) for index in range(len(machines))]
    checking: dict[asyncio.Future[_Outcome], int] = {}
    try:
        while True:
            while schedule and schedule[0][0] <= loop.time():
                _, index = heapq.heappop(schedule)
                machines[index].begin(loop.time())
                job = (_Outcome.of, _list_files, machines[index].directory, *terms.patterns)
                checking[loop.run_in_executor(pool, *job)] = index

            report_by = min(machine.report_by for machine in machines)
            errors = {machine.directory: machine.excluded for machine in machines if machine.excluded}
            if report_by < math.inf and (not checking or loop.time() >= report_by) or not (checking or schedule):
                return _payload([file for machine in machines for file in machine.files], errors, directories)

            wake_at = min(report_by, schedule[0][0] if schedule else math.inf)
            for future in await _first_of(set(checking), wake_at - loop.time()):
                index = checking.pop(future)
                machines[index].settle(future.result(), loop.time())
                if not machines[index].excluded:
                    heapq.heappush(schedule, (machines[index].due, index))
    except Exception as error:
        log.exception("Watching %s has failed", directories)
        return _error_payload("unexpected", _reason(error), {})
    finally:
        for future in checking:
            future.cancel()
        pool.shutdown(wait=False, cancel_futures=True)


async def _first_of(futures: set[asyncio.Future[Any]], seconds: float) -> set[asyncio.Future[Any]]:
    """Sleep until one of the futures is done, at most for ``seconds``; return those that are done."""
    if not futures:
        await asyncio.sleep(seconds)
        return set()
    timeout = None if seconds == math.inf else seconds
    done, _ = await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    return done


class MultiDirectoryTrigger(BaseTrigger):
    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        match directories, file_pattern, check_interval:
            case str(), _, _:
                raise ValueError("directories is a str")
            case [_, *_], [_, *_] | str(_), interval if interval > 0 and file_pattern:
                self.directories = list(directories)
            case _:
                raise ValueError("directories and file_pattern must not be empty, check_interval must be above 0")
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.MultiDirectoryTrigger", {
            "directories": self.directories,
            "file_pattern": self.file_pattern,
            "check_interval": self.check_interval,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        unique = list(dict.fromkeys(self.directories))
        yield TriggerEvent(await _watch(unique, _Terms([self.file_pattern], self.check_interval)))
