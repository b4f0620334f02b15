"""What a submission can reach: in the sandbox, and on a machine that allows none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from unittest.mock import Mock

import pytest

from kata.core import environment
from kata.core.errors import BrokenSetup
from kata.core.files import remove_tree
from kata.core.paths import HINTS, MODULE, ROOT, SOLUTION, STARTER, STATE, SUITE
from kata.core.steps import Step, find_step
from kata.grading import manifest
from kata.grading.grader import Grader
from kata.grading.manifest import changed_files
from kata.grading.running_child import RunningChild
from kata.grading.sandbox import NO_SANDBOX, Sandbox, find_sandbox
from kata.grading.server_process import ServerLost
from kata.grading.session import Session
from kata.grading.snapshot import take_snapshot
from kata.grading.step_work import StepWork
from kata.grading.supervisor import Supervisor
from kata.grading.verdict import TAMPERED, Check, Verdict
from quality.conftest import HOSTILE, Workshop, function, kinds_of, processes_with, wait_until_gone
from quality.verdicts import Silence

BREAKS = HOSTILE["breaks_the_grader"]


def error_of(workshop: Workshop, code: str) -> str:
    """Return what the check that calls this code says, "" if it passes; the checks beside it must pass."""
    before, called, after = workshop.call(code)
    assert kinds_of([before, after]) == [None, None]
    return called.error


SANDBOXES = {each.name: each for each in (find_sandbox(), Sandbox("", has_landlock=True), NO_SANDBOX)}


@pytest.fixture(scope="module", params=SANDBOXES.values(), ids=SANDBOXES)
def any_workshops(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Yield a session for workshops in the sandbox, then with Landlock alone, then without any."""
    with Session(Silence(), tmp_path_factory.mktemp("workshops"), sandbox=request.param) as session:
        yield session


@pytest.fixture
def any_workshop(any_workshops: Session) -> Workshop:
    """Return a workshop in each of the sandboxes."""
    return Workshop(Path(tempfile.mkdtemp(dir=any_workshops.suite)), any_workshops)


def test_this_machine_allows_all_of_it():
    assert find_sandbox().name == "bubblewrap+landlock", find_sandbox().why


@pytest.mark.parametrize(
    "path", [SOLUTION.parent, ROOT / ".git", ROOT / "lab", ROOT / "quality", STATE / "backups", "/root"]
)
def test_answers_history_and_homes_are_not_there(workshop: Workshop, path: Path | str):
    assert "Error" in error_of(workshop, f"os.listdir({str(path)!r})")
    assert "Error" in error_of(workshop, f"open({str(path)!r})")


