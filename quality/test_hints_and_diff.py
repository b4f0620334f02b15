"""The help that a learner asks for."""

from __future__ import annotations

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


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=80)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_every_step_has_three_hints_that_give_no_line_of_the_solution_away(step, console: Console):
    hints = read_hints(step)
    assert [hint.title for hint in hints] == ["A nudge", "The concept", "Nearly the answer"]
    solution, starter = (
        {line.strip() for line in file.read_text(encoding="utf-8").splitlines()} for file in (SOLUTION, STARTER)
    )
    given_away = {line.strip() for hint in hints for line in hint.text.splitlines()} & (solution - starter)
    assert not [line for line in given_away if len(line) > 25]
    # The code fits into a narrow terminal.
    show_hint(step, 3, console)
    shown = console.export_text()
    [code] = re.findall(r"```python\n(.*?)```", hints[-1].text, re.DOTALL)
    assert not [line for line in code.splitlines() if line not in shown]


@pytest.mark.parametrize(
    ("level", "says", "says_not"),
    [(1, ["Step 3b, It fires: a nudge", "make hint STEP=3b LEVEL=2"], "http"), (3, ["https://"], "LEVEL=4")],
)
def test_a_hint_says_how_to_go_on(console: Console, level: int, says: list[str], says_not: str):
    show_hint(find_step("3b"), level, console)
    text = console.export_text()
    assert all(each in text for each in says)
    assert says_not not in text


def test_a_step_with_parts_says_how_to_get_the_hints_of_each(console: Console):
    list_parts(find_steps("3"), console)
    text = console.export_text()
    for step in find_steps("3"):
        assert f"make hint STEP={step.id}   {step.title}" in text


@pytest.mark.parametrize("level", [0, 4, -1])
def test_a_level_that_does_not_exist_is_refused(console: Console, level: int):
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


def test_each_part_of_the_dags_is_shown_with_its_step_only():
    dags = sections(SOLUTION.read_text(encoding="utf-8"))[THE_DAGS]
    shown = {step.id: dags_of(step, dags) for step in STEPS}
    owners = {"set_up_directories": "1", "FileSensor(": "2", "task_id=SENSOR_TASK_ID": "4"}
    owners |= {"process_trigger_results": "5", "monitor_resource_usage": "5", "wait_for_rule": "c3"}
    assert {part: [step for step in shown if part in shown[step]] for part in owners} == {
        part: [step] for part, step in owners.items()
    }
    lines = {line for text in shown.values() for line in text.splitlines()}
    assert lines >= {line for line in dags.splitlines()[1:] if line}


@pytest.mark.parametrize(
    ("source", "step_id", "is_shown", "says"),
    [
        (STARTER.read_text(encoding="utf-8"), "3c", True, "class MultiDirectoryTrigger(BaseTrigger)"),
        ("x = 1\n", "2", True, "no heading for Step 2"),
        ("def (\n", "2", False, "cannot parse"),
    ],
)
def test_says_what_cannot_be_shown(tmp_path: Path, console: Console, source, step_id, is_shown: bool, says: str):
    (tmp_path / f"{MODULE}.py").write_text(source)
    assert show_diff(tmp_path, find_step(step_id), console) == is_shown
    assert says in console.export_text()


def test_only_docstrings_are_left_out():
    section = '# heading\ndef f():\n    """Doc."""\n    return """text"""\n\ndef g(): "only"\n'
    assert bare(section) == 'def f():\n    return """text"""\n\ndef g(): "only"'
