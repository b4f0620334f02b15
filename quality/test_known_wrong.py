"""Solutions that are wrong in ways people really are must fail, by the name of their mistake."""

from __future__ import annotations

import pytest

from kata.core.steps import find_step
from kata.grading.session import Session
from kata.grading.snapshot import take_snapshot
from kata.grading.verdict import Verdict
from quality.trees import WRONG, Wrong
from quality.wrong_form import EditError


@pytest.fixture(scope="module")
def verdicts(
    session: Session, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Verdict | Exception]:
    """Return what the named check says of each wrong solution that is to be tested, or why it cannot be asked."""
    folder = tmp_path_factory.mktemp("wrong")
    works, problems = {}, {}
    for wrong in (item.callspec.params["wrong"] for item in request.session.items if item.path == request.path):
        step = find_step(wrong.step)
        named = [check for check in session.checks(step) if check.id.endswith(f"::{wrong.check}")]
        try:
            assert named, f"{wrong.name} names a check that {step.name} does not have: {wrong.check}"
            works[wrong.name] = session.work(take_snapshot(wrong.make(folder)), step, named)
        except (AssertionError, EditError) as error:
            problems[wrong.name] = error
    session.warm_up()
    session.run(list(works.values()))
    return {**{name: work.verdicts()[0] for name, work in works.items()}, **problems}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_solution_is_caught_by_its_check(verdicts: dict[str, Verdict | Exception], wrong: Wrong):
    verdict = verdicts[wrong.name]
    if isinstance(verdict, Exception):
        raise verdict
    assert verdict.kind in ("wrong", "hung", "crashed")
    assert verdict.mistake == wrong.mistake, f"{verdict.called}: {verdict.got} {verdict.error}"
