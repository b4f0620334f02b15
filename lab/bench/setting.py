"""What the directories are like that are waited for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """Directories as a wait meets them.

    :param short: the title over a panel.
    :param files: in each directory, none of which is waited for.
    :param answers_after: seconds that a directory takes to answer.
    :param hung: so many waits more have one directory that never answers.
    """

    name: str
    title: str
    short: str
    files: int = 0
    answers_after: float = 0.0
    hung: int = 0


EMPTY = Setting("empty", "empty directories", "empty")
FULL = Setting("full", "1,000 files in each directory, none of which match", "1,000 files in each", files=1000)
SLOW = Setting(
    "slow", "directories that take 20 ms to answer, as over a network", "answer after 20 ms", answers_after=0.02
)
HUNG = Setting("hung", "40 directories that never answer, beside 100 healthy waits", "hung", hung=40)

COMPARED = [EMPTY, FULL, SLOW]
SETTINGS = {setting.name: setting for setting in [*COMPARED, HUNG]}
