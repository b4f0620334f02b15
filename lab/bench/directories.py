"""The directories of one measurement: their settings, the files in them, and how fast they answer."""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

DIRECTORIES = 5  # of each waiting task
PATTERN = "*.csv"

_FILE = "order.csv"
# Few, so that the tasks that have got their file, and wait no longer, do not make it cheap for the others.
_MOST_FILES, _TASKS_PER_FILE = 50, 10
# 25,000 directories of 1,000 files are more than a disk should be asked for, so most tasks watch the same ones.
_FULL_DIRECTORIES = 50
# All ways to list a directory use the first two, those of glob, walk and pathlib, too. To ask a directory for the time
# of its last change is a request to the server like any other.
_REQUESTS = ("scandir", "listdir", "stat")


@dataclass(frozen=True)
class Setting:
    """What the directories are like.

    :param short: the title in the chart.
    :param files: in each directory; none of them matches.
    :param latency: seconds until a directory answers.
    :param hung: the number of further tasks that have one directory that never answers.
    """

    name: str
    title: str
    short: str
    files: int = 0
    latency: float = 0.0
    hung: int = 0


EMPTY = Setting("empty", "empty directories", "empty")
FULL = Setting("full", "1,000 files in each directory, none of which match", "1,000 files in each", files=1000)
SLOW = Setting("slow", "directories that take 20 ms to answer, as over a network", "answer after 20 ms", latency=0.02)
HUNG = Setting("hung", "40 directories that never answer, beside 100 healthy waits", "hung", hung=40)

COMPARED = (EMPTY, FULL, SLOW)
SETTINGS = {setting.name: setting for setting in (*COMPARED, HUNG)}


class Watched(NamedTuple):
    """The directories of one waiting task.

    :param inbox: the one in which a file will arrive; "" if none will.
    """

    directories: list[str]
    inbox: str


class WatchedDirectories:
    """The directories of all waiting tasks. Two processes that pass the same arguments mean the same directories.

    :param folder: where all of them are.
    :param count: the number of waiting tasks, without those that have a hung directory.
    :ivar hung_folder: what is in it never answers.
    """

    def __init__(self, folder: Path, setting: Setting, count: int) -> None:
        self._folder = folder
        self._files = setting.files
        self.hung_folder = folder / "hung"
        chance = random.Random(count)
        every = 1 if setting.hung else max(_TASKS_PER_FILE, count // _MOST_FILES)
        self.of_tasks: list[Watched] = []
        for number in range(count):
            directories = [str(folder / "waits" / str(number) / str(client)) for client in range(DIRECTORIES)]
            inbox = chance.choice(directories)
            self.of_tasks.append(Watched(directories, "" if number % every else inbox))
        for number in range(setting.hung):
            healthy = [str(folder / "beside" / str(number) / str(client)) for client in range(1, DIRECTORIES)]
            self.of_tasks.append(Watched([str(self.hung_folder / str(number)), *healthy], ""))

    def make(self) -> None:
        """Make all directories, and the files in them that do not match."""
        inboxes = {task.inbox for task in self.of_tasks}
        stock = [self._folder / "stock" / str(number) for number in range(_FULL_DIRECTORIES if self._files else 0)]
        for directory in stock:
            self._fill(directory)
        for number, name in enumerate(name for task in self.of_tasks for name in task.directories):
            directory = Path(name)
            if stock and name not in inboxes:
                directory.parent.mkdir(parents=True, exist_ok=True)
                directory.symlink_to(stock[number % len(stock)])
            else:
                self._fill(directory)

    def drop_file(self, task: Watched) -> None:
        """Let the file of a waiting task arrive."""
        (Path(task.inbox) / _FILE).touch()

    def remove_files(self) -> None:
        """Remove all files that have arrived."""
        for task in self.of_tasks:
            if task.inbox:
                (Path(task.inbox) / _FILE).unlink(missing_ok=True)

    def _fill(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        for number in range(self._files):
            (directory / f"picture_{number:04}.png").touch()


def answer_late(folder: Path, wait: Callable[[], object]) -> None:
    """Make this process wait in each request to what is in the folder, in the thread that makes the request.

    :param wait: blocks, as the system call would, and returns when the answer may be given.
    """
    for name in _REQUESTS:
        setattr(os, name, _late(getattr(os, name), str(folder), wait))


def _late(request: Callable[..., Any], folder: str, wait: Callable[[], object]) -> Callable[..., Any]:
    @functools.wraps(request)
    def late(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
        if isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(folder + os.sep):
            wait()
        return request(path, *args, **kwargs)

    return late
