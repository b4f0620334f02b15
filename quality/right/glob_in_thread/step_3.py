"""Lists with glob and pathlib; payloads are dataclasses; takes the checks as they complete."""

import dataclasses
import fnmatch
import glob
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class FilePayload:
    directory: str
    filename: str
    path: str
    size: int
    modified: str
    files: list[str]
    total_files: int
    errors: dict[str, str]
    status: str = "success"


@dataclass(frozen=True, kw_only=True)
class ErrorPayload:
    error_type: str
    message: str
    errors: dict[str, str] = field(default_factory=dict)
    status: str = "error"


class FoundFile(NamedTuple):
    path: str
    size: int
    modified: float


def find_files(directory: str, pattern: str) -> list[FoundFile]:
    """Return the matching files, by name. Blocks."""
    os.scandir(directory).close()  # glob takes a directory that it cannot read for an empty one
    names = glob.glob(".*" if pattern.startswith(".") else "*", root_dir=directory)
    found = []
    for name in sorted(names):
        path = Path(directory, name)
        with suppress(OSError):
            if fnmatch.fnmatchcase(name, pattern) and path.is_file():
                status = path.stat()
                found.append(FoundFile(os.path.join(directory, name), status.st_size, status.st_mtime))
    return found


class Search:
    """Search directories until there is something to report."""

    def __init__(self, directories: list[str], pattern: str, interval: float) -> None:
        self.directories = directories
        self.pattern = pattern
        self.interval = interval
        self.errors: dict[str, str] = {}
        self.under_way: dict[str, asyncio.Future[list[FoundFile]]] = {}

    async def result(self) -> FilePayload | ErrorPayload:
        loop = asyncio.get_running_loop()
        try:
            while len(self.errors) < len(self.directories):
                round_ends = loop.time() + self.interval
                found = await self._round()
                if any(found.values()):
                    return self._describe({path: found.get(path, []) for path in self.directories})
                await asyncio.sleep(max(0, round_ends - loop.time()))
            return ErrorPayload(
                error_type="directory_access", message=f"All are excluded: {self.errors}", errors=self.errors
            )
        except Exception as error:
            return ErrorPayload(error_type="unexpected", message=f"{type(error).__name__}: {error}", errors=self.errors)
        finally:
            for check in self.under_way.values():
                check.cancel()

    async def _round(self) -> dict[str, list[FoundFile]]:
        """Check what is not being checked, and take what completes within 0.4 intervals."""
        loop = asyncio.get_running_loop()
        for path in self.directories:
            if path not in self.under_way and path not in self.errors:
                self.under_way[path] = loop.run_in_executor(DIRECTORY_THREADS, find_files, path, self.pattern)
        with suppress(asyncio.TimeoutError):
            for completed in asyncio.as_completed(list(self.under_way.values()), timeout=0.4 * self.interval):
                with suppress(OSError):
                    await completed
        return {path: self._take(path) for path in list(self.under_way) if self.under_way[path].done()}

    def _take(self, path: str) -> list[FoundFile]:
        try:
            return self.under_way.pop(path).result()
        except (PermissionError, NotADirectoryError) as error:
            self.errors[path] = f"{type(error).__name__}: {error}"
            log.warning("%s is excluded: %s", path, self.errors[path])
        except OSError as error:
            log.info("%s: %s", path, error)
        return []

    def _describe(self, found: dict[str, list[FoundFile]]) -> FilePayload:
        files = [file for files in found.values() for file in files]
        directory = next(path for path, files in found.items() if files)
        return FilePayload(
            directory=directory,
            filename=os.path.basename(files[0].path),
            path=files[0].path,
            size=files[0].size,
            modified=datetime.fromtimestamp(files[0].modified, timezone.utc).isoformat(),
            files=[file.path for file in files[:MAX_LISTED_FILES]],
            total_files=len(files),
            errors=self.errors,
        )


class MultiDirectoryTrigger(BaseTrigger):
    def __init__(self, directories: list[str], file_pattern: str = "*.csv", check_interval: float = 10) -> None:
        super().__init__()
        if not directories or isinstance(directories, str) or not file_pattern or not check_interval > 0:
            raise ValueError("directories, file_pattern and check_interval must be valid")
        self.settings = {
            "directories": list(directories),
            "file_pattern": file_pattern,
            "check_interval": check_interval,
        }

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "trigger_implementation_exercise.MultiDirectoryTrigger", dict(self.settings)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        directories, pattern, interval = self.settings.values()
        search = Search(list(dict.fromkeys(directories)), pattern, interval)
        yield TriggerEvent(dataclasses.asdict(await search.result()))
