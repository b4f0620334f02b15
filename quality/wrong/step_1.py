"""Wrong solutions of Step 1: the directories and the frame of the DAG."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

_CLEAN_UP = "clean_up_directories"
_SET_UP = "set_up_directories"

WRONG = [
    Wrong("s1-cleanup-gone-raises", "test_clean_up_skips_missing_paths", Mistake.FAILS_ON_MISSING_PATHS).within(
        _CLEAN_UP, "os.path.isfile(path)", "not os.path.isdir(path)"
    ),
    Wrong(
        "s1-cleanup-none-removes-constants", "test_clean_up_of_none_removes_nothing", Mistake.NONE_TAKEN_FOR_EVERYTHING
    ).within(
        _CLEAN_UP,
        "created or []",
        'created or [*CLIENT_DIRECTORIES, *(os.path.join(each, "README.txt") for each in CLIENT_DIRECTORIES)]',
    ),
    Wrong(
        "s1-cleanup-parents-first",
        "test_clean_up_removes_what_set_up_created",
        Mistake.CLEANUP_LEAVES_WHAT_THE_SETUP_CREATED,
    ).within(_CLEAN_UP, "reversed(created or [])", "created or []"),
    Wrong("s1-cleanup-rmtree", "test_clean_up_keeps_uploads", Mistake.CLEANUP_DELETES_DATA)
    .adding("import shutil")
    .within(_CLEAN_UP, "os.path.isdir(path) and not os.listdir(path)", "os.path.isdir(path)")
    .within(_CLEAN_UP, "os.rmdir", "shutil.rmtree"),
    Wrong("s1-dag-cleanup-no-teardown", "test_set_up_is_a_setup_task_with_a_teardown", Mistake.NO_TEARDOWN).within(
        "dag.clean_up", text=".as_teardown(setups=set_up)", by=""
    ),
    Wrong(
        "s1-dag-retry-delay-days", "test_tasks_have_one_retry_after_two_minutes", Mistake.RETRIES_NOT_AS_REQUIRED
    ).within("dag", "timedelta(minutes=2)", "timedelta(2)"),
    Wrong(
        "s1-dag-teardown-gets-nothing",
        "test_the_teardown_receives_the_result_of_the_setup",
        Mistake.TEARDOWN_WITHOUT_THE_RESULT_OF_THE_SETUP,
    ).within("dag.clean_up", "op_args=[set_up.output]", "op_args=[None]"),
    Wrong("s1-set-up-readme-only-in-new", "test_each_client_gets_a_readme", Mistake.NO_README_TXT).within(
        _SET_UP, "not os.path.exists(readme)", "not os.path.exists(readme) and os.path.dirname(readme) in created"
    ),
    Wrong(
        "s1-setup-omits-parents",
        "test_set_up_returns_what_it_created[nothing]",
        Mistake.RETURNS_OTHER_PATHS_THAN_IT_CREATED,
    )
    .within(_SET_UP, "[UPLOAD_FILE, REPORT_FILE, CLIENT_DIRECTORIES[0]]", "[UPLOAD_FILE, REPORT_FILE]")
    .within(_SET_UP, "os.mkdir", "os.makedirs"),
    Wrong(
        "s1-setup-overwrites-readme",
        "test_set_up_leaves_existing_paths_unchanged",
        Mistake.SETUP_CHANGES_EXISTING_PATHS,
    ).within(_SET_UP, "not os.path.exists(readme)", 'not os.path.exists(readme) or open(readme, "w").close()'),
    Wrong(
        "s1-setup-returns-all",
        "test_set_up_returns_what_it_created[client_1]",
        Mistake.RETURNS_OTHER_PATHS_THAN_IT_CREATED,
    ).within(
        _SET_UP,
        """
        if not os.path.isdir(directory):
            os.mkdir(directory)
            created.append(directory)
        """,
        """
        os.makedirs(directory, exist_ok=True)
        created.append(directory)
        """,
    ),
]
