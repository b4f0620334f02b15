"""All directories share rounds: an async context manager holds the checks, and the first file ends the round."""


class _AllExcluded(Exception):
    """Every directory was excluded."""


class _Rounds:
    """Check directories, each at its own pace, until there is a file; then wait for those checked along with it."""

    def __init__(self, places: list[str], pattern: str, pause: float, skipped: dict[str, str]) -> None:
        self.places, self.pattern, self.pause, self.skipped = places, pattern, pause, skipped
        self.under_way: dict[asyncio.Task[list[_File]], tuple[str, float]] = {}

    async def __aenter__(self) -> _Rounds:
        self.due = dict.fromkeys(self.places, asyncio.get_running_loop().time())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for check in self.under_way:
            check.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)

    async def first_finds(self) -> list[_File]:
        clock = asyncio.get_running_loop().time
        finds: dict[str, list[_File]] = {}
        found_in = decide_at = math.inf
        while len(self.skipped) < len(self.places):
            now = clock()
            companions = [asked for _, asked in self.under_way.values() if asked >= found_in - 0.001]
            if finds and (now >= decide_at or not companions):
                return [file for place in self.places for file in finds.get(place, [])]
            for place in [place for place, moment in self.due.items() if moment <= now + 0.001 and not finds]:
                turn = self.due.pop(place)
                self.under_way[asyncio.create_task(self._check(place))] = (place, turn)
            next_moment = decide_at if finds else min(self.due.values(), default=math.inf)
            timeout = None if next_moment == math.inf else max(0.0, next_moment - clock())
            if not self.under_way:
                await asyncio.sleep(timeout or 0)
                continue
            done, _ = await asyncio.wait(self.under_way, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            for check in done:
                place, asked = self.under_way.pop(check)
                files = self._settle(check, place, asked, clock())
                if files and not finds:
                    found_in, decide_at = asked, clock() + 0.75 * self.pause
                if files:
                    finds[place] = files
        raise _AllExcluded(f"All directories are excluded: {self.skipped}")

    async def _check(self, place: str) -> list[_File]:
        return await asyncio.get_running_loop().run_in_executor(DIRECTORY_THREADS, _list_files, place, self.pattern)

    def _settle(self, check: asyncio.Task[list[_File]], place: str, asked: float, now: float) -> list[_File]:
        """Take a check's result, and plan the directory's next check on the beat that all directories share."""
        files: list[_File] = []
        try:
            files = check.result()
        except (PermissionError, NotADirectoryError) as problem:
            self.skipped[place] = _reason(problem)
            log.warning("%s is excluded: %s", place, self.skipped[place])
            return files
        except OSError as problem:
            log.debug("%s: %s", place, problem)
        self.due[place] = asked + self.pause * max(1, math.ceil((now - asked) / self.pause))
        return files


class MultiDirectoryTrigger(BaseTrigger):
    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        if not directories or isinstance(directories, (str, bytes)) or not file_pattern or not check_interval > 0:
            raise ValueError("one or more directories in a list, a pattern, and an interval above 0")
        self._where = tuple(map(str, directories))
        self._shape = file_pattern
        self._pause = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"directories": list(self._where), "file_pattern": self._shape, "check_interval": self._pause}
        return "trigger_implementation_exercise.MultiDirectoryTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TriggerEvent(await self._wait())

    async def _wait(self) -> dict[str, Any]:
        skipped: dict[str, str] = {}
        places = list(dict.fromkeys(self._where))
        try:
            async with _Rounds(places, self._shape, self._pause, skipped) as rounds:
                return _payload(await rounds.first_finds(), skipped, places)
        except _AllExcluded as problem:
            return _error_payload("directory_access", str(problem), skipped)
        except Exception as problem:
            return _error_payload("unexpected", _reason(problem), skipped)
