"""Wrong solutions of Challenge 1: the advanced trigger."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_INIT = "AdvancedMultiDirectoryTrigger.__init__"
_WAIT = "AdvancedMultiDirectoryTrigger._wait_for_stable_files"
_RECORD = "AdvancedMultiDirectoryTrigger._record"
_SHORT_BACKOFF = "test_backs_off_from_a_failing_directory[shorter than the interval]"
_LONG_BACKOFF = "test_backs_off_from_a_failing_directory[longer than the interval]"
_RETURNS = "test_a_file_that_returns_starts_over[file]"
_FAILED_CHECK = "test_a_failed_check_starts_the_stability_over"
_CHANGED = "test_a_changed_file_starts_over[modification time]"
_COMPLETE = "test_a_complete_file_counts_after_stable_seconds"
_BACKOFF = Mistake.BACKOFF_NOT_DOUBLED_OR_NOT_CAPPED
_REPLACED = Mistake.REPLACED_FILE_NOT_RECOGNIZED
_STABLE = Mistake.STABLE_IN_SPITE_OF_A_FAILED_CHECK
_RANKED = "sorted(self.directories, key=lambda path: (self.directories[path], path))"
_SINCE = "watched.since = {_version(file): watched.since.get(_version(file), now) for file in files}"
_DELAY = "min(self.backoff_base * 2.0 ** min(watched.failures - 1, 60), self.backoff_cap)"
_CHECKED = "files, watched.failures = check(), 0"

WRONG = [
    # Construction and serialization
    Wrong(
        "c1-accepts-single-pattern",
        "test_refuses_invalid_arguments[file_patterns='*.csv']",
        Mistake.ARGUMENTS_NOT_VALIDATED,
    ).within(
        _INIT,
        "not directories or not file_patterns or isinstance(file_patterns, str)",
        "not directories or not file_patterns",
    ),
    Wrong("c1-init-realpath", "test_construction_does_no_work", Mistake.WORK_IN_INIT).within(
        _INIT, "dict(directories)", "{os.path.realpath(path): number for path, number in directories.items()}"
    ),
    Wrong("c1-no-super-init", "test_construction_does_no_work", Mistake.SUPER_INIT_IS_MISSING).within(
        _INIT, "super().__init__()", ""
    ),
    Wrong("c1-other-defaults", "test_a_triggerer_can_rebuild_it", Mistake.ARGUMENT_LOST_OR_CHANGED).within(
        _INIT, "stable_seconds: float = 20", "stable_seconds: float = 30"
    ),
    Wrong("c1-serialize-omits-cap", "test_a_triggerer_can_rebuild_it", Mistake.ARGUMENT_NOT_SERIALIZED).within(
        "AdvancedMultiDirectoryTrigger.serialize",
        "['max_retries', 'backoff_base', 'backoff_cap']",
        '["max_retries", "backoff_base"]',
    ),
    Wrong(
        "c1-zero-stable-seconds-refused",
        "test_refuses_invalid_arguments[stable_seconds=-1]",
        Mistake.VALID_ARGUMENT_REFUSED,
    ).within(
        _INIT,
        "min(check_interval, backoff_base, backoff_cap) <= 0 or min(stable_seconds, max_retries) < 0",
        "min(check_interval, backoff_base, backoff_cap, stable_seconds) <= 0 or max_retries < 0",
    ),
    # The event
    Wrong("c1-any-entry-counts", "test_only_files_match", Mistake.COUNTS_WHAT_IS_NOT_A_FILE_OF_THIS_DIRECTORY).within(
        "_list_files", "S_ISREG(stat.st_mode)", "stat"
    ),
    Wrong(
        "c1-first-pattern-only",
        "test_matches_any_of_the_patterns[b.json-*.json]",
        Mistake.NAME_NOT_MATCHED_AS_THE_CONTRACT_SAYS,
    ).within(_WAIT, "*self.file_patterns", "self.file_patterns[0]"),
    Wrong(
        "c1-modified-ctime",
        "test_the_payload_is_that_of_multi_directory_trigger",
        Mistake.NOT_THE_TIME_OF_THE_LAST_CHANGE,
    ).within("_payload", "first.stat.st_mtime", "first.stat.st_ctime"),
    Wrong(
        "c1-pattern-sorted", "test_reports_the_first_pattern_as_given", Mistake.NOT_THE_FIRST_PATTERN_THAT_MATCHES
    ).within("AdvancedMultiDirectoryTrigger._details", "self.file_patterns", "sorted(self.file_patterns)"),
    Wrong(
        "c1-priority-reversed", "test_reports_the_directory_with_the_lowest_number[(1, 2, 3)]", Mistake.NOT_BY_PRIORITY
    ).within(_WAIT, _RANKED, "sorted(self.directories, key=lambda path: (-self.directories[path], path))"),
    Wrong(
        "c1-same-priority-in-given-order",
        "test_orders_equal_numbers_by_path_and_name",
        Mistake.NOT_THE_FIRST_FILE_IN_ORDER,
    ).within(_WAIT, _RANKED, "sorted(self.directories, key=self.directories.__getitem__)"),
    Wrong("c1-total-of-unstable", "test_never_waits_for_an_unstable_file", Mistake.UNSTABLE_FILES_LISTED).within(
        _WAIT,
        "{**payload, **self._details(stable)}",
        '{**payload, **self._details(stable), "total_files": sum(len(each.since) for each in watched.values())}',
    ),
    # Stable files
    Wrong("c1-failed-check-keeps-stability", _FAILED_CHECK, _STABLE).within(
        _RECORD,
        _SINCE,
        """
        if not watched.failures:
            watched.since = {_version(file): watched.since.get(_version(file), now) for file in files}
        """,
    ),
    Wrong("c1-seen-files-on-class", "test_a_recreated_trigger_starts_over", Mistake.STATE_SHARED_BY_INSTANCES)
    .adding("_KNOWN_DIRECTORIES: dict[str, _Watched] = {}")
    .within(
        _WAIT,
        "{path: _Watched() for path in ranked}",
        "{path: _KNOWN_DIRECTORIES.setdefault(path, _Watched()) for path in ranked}",
    ),
    Wrong("c1-stable-by-mtime-age", "test_a_growing_file_does_not_count", Mistake.UNFINISHED_FILE_REPORTED).within(
        _RECORD, "now - watched.since[_version(file)]", "time.time() - file.stat.st_mtime"
    ),
    Wrong("c1-stable-by-size", _CHANGED, _REPLACED).within(
        "_version",
        "(file.name, file.stat.st_size, file.stat.st_mtime_ns, file.stat.st_ino)",
        "file.name, file.stat.st_size, 0, 0",
    ),
    Wrong("c1-stable-one-interval-late", _COMPLETE, Mistake.STABLE_FILE_REPORTED_LATE).within(
        _RECORD, "self.stable_seconds", "self.stable_seconds + 3 * self.check_interval"
    ),
    Wrong("c1-stable-two-looks", _COMPLETE, Mistake.UNFINISHED_FILE_REPORTED).within(
        _RECORD, "self.stable_seconds", "min(self.stable_seconds, 0.9 * self.check_interval)"
    ),
    Wrong("c1-stable-without-being-seen", _FAILED_CHECK, _STABLE)
    .within(
        "_Watched",
        "failures: int = 0",
        """
        failures: int = 0
        files: list[_File] = field(default_factory=list)
        """,
    )
    .within(_RECORD, _CHECKED, "files, watched.failures = check(), 0; watched.files = files")
    .within(_RECORD, "watched.failures += 1", "watched.failures += 1; files = watched.files"),
    Wrong("c1-stable-without-identity", "test_a_changed_file_starts_over[inode]", _REPLACED).within(
        "_version", "file.stat.st_ino", "0"
    ),
    Wrong("c1-stable-without-mtime", _CHANGED, _REPLACED).within("_version", "file.stat.st_mtime_ns", "0"),
    Wrong("c1-vanished-is-reported", _RETURNS, Mistake.RETURNED_FILE_NOT_RECOGNIZED)
    .within(
        "_Watched",
        "failures: int = 0",
        """
        failures: int = 0
        files: dict[str, _File] = field(default_factory=dict)
        """,
    )
    .within(
        _RECORD,
        _CHECKED,
        """
        watched.files.update({file.name: file for file in check()})
        files, watched.failures = list(watched.files.values()), 0
        """,
    ),
    Wrong("c1-vanished-keeps-its-time", _RETURNS, Mistake.RETURNED_FILE_NOT_RECOGNIZED).within(
        _RECORD, _SINCE, "watched.since |= {_version(file): watched.since.get(_version(file), now) for file in files}"
    ),
    Wrong(
        "c1-vanished-not-evicted-on-missing-directory",
        "test_a_file_that_returns_starts_over[directory]",
        Mistake.FILES_OF_A_MISSING_DIRECTORY_REMEMBERED,
    ).within(_RECORD, "watched.failures = 0", "watched.failures = 0; return"),
    Wrong("c1-waits-for-unstable", "test_never_waits_for_an_unstable_file", Mistake.WAITS_FOR_AN_UNSTABLE_FILE).within(
        _WAIT,
        "stable = [file for path in ranked for file in watched[path].stable]",
        """
        best = next((path for path in ranked if watched[path].since), None)
        stable = [file for path in ranked for file in watched[path].stable if watched[best].stable]
        """,
    ),
    # Directories and backoff
    Wrong("c1-backoff-a-second-at-least", _SHORT_BACKOFF, _BACKOFF).within(
        _WAIT,
        "min(next_checks, default=loop.time() + self.check_interval) - loop.time()",
        "max(min(next_checks, default=loop.time() + self.check_interval) - loop.time(), 1)",
    ),
    Wrong("c1-backoff-at-least-the-interval", _SHORT_BACKOFF, _BACKOFF).within(
        _RECORD,
        _DELAY,
        "max(min(self.backoff_base * 2.0 ** min(watched.failures - 1, 60), self.backoff_cap), self.check_interval)",
    ),
    Wrong(
        "c1-backoff-holds-up-all", "test_other_directories_are_checked_as_usual", Mistake.ONE_DIRECTORY_DELAYS_ANOTHER
    ).within(
        _WAIT,
        "min(next_checks, default=loop.time() + self.check_interval)",
        "max(next_checks, default=loop.time() + self.check_interval)",
    ),
    Wrong("c1-backoff-never-reset", "test_a_successful_check_resets_the_backoff", Mistake.BACKOFF_NOT_RESET).within(
        _RECORD, _CHECKED, "files = check()"
    ),
    Wrong("c1-backoff-one-step-late", _LONG_BACKOFF, _BACKOFF).within(
        _RECORD, "watched.failures - 1", "watched.failures"
    ),
    Wrong("c1-backoff-without-cap", _LONG_BACKOFF, _BACKOFF).within(
        _RECORD, _DELAY, "self.backoff_base * 2.0 ** min(watched.failures - 1, 60)"
    ),
    Wrong("c1-left-out-dropped-from-self", "test_serialize_is_the_same_after_a_run", Mistake.STATE_IN_SERIALIZE).within(
        _RECORD,
        "errors[path], watched.next_check = _reason(error), math.inf",
        "errors[path], watched.next_check = _reason(error), math.inf; del self.directories[path]",
    ),
    Wrong(
        "c1-left-out-not-logged", "test_excludes_what_cannot_be_read", Mistake.EXCLUDED_DIRECTORY_NOT_LOGGED_ONCE
    ).within(_RECORD, "self.log.warning('Excluding %s permanently: %s', path, errors[path])", ""),
    Wrong(
        "c1-missing-does-not-reset-backoff", "test_a_missing_directory_resets_the_backoff", Mistake.BACKOFF_NOT_RESET
    ).within(_RECORD, "watched.failures = 0", ""),
    Wrong(
        "c1-missing-is-failure", "test_a_missing_directory_may_be_created_later", Mistake.MISSING_DIRECTORY_NOT_WATCHED
    ).within(_RECORD, "FileNotFoundError", "()"),
    Wrong(
        "c1-retries-off-by-one",
        "test_excludes_a_directory_after_max_retries[3 retries]",
        Mistake.ONE_RETRY_TOO_FEW_OR_TOO_MANY,
    ).within(_RECORD, "watched.failures > self.max_retries", "watched.failures >= self.max_retries"),
    # A good neighbor
    Wrong("c1-cancel-leaves-looks", "test_stops_immediately_when_cancelled", Mistake.RESOURCE_LEAK)
    .within(
        _WAIT,
        "loop.run_in_executor(DIRECTORY_THREADS, _list_files, path, *self.file_patterns)",
        """
        loop.create_task(
            asyncio.wait_for(
                loop.run_in_executor(DIRECTORY_THREADS, _list_files, path, *self.file_patterns), timeout=None
            )
        )
        """,
    )
    .within(_WAIT, "check.cancel()", ""),
    Wrong("c1-looks-more-often-at-files", "test_checks_about_every_interval", Mistake.CHECKS_TOO_OFTEN).within(
        _WAIT,
        "watched[path].next_check = loop.time() + self.check_interval",
        "watched[path].next_check = loop.time() + self.check_interval / (4 if watched[path].since else 1)",
    ),
    Wrong(
        "c1-shares-default-executor", "test_hung_directories_delay_no_other[40]", Mistake.ONE_DIRECTORY_DELAYS_ANOTHER
    ).within(_WAIT, "DIRECTORY_THREADS", "None"),
    Wrong("c1-turns-while-all-hang", "test_stops_immediately_when_cancelled", Mistake.LOOPS_WITHOUT_SLEEPING).within(
        _WAIT, "default=loop.time() + self.check_interval", "default=loop.time()"
    ),
    Wrong(
        "c1-two-threads", "test_does_not_check_a_directory_twice_at_once", Mistake.TWO_CHECKS_OF_ONE_DIRECTORY_AT_ONCE
    )
    .within(
        _WAIT,
        "path not in checks and watched[path].next_check <= loop.time()",
        "watched[path].next_check <= loop.time()",
    )
    .within(
        _WAIT,
        "[watched[path].next_check for path in ranked if path not in checks]",
        "[watched[path].next_check for path in ranked]",
    ),
]
