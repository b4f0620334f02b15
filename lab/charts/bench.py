"""The chart of a bench: what waiting tasks cost, by their number and by contender."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from style import BLUE, DASHED, FAINT, GREEN, INK, PURPLE, VERMILION, main, new_figure

WIDTH, HEIGHT = 9.2, 8.2  # inches
COLORS, MARKERS = (INK, BLUE, VERMILION, GREEN, PURPLE), "os^Dv"


class Row(NamedTuple):
    """A figure, with a panel for each setting.

    :param value: returns it, None if an event has not come.
    :param limit: returns where a line is drawn, in the same unit.
    """

    title: str
    value: Callable[[dict[str, Any]], float | None]
    limit: Callable[[dict[str, Any]], float] | None = None
    is_linear: bool = False


def _longest(result: dict[str, Any]) -> float | None:
    delays = result["delays"]
    return max(delays) if delays and None not in delays else None


ROWS = (
    Row("loop lag p99\nmilliseconds", lambda result: result["lag_p99"] * 1000, lambda bench: 20),
    Row("CPU\npercent of a core", lambda result: result["cpu"] * 100),
    Row("file to event, longest\nseconds", _longest, lambda bench: bench["interval"], is_linear=True),
    Row("memory of a wait\nKiB", lambda result: result["memory"] / 1024),
)


def draw(bench: dict[str, Any]) -> Figure:
    """Draw a row for each figure, with a panel for each setting.

    :param bench: the contents of bench.json.
    """
    measured = [result for result in bench["results"] if "cpu" in result]
    settings = {name: title for name, title in bench["settings"].items() if name in {it["setting"] for it in measured}}
    contenders = list(dict.fromkeys(result["contender"] for result in measured))
    figure = new_figure(
        WIDTH,
        HEIGHT,
        "What waiting tasks cost the event loop that they share\n",
        f"Through Airflow's own TriggerRunner. Dashed: 20 ms, and the interval of {bench['interval']:g} s. "
        "A line that ends early: the process died, or an event never came.\n"
        f"Measured on {bench['date']}: Airflow {bench['airflow']}, Python {bench['python']}, {bench['cores']} cores, "
        f"{bench['seconds']:g} s each",
    )
    panels = figure.subplots(len(ROWS), len(settings), sharex=True, sharey="row", squeeze=False)
    for row, line in zip(ROWS, panels, strict=True):
        line[0].set_ylabel(row.title)
        for setting, axes in zip(settings, line, strict=True):
            _draw_panel(axes, row, bench, contenders, [each for each in measured if each["setting"] == setting])
        if row.is_linear:
            line[0].set_ylim(bottom=0)  # after all lines are drawn: it fixes the upper limit, too
    for title, axes in zip(settings.values(), panels[0], strict=True):
        axes.set_title(title)
    for axes in panels[-1]:
        axes.set_xlabel("waiting tasks of 5 directories")
    lines, names = panels[0][0].get_legend_handles_labels()
    # In the second line of the title, which is empty.
    figure.legend(lines, names, loc="upper left", bbox_to_anchor=(0.004, 0.972), ncols=len(names), frameon=False)
    return figure


def _draw_panel(
    axes: Axes, row: Row, bench: dict[str, Any], contenders: list[str], results: list[dict[str, Any]]
) -> None:
    axes.set(xscale="log", yscale="linear" if row.is_linear else "log")
    axes.grid(alpha=0.25)
    for contender, color, marker in zip(contenders, COLORS, MARKERS, strict=False):
        values = {result["waits"]: row.value(result) for result in results if result["contender"] == contender}
        points = {waits: value for waits, value in sorted(values.items()) if value is not None}
        axes.plot(list(points), list(points.values()), color=color, marker=marker, markersize=4, label=contender)
    if row.limit:
        axes.axhline(row.limit(bench), color=FAINT, **DASHED)
    counts = sorted({result["waits"] for result in results})
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.set_xticks([], minor=True)
    if not row.is_linear:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_minor_formatter("")
    axes.yaxis.set_major_formatter("{x:g}")


if __name__ == "__main__":
    main(draw)
