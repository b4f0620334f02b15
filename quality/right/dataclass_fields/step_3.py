"""The trigger is a dataclass; checks run in daemon threads, and a future holds the outcome."""

import contextvars
import dataclasses
import threading


@dataclass(eq=False)
class _Slot:
    """The state of one directory in one run."""

    directory: str
    files: list[_File] = field(default_factory=list)
    checking: bool = False
    started: float = 0
    due: float = 0
    excluded: str | None = None
    timer: asyncio.TimerHandle | None = None


@dataclass(eq=False)
class _Lookout:
    """One run of a trigger: callbacks and timers, no task of its own."""

    directories: list[str]
    file_pattern: str
    interval: float

    def __post_init__(self) -> None:
        self.slots = [_Slot(directory) for directory in self.directories]
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[dict[str, Any]] = self.loop.create_future()
        self.patience: asyncio.TimerHandle | None = None

    async def settle(self) -> dict[str, Any]:
        try:
            for slot in self.slots:
                self._check(slot)
            return await self.outcome
        finally:
            self.outcome.cancel()
            for timer in [self.patience, *(slot.timer for slot in self.slots)]:
                if timer:
                    timer.cancel()

    def _check(self, slot: _Slot) -> None:
        slot.checking, slot.started = True, self.loop.time()
        slot.due = slot.started + self.interval
        context = contextvars.copy_context()  # from it, Airflow knows which trigger logs
        threading.Thread(target=context.run, args=(self._work, slot), daemon=True).start()

    def _work(self, slot: _Slot) -> None:
        """In the thread: check, and pass the result to the event loop, if there still is one."""
        try:
            result: Any = _list_files(slot.directory, self.file_pattern)
        except BaseException as error:
            result = error
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._receive, slot, result)

    def _receive(self, slot: _Slot, result: list[_File] | BaseException) -> None:
        if self.outcome.done():
            return
        slot.checking, slot.files = False, [] if isinstance(result, BaseException) else result
        if isinstance(result, (PermissionError, NotADirectoryError)):
            slot.excluded = _reason(result)
            log.warning("%s is excluded: %s", slot.directory, slot.excluded)
        elif isinstance(result, BaseException) and not isinstance(result, OSError):
            self.outcome.set_exception(RuntimeError(_reason(result)))
        else:
            slot.timer = self.loop.call_at(slot.due, self._check, slot)
        self._judge()

    def _judge(self) -> None:
        """Set the outcome, or wait half an interval at most for the directories that are still being checked."""
        started = min((slot.started for slot in self.slots if slot.files), default=None)
        if started is not None:
            end = started + self.interval / 2
            if any(not slot.files and not slot.excluded and (slot.checking or slot.due < end) for slot in self.slots):
                self.patience = self.patience or self.loop.call_at(end, self._finish)
                return
        self._finish()

    def _finish(self) -> None:
        files = [file for slot in self.slots for file in slot.files]
        errors = {slot.directory: slot.excluded for slot in self.slots if slot.excluded}
        payload = _payload(files, errors, self.directories)
        if payload and not self.outcome.done():
            self.outcome.set_result(payload)
        self.patience = None


@dataclass(eq=False)
class MultiDirectoryTrigger(BaseTrigger):
    directories: list[str]
    file_pattern: str = "*.csv"
    check_interval: float = 10

    def __post_init__(self) -> None:
        super().__init__()
        if isinstance(self.directories, str):
            raise ValueError("directories is a single path")
        for each in dataclasses.fields(self):
            if not getattr(self, each.name):
                raise ValueError(f"{each.name} is empty")
        if self.check_interval < 0:
            raise ValueError("check_interval is below 0")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.MultiDirectoryTrigger", dataclasses.asdict(self)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            unique = list(dict.fromkeys(self.directories))
            payload = await _Lookout(unique, self.file_pattern, self.check_interval).settle()
        except Exception as error:
            payload = _error_payload("unexpected", _reason(error), {})
        yield TriggerEvent(payload)
