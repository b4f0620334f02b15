"""Points, greenness and blame: arithmetic on verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kata.core.errors import WrongUsage
from kata.core.steps import STEPS, Step, find_step, find_steps, prerequisites
from kata.grading.verdict import BLOCKED, HUNG, NOT_RUN, WRONG, Check, Grade, StepGrade, Verdict, mark_blocked


def step_grade(step: Step, passed: int, failed: int) -> StepGrade:
    verdicts = [
        Verdict(
            Check(f"{step.test_file}::test_{number}", f"Sentence {number}.", 10), None if number < passed else WRONG
        )
        for number in range(passed + failed)
    ]
    return StepGrade(step, verdicts)


def grades(**failed: int) -> list[StepGrade]:
    """All steps with four checks each, of which so many fail: `s3b=1`."""
    found = [step_grade(step, 4 - failed.get(f"s{step.id}", 0), failed.get(f"s{step.id}", 0)) for step in STEPS]
    mark_blocked(found)
    return found


def grade_of(found: list[StepGrade], *ids: str) -> Grade:
    return Grade("exercise", found, frozenset(ids or (step.id for step in STEPS)))


@pytest.mark.parametrize(
    ("passed", "failed", "points"), [(0, 3, 0), (1, 2, 3), (2, 1, 6), (3, 0, 10), (0, 0, 0), (99, 1, 9)]
)
def test_points_are_a_share_and_full_only_when_all_passed(passed: int, failed: int, points: int):
    assert step_grade(Step("1", "One", 10, "test_one.py"), passed, failed).points == points


def test_a_step_without_checks_is_not_green():
    assert not StepGrade(STEPS[0]).is_green


def test_the_steps_are_worth_100_and_the_challenges_30():
    assert sum(step.points for step in STEPS if not step.is_challenge) == 100
    assert sum(step.points for step in STEPS if step.is_challenge) == 30


def test_a_step_depends_only_on_earlier_ones():
    known: set[str] = set()
    for step in STEPS:
        assert set(step.depends_on) <= known
        known.add(step.id)


def test_prerequisites_of_prerequisites():
    assert [step.id for step in prerequisites(find_step("6"))] == ["2", "3a", "3b", "3d", "4"]


@pytest.mark.parametrize("step_id", ["8", "c4", "", "x"])
def test_an_unknown_step(step_id: str):
    choices = "1, 2, 3, 3a, 3b, 3c, 3d, 4, 5, 6, 7, c1, c2, c3"
    with pytest.raises(WrongUsage, match=f"Choose one of: {choices}."):
        find_steps(step_id)


@pytest.mark.parametrize(
    ("chosen", "ids"), [("3", ["3a", "3b", "3c", "3d"]), ("3b", ["3b"]), ("3B", ["3b"]), ("4", ["4"]), ("c1", ["c1"])]
)
def test_a_step_is_all_its_parts(chosen: str, ids: list[str]):
    assert [step.id for step in find_steps(chosen)] == ids


def test_the_parts_of_a_step_are_written_in_its_section():
    assert {step.section for step in find_steps("3")} == {"Step 3"}
    assert sum(step.points for step in find_steps("3")) == 30


def test_a_step_waits_for_the_first_one_that_is_wrong_itself():
    found = {each.step.id: each for each in grades(s3b=1, s4=2, s6=4, s7=1)}
    assert found["3b"].waits_for is None
    assert [found[step_id].waits_for.id for step_id in ("4", "6", "7")] == ["3b", "3b", "3b"]
    assert {verdict.kind for verdict in found["4"].verdicts} == {None, BLOCKED}
    assert found["4"].points == 10


def test_a_green_step_waits_for_nothing():
    assert next(each for each in grades(s3b=1) if each.step.id == "4").waits_for is None


def test_blame_goes_to_the_first_step_that_can_be_green():
    assert grade_of(grades(s4=1, s5=1)).first_failing.step.id == "4"
    assert grade_of(grades(s3b=1, s4=1, s5=1), "4").first_failing.step.id == "3b"
    assert grade_of(grades()).first_failing is None


def test_success_is_all_seven_steps_without_the_challenges():
    assert grade_of(grades(sc1=4)).succeeded
    assert not grade_of(grades(s7=1)).succeeded


def test_success_of_one_step():
    assert grade_of(grades(s3b=1), "2").succeeded
    assert grade_of(grades(s3b=1), "3a").succeeded
    assert not grade_of(grades(sc1=1), "c1").succeeded


def test_success_of_a_step_is_that_of_all_its_parts():
    parts = [step.id for step in find_steps("3")]
    assert grade_of(grades(s4=1), *parts).succeeded
    assert not grade_of(grades(s3d=1), *parts).succeeded


def essential(grade: StepGrade, number: int) -> StepGrade:
    """The grade with the check of this number marked as essential."""
    verdict = grade.verdicts[number]
    grade.verdicts[number] = replace(verdict, check=replace(verdict.check, essential=True))
    return grade


@pytest.mark.parametrize("kind", [WRONG, BLOCKED, HUNG, NOT_RUN])
def test_a_step_that_fails_an_essential_check_is_worth_nothing(kind: str):
    grade = essential(step_grade(find_step("3c"), 3, 1), 3)
    grade.verdicts[3] = replace(grade.verdicts[3], kind=kind)
    assert (grade.passed, grade.points) == (3, 0)


def test_an_essential_check_that_passes_changes_nothing():
    assert essential(step_grade(find_step("3c"), 3, 1), 0).points == 7
