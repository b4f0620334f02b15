"""The starter comes back, and nothing that a learner wrote is ever lost."""

from __future__ import annotations

import errno
from pathlib import Path
from unittest.mock import Mock

import pytest
from rich.console import Console

from kata.core.errors import WrongUsage
from kata.core.paths import MODULE, STARTER
from kata.core.steps import STEPS, find_step
from kata.practice.reset import backups, reset, restore
from kata.practice.sections import sections

MINE = b"# mine \xc3\xa4\r\n"


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=200)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the copies go."""
    folder = tmp_path / "backups"
    monkeypatch.setattr("kata.practice.reset.BACKUPS", folder)
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    file = tree / f"{MODULE}.py"
    file.write_bytes(MINE)
    return file


def test_the_starter_comes_back_and_the_reset_can_be_undone_again_and_again(file: Path, kept: Path, console: Console):
    restore(str(file.parent), None, console)
    assert "no copies yet" in console.export_text()
    reset(str(file.parent), None, console)
    assert file.read_bytes() == STARTER.read_bytes()
    [copy] = kept.iterdir()
    assert copy.read_bytes() == MINE
    assert f"make restore BACKUP={copy.stem}" in console.export_text()
    restore(str(file.parent), None, console)
    assert f"make restore BACKUP={copy.stem}" in console.export_text()
    restore(str(file.parent), copy.stem, console)
    assert file.read_bytes() == MINE
    assert len(list(kept.iterdir())) == 2
    restore(str(file.parent), backups()[0].name, console)
    assert file.read_bytes() == STARTER.read_bytes()


def test_half_a_copy_is_none(file: Path, kept: Path, console: Console, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.replace", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(WrongUsage, match=r"cannot be replaced: No space left on device\. Nothing was changed\."):
        reset(str(file.parent), None, console)
    assert (list(kept.iterdir()), file.read_bytes()) == ([], MINE)


def test_copies_of_the_same_second_do_not_replace_each_other(file: Path, kept: Path, console: Console):
    for number in range(5):
        file.write_text(str(number))
        reset(str(file.parent), None, console)
    assert sorted(copy.read_text() for copy in kept.iterdir()) == list("01234")


def test_a_missing_file_comes_back_without_a_copy(file: Path, kept: Path, console: Console):
    file.unlink()
    reset(str(file.parent), None, console)
    assert file.read_bytes() == STARTER.read_bytes()
    assert not kept.exists()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_one_step_comes_back_and_the_others_stay(file: Path, console: Console, step):
    starter = STARTER.read_text(encoding="utf-8")
    work = starter.replace("raise NotImplementedError", "raise  NotImplementedError")
    file.write_bytes(work.replace("\n", "\r\n").encode())
    reset(str(file.parent), step, console)
    wanted = {name: part.replace("\n", "\r\n") for name, part in sections(work).items()}
    wanted[step.section] = sections(starter)[step.section]
    assert file.read_bytes().decode() == "".join(wanted.values())


@pytest.mark.parametrize(
    ("content", "step_id", "says"),
    [
        (b"x = 1\n", "3b", "# ── Step 3"),
        (b"\xff\xfe", "3b", "# ── Step 3"),
        (None, None, "is a folder"),
        (MINE, None, "Nothing was changed"),  # as no copy can be made
    ],
)
def test_what_cannot_be_reset_is_not_changed(file: Path, kept: Path, console: Console, content, step_id, says: str):
    if content is None:
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(content)
    if content == MINE:
        kept.write_text("a file where the folder should be")
    with pytest.raises(WrongUsage, match=says):
        reset(str(file.parent), find_step(step_id) if step_id else None, console)
    assert file.is_dir() if content is None else file.read_bytes() == content
    assert not kept.is_dir()


def test_an_unknown_copy_is_refused(file: Path, console: Console):
    with pytest.raises(WrongUsage, match="no copy '2020'"):
        restore(str(file.parent), "2020", console)
