"""Further parameters, further keys, and a log that names the task, which the triggerer sets before run()."""

import random


class MultiDirectoryTrigger(BaseTrigger):
    def __init__(
        self,
        directories: list[str],
        file_pattern: str = "*.csv",
        check_interval: float = 10,
        max_files: int = MAX_LISTED_FILES,
        jitter: float = 0.0,
        label: str | None = None,
        *,
        note: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not directories or isinstance(directories, str) or not file_pattern or check_interval <= 0 or jitter < 0:
            raise ValueError("an argument is out of its range")
        self.directories = [*directories]
        self.file_pattern = file_pattern
        self.check_interval = check_interval
        self.max_files = max_files
        self.jitter = jitter
        self.label = label
        self.note = note or {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("directories", "file_pattern", "check_interval", "max_files", "jitter", "label", "note")
        return "trigger_implementation_exercise.MultiDirectoryTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        self.log.info("Watching for %s of %s", self.task_instance.task_id, self.task_instance.dag_id)
        errors: dict[str, str] = {}
        try:
            payload = await self._wait_for_files(errors)
        except Exception as error:
            payload = _error_payload("unexpected", _reason(error), errors)
        yield TriggerEvent({**payload, "label": self.label, "note": self.note, "task_id": self.task_instance.task_id})

    async def _wait_for_files(self, errors: dict[str, str]) -> dict[str, Any]:
        """One task per directory. The first to find a file waits half an interval for the others."""
        unique = list(dict.fromkeys(self.directories))
        files: dict[str, list[_File]] = {}
        tasks = {path: asyncio.ensure_future(self._watch_one(path, files, errors)) for path in unique}
        try:
            await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
            while not any(files.values()) and not all(task.done() for task in tasks.values()):
                await asyncio.wait([task for task in tasks.values() if not task.done()], return_when="FIRST_COMPLETED")
            await asyncio.wait(tasks.values(), timeout=self.check_interval / 2)
            for task in tasks.values():
                if task.done():
                    task.result()
            found = [file for path in unique for file in files.get(path, [])]
            payload = _payload(found, errors, unique)
            extra = {"listed_files": min(len(found), MAX_LISTED_FILES), "directories_with_files": len(files)}
            return {**payload, **extra} if payload["status"] == "success" else payload
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _watch_one(self, path: str, files: dict[str, list[_File]], errors: dict[str, str]) -> None:
        """Return when the directory has files, or is excluded."""
        loop = asyncio.get_running_loop()
        while path not in errors:
            next_check = loop.time() + self.check_interval + random.uniform(0, self.jitter)
            check = loop.run_in_executor(DIRECTORY_THREADS, _list_files, path, self.file_pattern)
            await asyncio.wait([check])
            if found := _result_of(check.result, path, errors):
                files[path] = found
                return
            if path not in errors:
                await asyncio.sleep(next_check - loop.time())
