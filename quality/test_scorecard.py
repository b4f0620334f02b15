"""The scorecard names what to mend first, in plain text and in 80 columns."""

from __future__ import annotations

import io

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


def test_full_points():
    text = printed(grade_of(grades()))
    assert "100/100 points + 30/30 extra" in text
    assert "All seven steps are green" in text
    assert "make run" in text


def test_full_points_with_an_open_challenge():
    text = printed(grade_of(grades(sc2=1)))
    assert "100/100 points + 28/30 extra" in text
    assert "All seven steps are green" in text
    assert "make grade STEP=c2" in text


def test_the_first_failing_step_and_what_waits_for_it():
    text = printed(grade_of(grades(s3b=2, s4=1)))
    lines = {line.split()[2]: line for line in text.splitlines() if " Step " in line and "/" in line}
    assert lines["3b"].split()[0] == "✗"
    assert "fix this first" in lines["3b"]
    assert "5/10" in lines["3b"]
    assert "waits for Step 3b" in lines["4"]
    assert "Step 3b: Sentence 2." in text
    assert "✗ Sentence 3." in text
    assert "make grade STEP=3b" in text


def test_every_line_fits_80_columns():
    text = printed(grade_of(grades(s3b=2, s4=1)))
    assert max(len(line) for line in text.splitlines() if "http" not in line) <= 80


def test_the_learners_text_is_shown_as_it_is():
    found = grades(s1=1)
    found[0] = StepGrade(
        found[0].step,
        [Verdict(Check("a", "Title.", 10), WRONG, called=HOSTILE, error=HOSTILE, printed=HOSTILE, path="a.py", line=1)],
    )
    for color in (False, True):
        text = printed(grade_of(found), color=color)
        assert "[bold red]not markup[/]" in text
        assert "[2J" in text
        assert "\x1b[2J" not in text
        assert "\x07" not in text


def test_a_mistake_with_what_it_would_do_and_where_to_read():
    for name in ("no teardown", "threads accumulate"):
        found = grades(s1=1)
        found[0] = StepGrade(found[0].step, [Verdict(Check("a", "Title.", 10), WRONG, got="no", mistake=name)])
        text = " ".join(printed(grade_of(found)).split())
        mistake = MISTAKES[name]
        assert f"mistake {name} On a real Airflow: {mistake.consequence} read {mistake.read}" in text


def test_what_was_printed_stands_apart():
    found = grades(s1=1)
    found[0] = StepGrade(found[0].step, [Verdict(Check("a", "Title.", 10), WRONG, error="wrong", printed="one\ntwo\n")])
    text = printed(grade_of(found))
    assert "Your code printed:\n   | one\n   | two\n" in text


def test_a_problem_with_its_line_and_a_caret():
    grade = grade_of([StepGrade(each.step, []) for each in grades()])
    grade.problem = Problem("Python cannot parse the file.", "exercise/x.py", "Mend it.", 3, "    def f(:", 11)
    text = printed(grade)
    assert "exercise/x.py:3" in text
    lines = text.splitlines()
    number = next(number for number, line in enumerate(lines) if "def f(:" in line)
    assert lines[number + 1].index("^") == lines[number].index(":")
    assert "Next: Mend it. Then run" in text


def test_nothing_is_blamed_when_the_file_cannot_be_imported():
    grade = grade_of([StepGrade(each.step, [Verdict(Check("a", "T.", 10), NOT_IMPORTABLE)]) for each in grades()])
    grade.problem = Problem("Importing the file fails.", "exercise/x.py", "Mend it.")
    text = printed(grade)
    assert text.count("not graded") == len(STEPS)
    assert "✗ " in text
    assert "fix this first" not in text


def test_notes_are_shown_beside_a_failure():
    grade = grade_of(grades(s3b=1))
    grade.notes = [f"class Missing{number} is missing" for number in range(7)]
    text = printed(grade)
    assert "class Missing0 is missing" in text
    assert "and 2 more" in text


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
