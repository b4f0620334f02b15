"""What the trigger holds is in async context managers: tasks, and threads of its own."""

import contextlib
from collections.abc import Coroutine, Iterator

import anyio


class _Threads:
    """Threads of one trigger."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)


@contextlib.asynccontextmanager
async def _own_threads(count: int) -> AsyncIterator[_Threads]:
    """Lend ``count`` threads. On leaving, the pool is closed without waiting: a thread may hang."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="trigger")
    try:
        yield _Threads(pool)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@contextlib.asynccontextmanager
async def _own_tasks(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run coroutines as tasks. On leaving, they are cancelled and awaited."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield tasks
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Post:
    """One directory under watch: when it is checked, and what the last check found."""

    def __init__(self, directory: str, file_pattern: str, interval: float) -> None:
        self.directory = directory
        self.due = asyncio.get_running_loop().time()
        self.files: list[_File] = []
        self.report_by = math.inf  # until when its files may wait for the other posts
        self.excluded: str | None = None
        self._file_pattern = file_pattern
        self._interval = interval
        self._checking = False

    def is_expected(self, now: float) -> bool:
        """Return whether a check is under way or due."""
        return self.excluded is None and (self._checking or self.due <= now)

    async def patrol(self, threads: _Threads, news: asyncio.Event) -> None:
        """Check repeatedly until the directory is excluded; set ``news`` after every check."""
        clock = asyncio.get_running_loop().time
        while self.excluded is None:
            await asyncio.sleep(max(0.0, self.due - clock()))
            with self._checking_since(clock()) as started:
                try:
                    self.files = await threads.call(_list_files, self.directory, self._file_pattern)
                except (PermissionError, NotADirectoryError) as error:
                    self.files, self.excluded = [], _reason(error)
                    log.warning("%s is excluded: %s", self.directory, self.excluded)
                except OSError:
                    self.files = []
            self.report_by = min(self.report_by, started + self._interval / 2) if self.files else math.inf
            news.set()

    @contextlib.contextmanager
    def _checking_since(self, started: float) -> Iterator[float]:
        self._checking, self.due = True, started + self._interval
        try:
            yield started
        finally:
            self._checking = False


async def _watch(posts: list[_Post]) -> dict[str, Any]:
    """Watch until there are files to report, or all directories are excluded."""
    clock = asyncio.get_running_loop().time
    news = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        threads = await stack.enter_async_context(_own_threads(len(posts)))
        patrols = await stack.enter_async_context(_own_tasks(*(post.patrol(threads, news) for post in posts)))
        for patrol in patrols:
            patrol.add_done_callback(lambda _: news.set())
        while True:
            with anyio.CancelScope(deadline=min(post.report_by for post in posts)):
                await news.wait()
            news.clear()
            for patrol in patrols:
                if patrol.done():
                    patrol.result()  # raises what was unexpected
            errors = {post.directory: post.excluded for post in posts if post.excluded is not None}
            late = clock() >= min(post.report_by for post in posts)
            if late or len(errors) == len(posts) or not any(post.is_expected(clock()) for post in posts):
                files = [file for post in posts for file in post.files]
                if payload := _payload(files, errors, [post.directory for post in posts]):
                    return payload


class MultiDirectoryTrigger(BaseTrigger):
    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        if isinstance(directories, str) or not directories or not file_pattern or not check_interval > 0:
            raise ValueError(f"invalid: {directories!r}, {file_pattern!r}, {check_interval!r}")
        self.directories = [os.fspath(directory) for directory in directories]
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
            unique = dict.fromkeys(self.directories)
            payload = await _watch([_Post(each, self.file_pattern, self.check_interval) for each in unique])
        except Exception as error:
            payload = _error_payload("unexpected", _reason(error), {})
        yield TriggerEvent(payload)
