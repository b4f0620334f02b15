"""Step 1: setup, teardown, and the arguments of the DAG."""

from __future__ import annotations

import importlib
import os
import shutil
import warnings
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from .support.contract import ContractViolation, expect, expect_equal, is_plain_json
from .support.mistakes import Mistake
from .support.tasks import TaskInstance, execute_task

SET_UP = "set_up_directories()"
CLEAN_UP = "clean_up_directories(created)"


def paths_below(root: str) -> set[str]:
    """Return all paths below a directory."""
    return {os.path.join(folder, name) for folder, folders, files in os.walk(root) for name in folders + files}


def paths(returned: Any, called: str) -> list[str]:
    """Return a list of paths that one of the functions returned; ContractViolation if it is none."""
    expect(returned is not None, called=called, got=returned, mistake=Mistake.RETURNS_NOTHING)
    expect(is_plain_json(returned), called=called, got=returned, mistake=Mistake.RESULT_IS_NOT_PLAIN_JSON)
    is_list = isinstance(returned, (list, tuple)) and all(isinstance(path, str) for path in returned)
    expect(is_list, called=called, got=returned, mistake=Mistake.RESULT_IS_NOT_A_LIST_OF_PATHS)
    return list(returned)


def expect_paths(actual: Iterable[str], expected: Iterable[str], *, root: str, called: str, mistake: Mistake) -> None:
    """Raise ContractViolation unless both are the same paths, each once."""
    counts = Counter(actual), Counter(expected)
    differences = {"too much": counts[0] - counts[1], "missing": counts[1] - counts[0]}
    got = [f"{what}: {sorted(found)}" for what, found in differences.items() if found]
    expect(not got, called=called, got=", ".join(got).replace(root, "DATA_DIR"), mistake=mistake)


# ── set_up_directories ──


def test_set_up_creates_all_directories(submission, data_dir):
    """Create DATA_DIR, the parent directories of UPLOAD_FILE and REPORT_FILE, and all CLIENT_DIRECTORIES."""
    submission.set_up_directories()
    parents = [os.path.dirname(file) for file in (submission.UPLOAD_FILE, submission.REPORT_FILE)]
    expected = [*parents, *submission.CLIENT_DIRECTORIES]
    existing = filter(os.path.isdir, expected)
    expect_paths(existing, expected, root=data_dir, called=SET_UP, mistake=Mistake.DIRECTORY_NOT_CREATED)


def test_each_client_gets_a_readme(submission, data_dir):
    """Each client directory gets a README.txt that tells the client what to upload."""
    clients = submission.CLIENT_DIRECTORIES
    os.makedirs(clients[0])
    submission.set_up_directories()
    readmes = [Path(client, "README.txt") for client in clients]
    without = [os.path.basename(readme.parent) for readme in readmes if not (readme.is_file() and readme.read_text())]
    called = f"{SET_UP}, client_1 exists and is empty"
    got = f"no README.txt, or an empty one, in {without}"
    expect(not without, called=called, got=got, mistake=Mistake.NO_README_TXT)


def test_set_up_leaves_existing_paths_unchanged(submission, data_dir):
    """Leave existing paths unchanged."""
    files = [Path(submission.CLIENT_DIRECTORIES[0], name) for name in ("README.txt", "upload.csv")]
    files[0].parent.mkdir(parents=True)
    for file in files:
        file.write_text("ours")
    for called in (f"{SET_UP}, client_1 has a README.txt and an upload", f"{SET_UP}, for the second time"):
        submission.set_up_directories()
        texts = {file.name: file.read_text() if file.exists() else None for file in files}
        mistake = Mistake.SETUP_CHANGES_EXISTING_PATHS
        expect_equal(texts, dict.fromkeys(texts, "ours"), called=f"{called}: their content", mistake=mistake)


@pytest.mark.parametrize("existing", ["nothing", "client_1", "everything"])
def test_set_up_returns_what_it_created(submission, data_dir, existing):
    """Returns absolute paths of the directories and files created below DATA_DIR (without it), in creation order."""
    if existing == "client_1":
        os.makedirs(submission.CLIENT_DIRECTORIES[0])
    elif existing == "everything":
        submission.set_up_directories()
    before, called = paths_below(data_dir), f"{SET_UP}, {existing} exists"
    created = paths(submission.set_up_directories(), called)
    expected = paths_below(data_dir) - before
    expect_paths(created, expected, root=data_dir, called=called, mistake=Mistake.RETURNS_OTHER_PATHS_THAN_IT_CREATED)
    late = [path for number, path in enumerate(created) if os.path.dirname(path) in created[number:]]
    got = f"before the directory that they are in: {late}".replace(data_dir, "DATA_DIR")
    expect(not late, called=called, got=got, mistake=Mistake.NOT_IN_CREATION_ORDER)


