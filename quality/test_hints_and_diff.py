"""The help that a learner asks for."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from kata.core.errors import WrongUsage
from kata.core.paths import MODULE, SOLUTION, STARTER
from kata.core.steps import STEPS, find_step, find_steps, read_hints
from kata.grading.skeleton import skeleton
from kata.practice.diff import bare, show_diff
from kata.practice.hints import list_parts, show_hint
from kata.practice.sections import THE_DAGS, dags_of, sections

LEVELS = ("A nudge", "The concept", "Nearly the answer")


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=100)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_every_step_has_three_hints_each_longer_than_the_last(step):
    hints = read_hints(step)
    assert tuple(hint.title for hint in hints) == LEVELS
    words = [len(hint.text.split()) for hint in hints]
    assert 20 <= words[0] < words[1] < words[2] <= 250


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_no_hint_holds_a_line_of_the_reference_solution(step):
    solution = {line.strip() for line in SOLUTION.read_text().splitlines()}
    starter = {line.strip() for line in STARTER.read_text().splitlines()}
    code = {line.strip() for hint in read_hints(step) for line in hint.text.splitlines() if line.startswith("    ")}
    given_away = {line for line in code & (solution - starter) if len(line) > 25}
    assert not given_away


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_the_code_of_a_hint_fits_into_a_narrow_terminal(step):
    console = Console(record=True, width=80, file=io.StringIO())
    show_hint(step, len(LEVELS), console)
    shown = console.export_text()
    [code] = re.findall(r"```python\n(.*?)```", read_hints(step)[-1].text, re.DOTALL)
    assert not [line for line in code.splitlines() if line not in shown]


def test_there_are_no_other_hints():
    folder = STEPS[0].hints_file.parent
    assert {file.name for file in folder.iterdir()} == {step.hints_file.name for step in STEPS}


def test_a_hint_says_how_to_get_the_next(console: Console):
    show_hint(find_step("3b"), 1, console)
    text = console.export_text()
    assert "Step 3b, It fires: a nudge" in text
    assert "make hint STEP=3b LEVEL=2" in text


def test_a_step_with_parts_says_how_to_get_the_hints_of_each(console: Console):
    list_parts(find_steps("3"), console)
    text = console.export_text()
    for step in find_steps("3"):
        assert f"make hint STEP={step.id}   {step.title}" in text


def test_the_last_hint_says_where_to_read_on(console: Console):
    show_hint(find_step("3b"), 3, console)
    text = console.export_text()
    assert "LEVEL=4" not in text
    assert find_step("3b").read[0] in text


@pytest.mark.parametrize("level", [0, 4, -1])
def test_a_level_that_is_not_there_is_refused(console: Console, level: int):
    with pytest.raises(WrongUsage, match="Choose LEVEL=1 to 3"):
        show_hint(find_step("c1"), level, console)


@pytest.mark.parametrize("width", [80, 200])
def test_both_codes_are_shown_whole(tmp_path: Path, width: int):
    console = Console(record=True, width=width)
    (tmp_path / f"{MODULE}.py").write_bytes(STARTER.read_bytes())
    assert show_diff(tmp_path, find_step("2"), console)
    text = console.export_text()
    section = sections(SOLUTION.read_text(encoding="utf-8"))["Step 2"]
    assert "TODO (Step 2)" in text
    assert bare(section).splitlines()[-1].strip()[:40] in " ".join(text.split())
    assert skeleton(section)["log_worker_slot"].doc.splitlines()[0] not in text
    assert "on_execute_callback=log_worker_slot" in text


OF_THE_DAGS = {
    "1": ("trigger-exercise", "set_up_directories"),
    "2": ("FileSensor(",),
    "4": ("MultiDirectorySensorAsync(", "SENSOR_TASK_ID"),
    "5": ("process_trigger_results", "monitor_resource_usage"),
    "c1": (),
    "c3": ("trigger_orchestration_challenge", "wait_for_rule"),
}


@pytest.mark.parametrize("step_id", OF_THE_DAGS)
def test_only_the_steps_part_of_the_dags_is_shown(step_id: str):
    dags = sections(SOLUTION.read_text(encoding="utf-8"))[THE_DAGS]
    shown = dags_of(find_step(step_id), dags)
    assert {id for id, parts in OF_THE_DAGS.items() if parts and all(part in shown for part in parts)} <= {step_id}
    assert all(part in shown for part in OF_THE_DAGS[step_id])


def test_every_line_of_the_dags_belongs_to_some_step():
    dags = sections(SOLUTION.read_text(encoding="utf-8"))[THE_DAGS]
    shown = {line for step in STEPS for line in dags_of(step, dags).splitlines()}
    assert shown >= {line for line in dags.splitlines()[1:] if line}


@pytest.mark.parametrize("step", find_steps("3"), ids=lambda step: step.id)
def test_the_parts_of_a_step_are_shown_together(tmp_path: Path, console: Console, step):
    (tmp_path / f"{MODULE}.py").write_bytes(STARTER.read_bytes())
    assert show_diff(tmp_path, step, console)
    text = console.export_text()
    assert "Step 3: yours" in text
    assert "class MultiDirectoryTrigger(BaseTrigger)" in text


def test_a_file_without_headings_is_told_so(tmp_path: Path, console: Console):
    (tmp_path / f"{MODULE}.py").write_text("x = 1\n")
    assert show_diff(tmp_path, find_step("2"), console)
    assert "no heading for Step 2" in console.export_text()


def test_a_file_that_does_not_parse_is_told_so(tmp_path: Path, console: Console):
    (tmp_path / f"{MODULE}.py").write_text("def (\n")
    assert not show_diff(tmp_path, find_step("2"), console)
    assert "cannot parse" in console.export_text()


def test_only_docstrings_are_left_out():
    section = '# heading\ndef f():\n    """Doc."""\n    return """text"""\n\ndef g(): "only"\n'
    assert bare(section) == 'def f():\n    return """text"""\n\ndef g(): "only"'
