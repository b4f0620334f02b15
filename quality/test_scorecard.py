"""The scorecard names what to fix first, in plain text and in 80 columns."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from kata.core.steps import STEPS, find_steps
from kata.core.submission import Problem
from kata.grading.mistakes import MISTAKES
from kata.grading.scorecard import show_scorecard
from kata.grading.verdict import NOT_IMPORTABLE, WRONG, Check, Grade, StepGrade, Verdict
from quality.test_points import essential, grade_of, grades

HOSTILE = "[bold red]not markup[/] [/nonsense] \x1b[2J\x07 [link=x]"


def printed(grade: Grade, *, color: bool = False) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=color)
    show_scorecard(grade, console)
    return console.file.getvalue()


def failing(**verdict: str | int) -> Grade:
    """Return a grade at which Step 1 has one check, which fails in this way."""
    found = grades(s1=1)
    found[0] = StepGrade(found[0].step, [Verdict(Check("a", "Title.", 10), WRONG, **verdict)])
    return grade_of(found)


@pytest.mark.parametrize(
    ("failed", "extra", "next_command"), [({}, "30/30", "make run"), ({"sc2": 1}, "28/30", "make grade STEP=c2")]
)
def test_full_points(failed: dict[str, int], extra: str, next_command: str):
    text = printed(grade_of(grades(**failed)))
    assert f"100/100 points + {extra} extra" in text
    assert "All seven steps are green" in text
    assert next_command in text


def test_the_first_failing_step_and_what_waits_for_it():
    grade = grade_of(grades(s3b=2, s4=1))
    grade.notes = [f"class Missing{number} is missing" for number in range(7)]
    text = printed(grade)
    lines = {line.split()[2]: line for line in text.splitlines() if " Step " in line and "/" in line}
    assert lines["3b"].split()[0] == "✗"
    assert "fix this first" in lines["3b"]
    assert "5/10" in lines["3b"]
    assert "waits for Step 3b" in lines["4"]
    for shown in ("Step 3b: Sentence 2.", "✗ Sentence 3.", "Missing0 is missing", "and 2 more", "make grade STEP=3b"):
        assert shown in text
    assert max(len(line) for line in text.splitlines() if "http" not in line) <= 80


@pytest.mark.parametrize("color", [False, True])
def test_the_learners_text_is_shown_as_it_is(color: bool):
    text = printed(failing(called=HOSTILE, error=HOSTILE, printed=HOSTILE, path="a.py", line=1), color=color)
    assert "[bold red]not markup[/]" in text
    assert "[2J" in text
    assert "\x1b[2J" not in text
    assert "\x07" not in text


@pytest.mark.parametrize("name", ["no teardown", "threads accumulate"])
def test_a_mistake_with_its_consequence_and_where_to_read(name: str):
    text = printed(failing(got="no", mistake=name, printed="one\ntwo\n"))
    told = f"mistake {name} On a real Airflow: {MISTAKES[name].consequence} read {MISTAKES[name].read}"
    assert told in " ".join(text.split())
    assert "Your code printed:\n   | one\n   | two\n" in text


def test_a_problem_with_its_line_and_a_caret_blames_no_step():
    grade = grade_of([StepGrade(each.step, [Verdict(Check("a", "T.", 10), NOT_IMPORTABLE)]) for each in grades()])
    grade.problem = Problem("Python cannot parse the file.", "exercise/x.py", "Fix it.", 3, "    def f(:", 11)
    text = printed(grade)
    assert text.count("not graded") == len(STEPS)
    assert "fix this first" not in text
    assert "✗ Python cannot parse the file." in text
    assert "exercise/x.py:3" in text
    lines = text.splitlines()
    number = next(number for number, line in enumerate(lines) if "def f(:" in line)
    assert lines[number + 1].index("^") == lines[number].index(":")
    assert "Next: Fix it. Then run" in text


def test_an_essential_check_says_what_it_decides():
    found = grades(s3c=3)
    neighbor = next(each for each in found if each.step.id == "3c")
    essential(neighbor, 2)
    essential(neighbor, 3)
    text = printed(grade_of(found))
    assert "0/10 1/4 fix this first" in " ".join(text.split())
    assert "Step 3c: Sentence 2." in text  # before Sentence 1, which is not essential
    assert "essential   Step 3c scores 0 points while this check fails." in text
    assert "✗ (essential) Sentence 3." in text
    assert "✗ Sentence 1." in text


def test_success_of_a_step_with_parts():
    parts = [each for each in grades() if each.step in find_steps("3")]
    text = printed(grade_of(parts, *(each.step.id for each in parts)))
    assert text.count("Step 3") == 5
    assert "30/30 points" in text
    assert "Step 3 is green." in text