# ── clean_up_directories ──


@pytest.fixture
def created(submission, data_dir) -> list[str]:
    """The directories and READMEs that a setup has created, in this order."""
    clients = submission.CLIENT_DIRECTORIES
    parents = [os.path.dirname(path) for path in (submission.UPLOAD_FILE, submission.REPORT_FILE, clients[0])]
    readmes = [os.path.join(client, "README.txt") for client in clients]
    for directory in (*parents, *clients):
        os.makedirs(directory, exist_ok=True)
    for readme in readmes:
        Path(readme).write_text("Upload your files here.")
    return [*parents, *clients, *readmes]


def test_clean_up_removes_what_set_up_created(submission, data_dir):
    """Remove what set_up_directories created, and nothing else."""
    empty = submission.CLIENT_DIRECTORIES[0]
    os.makedirs(empty)
    submission.clean_up_directories(submission.set_up_directories())
    called = "clean_up_directories(set_up_directories()), client_1 existed before"
    left = [path for path in (data_dir, empty) if os.path.isdir(path)]
    mistake = Mistake.CLEANUP_REMOVES_WHAT_THE_SETUP_DID_NOT_CREATE
    expect_paths(left, [data_dir, empty], root=data_dir, called=called, mistake=mistake)
    left, expected = paths_below(data_dir), {empty, os.path.dirname(empty)}
    mistake = Mistake.CLEANUP_LEAVES_WHAT_THE_SETUP_CREATED
    expect_paths(left, expected, root=data_dir, called=f"{called}: what is left", mistake=mistake)


def test_clean_up_goes_in_reverse_order(submission, data_dir, created):
    """Go through created in reverse order. Returns the paths that were removed, in the order of removal."""
    removed = paths(submission.clean_up_directories(created), CLEAN_UP)
    mistake = Mistake.CLEANUP_LEAVES_WHAT_THE_SETUP_CREATED
    expect_paths(paths_below(data_dir), [], root=data_dir, called=f"{CLEAN_UP}: what is left", mistake=mistake)
    mistake = Mistake.CLEANUP_REMOVES_WHAT_THE_SETUP_DID_NOT_CREATE
    expect(os.path.isdir(data_dir), called=CLEAN_UP, got="it removed DATA_DIR", mistake=mistake)
    mistake = Mistake.RETURNS_OTHER_PATHS_THAN_IT_REMOVED
    expect_paths(removed, created, root=data_dir, called=CLEAN_UP, mistake=mistake)
    got = f"another order: {removed}".replace(data_dir, "DATA_DIR")
    expect(removed == created[::-1], called=CLEAN_UP, got=got, mistake=Mistake.RETURNS_OTHER_PATHS_THAN_IT_REMOVED)


def test_clean_up_keeps_uploads(submission, data_dir, created):
    """Skip non-empty directories, such as those with a client's upload."""
    kept = [Path(submission.CLIENT_DIRECTORIES[2], "late.csv"), Path(submission.REPORT_FILE)]
    for file in kept:
        file.write_text("keep this")
    removed = paths(submission.clean_up_directories(created), CLEAN_UP)
    called = f"{CLEAN_UP}, client_3 has an upload"
    gone = [file.name for file in kept if not file.is_file()]
    expect(not gone, called=called, got=f"removed: {gone}", mistake=Mistake.CLEANUP_DELETES_DATA)
    expected = {path for file in kept for path in map(str, (file, *file.parents))} & paths_below(data_dir)
    mistake = Mistake.CLEANUP_LEAVES_WHAT_THE_SETUP_CREATED
    expect_paths(paths_below(data_dir), expected, root=data_dir, called=f"{called}: what is left", mistake=mistake)
    expected = [path for path in reversed(created) if path not in expected]
    expect_paths(removed, expected, root=data_dir, called=called, mistake=Mistake.RETURNS_OTHER_PATHS_THAN_IT_REMOVED)


def test_clean_up_skips_missing_paths(submission, data_dir, created):
    """Skip missing paths."""
    first, second = submission.CLIENT_DIRECTORIES[:2]
    os.remove(os.path.join(first, "README.txt"))
    shutil.rmtree(second)
    existing = [path for path in reversed(created) if os.path.exists(path)]
    for called, expected in ((f"{CLEAN_UP}, some are missing", existing), (f"{CLEAN_UP}, all are missing", [])):
        try:
            removed = paths(submission.clean_up_directories(created), called)
        except OSError as error:
            raise ContractViolation(called, repr(error), Mistake.FAILS_ON_MISSING_PATHS) from error
        expect_paths(
            removed, expected, root=data_dir, called=called, mistake=Mistake.RETURNS_OTHER_PATHS_THAN_IT_REMOVED
        )