@pytest.mark.parametrize("path", [SUITE / "conftest.py", ROOT / "kata" / "__main__.py", STARTER, HINTS / "step_1.md"])
def test_the_clone_cannot_be_written_to(workshop: Workshop, path: Path):
    before = path.read_bytes()
    assert error_of(workshop, f"open({str(path)!r}, 'a').write('#')").startswith(("PermissionError", "OSError"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", ["/tmp/x", "/dev/shm/x", "/x", "../../x"])
def test_only_its_own_folder_can_be_written_to(workshop: Workshop, path: str):
    assert error_of(workshop, f"open({path!r}, 'w')").startswith(("PermissionError", "FileNotFoundError", "OSError"))
    assert error_of(workshop, "open('x', 'w').write('x'); open(os.devnull, 'w').write('x')") == ""


def test_steps_share_no_folder(workshop: Workshop):
    leaves = "import time\ndef test_a(module):\n    module.leave()\n    time.sleep(1)\n"
    finds = "import time\ndef test_a(module):\n    time.sleep(0.5)\n    assert module.found() == []\n"
    module = """
        import glob, os
        def leave(): open("left", "w").write("x")
        def found(): return [each for each in glob.glob("../../*/*/left")]
    """
    workshop.write(module=module, test_one=leaves, test_two=finds)
    assert [kinds_of(each) for each in workshop.run("test_one", "test_two").values()] == [[None], [None]]


def test_there_is_no_network_but_loopback(workshop: Workshop):
    code = "import socket\n_try(lambda: None)\nassert [name for _, name in socket.if_nameindex()] == ['lo']"
    assert error_of(workshop, code) == ""


def test_other_processes_are_not_there(workshop: Workshop):
    code = "assert [int(each) for each in os.listdir('/proc') if each.isdigit()] in ([1, os.getpid()],)"
    assert error_of(workshop, code) == ""


def test_it_has_no_rights(workshop: Workshop):
    code = """
        rights = dict(line.split(':') for line in open('/proc/self/status').read().splitlines())
        assert int(rights['CapEff'], 16) == int(rights['CapBnd'], 16) == 0
        import ctypes
        libc = ctypes.CDLL(None)
        libc.unshare(0x10000000 | 0x20000)  # a user namespace in which it has all rights, and one of mounts
        assert libc.mount(b'nothing', b'/usr', b'tmpfs', 0, None) == -1
    """
    assert error_of(workshop, code) == ""


@pytest.mark.parametrize("code", BREAKS.values(), ids=BREAKS)
def test_it_neither_breaks_nor_hangs_the_grader(any_workshop: Workshop, code: str):
    any_workshop.import_problem(f"{function(code)}\nbad()\n", deadline=2)
    before, called, after = any_workshop.call(code, check_deadline=2)
    assert kinds_of([before, after]) == [None, None]
    assert "root:" not in called.source


@pytest.mark.parametrize("kills", ["", "_try(lambda: os.kill(server, signal.SIGKILL))"])
def test_nothing_outlives_the_grade(any_workshop: Workshop, kills: str):
    token = f"86400.{os.getpid()}"
    code = f"""
        server = os.getppid()
        if os.fork() == 0:
            os.setsid()
            {kills or "pass"}
            os.execlp("sleep", "sleep", "{token}")
        time.sleep(0.5)
    """
    any_workshop.call(code)
    any_workshop.call("pass")
    any_workshop.session.end_server()
    wait_until_gone(*processes_with(token))


@pytest.mark.parametrize(
    "code",
    [
        f"exec(compile(open({str(SOLUTION)!r}).read(), 'a', 'exec'))",
        f"from solution.{MODULE} import *",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import solution.{MODULE}",
    ],
)
def test_the_reference_solution_is_no_submission(any_workshop: Workshop, code: str):
    problem = any_workshop.import_problem(code)
    assert problem is not None
    assert problem.what == "The file reads the reference solution."
    called = code.replace("import *", "import submission_of")
    assert any_workshop.call(called)[1].kind == TAMPERED


def test_a_broken_template_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    template = tmp_path / "template.db"
    monkeypatch.setattr(environment, "template_file", lambda: template)
    assert not environment.template_is_sound()
    for break_it in (lambda: template.write_bytes(bytes(4096)), template.mkdir):
        break_it()
        assert not environment.template_is_sound()
        environment.make_template()
        assert environment.template_is_sound()
        template.unlink()


@pytest.fixture
def grader_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a clone with a manifest and one file of the checks."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("def test_a(): assert False\n")
    monkeypatch.setattr(manifest, "ROOT", tmp_path)
    monkeypatch.setattr(manifest, "_FILE", tmp_path / "manifest.sha256")
    manifest.write_manifest()
    return tmp_path / "tests"


def test_changed_checks_are_named_before_anything_is_graded(grader_files: Path):
    assert changed_files() is None
    (grader_files / "test_a.py").write_text("def test_a(): pass\n")
    (grader_files / "conftest.py").write_text("")
    problem = changed_files()
    assert problem is not None
    assert "tests/conftest.py, tests/test_a.py" in problem.what
    grade = Grader(Silence()).grade("solution")
    assert grade.problem == problem
    assert sum(each.points for each in grade.steps) == 0


def test_ends_of_lines_are_no_change(grader_files: Path):
    (grader_files / "test_a.py").write_bytes(b"def test_a(): assert False\r\n")
    assert changed_files() is None


def test_what_is_graded_with_changed_checks_does_not_count(workshop: Workshop, grader_files: Path):
    suite = workshop.suite
    workshop.write(
        module=f"open({str(grader_files / 'new.py')!r}, 'w')\ndef good(): return 1\n",
        test_one="def test_a(module): assert module.good()\n",
    )
    steps = (Step("1", "One", 10, "test_one.py"),)
    grade = Grader(Silence(), suite, steps, Path("none"), sandbox=NO_SANDBOX).grade(str(workshop.tree))
    assert [verdict.kind for each in grade.steps for verdict in each.verdicts] == [TAMPERED]
    assert "tests/new.py" in str(grade.problem)


def test_helpers_beside_the_file_work_whatever_they_are_called(session: Session, tmp_path: Path):
    names = ("support", "contract", "virtual_time", "conftest", "quality", "lab", "exercise", "helpers")
    for name in names:
        (tmp_path / f"{name}.py").write_text(f"NAME = {name!r}\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "inner.py").write_text("NAME = 'package.inner'\n")
    imports = "".join(f"import {name}\nassert {name}.NAME == {name!r}\n" for name in (*names, "package.inner"))
    future = "from __future__ import annotations\n"
    (tmp_path / SOLUTION.name).write_text(SOLUTION.read_text().replace(future, future + imports, 1))
    assert set(kinds_of(verdicts_of_step_3a(session, tmp_path))) == {None}


def test_names_that_are_made_up_are_none(session: Session, tmp_path: Path):
    made_up = "from unittest.mock import MagicMock\n__getattr__ = lambda name: MagicMock()\n"
    (tmp_path / SOLUTION.name).write_text(made_up)
    assert None not in kinds_of(verdicts_of_step_3a(session, tmp_path))


def verdicts_of_step_3a(session: Session, tree: Path) -> list[Verdict]:
    """Grade one step of a submission with the real checks."""
    step = find_step("3a")
    work = session.work(take_snapshot(tree), step, session.checks(step))
    session.run([work])
    return work.verdicts()


@pytest.mark.parametrize("name", ["tests.py", "kata.py", "tests/helper.py"])
def test_a_helper_that_would_hide_the_checks_is_refused_by_name(tmp_path: Path, name: str):
    (tmp_path / SOLUTION.name).write_text("x = 1\n")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    problem = take_snapshot(tmp_path).problem
    assert problem is not None
    assert problem.path.endswith(name)


def test_what_is_saved_meanwhile_is_not_graded(workshop: Workshop):
    tests = "def test_a(module): assert module.value() == 1\n"
    workshop.write(module="def value(): return 1\n", test_one=tests)
    job = workshop.job()
    workshop.write(module="def value(): return 2\n", test_one=tests)
    work = StepWork(Step("1", "One", 10, "test_one.py"), [Check("test_one.py::test_a", "A", 15)], job, lambda *_: None)
    workshop.session.run([work])
    assert kinds_of(work.verdicts()) == [None]


class _LostServer:
    """A server that is lost whenever it is asked for a child."""

    def fork(self, job: object, descriptors: object) -> int:
        raise ServerLost

    def end(self) -> None: ...


def test_a_server_that_is_lost_again_and_again_is_given_up(workshop: Workshop, tmp_path: Path):
    workshop.write(test_one="def test_a(): pass\n")
    work = StepWork(Step("1", "One", 10, "test_one.py"), [Check("a", "A", 15)], workshop.job(), lambda *_: None)
    with pytest.raises(BrokenSetup, match="ends again and again"):
        Supervisor(_LostServer, tmp_path, NO_SANDBOX, at_once=2).run([work])  # type: ignore[arg-type]


def test_the_time_for_which_a_child_was_kept_waiting_does_not_count():
    work = Mock(kill_at=lambda: 5.0)
    child = RunningChild(work, 1, "", 0, BytesIO(), BytesIO(), Path(), Path())
    assert child.due() == 5
    assert child.grant(3.0)
    assert child.due() == 8
    assert not child.grant(3.0)
    # But not forever.
    child.grant(1e6)
    assert child.due() < 1e3


@pytest.mark.parametrize("name", [SOLUTION.name, "answer.py"])
def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, name: str):
    (tmp_path / SOLUTION.name).write_text("from answer import *\n") if name == "answer.py" else None
    (tmp_path / name).symlink_to(SOLUTION)
    snapshot = take_snapshot(tmp_path)
    assert SOLUTION.read_bytes() not in snapshot.files.values()


def test_a_scratch_folder_is_removed_whatever_is_in_it_and_no_link_is_followed(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    outside.chmod(0o644)
    folder = tmp_path / "scratch"
    (folder / "d").mkdir(parents=True)
    (folder / "d" / "link").symlink_to(outside)
    (folder / "d").chmod(0o500)
    remove_tree(folder)
    assert not folder.exists()
    assert (outside.read_text(), outside.stat().st_mode & 0o777) == ("mine", 0o644)


def test_nothing_of_the_users_environment_is_there(workshop: Workshop):
    known = ("AIRFLOW_", "HOME", "KATA_", "L", "NO_COLOR", "P", "T", "USER")
    code = f"assert [name for name in os.environ if not name.startswith({known})] == []"
    assert error_of(workshop, code) == ""
