"""The break-even: the tasks that are measured, where the lines cross, what is shown, and its DAGs."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kata.core.paths import SOLUTION
from lab.race import break_even as break_even_module
from lab.race.break_even import LONG, SHORT, conclusion, measure_break_even, planned, show
from lab.race.regression import WAYS, Waited, break_even, line, means, spread


def waits(way: str, base: float, slope: float, lengths: tuple[float, ...] = (0, 1, 2, 5, 10)) -> list[Waited]:
    """Tasks whose slot-seconds lie on a line, but for the one of length 0, at which nothing waits."""
    return [
        {
            "way": way,
            "length_seconds": length,
            "waited_seconds": length,
            "slot_seconds": base + slope * length if length else 0.2,
            "running_seconds": 0.2,
            "late_seconds": 0.5 if way == "poke" else 2.5,
            "task_cpu_seconds": 0.2 if way == "poke" else 0.4,
        }
        for length in lengths
    ]


POKED = waits("poke", 2.0, 1.0)
DEFERRED = waits("deferrable", 5.0, 0.0)


def test_every_length_is_waited_in_both_ways_one_wait_after_the_other():
    tasks = list(planned(6))
    assert tasks[:2] == [("poke", 0.0, 0.0), ("deferrable", 0.0, 0.0)]
    for way in WAYS:
        counts = Counter(length for each, length, _ in tasks if each == way)
        assert counts == {**dict.fromkeys(SHORT, 6), **dict.fromkeys(LONG, 2)}


def test_the_files_of_a_length_come_at_different_moments_of_the_interval():
    after = [file_after for way, length, file_after in planned(4) if (way, length) == ("poke", 1.0)]
    assert after == [1.0, 1.25, 1.5, 1.75]
    assert all(not after for _, length, after in planned(4) if not length)


def test_a_line_leaves_out_what_did_not_wait():
    assert line("poke", POKED + DEFERRED) == (pytest.approx(1.0), pytest.approx(2.0))
    assert line("deferrable", POKED + DEFERRED) == (pytest.approx(0.0), pytest.approx(5.0))


@pytest.mark.parametrize(
    ("deferred", "crossing"),
    [
        (DEFERRED, pytest.approx(3.0)),
        (waits("deferrable", 1.0, 0.0), 0.0),  # deferring pays from the beginning
        (waits("deferrable", 5.0, 1.0), None),  # it never pays
        (waits("deferrable", 13.0, 0.0), None),  # the lines cross beyond all that was measured
    ],
)
def test_the_break_even_is_where_the_lines_cross(deferred: list[Waited], crossing: float | None):
    assert break_even(POKED + deferred) == crossing


@pytest.mark.parametrize("measured", [[], POKED, POKED[:2] + DEFERRED[:2]])
def test_too_few_waits_have_no_break_even(measured: list[Waited]):
    assert break_even(measured) is None
    assert spread(measured) is None


def test_luck_spreads_the_break_even():
    assert spread(POKED + DEFERRED) == (pytest.approx(3.0), pytest.approx(3.0))
    lucky = waits("deferrable", 3.0, 0.0) + waits("deferrable", 7.0, 0.0) + POKED
    low, high = spread(lucky) or (0.0, 0.0)
    assert (low, high) == spread(lucky)
    assert low < (break_even(lucky) or 0.0) < high


def test_a_length_has_a_row_once_both_ways_have_waited_it():
    assert list(means(POKED + DEFERRED[:2])) == [0, 1]
    assert means(POKED + DEFERRED)[1]["slot_seconds"] == (3.0, 5.0)


def test_the_table_and_what_it_says_fit_into_a_terminal():
    console = Console(width=80, record=True, file=io.StringIO())
    show({"airflow": "3.3.2", "waits": POKED + DEFERRED}, console)
    lines = console.export_text().splitlines()
    assert "1 s 3.00 · 5.00 0.20 · 0.20 0.50 · 2.50 0.20 · 0.40" in [" ".join(line.split()) for line in lines]
    assert "Break-even: 3.0 seconds (in nine of ten samples from 3.0 to 3.0)." in lines
    assert max(map(len, lines)) <= 80
    assert "takes +0.20 CPU seconds and ends +2.0 seconds later" in conclusion(POKED + DEFERRED)


def test_what_ends_it_early_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupted(*_: Any) -> Iterator[Waited]:
        yield from POKED[:2] + DEFERRED[:2]
        raise KeyboardInterrupt

    monkeypatch.setattr(break_even_module, "measure", interrupted)
    (tmp_path / "break_even.json").write_text("older")
    with pytest.raises(KeyboardInterrupt):
        measure_break_even(SOLUTION.parent, 1, tmp_path, Console(), Console(stderr=True))
    assert "slot-seconds" in capsys.readouterr().out
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"break_even.json": "older"}
