"""Solutions that are wrong in ways people really are must fail, those that are right in unusual ones must pass.

A wrong solution is a patch on the worked one. Its head names the step, the check that must catch it, the sentence of
the contract that it breaks, and the mistake that the learner must be told.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kata.collect_work import CollectWork
from kata.places import MODULE, SOLUTION, SUITE
from kata.step_work import StepWork
from kata.steps import STEPS, find_step
from kata.supervisor import Supervisor
from kata.verdict import Check, Verdict

FOLDER = Path(__file__).parent
RIGHT = sorted(path.name for path in (FOLDER / "right").iterdir())
# One check needs Airflow's database, which only a whole grade prepares.
NEEDS_A_DATABASE = "test_the_dag_runs_to_its_end"


@dataclass(frozen=True)
class Wrong:
    """A wrong solution.

    :param name: that of its patch.
    :param check: the check that must catch it, without the file.
    :param mistake: the name that the check must give it.
    """

    name: str
    step: str
    check: str
    mistake: str

    @classmethod
    def read(cls, patch: Path) -> Wrong:
        head = dict(line.split(": ", 1) for line in patch.read_text(encoding="utf-8").splitlines()[:4])
        return cls(patch.stem, head["Step"], head["Check"], head["Mistake"])


WRONG = [Wrong.read(patch) for patch in sorted((FOLDER / "wrong").glob("*.patch"))]


@pytest.fixture(scope="module")
def checks(supervisor: Supervisor) -> dict[str, list[Check]]:
    """All checks of the suite, by the id of their step."""
    collect = CollectWork(_job(SOLUTION.parent), list(STEPS))
    supervisor.run([collect])
    return {step.id: collect.checks(step) for step in STEPS}


@pytest.fixture(scope="module")
def verdicts(
    supervisor: Supervisor, checks: dict[str, list[Check]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Verdict]:
    """What the named check says of each wrong solution."""
    works = {}
    for wrong in WRONG:
        tree = tmp_path_factory.mktemp(wrong.name)
        shutil.copy(SOLUTION, tree)
        patch = FOLDER / "wrong" / f"{wrong.name}.patch"
        applied = subprocess.run(["git", "apply", patch], cwd=tree, capture_output=True, text=True, check=False)
        assert applied.returncode == 0, f"{patch.name} does not fit the solution any more: {applied.stderr}"
        named = [check for check in checks[wrong.step] if check.id.endswith(f"::{wrong.check}")]
        assert named, f"{patch.name} names a check that step {wrong.step} does not have: {wrong.check}"
        works[wrong.name] = _work(wrong.step, named, tree)
    supervisor.run(list(works.values()))
    return {name: work.verdicts()[0] for name, work in works.items()}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_solution_is_caught_by_its_check(verdicts, wrong):
    verdict = verdicts[wrong.name]
    assert verdict.kind in ("wrong", "hung", "crashed")
    assert verdict.mistake == wrong.mistake, f"{verdict.called}: {verdict.got} {verdict.error}"


@pytest.mark.parametrize("name", RIGHT)
def test_an_unusual_but_right_solution_passes_every_check(supervisor, checks, name):
    works = [_work(step.id, _without_database(checks[step.id]), FOLDER / "right" / name) for step in STEPS]
    supervisor.run(works)
    verdicts = [verdict for work in works for verdict in work.verdicts()]
    assert not {verdict.check.id: verdict.error or verdict.got for verdict in verdicts if not verdict.passed}


def _work(step_id: str, checks: list[Check], tree: Path) -> StepWork:
    return StepWork(find_step(step_id), checks, _job(tree), lambda step, verdict: None)


def _without_database(checks: Iterable[Check]) -> list[Check]:
    return [check for check in checks if not check.id.endswith(NEEDS_A_DATABASE)]


def _job(tree: Path) -> dict[str, str]:
    return {"tree": str(tree), "suite": str(SUITE), "learner_file": str((tree / f"{MODULE}.py").resolve())}
