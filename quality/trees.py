"""Trees to grade: the known wrong ones, the unusual right ones, and unfinished ones."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kata.places import SOLUTION, STARTER, SUITE
from kata.practice.sections import section_of, with_section
from kata.steps import find_steps

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Wrong:
    """A wrong solution: a patch on a right one. Its head says what is wrong with it.

    :param step: id of the step that it is wrong in; of its parts, the one in whose file the check stands.
    :param check: the check that must catch it, without the file.
    :param mistake: the name of the mistake that the check must show.
    :param right: the right solution: the worked one, or the one of `quality/right` that the head names. Mistakes in how
        it is looked are mostly made in the plainest way to look, which is not the worked one's.
    """

    patch: Path
    step: str
    check: str
    mistake: str
    right: Path

    @classmethod
    def read(cls, patch: Path) -> Wrong:
        head = patch.read_text(encoding="utf-8").partition("\n\n")[0]
        said = dict(line.split(": ", 1) for line in head.splitlines())
        right = _FOLDER / "right" / said["Right"] / SOLUTION.name if "Right" in said else SOLUTION
        return cls(patch, _part(said["Step"], said["Check"]), said["Check"], said["Mistake"], right)

    @property
    def name(self) -> str:
        return self.patch.stem

    def make(self, folder: Path) -> Path:
        """Make the tree in a new folder below this one."""
        tree = folder / self.name
        tree.mkdir(parents=True)
        shutil.copy(self.right, tree)
        applied = subprocess.run(["git", "apply", self.patch], cwd=tree, capture_output=True, text=True, check=False)
        assert applied.returncode == 0, f"{self.patch.name} does not fit {self.right} any more: {applied.stderr}"
        return tree


def _part(step_id: str, check: str) -> str:
    parts = find_steps(step_id)
    definition = f"def {check.partition('[')[0]}("
    return next((part.id for part in parts if definition in (SUITE / part.test_file).read_text()), parts[0].id)


WRONG = [Wrong.read(patch) for patch in sorted((_FOLDER / "wrong").glob("*.patch"))]
RIGHT = sorted(path for path in (_FOLDER / "right").iterdir() if path.is_dir())


def solution_but(*step_ids: str) -> str:
    """The worked answer with the sections of these steps as they are in the starter."""
    text, starter = SOLUTION.read_text(encoding="utf-8"), STARTER.read_text(encoding="utf-8")
    for step in (find_steps(step_id)[0] for step_id in step_ids):
        section = section_of(step, starter)
        assert section is not None
        text = with_section(step, text, section)
    return text
