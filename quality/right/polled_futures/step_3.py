"""No asyncio future at all: submits to the pool, and asks ten times per interval whether a check is done."""


class MultiDirectoryTrigger(BaseTrigger):
    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        if not all([directories, file_pattern, check_interval > 0]) or isinstance(directories, str):
            raise ValueError(f"{directories=}, {file_pattern=}, {check_interval=}")
        self.kwargs = {"directories": directories, "file_pattern": file_pattern, "check_interval": check_interval}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.MultiDirectoryTrigger", self.kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        jobs = {}
        try:
            payload = await self._poll(jobs, **self.kwargs)
        except Exception as error:
            payload = _error_payload("unexpected", _reason(error), {})
        finally:
            for job in jobs.values():
                job.cancel()
        yield TriggerEvent(payload)

    async def _poll(
        self, jobs: dict[str, Any], directories: list[str], file_pattern: str, check_interval: float
    ) -> dict[str, Any]:
        errors: dict[str, str] = {}
        round_ends = -math.inf
        while True:
            now = asyncio.get_running_loop().time()
            if now >= round_ends:
                round_ends = now + check_interval
                patience = now + check_interval / 3
                for path in dict.fromkeys(directories):
                    if path not in jobs and path not in errors:
                        jobs[path] = DIRECTORY_THREADS.submit(_list_files, path, file_pattern)
            if now >= patience or all(job.done() for job in jobs.values()):
                done = [path for path in dict.fromkeys(directories) if path in jobs and jobs[path].done()]
                files = [file for path in done for file in _result_of(jobs.pop(path).result, path, errors)]
                if payload := _payload(files, errors, directories):
                    return payload
            await asyncio.sleep(check_interval / 10)