def test_clean_up_of_none_removes_nothing(submission, data_dir, created):
    """created is what set_up_directories returned, or None if there is no XCom."""
    called = "clean_up_directories(None)"
    removed = paths(submission.clean_up_directories(None), called)
    left, mistake = paths_below(data_dir), Mistake.NONE_TAKEN_FOR_EVERYTHING
    expect_paths(left, created, root=data_dir, called=f"{called}: what is left", mistake=mistake)
    expect_paths(removed, [], root=data_dir, called=called, mistake=Mistake.RETURNS_OTHER_PATHS_THAN_IT_REMOVED)


# ── The DAG ──


def test_the_dag_has_its_arguments(submission):
    """Owner trigger-exercise, start date 2024-01-01, no schedule, no catchup, a description, three tags."""
    dag = submission.dag("trigger_implementation_exercise")
    start = dag.start_date or dag.default_args.get("start_date")
    # The first is the date in the zone that the file names, the second that on the learner's own clock.
    starts_right = start is not None and date(2024, 1, 1) in (start.date(), start.astimezone().date())
    missing = {"kata", "exercise-4", "triggers"} - set(dag.tags)
    called = 'the DAG "trigger_implementation_exercise"'
    expect_equal(dag.default_args.get("owner") or dag.owner, "trigger-exercise", called=f"{called}: owner")
    expect(starts_right, called=f"{called}: start_date", got=start)
    expect_equal([dag.schedule, dag.catchup], [None, False], called=f"{called}: schedule and catchup")
    expect(bool(dag.description), called=f"{called}: description", got=dag.description)
    expect(not missing, called=f"{called}: tags", got=f"missing: {sorted(missing)}")


def test_tasks_have_one_retry_after_two_minutes(submission):
    """Every task has 1 retry after 2 minutes."""
    tasks = submission.dag("trigger_implementation_exercise").tasks
    wrong = {task.task_id: (task.retries, str(task.retry_delay)) for task in tasks}
    wrong = {task_id: found for task_id, found in wrong.items() if found != (1, str(timedelta(minutes=2)))}
    expect(not wrong, called="retries and retry_delay", got=wrong, mistake=Mistake.RETRIES_NOT_AS_REQUIRED)


def test_set_up_is_a_setup_task_with_a_teardown(submission):
    """set_up_directories is a setup task. clean_up_directories is its teardown."""
    set_up, clean_up = submission.task("set_up_directories"), submission.task("clean_up_directories")
    called = 'the task "clean_up_directories"'
    expect(clean_up.is_teardown is True, called=called, got="no teardown task", mistake=Mistake.NO_TEARDOWN)
    called = 'the task "set_up_directories"'
    expect(set_up.is_setup is True, called=called, got="no setup task", mistake=Mistake.NO_SETUP_TASK)
    upstream = clean_up.upstream_task_ids
    called = "the tasks directly upstream of clean_up_directories"
    mistake = Mistake.TEARDOWN_WITHOUT_THE_RESULT_OF_THE_SETUP
    expect("set_up_directories" in upstream, called=called, got=sorted(upstream), mistake=mistake)


def test_the_teardown_receives_the_result_of_the_setup(submission, data_dir, created):
    """clean_up_directories receives the result of set_up_directories."""
    ti = TaskInstance("clean_up_directories", {"set_up_directories": created})
    execute_task(submission.task("clean_up_directories"), ti)
    called, mistake = "the task clean_up_directories: what is left", Mistake.TEARDOWN_WITHOUT_THE_RESULT_OF_THE_SETUP
    expect_paths(paths_below(data_dir), [], root=data_dir, called=called, mistake=mistake)


def test_importing_causes_no_warnings(submission, fresh_process):
    """Importing the file causes no warnings."""
    submission.task("set_up_directories")
    warned = fresh_process.run(warnings_when_imported, submission.path.stem)
    deprecated = any("deprecat" in text.lower() for text in warned)
    mistake = Mistake.DEPRECATED_IMPORT if deprecated else Mistake.WARNS_WHEN_IMPORTED
    expect(not warned, called="import trigger_implementation_exercise", got=warned, mistake=mistake)


def warnings_when_imported(module: str) -> list[str]:
    """Import a module and return the warnings that its own lines have caused."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        file = importlib.import_module(module).__file__
    return [f"{warning.category.__name__}: {warning.message}" for warning in caught if warning.filename == file]
