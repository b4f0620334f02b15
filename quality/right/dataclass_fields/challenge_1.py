"""A frozen description of the arguments, of which the trigger is a thin wrapper."""

import dataclasses


@dataclass(frozen=True)
class _Settings:
    directories: dict[str, int]
    file_patterns: list[str]
    check_interval: float = 10
    stable_seconds: float = 20
    max_retries: int = 5
    backoff_base: float = 1
    backoff_cap: float = 60

    def __post_init__(self) -> None:
        if not self.directories or not self.file_patterns or isinstance(self.file_patterns, str):
            raise ValueError("one or more directories, and a list of patterns")
        for name in ("check_interval", "backoff_base", "backoff_cap"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")
        for name in ("stable_seconds", "max_retries"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more")

    @property
    def ranked(self) -> list[str]:
        return sorted(self.directories, key=lambda directory: (self.directories[directory], directory))

    def backoff(self, failures: int) -> float:
        return min(self.backoff_base * 2.0 ** min(failures - 1, 500), self.backoff_cap)


@dataclass(frozen=True)
class _State:
    """What is known about a directory after a check; each check makes a new one."""

    next_check: float = -math.inf
    failures: int = 0
    since: dict[tuple[str, int, int, int], float] = field(default_factory=dict)
    stable: tuple[_File, ...] = ()
    excluded: str | None = None

    def after_success(self, files: list[_File], now: float, settings: _Settings) -> _State:
        since = {_version(file): self.since.get(_version(file), now) for file in files}
        stable = tuple(file for file in files if now - since[_version(file)] >= settings.stable_seconds)
        return _State(now + settings.check_interval, 0, since, stable)

    def after_failure(self, error: OSError, now: float, settings: _Settings) -> _State:
        if isinstance(error, FileNotFoundError):
            return self.after_success([], now, settings)
        failures = self.failures + 1
        if failures > settings.max_retries or isinstance(error, (PermissionError, NotADirectoryError)):
            return _State(math.inf, failures, excluded=_reason(error))
        return _State(now + settings.backoff(failures), failures)


class AdvancedMultiDirectoryTrigger(BaseTrigger):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.settings = _Settings(*args, **kwargs)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.AdvancedMultiDirectoryTrigger", dataclasses.asdict(self.settings)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            payload = await self._wait()
        except Exception as error:
            payload = _error_payload("unexpected", _reason(error), {})
        yield TriggerEvent(payload)

    async def _wait(self) -> dict[str, Any]:
        settings, loop = self.settings, asyncio.get_running_loop()
        states = dict.fromkeys(settings.ranked, _State())
        checks: dict[asyncio.Future[list[_File]], str] = {}
        try:
            while True:
                for path, state in states.items():
                    if state.next_check <= loop.time() and path not in checks.values():
                        check = loop.run_in_executor(DIRECTORY_THREADS, _list_files, path, *settings.file_patterns)
                        checks[check] = path
                waiting = [state.next_check for path, state in states.items() if path not in checks.values()]
                pause = min(waiting, default=math.inf) - loop.time()
                pause = min(pause, settings.check_interval / 2)  # a round: files of other directories may come in
                if checks:
                    await asyncio.wait(checks, timeout=pause)
                else:
                    await asyncio.sleep(pause)
                for check in [check for check in checks if check.done()]:
                    path = checks.pop(check)
                    try:
                        states[path] = states[path].after_success(check.result(), loop.time(), settings)
                    except OSError as error:
                        states[path] = states[path].after_failure(error, loop.time(), settings)
                        if states[path].excluded:
                            self.log.warning("%s is excluded: %s", path, states[path].excluded)
                stable = [file for state in states.values() for file in state.stable]
                errors = {path: state.excluded for path, state in states.items() if state.excluded}
                if payload := _payload(stable, errors, states):
                    return {**payload, **self._details(payload)}
        finally:
            for check in checks:
                check.cancel()

    def _details(self, payload: dict[str, Any]) -> dict[str, Any]:
        if payload["status"] == "error":
            return {}
        patterns = (each for each in self.settings.file_patterns if _matching([payload["filename"]], each))
        return {"pattern": next(patterns), "priority": self.settings.directories[payload["directory"]]}
