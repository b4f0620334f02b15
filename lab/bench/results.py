"""The results of a bench, as in bench.json, and the tables of them.

A result is a dict with ``contender``, ``setting`` and ``waits``, the number of waiting tasks. If its process died, it
has ``why``, the last thing that the process said. Otherwise it has:

* ``lag_p50``, ``lag_p99``, ``lag_max``: how late the event loop was, in seconds;
* ``cpu``: seconds of processor time per second;
* ``memory``: bytes per waiting task, in addition to those of the empty runner;
* ``threads``: the maximum number of threads, including those of the loop and of the measurement;
* ``interval``: seconds between two checks of a directory;
* ``delays``: seconds from each file to its event, ascending, then None for each event that has not come;
* ``triggers``: the number of triggers, ``started`` those that had started, ``failed`` those that ended without a file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lab.bench.contenders import BASELINE
from lab.bench.directories import SETTINGS

Result = dict[str, Any]
_LOST, _DIED = "never", "died"


class Figure(NamedTuple):
    """Something that costs.

    :param value: returns its value, None if there is none because an event has not come.
    :param show: returns the value with its unit.
    :param is_compared: whether it is shown how many times as much it is as that of the baseline.
    """

    name: str
    value: Callable[[Result], float | None]
    show: Callable[[float], str]
    is_compared: bool = True


class Table(NamedTuple):
    """The figures of each contender, for one setting and one number of waiting tasks."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def percentile(ascending: list[float] | list[float | None], percent: float) -> float | None:
    """Return the smallest value that is not exceeded by this percentage of all; None if there is no value."""
    if not ascending:
        return None
    return ascending[max(0, -int(-len(ascending) * percent // 100) - 1)]


def _seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


FIGURES = (
    Figure("loop lag p50", lambda result: result["lag_p50"], _seconds),
    Figure("loop lag p99", lambda result: result["lag_p99"], _seconds),
    Figure("loop lag max", lambda result: result["lag_max"], _seconds),
    Figure("CPU", lambda result: result["cpu"], lambda value: f"{value:.1%}"),
    Figure("memory a wait", lambda result: result["memory"], lambda value: f"{value / 1024:.3g} KiB"),
    Figure("threads", lambda result: result["threads"], lambda value: f"{value:,.0f}", is_compared=False),
    Figure("to event p50", lambda result: percentile(result["delays"], 50), _seconds),
    Figure("to event max", lambda result: percentile(result["delays"], 100), _seconds),
)


def tables(results: list[Result]) -> list[Table]:
    """Return a table for each setting and number of waiting tasks."""
    return [
        _table(setting, waits, [each for each in results if (each["setting"], each["waits"]) == (setting, waits)])
        for setting, waits in dict.fromkeys((each["setting"], each["waits"]) for each in results)
    ]


def _table(setting: str, waits: int, results: list[Result]) -> Table:
    baseline = next((each for each in results if each["contender"] == BASELINE), None)
    rows = [[figure.name, *(_cell(figure, each, baseline) for each in results)] for figure in FIGURES]
    rows.append(["in 2 intervals", *(_in_time(each) for each in results)])
    title = f"{SETTINGS[setting].title}; {waits:,} waits"
    return Table(title, ["", *(each["contender"] for each in results)], rows)


def _cell(figure: Figure, result: Result, baseline: Result | None) -> str:
    if "cpu" not in result:
        return _DIED
    value = figure.value(result)
    if value is None:
        return _LOST
    if not figure.is_compared:
        return figure.show(value)
    base = figure.value(baseline) if baseline and "cpu" in baseline else None
    return f"{value / base:.2f} ({figure.show(value)})" if base and base > 0 else f"({figure.show(value)})"


def _in_time(result: Result) -> str:
    if "cpu" not in result:
        return _DIED
    in_time = sum(delay is not None and delay <= 2 * result["interval"] for delay in result["delays"])
    parts = [f"{in_time} of {len(result['delays'])}"]
    if result["started"] < result["triggers"]:
        parts.append(f"{result['triggers'] - result['started']:,} not started")
    if result["failed"]:
        parts.append(f"{result['failed']:,} failed")
    return ", ".join(parts)
