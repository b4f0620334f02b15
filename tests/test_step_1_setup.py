"""Step 1: the DAG's frame, set-up and clean-up."""

from __future__ import annotations

import importlib
import os
import warnings
from datetime import datetime, timedelta, timezone
from pathlib import Path

from support.contract import Broken, Result, expect, expect_equal
from support.mistakes import Mistake
from support.task_instance import TaskInstance, context_for
from support.watching import is_plain_json


def everything_below(root: str) -> set[str]:
    """Return the root, if it is there, and all paths below it."""
    found = {os.path.join(folder, name) for folder, folders, files in os.walk(root) for name in folders + files}
    return found | ({root} if os.path.isdir(root) else set())


def test_the_dag_has_the_frame_that_is_asked_for(submission):
    """Owner trigger-exercise, start 2024-01-01, no schedule, no catch-up, a description, the three tags."""
    dag = submission.dag("trigger_implementation_exercise")
    called = 'the DAG "trigger_implementation_exercise"'
    expect_equal(dag.default_args.get("owner") or dag.owner, "trigger-exercise", called=f"{called}: owner")
    start = dag.start_date or dag.default_args.get("start_date")
    expect(start is not None, called=f"{called}: start_date", got=start)
    expect(start.date() == datetime(2024, 1, 1, tzinfo=timezone.utc).date(), called=f"{called}: start_date", got=start)
    expect_equal([dag.schedule, dag.catchup], [None, False], called=f"{called}: schedule and catchup")
    expect(bool(dag.description), called=f"{called}: description", got=dag.description)
    missing = {"kata", "exercise-4", "triggers"} - set(dag.tags)
    expect(not missing, called=f"{called}: tags", got=sorted(dag.tags))


def test_tasks_are_retried_once_after_two_minutes(submission):
    """Every task has 1 retry after 2 minutes."""
    tasks = submission.dag("trigger_implementation_exercise").tasks
    wrong = [task.task_id for task in tasks if (task.retries, task.retry_delay) != (1, timedelta(minutes=2))]
    got = f"not 1 and 2 minutes: {wrong}"
    expect(
        not wrong,
        called="retries and retry_delay of the tasks",
        got=got,
        mistake=Mistake.RETRIES_NOT_AS_ASKED_FOR_EVERY_TASK,
    )


def test_importing_warns_of_nothing(submission, elsewhere):
    """The file is imported without a warning: its imports are Airflow 3's own. It has its setup task by then."""
    submission.task("set_up_directories")
    warned = elsewhere.run(warnings_when_imported, submission.path.stem)
    deprecated = any("deprecat" in text.lower() for text in warned)
    mistake = Mistake.DEPRECATED_IMPORT if deprecated else Mistake.WARNS_WHEN_IMPORTED
    expect(not warned, called="import trigger_implementation_exercise", got=warned, mistake=mistake)


