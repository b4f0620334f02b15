"""Wrong solutions of Step 3d: directories and files that are missing, broken, or many."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_RUN = "MultiDirectoryTrigger.run"
_WAIT = "MultiDirectoryTrigger._wait_for_files"

_TRANSIENT = "test_retries_after_a_transient_error"
_CREATED_LATER = "test_a_missing_directory_may_be_created_later"
_IS_A_FILE = "test_excludes_a_path_that_is_a_file"
_DENIED = "test_excludes_a_directory_without_permission"
_CIRCLE = "test_a_circular_link_hides_no_file"
_TEN_THOUSAND = "test_ten_thousand_files_make_a_small_event"
_UNEXPECTED = "test_an_unexpected_exception_becomes_an_error_event"

_FINAL = Mistake.TRANSIENT_ERROR_TAKEN_FOR_PERMANENT
_UNREPORTED = Mistake.UNREADABLE_DIRECTORY_NOT_REPORTED

_ERRORS = "errors: dict[str, str] = {}"
_IS_PERMANENT = "isinstance(error, (PermissionError, NotADirectoryError))"
_DONE = "done = [path for path in directories if path in checks and checks[path].done()]"
_COLLECTED = "files = [file for path in done for file in _result_of(checks.pop(path).result, path, errors)]"
_SLEPT = "await asyncio.sleep(next_round - loop.time())"
_CUT = "files[:MAX_LISTED_FILES]"

WRONG = [
    # Directories
    Wrong("s3-eio-five-times", _TRANSIENT, _FINAL)
    .within(_WAIT, _ERRORS, f"{_ERRORS}\nfailures: dict[str, int] = {{}}")
    .within(
        _WAIT,
        _DONE,
        f"""
        {_DONE}
        failed = [path for path in done if type(checks[path].exception()) is OSError]
        failures = {{path: failures.get(path, 0) + 1 for path in failed}}
        errors |= {{path: "failed 5 times in a row" for path in failed if failures[path] >= 5}}
        """,
    ),
    Wrong("s3-eio-left-out", _TRANSIENT, _FINAL).within("_result_of", _IS_PERMANENT, "True"),
    Wrong("s3-eio-unexpected", _TRANSIENT, _FINAL).within(
        "_result_of",
        f"if {_IS_PERMANENT}: errors[directory] = _reason(error)",
        f"""
        if not {_IS_PERMANENT}:
            raise
        errors[directory] = _reason(error)
        """,
    ),
    Wrong("s3-errors-basename", _IS_A_FILE, _UNREPORTED).within(
        "_result_of", "errors[directory] = _reason(error)", "errors[os.path.basename(directory)] = _reason(error)"
    ),
    Wrong("s3-errors-missing-on-success", _IS_A_FILE, _UNREPORTED).within(
        "_payload", "'errors': errors", '"errors": {}'
    ),
    Wrong("s3-hot-retry", _TRANSIENT, Mistake.RETRIES_WITHOUT_WAITING)
    .adding(
        """
        def _list_at_last(directory):
            for _ in range(1000):
                try:
                    return os.listdir(directory)
                except (FileNotFoundError, PermissionError, NotADirectoryError):
                    raise
                except OSError:
                    continue
            return os.listdir(directory)
        """
    )
    .within("_list_files", "os.listdir", "_list_at_last"),
    Wrong("s3-left-out-not-logged", _DENIED, Mistake.EXCLUDED_DIRECTORY_NOT_LOGGED_ONCE).within(
        "_result_of", "log.warning", "log.debug"
    ),
    Wrong("s3-left-out-tried-again", _IS_A_FILE, Mistake.UNREADABLE_DIRECTORY_STILL_CHECKED).within(
        _WAIT, "path not in checks and path not in errors", "path not in checks"
    ),
    Wrong("s3-makes-directories", _CREATED_LATER, Mistake.SIDE_EFFECT_IN_A_TRIGGER).within(
        "_list_files",
        "files = []",
        """
        files = []
        if not os.path.exists(directory):
            os.makedirs(directory)
        """,
    ),
    Wrong("s3-missing-left-out", _CREATED_LATER, Mistake.MISSING_DIRECTORY_NOT_WATCHED).within(
        "_result_of",
        "return check()",
        """
        try:
            return check()
        except FileNotFoundError as error:
            errors[directory] = _reason(error)
            return []
        """,
    ),
    Wrong("s3-one-unreadable-fails-all", _DENIED, Mistake.ONE_UNREADABLE_DIRECTORY_ENDS_THE_WAITING).within(
        "_payload", "errors.keys() >= set(directories)", "errors"
    ),
    Wrong("s3-permission-swallowed", _IS_A_FILE, _UNREPORTED).within("_result_of", _IS_PERMANENT, "False"),
    Wrong("s3-retries-without-pause", _TRANSIENT, Mistake.RETRIES_WITHOUT_WAITING)
    .within(_WAIT, _DONE, f"{_DONE}\nfailed = [path for path in done if type(checks[path].exception()) is OSError]")
    .within(_WAIT, _SLEPT, f"if not failed:\n    {_SLEPT}"),
    # Files
    Wrong("s3-circle-counts-as-file", _CIRCLE, Mistake.COUNTS_WHAT_IS_NOT_A_FILE_OF_THIS_DIRECTORY)
    .adding("from stat import S_ISLNK")
    .within("_list_files", "S_ISREG(stat.st_mode)", "S_ISREG(stat.st_mode) or S_ISLNK(stat.st_mode)")
    .within(
        "_list_files",
        "stat = os.stat(path)",
        """
        try:
            stat = os.stat(path)
        except FileNotFoundError:
            continue
        except OSError:
            stat = os.lstat(path)
        """,
    ),
    Wrong("s3-circle-fails-directory", _CIRCLE, Mistake.FILE_BESIDE_A_BROKEN_LINK_NOT_FOUND).within(
        "_list_files", "suppress(OSError)", "suppress(FileNotFoundError)"
    ),
    Wrong("s3-payload-cut-99", _TEN_THOUSAND, Mistake.FILES_TRUNCATED_WRONGLY).within(
        "_payload", _CUT, "files[: MAX_LISTED_FILES - 1]"
    ),
    Wrong("s3-payload-cut-per-directory", _TEN_THOUSAND, Mistake.UNBOUNDED_PAYLOAD)
    .adding("from itertools import groupby")
    .within(
        "_payload",
        _CUT,
        "[file for _, group in groupby(files, lambda file: file.directory) for file in [*group][:MAX_LISTED_FILES]]",
    ),
    Wrong("s3-payload-unbounded", _TEN_THOUSAND, Mistake.UNBOUNDED_PAYLOAD).within("_payload", _CUT, "files"),
    Wrong(
        "s3-stat-in-second-call",
        "test_a_file_that_disappears_during_the_check_does_not_count[after the next call]",
        Mistake.FILE_THAT_DISAPPEARS_ENDS_THE_WAITING,
    )
    .adding(
        """
        def _list_paths(directory, pattern):
            names = sorted(_matching(os.listdir(directory), pattern))
            found = [(directory, name, os.path.join(directory, name)) for name in names]
            return [each for each in found if os.path.isfile(each[-1])]


        def _with_stat(found):
            return [_File(*each, os.stat(each[-1])) for each in found]
        """
    )
    .within(_WAIT, "_list_files", "_list_paths")
    .within(
        _WAIT, _COLLECTED, f"{_COLLECTED}\nfiles = await loop.run_in_executor(DIRECTORY_THREADS, _with_stat, files)"
    ),
    Wrong("s3-total-after-cut", _TEN_THOUSAND, Mistake.TOTAL_COUNTED_AFTER_THE_TRUNCATION).within(
        "_payload", "len(files)", f"len({_CUT})"
    ),
    # Unexpected exceptions
    Wrong("s3-ends-without-event", _UNEXPECTED, Mistake.ENDS_WITHOUT_AN_EVENT).within(
        _RUN, "payload = _error_payload('unexpected', _reason(error), {})", "return"
    ),
    Wrong("s3-exception-escapes", _UNEXPECTED, Mistake.EXCEPTION_ESCAPES_RUN).within(
        _RUN, "payload = _error_payload('unexpected', _reason(error), {})", "raise"
    ),
    Wrong("s3-message-without-type", _UNEXPECTED, Mistake.ERROR_EVENT_WITHOUT_ITS_CAUSE).within(
        _RUN, "_reason(error)", "str(error)"
    ),
]
