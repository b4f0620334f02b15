"""What came out, as a table: each contender against Airflow's own triggers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from lab.bench.contender import BASELINE
from lab.bench.measurement import Died, Measured
from lab.bench.setting import SETTINGS, Setting

_LOST, _DIED = "never", "died"


@dataclass(frozen=True)
class Figure:
    """Something that costs.

    :param of: its value; None where there is none because an event has not come.
    :param show: the value as text, with its unit.
    :param is_compared: whether it says something how many times as much it is.
    """

    name: str
    of: Callable[[Measured], float | None]
    show: Callable[[float], str]
    is_compared: bool = True


def _seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


FIGURES = [
    Figure("loop lag p50", lambda it: it.lag_p50, _seconds),
    Figure("loop lag p99", lambda it: it.lag_p99, _seconds),
    Figure("loop lag max", lambda it: it.lag_max, _seconds),
    Figure("CPU", lambda it: it.cpu, lambda value: f"{value:.1%}"),
    Figure("memory a wait", lambda it: it.memory, lambda value: f"{value / 1024:.3g} KiB"),
    Figure("threads", lambda it: it.threads, lambda value: f"{value:,.0f}", is_compared=False),
    Figure("to event p50", lambda it: it.delay_p50, _seconds),
    Figure("to event max", lambda it: it.delay_max, _seconds),
]


def tables(results: list[Measured | Died]) -> list[Table]:
    """One for each setting that was measured."""
    settings = dict.fromkeys(each.setting for each in results)
    return [_table(SETTINGS[name], [each for each in results if each.setting == name]) for name in settings]


def ratio(figure: Figure, result: Measured, reference: Measured | Died | None) -> float | None:
    """How many times as much as the reference; None if either has no value, or the reference's is not more than 0."""
    value = figure.of(result)
    base = figure.of(reference) if isinstance(reference, Measured) else None
    return value / base if value is not None and base is not None and base > 0 else None


def _table(setting: Setting, results: list[Measured | Died]) -> Table:
    columns = ["waits", "", *contenders(results)]
    table = Table(*columns, title=setting.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for waits in dict.fromkeys(each.waits for each in results):
        for row in rows([each for each in results if each.waits == waits]):
            table.add_row(f"{waits:,}", *row)
        table.add_section()
    return table


def contenders(results: list[Measured | Died]) -> list[str]:
    """In the order in which they were measured."""
    return list(dict.fromkeys(each.contender for each in results))


def rows(results: list[Measured | Died]) -> list[list[str]]:
    """A row for each figure, with its name and what it is for each contender.

    :param results: of one setting and one number of waits.
    """
    of = {each.contender: each for each in results}
    of_figures = [[figure.name, *(_cell(figure, of[name], of) for name in contenders(results))] for figure in FIGURES]
    return [*of_figures, ["in 2 intervals", *(_in_time(of[name]) for name in contenders(results))]]


def _cell(figure: Figure, result: Measured | Died, of: dict[str, Measured | Died]) -> str:
    if isinstance(result, Died):
        return _DIED
    value = figure.of(result)
    if value is None:
        return _LOST
    if not figure.is_compared:
        return figure.show(value)
    times = ratio(figure, result, of.get(BASELINE.name))
    return f"{times:.2f} ({figure.show(value)})" if times is not None else f"({figure.show(value)})"


def _in_time(result: Measured | Died) -> str:
    if isinstance(result, Died):
        return _DIED
    parts = [f"{result.in_time} of {len(result.delays)}"]
    if result.started < result.triggers:
        parts.append(f"{result.triggers - result.started:,} not started")
    if result.failed:
        parts.append(f"{result.failed:,} failed")
    return ", ".join(parts)