def warnings_when_imported(module: str) -> list[str]:
    """Import a module and return the warnings that its own lines have caused."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        file = importlib.import_module(module).__file__
    return [f"{warning.category.__name__}: {warning.message}" for warning in caught if warning.filename == file]


def test_set_up_and_clean_up_are_setup_and_teardown(submission):
    """set_up_directories is a setup task, clean_up_directories its teardown."""
    set_up, clean_up = submission.task("set_up_directories"), submission.task("clean_up_directories")
    expect(
        clean_up.is_teardown is True,
        called='the task "clean_up_directories"',
        got="it is no teardown task",
        mistake=Mistake.NO_TEARDOWN,
    )
    expect(
        set_up.is_setup is True,
        called='the task "set_up_directories"',
        got="it is no setup task",
        mistake=Mistake.NO_SETUP_TASK,
    )
    upstream = clean_up.upstream_task_ids
    expect("set_up_directories" in upstream, called="the tasks before clean_up_directories", got=sorted(upstream))


def test_set_up_makes_all_directories(submission, data_dir):
    """Makes the directories of UPLOAD_FILE, CLIENT_DIRECTORIES and REPORT_FILE, and the README files."""
    submission.set_up_directories()
    clients = submission.CLIENT_DIRECTORIES
    due = [os.path.dirname(submission.UPLOAD_FILE), os.path.dirname(submission.REPORT_FILE), *clients]
    missing = [directory for directory in due if not os.path.isdir(directory)]
    expect(not missing, called="set_up_directories()", got=f"missing: {missing}", mistake=Mistake.DIRECTORY_NOT_MADE)
    for directory in clients:
        readme = Path(directory, "README.txt")
        expect(readme.is_file() and bool(readme.read_text().strip()), called="set_up_directories()", got=f"no {readme}")


def test_set_up_says_exactly_what_it_made(submission, data_dir):
    """Returns exactly what this call made, absolute paths, a parent before what lies in it, as plain JSON."""
    made = submission.set_up_directories()
    called = "set_up_directories()"
    expect(is_plain_json(made), called=called, got=made, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
    expect(set(Result(called, made)) >= {"directories", "files"}, called=called, got=made)
    expect_equal(
        sorted(made["directories"] + made["files"]),
        sorted(everything_below(data_dir)),
        called=called,
        mistake=Mistake.SAYS_IT_MADE_MORE_OR_LESS_THAN_IT_DID,
    )
    order = made["directories"]
    wrong = [path for number, path in enumerate(order) if os.path.dirname(path) in order[number:]]
    expect(not wrong, called='set_up_directories()["directories"]', got=f"before their parents: {wrong}")


def test_set_up_leaves_alone_what_exists(submission, data_dir):
    """What exists already is left as it is, so a second call makes nothing and raises nothing."""
    first = submission.CLIENT_DIRECTORIES[0]
    os.makedirs(first)
    readme, upload = Path(first, "README.txt"), Path(first, "upload.csv")
    readme.write_text("ours")
    upload.write_text("id\n1\n")
    made = submission.set_up_directories()
    again = submission.set_up_directories()
    expect_equal(
        [readme.read_text(), upload.read_text()],
        ["ours", "id\n1\n"],
        called="set_up_directories(), files before",
        mistake=Mistake.SET_UP_OVERWRITES_WHAT_WAS_THERE,
    )
    made = Result("set_up_directories()", made)
    kept = first not in made["directories"] and str(readme) not in made["files"]
    mistake = Mistake.SAYS_IT_MADE_MORE_OR_LESS_THAN_IT_DID
    expect(kept, called="set_up_directories()", got=f"{made}, though {first} was there", mistake=mistake)
    called = "set_up_directories(), for the second time"
    again = Result(called, again)
    expect_equal([again["directories"], again["files"]], [[], []], called=called, mistake=mistake)


def test_set_up_puts_a_readme_into_a_directory_that_is_there(submission, data_dir):
    """In each client directory a file README.txt, also in one that exists already."""
    first = submission.CLIENT_DIRECTORIES[0]
    os.makedirs(first)
    made = submission.set_up_directories()
    readme = os.path.join(first, "README.txt")
    called = f"set_up_directories(), {first} is there, without a README.txt"
    expect(os.path.isfile(readme), called=called, got="it has none", mistake=Mistake.NO_README_TXT)
    told = readme in Result(called, made)["files"]
    expect(told, called=called, got=made, mistake=Mistake.SAYS_IT_MADE_MORE_OR_LESS_THAN_IT_DID)


def test_clean_up_removes_what_set_up_made(submission, data_dir):
    """Remove what set_up_directories made, and return the paths that were removed."""
    made = submission.set_up_directories()
    removed = submission.clean_up_directories(made)
    expect_equal(
        sorted(everything_below(data_dir)),
        [],
        called="what is left after clean_up_directories(...)",
        mistake=Mistake.CLEAN_UP_LEAVES_WHAT_THE_SET_UP_MADE,
    )
    expect_equal(
        sorted(removed or []),
        sorted(made["directories"] + made["files"]),
        called="clean_up_directories(...)",
        mistake=Mistake.SAYS_IT_REMOVED_MORE_OR_LESS_THAN_IT_DID,
    )


def test_clean_up_leaves_uploads_and_reports(submission, data_dir):
    """A directory in which something else lies is left, and what else lies there."""
    made = submission.set_up_directories()
    upload = Path(submission.CLIENT_DIRECTORIES[2], "late.csv")
    report = Path(submission.REPORT_FILE)
    for path in (upload, report):
        path.write_text("keep me")
    removed = submission.clean_up_directories(made)
    called = "clean_up_directories(...)"
    left = upload.is_file() and report.is_file()
    expect(left, called=called, got="it removed a client's upload", mistake=Mistake.CLEAN_UP_DELETES_DATA)
    kept = not {str(upload.parent), str(report.parent), data_dir} & set(removed)
    expect(kept, called=called, got=f"{removed}", mistake=Mistake.SAYS_IT_REMOVED_MORE_OR_LESS_THAN_IT_DID)
    emptied = not os.path.exists(submission.CLIENT_DIRECTORIES[0])
    expect(emptied, called=called, got="client_1 is left", mistake=Mistake.CLEAN_UP_LEAVES_WHAT_THE_SET_UP_MADE)


def test_clean_up_leaves_what_was_there_before(submission, data_dir):
    """Nothing else is removed: not an empty directory that the set-up had found there."""
    first = submission.CLIENT_DIRECTORIES[0]
    os.makedirs(first)
    made = submission.set_up_directories()
    submission.clean_up_directories(made)
    expect(
        os.path.isdir(first),
        called="clean_up_directories(...)",
        got=f"{first} is gone",
        mistake=Mistake.CLEAN_UP_REMOVES_WHAT_IT_DID_NOT_MAKE,
    )


def test_clean_up_is_given_what_set_up_returned(submission, data_dir):
    """The teardown is given what the set-up returned, and removes it."""
    made = submission.set_up_directories()
    clean_up = submission.task("clean_up_directories")
    context = context_for(TaskInstance("clean_up_directories", {"set_up_directories": made}), outlet_events={})
    clean_up.render_template_fields(context)
    clean_up.execute(context)
    left = sorted(everything_below(data_dir))
    expect_equal(
        left,
        [],
        called="what is left after the task clean_up_directories",
        mistake=Mistake.SET_UP_AND_CLEAN_UP_NOT_JOINED,
    )


def test_clean_up_removes_nothing_if_nothing_was_made(submission, data_dir):
    """With None, because the set-up never got so far, nothing is removed."""
    submission.set_up_directories()
    before = everything_below(data_dir)
    removed = submission.clean_up_directories(None)
    left = everything_below(data_dir)
    expect_equal(
        left, before, called="what is left after clean_up_directories(None)", mistake=Mistake.NONE_TAKEN_FOR_EVERYTHING
    )
    expect_equal(
        removed, [], called="clean_up_directories(None)", mistake=Mistake.SAYS_IT_REMOVED_MORE_OR_LESS_THAN_IT_DID
    )


def test_clean_up_copes_with_less(submission, data_dir):
    """What is gone already is passed over; with None nothing is removed."""
    made = submission.set_up_directories()
    os.remove(made["files"][0])
    try:
        submission.clean_up_directories(made)
        nothing = submission.clean_up_directories(made)
        none = submission.clean_up_directories(None)
    except NotImplementedError:
        raise
    except Exception as error:
        called = "clean_up_directories(...), of which something is gone, and of None"
        raise Broken(called, repr(error), Mistake.FAILS_OVER_WHAT_IS_GONE) from error
    expect_equal(
        [nothing, none],
        [[], []],
        called="clean_up_directories(...), of which all is gone, and of None",
        mistake=Mistake.SAYS_IT_REMOVED_MORE_OR_LESS_THAN_IT_DID,
    )
    expect_equal(
        sorted(everything_below(data_dir)),
        [],
        called="what is left after clean_up_directories(...)",
        mistake=Mistake.CLEAN_UP_LEAVES_WHAT_THE_SET_UP_MADE,
    )
