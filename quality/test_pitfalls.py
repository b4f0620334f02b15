"""The pitfalls: each has a lesson and a part of the page, and one of them on a real Airflow."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest
from rich.console import Console
from statsd import StatsClient

from kata.core.errors import WrongUsage
from kata.core.ports import LOOPBACK
from kata.pitfalls import page
from kata.pitfalls.command import list_pitfalls
from kata.pitfalls.lab import Experiment, carry_out
from kata.pitfalls.metrics import received_metrics
from kata.pitfalls.observation import Observation
from kata.pitfalls.pitfall import LESSONS, PITFALLS, Pitfall, find_pitfall
from kata.pitfalls.telling import told
from quality.test_command_line import kata

WRONG = Observation([(1.5, "wait", "deferred"), (4.0, "triggerer", "process has ended")], {"boom": 3}, {}, 1, (20, 0))
RIGHT = Observation(
    [(1.25, "wait", "deferred"), (5.0, "wait", "success")], {}, {"triggers.failed": 2}, 0, (20, 21), "there"
)


def test_all_are_listed():
    console = Console(file=io.StringIO(), record=True, width=120)
    list_pitfalls(console)
    listed = console.export_text()
    for pitfall in PITFALLS:
        assert re.search(rf"{pitfall.name} +{re.escape(pitfall.title)}", listed)


def test_an_unknown_one_is_refused_before_anything_is_started():
    with pytest.raises(WrongUsage, match=r"NAME=nowhere is no pitfall\. Take one of blocking_call, "):
        find_pitfall("nowhere")
    assert kata("pitfall", "nowhere").returncode == 2


def test_every_lesson_is_a_pitfall_of_two_ways():
    lessons = {lesson.stem for lesson in LESSONS.glob("*.py")} - {"wait"}
    assert lessons == {pitfall.name for pitfall in PITFALLS}
    for pitfall in PITFALLS:
        text = pitfall.lesson.read_text(encoding="utf-8")
        assert set(re.findall(r'DAG\("(\w+)"', text)) == {f"{pitfall.name}_wrong", f"{pitfall.name}_right"}
        # Wrong ones name themselves in their class paths too, but for the one that is about that.
        assert set(re.findall(r'"(\w+)\.[A-Z]\w+", \{', text)) == {pitfall.name}


def test_every_lesson_says_what_happens_and_how_to_fix_it():
    for pitfall in PITFALLS:
        assert "\n" not in pitfall.title
        assert "\n\nThe fix: " in pitfall.story


def test_what_was_seen_is_told_wrong_before_right():
    assert told(Experiment(PITFALLS[0], WRONG, RIGHT, starts=2)) == [
        "wrong",
        "    1.5 s  wait       deferred",
        "    4.0 s  triggerer  process has ended",
        "  log: boom  (3 times)",
        "  metrics: no trigger has ended; at the end triggers.running 1",
        "  open files of the triggerer: 20 → none, it is gone",
        "  The task was failed by hand; then the triggerer had to be started twice.",
        "",
        "right",
        "    1.2 s  wait       deferred",
        "    5.0 s  wait       success",
        "  returned: 'there'",
        "  metrics: triggers.failed 2; at the end triggers.running 0",
        "  open files of the triggerer: 20 → 21",
    ]


def test_what_airflow_sends_to_a_monitoring_is_received():
    with received_metrics() as metrics:
        port = int(metrics.settings["AIRFLOW__METRICS__STATSD_PORT"])
        statsd = StatsClient(host=LOOPBACK, port=port)
        statsd.gauge("triggers.running", 3)
        statsd.gauge("triggers.running.a_host", 5)
        statsd.incr("triggers.failed", 2)
        statsd.incr("something.else")
        statsd.incr("triggers.succeeded")
        over = time.monotonic() + 30
        while not metrics.counted()["triggers.succeeded"] and time.monotonic() < over:
            time.sleep(0.01)
    assert +metrics.counted() == {"triggers.succeeded": 1, "triggers.failed": 2}
    assert metrics.running == 3


def test_only_its_own_part_of_the_page_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    first, second = PITFALLS[:2]
    page.PAGE.write_text(_empty(first) + _empty(second))
    page.write_part(second, "Seen", ["one"])
    page.write_part(second, "Seen", ["another"])
    text = page.PAGE.read_text()
    assert text.startswith(_empty(first))
    assert (text.count(second.title), text.count("another"), text.count("one\n")) == (1, 1, 0)


def _empty(pitfall: Pitfall) -> str:
    return f"<!-- {pitfall.name}: begin -->\n<!-- {pitfall.name}: end -->\n"


@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda pitfall: pitfall.name)
def test_the_page_says_what_the_lesson_says_and_shows_both(pitfall: Pitfall):
    text = page.PAGE.read_text(encoding="utf-8")
    begin, end = (text.index(f"<!-- {pitfall.name}: {mark} -->") for mark in ("begin", "end"))
    part = text[begin:end]
    assert f"## {pitfall.title}\n\n{pitfall.story}\n" in part, (
        f"Write it anew: make pitfall NAME={pitfall.name} WRITE=1"
    )
    assert re.search(r"```text\nwrong\n.+\n\nright\n.+```", part, re.DOTALL)


def test_a_wrong_class_path_fails_on_a_real_airflow_and_the_right_one_does_not():
    experiment = carry_out(find_pitfall("class_path"), lambda what: None)
    assert [what for _, _, what in experiment.wrong.events] == ["deferred", "failed"]
    assert any("Trigger failed to load code" in line for line in experiment.wrong.lines)
    assert [what for _, _, what in experiment.right.events] == ["deferred", "success"]
    assert (experiment.right.returned, experiment.right.lines, experiment.starts) == ("there", {}, 0)
