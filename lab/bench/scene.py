"""The directories of all waits of one measurement, on disk."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

from lab.bench.setting import Setting

DIRECTORIES = 5  # of each wait
PATTERN = "*.csv"

_FILE = "order.csv"
# Few enough that those which have got their file, and wait no more, do not make it cheap for the rest.
_MOST_FILES, _WAITS_FOR_A_FILE = 50, 10
# 25,000 directories of 1,000 files are more than a disk should be asked for, so most waits look at the same ones.
_FULL_DIRECTORIES = 50


@dataclass(frozen=True)
class Wait:
    """A wait and its directories.

    :param inbox: the one of them in which a file will arrive; "" if none will.
    """

    directories: list[str]
    inbox: str


class Scene:
    """The directories of so many waits. The same arguments make the same scene, so two processes can speak of one.

    :param folder: where all of it lies.
    """

    def __init__(self, folder: Path, setting: Setting, count: int) -> None:
        self._folder = folder
        self._setting = setting
        self._random = random.Random(count)
        every = 1 if setting.hung else max(_WAITS_FOR_A_FILE, count // _MOST_FILES)
        self.waits = [self._wait(number, gets_a_file=number % every == 0) for number in range(count)]
        self.waits += [self._hung_wait(number) for number in range(setting.hung)]

    @property
    def hung_folder(self) -> Path:
        """What lies in here never answers."""
        return self._folder / "hung"

    def make(self) -> None:
        """Make all directories, and the files in them that nobody waits for."""
        inboxes = {wait.inbox for wait in self.waits}
        full = range(_FULL_DIRECTORIES if self._setting.files else 0)
        stock = [self._folder / "stock" / str(number) for number in full]
        for directory in stock:
            self._fill(directory)
        for number, directory in enumerate(directory for wait in self.waits for directory in wait.directories):
            if stock and directory not in inboxes:
                Path(directory).parent.mkdir(parents=True, exist_ok=True)
                os.symlink(stock[number % len(stock)], directory)
            else:
                self._fill(Path(directory))

    def drop_file(self, wait: Wait) -> None:
        """The file that the wait is for arrives."""
        (Path(wait.inbox) / _FILE).touch()

    def take_files_away(self) -> None:
        """Leave it as it was made, for the next who waits."""
        for wait in self.waits:
            if wait.inbox:
                (Path(wait.inbox) / _FILE).unlink(missing_ok=True)

    def _wait(self, number: int, gets_a_file: bool) -> Wait:
        directories = [str(self._folder / "waits" / str(number) / str(client)) for client in range(DIRECTORIES)]
        inbox = self._random.choice(directories)
        return Wait(directories, inbox if gets_a_file else "")

    def _hung_wait(self, number: int) -> Wait:
        healthy = [str(self._folder / "beside" / str(number) / str(client)) for client in range(1, DIRECTORIES)]
        return Wait([str(self.hung_folder / str(number)), *healthy], "")

    def _fill(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        for number in range(self._setting.files):
            (directory / f"picture_{number:04}.png").touch()
