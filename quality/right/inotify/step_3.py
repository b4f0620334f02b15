"""Asks the kernel (inotify) to tell of changes; while it tells of none, checks come a little later."""

import ctypes
import struct
import sys


class _Notifier:
    """The kernel's notifications of changes in directories."""

    _CHANGES = 0x0004 | 0x0008 | 0x0080 | 0x0100  # IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE
    _ONLY_DIRECTORIES = 0x01000000
    _IGNORED = 0x8000  # the directory is gone, and the watch with it
    _EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC) if self._libc else -1

    def start_reading(self, on_change: Callable[[int, bool], None]) -> None:
        """Have ``on_change(watch, still_watched)`` called in the event loop; watch -1 means any."""
        if self._fd >= 0:
            asyncio.get_running_loop().add_reader(self._fd, self._read, on_change)

    def watch(self, directory: str) -> int | None:
        """Watch a directory from now on. May block, as any access to a path."""
        if self._fd < 0:
            return None
        mask = self._CHANGES | self._ONLY_DIRECTORIES
        watch = self._libc.inotify_add_watch(self._fd, os.fsencode(directory), mask)
        return watch if watch >= 0 else None

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)

    def _read(self, on_change: Callable[[int, bool], None]) -> None:
        with suppress(BlockingIOError):
            data, offset = os.read(self._fd, 65536), 0
            while offset < len(data):
                watch, mask, _, length = self._EVENT.unpack_from(data, offset)
                on_change(watch, not mask & self._IGNORED)
                offset += self._EVENT.size + length


@dataclass
class _Place:
    """A directory under watch."""

    path: str
    due: float = -math.inf
    started: float = -math.inf  # the last check
    checking: asyncio.Future[list[_File]] | None = None
    changed: bool = False  # the kernel says so
    watch: int | None = None  # the kernel would say so
    files: list[_File] = field(default_factory=list)


class _Reactor:
    """Check directories until there is something to report: callbacks, no task of its own."""

    LULL = 0.1  # intervals by which a check is late if the kernel tells of no change
    PATIENCE = 0.75  # intervals that files wait for other directories

    def __init__(self, directories: list[str], pattern: str, interval: float) -> None:
        self._places = {directory: _Place(directory) for directory in directories}
        self._pattern = pattern
        self._interval = interval
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._notifier = _Notifier()
        self.errors: dict[str, str] = {}

    async def payload(self) -> dict[str, Any]:
        directories = list(self._places)
        try:
            self._notifier.start_reading(self._on_change)
            while True:
                self._start_checks()
                files = [file for place in self._places.values() for file in place.files]
                if not (files and self._is_worth_waiting()) and (found := _payload(files, self.errors, directories)):
                    return found
                await self._sleep()
                for place in [*self._places.values()]:
                    self._take_result(place)
        finally:
            self._notifier.close()
            for place in self._places.values():
                if place.checking:
                    place.checking.cancel()

    def _check(self, place: _Place) -> list[_File]:
        """In a thread."""
        place.watch = self._notifier.watch(place.path)  # before listing, so that no change is missed
        return _list_files(place.path, self._pattern)

    def _start_checks(self) -> None:
        now, found_at = self._loop.time(), self._found_at()
        for place in self._places.values():
            if not place.checking and self._next_check(place, found_at) <= now:
                place.changed, place.started = False, now
                place.checking = self._loop.run_in_executor(DIRECTORY_THREADS, self._check, place)
                place.checking.add_done_callback(lambda _: self._wake.set())

    def _next_check(self, place: _Place, found_at: float) -> float:
        is_quiet = place.watch is not None and not place.changed and found_at == math.inf
        return place.due + self.LULL * self._interval if is_quiet else place.due

    def _found_at(self) -> float:
        return min((place.started for place in self._places.values() if place.files), default=math.inf)

    def _take_result(self, place: _Place) -> None:
        if not place.checking or not place.checking.done():
            return
        check, place.checking, place.files = place.checking, None, []
        place.due = place.started + self._interval
        place.files = _result_of(check.result, place.path, self.errors)
        if place.path in self.errors:
            del self._places[place.path]

    def _on_change(self, watch: int, still_watched: bool) -> None:
        for place in self._places.values():
            if watch in (place.watch, -1):
                place.changed = True
                if not still_watched:
                    place.watch = None
        self._wake.set()

    def _is_worth_waiting(self) -> bool:
        soon = self._found_at() + self._interval / 4
        return self._loop.time() < self._found_at() + self.PATIENCE * self._interval and any(
            place.checking or place.due <= soon for place in self._places.values()
        )

    async def _sleep(self) -> None:
        """Sleep until a check ends, the kernel tells of a change, or there is something to do."""
        found_at = self._found_at()
        moments = [self._next_check(place, found_at) for place in self._places.values() if not place.checking]
        moments.append(found_at + self.PATIENCE * self._interval)
        timer = self._loop.call_at(min(moments), self._wake.set) if min(moments) < math.inf else None
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._wake.clear()


class MultiDirectoryTrigger(BaseTrigger):
    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        if isinstance(directories, str) or not directories or not file_pattern or not check_interval > 0:
            raise ValueError(f"invalid arguments: {directories!r}, {file_pattern!r}, {check_interval!r}")
        self.directories = list(directories)
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.MultiDirectoryTrigger", {
            "directories": self.directories,
            "file_pattern": self.file_pattern,
            "check_interval": self.check_interval,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            reactor = _Reactor(list(dict.fromkeys(self.directories)), self.file_pattern, self.check_interval)
            payload = await reactor.payload()
        except Exception as error:
            payload = _error_payload("unexpected", _reason(error), {})
        yield TriggerEvent(payload)
