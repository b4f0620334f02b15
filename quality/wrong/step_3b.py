"""Wrong solutions of Step 3b: the trigger finds a file and fires exactly one event about it."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_RUN = "MultiDirectoryTrigger.run"
_WAIT = "MultiDirectoryTrigger._wait_for_files"

_EXISTING = "test_finds_an_existing_file"
_IN_ORDER = "test_reports_all_files_in_order"
_IN_UTC = "test_modified_is_in_utc"
_ONLY_FILES = "test_only_files_match"
_NAMES = "test_matches_names"

_COUNTS_OTHERS = Mistake.COUNTS_WHAT_IS_NOT_A_FILE_OF_THIS_DIRECTORY
_NAME = Mistake.NAME_NOT_MATCHED_AS_THE_CONTRACT_SAYS

_COLLECTED = "files = [file for path in done for file in _result_of(checks.pop(path).result, path, errors)]"
_MODIFIED = "datetime.fromtimestamp(first.stat.st_mtime, tz=timezone.utc)"
_PAYLOAD = "payload = await self._wait_for_files()"

WRONG = [
    Wrong("s3-async-to-sync", _EXISTING, Mistake.LOOP_INSIDE_THE_LOOP)
    .adding("from asgiref.sync import async_to_sync")
    .within(_RUN, "await self._wait_for_files()", "async_to_sync(self._wait_for_files)()"),
    Wrong("s3-asyncio-run", _EXISTING, Mistake.LOOP_INSIDE_THE_LOOP).within(
        _RUN, "await self._wait_for_files()", "asyncio.run(self._wait_for_files())"
    ),
    Wrong("s3-case-insensitive", f"{_NAMES}[star]", _NAME).within(
        "_matching",
        "fnmatch.filter(names, p)",
        "[name for name in names if fnmatch.fnmatchcase(name.lower(), p.lower())]",
    ),
    Wrong("s3-directories-match", _ONLY_FILES, _COUNTS_OTHERS).within("_list_files", "S_ISREG(stat.st_mode)", "True"),
    Wrong("s3-directory-named-twice", "test_lists_each_file_once", Mistake.DIRECTORY_LISTED_TWICE_COUNTED_TWICE).within(
        _WAIT,
        _COLLECTED,
        """
        found = {path: _result_of(checks.pop(path).result, path, errors) for path in done}
        files = [file for path in self.directories for file in found.get(path, [])]
        """,
    ),
    Wrong("s3-dot-files", f"{_NAMES}[star]", _NAME).within("_matching", "p[0] == '.' or each[0] != '.'", "True"),
    Wrong("s3-dot-pattern-refused", f"{_NAMES}[leading dot]", _NAME).within(
        "_matching", "p[0] == '.' or each[0] != '.'", 'each[0] != "."'
    ),
    Wrong("s3-endswith", f"{_NAMES}[set]", _NAME).within(
        "_matching", "fnmatch.filter(names, p)", '[name for name in names if name.endswith(p.lstrip("*"))]'
    ),
    Wrong("s3-fifo-matches", _ONLY_FILES, _COUNTS_OTHERS)
    .adding("from stat import S_ISDIR")
    .within("_list_files", "S_ISREG(stat.st_mode)", "not S_ISDIR(stat.st_mode)"),
    Wrong("s3-filename-of-the-last", _IN_ORDER, Mistake.NOT_THE_FIRST_FILE_IN_ORDER).within(
        "_payload", "first.name", "files[-1].name"
    ),
    Wrong("s3-files-of-first-directory", _IN_ORDER, Mistake.NOT_ALL_FILES_LISTED).within(
        "_payload",
        "first = files[0]",
        """
        first = files[0]
        files = [file for file in files if file.directory == first.directory]
        """,
    ),
    Wrong("s3-first-directory-only-reported", _IN_ORDER, Mistake.NOT_ALL_FILES_LISTED).within(
        _WAIT,
        "await asyncio.wait(checks.values(), timeout=self.check_interval / 2)",
        """
        for check in asyncio.as_completed(checks.values(), timeout=self.check_interval / 2):
            with suppress(Exception):
                if await check:
                    break
        """,
    ),
    Wrong("s3-links-refused", _ONLY_FILES, Mistake.LINK_TO_A_FILE_NOT_COUNTED).within(
        "_list_files", "os.stat(path)", "os.lstat(path)"
    ),
    Wrong("s3-local-time-labelled-utc", _IN_UTC, Mistake.LOCAL_TIME_CALLED_UTC).within(
        "_payload", _MODIFIED, "datetime.fromtimestamp(first.stat.st_mtime).replace(tzinfo=timezone.utc)"
    ),
    Wrong("s3-modified-ctime", _IN_UTC, Mistake.NOT_THE_TIME_OF_THE_LAST_CHANGE).within(
        "_payload", "first.stat.st_mtime", "first.stat.st_ctime"
    ),
    Wrong("s3-modified-datetime", _IN_UTC, Mistake.PAYLOAD_IS_NOT_PLAIN_JSON).within(
        "_payload", f"{_MODIFIED}.isoformat()", _MODIFIED
    ),
    Wrong("s3-modified-local-offset", _IN_UTC, Mistake.OFFSET_IS_NOT_00_00).within(
        "_payload", "timezone.utc", "timezone(timedelta(hours=2))"
    ),
    Wrong("s3-modified-naive", _IN_UTC, Mistake.TIME_WITHOUT_A_TIME_ZONE).within("_payload", "tz=timezone.utc", ""),
    Wrong("s3-newest-first", _IN_ORDER, Mistake.NOT_THE_FIRST_FILE_IN_ORDER).within(
        "_list_files", "return files", "return sorted(files, key=lambda file: (-file.stat.st_mtime, file.name))"
    ),
    Wrong("s3-only-new-files", _EXISTING, Mistake.EXISTING_FILE_NOT_REPORTED)
    .within(
        _WAIT,
        "errors: dict[str, str] = {}",
        """
        errors: dict[str, str] = {}
        old: set[str] | None = None
        """,
    )
    .within(
        _WAIT,
        _COLLECTED,
        f"""
        {_COLLECTED}
        old = {{file.path for file in files}} if old is None else old
        files = [file for file in files if file.path not in old]
        """,
    ),
    Wrong("s3-path-normalised", "test_reports_the_directory_as_written[./client_2]", Mistake.PATH_REWRITTEN).within(
        _WAIT, "list(dict.fromkeys(self.directories))", "list(map(os.path.abspath, dict.fromkeys(self.directories)))"
    ),
    Wrong(
        "s3-payload-found-at", "test_the_payload_is_the_same_for_the_same_files", Mistake.EVENT_DEPENDS_ON_THE_RUN
    ).within(
        "_payload", "'status': 'success'", '"status": "success", "found_at": datetime.now(timezone.utc).isoformat()'
    ),
    Wrong("s3-recursive", _ONLY_FILES, _COUNTS_OTHERS)
    .adding("import glob")
    .within(
        "_list_files",
        "os.listdir(directory)",
        'os.listdir(directory) + glob.glob("**", root_dir=directory, recursive=True)',
    ),
    Wrong("s3-returns-event", "test_run_is_an_async_generator", Mistake.RETURNS_INSTEAD_OF_YIELDING).within(
        _RUN, "yield TriggerEvent(payload)", "return TriggerEvent(payload)"
    ),
    Wrong("s3-size-of-the-last", _IN_ORDER, Mistake.NOT_THE_FIRST_FILE_IN_ORDER).within(
        "_payload", "first.stat.st_size", "files[-1].stat.st_size"
    ),
    Wrong("s3-sleeps-first", _EXISTING, Mistake.SLEEPS_BEFORE_THE_FIRST_CHECK).within(
        _RUN, _PAYLOAD, f"await asyncio.sleep(self.check_interval)\n{_PAYLOAD}"
    ),
    Wrong("s3-task-success-event", _EXISTING, Mistake.ENDS_THE_TASK_IN_THE_TRIGGER)
    .adding("from airflow.triggers.base import TaskSuccessEvent")
    .within(_RUN, "TriggerEvent(payload)", 'TaskSuccessEvent(xcoms={"return_value": payload})'),
    # Reversed, because what a file system lists may be in order by chance.
    Wrong("s3-unsorted", _IN_ORDER, Mistake.NOT_THE_FIRST_FILE_IN_ORDER).within(
        "_list_files",
        "sorted(_matching(os.listdir(directory), *file_patterns))",
        "sorted(_matching(os.listdir(directory), *file_patterns), reverse=True)",
    ),
    Wrong("s3-yields-dict", _EXISTING, Mistake.YIELDS_SOMETHING_OTHER_THAN_A_TRIGGEREVENT).within(
        _RUN, "TriggerEvent(payload)", "payload"
    ),
    Wrong("s3-yields-on-and-on", _EXISTING, Mistake.YIELDS_WITHOUT_RETURNING).within(
        _RUN,
        "yield TriggerEvent(payload)",
        f"""
        while True:
            yield TriggerEvent(payload)
            await asyncio.sleep(self.check_interval)
            {_PAYLOAD}
        """,
    ),
]
