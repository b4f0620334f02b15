"""As with `asyncio.to_thread`, but with the threads of the pool; one asyncio task per check."""

import contextvars


async def _to_thread(function: Callable[..., Any], *args: Any) -> Any:
    """``asyncio.to_thread`` in ``DIRECTORY_THREADS``."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(DIRECTORY_THREADS, context.run, function, *args)


class MultiDirectoryTrigger(BaseTrigger):
    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        if isinstance(directories, str) or not directories:
            raise ValueError(f"directories must be a list of one or more paths, not {directories!r}")
        if not file_pattern:
            raise ValueError('file_pattern must not be empty; "*" matches every file')
        if check_interval <= 0:
            raise ValueError(f"check_interval must be above 0, not {check_interval!r}")
        self.directories = directories
        self.file_pattern = file_pattern
        self.check_interval = check_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.MultiDirectoryTrigger", {
            "check_interval": self.check_interval,
            "directories": self.directories,
            "file_pattern": self.file_pattern,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            payload = await self._wait_for_file()
        except Exception as error:
            payload = _error_payload("unexpected", _reason(error), {})
        yield TriggerEvent(payload)

    async def _wait_for_file(self) -> dict[str, Any]:
        now = asyncio.get_running_loop().time
        directories = sorted(set(self.directories), key=self.directories.index)
        pending: dict[str, asyncio.Task[list[_File]]] = {}
        errors: dict[str, str] = {}
        try:
            while True:
                next_round = now() + self.check_interval
                for directory in directories:
                    if directory not in pending and directory not in errors:
                        check = _to_thread(_list_files, directory, self.file_pattern)
                        pending[directory] = asyncio.create_task(check)
                await asyncio.wait(pending.values(), timeout=self.check_interval / 2)
                done = [directory for directory in directories if directory in pending and pending[directory].done()]
                files: list[_File] = []
                for directory in done:
                    files += _result_of(pending.pop(directory).result, directory, errors)
                if payload := _payload(files, errors, directories):
                    return payload
                await asyncio.sleep(next_round - now())
        finally:
            for check in pending.values():
                check.cancel()
            await asyncio.gather(*pending.values(), return_exceptions=True)
