"""Wrong solutions of Step 1: the directories and the frame of the DAG."""

from __future__ import annotations

from quality.wrong_form import Wrong
from tests.support.mistakes import Mistake

WRONG = [
    Wrong("s1-cleanup-gone-raises", "test_clean_up_copes_with_less", Mistake.FAILS_OVER_WHAT_IS_GONE).within(
        "clean_up_directories", replace="os.path.isfile(path)", by="not os.path.isdir(path)"
    ),
    Wrong(
        "s1-cleanup-none-removes-constants",
        "test_clean_up_removes_nothing_if_nothing_was_made",
        Mistake.NONE_TAKEN_FOR_EVERYTHING,
    ).within(
        "clean_up_directories",
        replace="created or []",
        by='created or [*CLIENT_DIRECTORIES, *(os.path.join(each, "README.txt") for each in CLIENT_DIRECTORIES)]',
    ),
    Wrong(
        "s1-cleanup-parents-first",
        "test_clean_up_removes_what_set_up_made",
        Mistake.CLEAN_UP_LEAVES_WHAT_THE_SET_UP_MADE,
    ).within("clean_up_directories", replace="reversed(created or [])", by="created or []"),
    Wrong("s1-cleanup-rmtree", "test_clean_up_leaves_uploads_and_reports", Mistake.CLEAN_UP_DELETES_DATA)
    .adding("import shutil")
    .within("clean_up_directories", replace="os.path.isdir(path) and not os.listdir(path)", by="os.path.isdir(path)")
    .within("clean_up_directories", replace="os.rmdir", by="shutil.rmtree"),
    Wrong("s1-dag-cleanup-no-teardown", "test_set_up_and_clean_up_are_setup_and_teardown", Mistake.NO_TEARDOWN).within(
        "dag.clean_up", text=".as_teardown(setups=set_up)", by=""
    ),
    Wrong(
        "s1-dag-retry-delay-days",
        "test_tasks_are_retried_once_after_two_minutes",
        Mistake.RETRIES_NOT_AS_ASKED_FOR_EVERY_TASK,
    ).within("dag", replace="timedelta(minutes=2)", by="timedelta(2)"),
    Wrong(
        "s1-dag-teardown-gets-nothing",
        "test_clean_up_is_given_what_set_up_returned",
        Mistake.SET_UP_AND_CLEAN_UP_NOT_JOINED,
    ).within("dag.clean_up", replace="op_args=[set_up.output]", by="op_args=[None]"),
    Wrong(
        "s1-set-up-readme-only-in-new",
        "test_set_up_puts_a_readme_into_a_directory_that_is_there",
        Mistake.NO_README_TXT,
    ).within(
        "set_up_directories",
        replace="not os.path.exists(readme)",
        by="not os.path.exists(readme) and os.path.dirname(readme) in created",
    ),
    Wrong(
        "s1-setup-omits-parents", "test_set_up_says_exactly_what_it_made", Mistake.SAYS_IT_MADE_MORE_OR_LESS_THAN_IT_DID
    )
    .within(
        "set_up_directories",
        replace="[UPLOAD_FILE, REPORT_FILE, CLIENT_DIRECTORIES[0]]",
        by="[UPLOAD_FILE, REPORT_FILE]",
    )
    .within("set_up_directories", replace="os.mkdir", by="os.makedirs"),
    Wrong(
        "s1-setup-overwrites-readme", "test_set_up_leaves_alone_what_exists", Mistake.SET_UP_OVERWRITES_WHAT_WAS_THERE
    ).within(
        "set_up_directories",
        replace="not os.path.exists(readme)",
        by='not os.path.exists(readme) or open(readme, "w").close()',
    ),
    Wrong(
        "s1-setup-returns-all", "test_set_up_says_exactly_what_it_made", Mistake.SAYS_IT_MADE_MORE_OR_LESS_THAN_IT_DID
    ).within(
        "set_up_directories",
        replace="""
        if not os.path.isdir(directory):
            os.mkdir(directory)
            created.append(directory)
        """,
        by="""
        os.makedirs(directory, exist_ok=True)
        created.append(directory)
        """,
    ),
]
