"""The pitfalls: each has a lesson and a part of the page, and one of them runs on a real Airflow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from statsd import StatsClient

from kata.core.ports import LOOPBACK
from kata.core.rest_api import poll_until
from kata.pitfalls import command
from kata.pitfalls.catalog import LESSONS, PITFALLS, find_pitfall
from kata.pitfalls.experiment import Observation, carry_out
from kata.pitfalls.metrics import Metrics
from quality.conftest import run_command

WRONG = Observation(
    [(1.5, "wait", "deferred"), (4.0, "triggerer", "process has ended")], {"boom": 3}, {}, 1, (20, 0), starts=2
)
RIGHT = Observation(
    [(1.25, "wait", "deferred"), (5.0, "wait", "success")], {}, {"triggers.failed": 2}, 0, (20, 21), "there"
)


def test_all_are_listed():
    listed = run_command("pitfall").stdout
    for pitfall in PITFALLS:
        assert re.search(rf"{pitfall.name} +{re.escape(pitfall.text()[0])}", listed)


def test_every_lesson_is_a_pitfall_with_two_dags():
    assert {file.stem for file in LESSONS.glob("*.py")} - {"shared"} == {each.name for each in PITFALLS}
    for pitfall in PITFALLS:
        code = pitfall.lesson.read_text(encoding="utf-8")
        assert re.findall(r'two_dags\(\s*"(\w+)"', code) == [pitfall.name]
        # The wrong triggers have literal class paths, too, except in the lesson that is about them.
        assert set(re.findall(r'"(\w+)\.[A-Z]\w+", \{', code)) <= {pitfall.name}


def test_what_was_observed_is_shown():
    assert [*WRONG.lines()] == [
        "    1.5 s  wait       deferred",
        "    4.0 s  triggerer  process has ended",
        "  log: boom  (3 times)",
        "  metrics: no trigger has ended; at the end triggers.running 1",
        "  open files of the triggerer: 20 → none, it is gone",
        "  The task was failed by hand; then the triggerer had to be started twice.",
    ]
    assert [*RIGHT.lines()] == [
        "    1.2 s  wait       deferred",
        "    5.0 s  wait       success",
        "  returned: 'there'",
        "  metrics: triggers.failed 2; at the end triggers.running 0",
        "  open files of the triggerer: 20 → 21",
    ]


def test_the_metrics_that_airflow_sends_are_received():
    with Metrics() as metrics:
        port = int(metrics.settings["AIRFLOW__METRICS__STATSD_PORT"])
        statsd = StatsClient(host=LOOPBACK, port=port)
        statsd.gauge("triggers.running", 3)
        statsd.gauge("triggers.running.a_host", 5)
        statsd.incr("triggers.failed", 2)
        statsd.incr("something.else")
        statsd.timing("triggers.running", 1.5)
        statsd.incr("triggers.succeeded")
        poll_until(lambda: metrics.counted()["triggers.succeeded"], 30)
        assert +metrics.counted() == {"triggers.succeeded": 1, "triggers.failed": 2}
    assert metrics.running == 3


def test_only_its_own_part_of_the_page_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = tmp_path / "page.md"
    monkeypatch.setattr(command, "PAGE", page)
    first, second = (f"<!-- {each.name}: begin -->\n<!-- {each.name}: end -->\n" for each in PITFALLS[:2])
    page.write_text(first + second)
    command.write_part(PITFALLS[1], ["one"])
    command.write_part(PITFALLS[1], ["another"])
    text = page.read_text()
    assert text.startswith(first)
    assert (text.count(PITFALLS[1].text()[0]), text.count("another"), text.count("one\n")) == (1, 1, 0)


def test_a_wrong_class_path_fails_on_a_real_airflow_and_the_right_one_does_not():
    wrong, right = carry_out(find_pitfall("class_path"), lambda what: None)
    assert [what for _, _, what in wrong.events] == ["deferred", "failed"]
    assert any("Trigger failed to load code" in line for line in wrong.log)
    assert [what for _, _, what in right.events] == ["deferred", "success"]
    assert (right.returned, right.log, wrong.starts) == ("there", {}, 0)
