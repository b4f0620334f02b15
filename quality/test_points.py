"""Points, greenness and blame: arithmetic on verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kata.core.paths import SUITE
from kata.core.steps import STEPS, Step, find_step, find_steps, prerequisites
from kata.grading.verdict import BLOCKED, HUNG, NOT_RUN, WRONG, Check, Grade, StepGrade, Verdict, mark_blocked


def step_grade(step: Step, passed: int, failed: int) -> StepGrade:
    checks = [Check(f"{step.test_file}::test_{number}", f"Sentence {number}.", 10) for number in range(passed + failed)]
    return StepGrade(step, [Verdict(check, None if number < passed else WRONG) for number, check in enumerate(checks)])


def grades(**failed: int) -> list[StepGrade]:
    """Return all steps with four checks each, of which this number fails: `s3b=1`."""
    numbers = {step: failed.get(f"s{step.id}", 0) for step in STEPS}
    found = [step_grade(step, 4 - number, number) for step, number in numbers.items()]
    mark_blocked(found)
    return found


def grade_of(found: list[StepGrade], *ids: str) -> Grade:
    return Grade("exercise", found, frozenset(ids or (step.id for step in STEPS)))


def essential(grade: StepGrade, number: int) -> StepGrade:
    """Return the grade with the check of this number marked as essential."""
    verdict = grade.verdicts[number]
    grade.verdicts[number] = replace(verdict, check=replace(verdict.check, essential=True))
    return grade


# ── The registry ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_steps_are_worth_100_and_the_challenges_30():
    assert sum(step.points for step in STEPS if not step.is_challenge) == 100
    assert sum(step.points for step in STEPS if step.is_challenge) == 30


def test_each_step_has_its_file_in_the_suite_and_depends_only_on_earlier_ones():
    assert {path.name for path in SUITE.glob("test_*.py")} == {step.test_file for step in STEPS}
    for number, step in enumerate(STEPS):
        assert set(step.depends_on) <= {earlier.id for earlier in STEPS[:number]}
    assert [step.id for step in prerequisites(find_step("6"))] == ["2", "3a", "3b", "3d", "4"]


@pytest.mark.parametrize(
    ("chosen", "ids"), [("3", ["3a", "3b", "3c", "3d"]), ("3B", ["3b"]), ("4", ["4"]), ("c1", ["c1"])]
)
def test_a_step_is_all_its_parts(chosen: str, ids: list[str]):
    assert [step.id for step in find_steps(chosen)] == ids


# ── Points ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("passed", "failed", "points"), [(0, 3, 0), (1, 2, 3), (2, 1, 6), (3, 0, 10), (0, 0, 0), (99, 1, 9)]
)
def test_points_are_a_share_and_full_only_when_all_passed(passed: int, failed: int, points: int):
    grade = step_grade(Step("1", "One", 10, "test_one.py"), passed, failed)
    assert grade.points == points
    assert grade.is_green == (points == 10)


@pytest.mark.parametrize(("kind", "points"), [(None, 10), (WRONG, 0), (BLOCKED, 0), (HUNG, 0), (NOT_RUN, 0)])
def test_a_step_that_fails_an_essential_check_is_worth_nothing(kind: str | None, points: int):
    grade = essential(step_grade(find_step("3c"), 3, 1), 3)
    grade.verdicts[3] = replace(grade.verdicts[3], kind=kind)
    assert grade.points == points


# ── Blame ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_waits_for_the_first_one_that_is_wrong_itself():
    found = {each.step.id: each for each in grades(s3b=1, s4=2, s6=4, s7=1)}
    waits_for = {step_id: each.waits_for.id for step_id, each in found.items() if each.waits_for}
    assert waits_for == {"4": "3b", "6": "3b", "7": "3b"}
    assert {verdict.kind for verdict in found["4"].verdicts} == {None, BLOCKED}
    assert found["4"].points == 10


def test_blame_goes_to_the_first_step_that_can_be_green():
    assert grade_of(grades(s4=1, s5=1)).first_failing.step.id == "4"
    assert grade_of(grades(s3b=1, s4=1, s5=1), "4").first_failing.step.id == "3b"
    assert grade_of(grades()).first_failing is None


PARTS = ("3a", "3b", "3c", "3d")


@pytest.mark.parametrize(
    ("failed", "ids", "succeeded"),
    [
        ({"sc1": 4}, (), True),  # the seven steps decide
        ({"s7": 1}, (), False),
        ({"s3b": 1}, ("2",), True),
        ({"s3b": 1}, ("3a",), True),
        ({"sc1": 1}, ("c1",), False),
        ({"s4": 1}, PARTS, True),
        ({"s3d": 1}, PARTS, False),
    ],
)
def test_success_is_that_of_what_was_asked_for(failed: dict[str, int], ids: tuple[str, ...], succeeded: bool):
    assert grade_of(grades(**failed), *ids).succeeded == succeeded
