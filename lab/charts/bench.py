"""The chart of a bench: what waits cost the more of them there are, way by way.

Run with the file that it is drawn from and the folder that it goes to. It imports matplotlib, the standard library and
`style.py` beside it only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from style import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION, new_figure, save

WIDTH, HEIGHT = 9.2, 8.2  # inches
COLOURS = (INK, BLUE, VERMILION, GREEN, PURPLE)
MARKS = "osv^D"


class Row(NamedTuple):
    """A figure, drawn once for each setting.

    :param value: None where an event has not come.
    :param aim: drawn as a line, in the same unit.
    :param scale: of the axis; "log" where some are a hundred times as much as others.
    """

    title: str
    value: Callable[[dict[str, Any]], float | None]
    aim: Callable[[dict[str, Any]], float] | None = None
    scale: str = "log"


ROWS = (
    Row("loop lag p99\nmilliseconds", lambda result: result["lag_p99"] * 1000, lambda bench: 20),
    Row("CPU\npercent of a core", lambda result: result["cpu"] * 100),
    Row(
        "file to event, longest\nseconds",
        lambda result: _longest(result["delays"]),
        lambda bench: bench["interval"],
        scale="linear",
    ),
    Row("memory of a wait\nKiB", lambda result: result["memory"] / 1024),
)


def main(results: Path, folder: Path) -> None:
    save(draw(json.loads(results.read_text(encoding="utf-8"))), "bench", folder)


def draw(bench: dict[str, Any]) -> Figure:
    measured = [result for result in bench["results"] if "cpu" in result]
    settings = {name: title for name, title in bench["settings"].items() if name in {it["setting"] for it in measured}}
    ways = list(dict.fromkeys(result["contender"] for result in measured))
    figure = new_figure(WIDTH, HEIGHT, "What waits cost the event loop that they share\n", _where(bench))
    panels = figure.subplots(len(ROWS), len(settings), sharex=True, sharey="row", squeeze=False)
    for row, line in zip(ROWS, panels, strict=True):
        line[0].set_ylabel(row.title)
        for setting, axes in zip(settings, line, strict=True):
            _draw_row(axes, row, bench, ways, [result for result in measured if result["setting"] == setting])
        if row.scale == "linear":
            line[0].set_ylim(bottom=0)  # now that all is drawn: a limit is not widened any more
    for title, axes in zip(settings.values(), panels[0], strict=True):
        axes.set_title(title, weight="bold", loc="left", size=9.5)
    for axes in panels[-1]:
        axes.set_xlabel("waits of 5 directories", loc="left")
    lines, names = panels[0][0].get_legend_handles_labels()
    # In the second line of the title, which is empty.
    figure.legend(lines, names, loc="upper left", bbox_to_anchor=(0.004, 0.972), ncols=len(names), frameon=False)
    return figure


def _draw_row(axes: Axes, row: Row, bench: dict[str, Any], ways: list[str], results: list[dict[str, Any]]) -> None:
    axes.set(xscale="log", yscale=row.scale)
    axes.grid(alpha=0.25)
    for way, colour, mark in zip(ways, COLOURS, MARKS, strict=False):
        of_way = [result for result in results if result["contender"] == way]
        # What is not there has died, or has lost an event: its line ends before.
        points = sorted((result["waits"], value) for result in of_way if (value := row.value(result)) is not None)
        axes.plot(
            *zip(*points, strict=True) if points else ((), ()), color=colour, marker=mark, markersize=4, label=way
        )
    if row.aim:
        axes.axhline(row.aim(bench), color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    counts = sorted({result["waits"] for result in results})
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.set_xticks([], minor=True)
    if row.scale == "log":
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_minor_formatter("")
    axes.yaxis.set_major_formatter("{x:g}")


def _longest(delays: list[float | None]) -> float | None:
    return max(delays) if delays and None not in delays else None  # type: ignore[type-var]


def _where(bench: dict[str, Any]) -> str:
    return (
        f"Through Airflow's own TriggerRunner. Dashed: 20 ms, and the interval of {bench['interval']:g} s. "
        "A line that ends early: it died, or an event never came.\n"
        f"Measured on {bench['date']}: Airflow {bench['airflow']}, Python {bench['python']}, {bench['cores']} cores, "
        f"{bench['seconds']:g} s each"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
