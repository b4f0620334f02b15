"""The chart of a race: what each way of waiting holds and watches, and how late an ordinary task starts beside it.

Run with the file that it is drawn from and the folder that it goes to. It imports matplotlib, the standard library and
`style.py` beside it only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from style import BLUE, GREY, INK, VERMILION, new_figure, save

# Behind words that lie on a chart.
PLATE = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5}
WIDTH, HEIGHT = 9.2, 6.9  # inches


def main(results: Path, folder: Path) -> None:
    save(draw(json.loads(results.read_text(encoding="utf-8"))), "race", folder)


def draw(race: dict[str, Any]) -> Figure:
    ways = list(race["approaches"].values())
    title = f"{race['waits']} waits for a file on {race['slots']} worker slots"
    figure = new_figure(WIDTH, HEIGHT, title, _where(race))
    grid = figure.add_gridspec(3, len(ways), height_ratios=(1.25, 1, 1.1))
    span = _span(ways)
    for number, way in enumerate(ways):
        top, middle = figure.add_subplot(grid[0, number]), figure.add_subplot(grid[1, number])
        seconds = [at - way["files_seconds"] for at in way["samples"]["seconds"]]
        _watched(top, race, way, seconds)
        _held(middle, race, way, seconds)
        for axes in (top, middle):
            _files_arrive(axes, way, span)
            if number:
                axes.set_yticklabels([])
        top.set_xticklabels([])
        if not number:
            top.set_ylabel("waits watched")
            middle.set_ylabel("worker slots held")
            middle.set_xlabel("seconds, 0: files arrive", loc="left")
    _ordinary(figure.add_subplot(grid[2, :]), race, ways)
    return figure


def _watched(axes: Axes, race: dict[str, Any], way: dict[str, Any], seconds: list[float]) -> None:
    waits = race["waits"]
    axes.set_title(way["title"], weight="bold", loc="left", size=10.5)
    axes.fill_between(seconds, way["samples"]["watched"], step="post", color=BLUE, linewidth=0)
    axes.axhline(waits, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(0, waits * 1.12)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    words = []
    if never := way["never_started"]:
        words.append(f"{never} of {waits}\nnot started before\ntheir files came")
    if way["failed"]:
        words.append(f"{way['failed']} failed")
    if way["cut_off"]:
        words.append(f"cut off: {way['ended']} ended")
    if words:
        place = {"transform": axes.transAxes, "va": "top", "in_layout": False, "bbox": PLATE}
        axes.text(0.04, 0.84, "\n".join(words), weight="bold", **place)


def _held(axes: Axes, race: dict[str, Any], way: dict[str, Any], seconds: list[float]) -> None:
    slots, samples = race["slots"], way["samples"]
    both = [held + other for held, other in zip(samples["held"], samples["other"], strict=True)]
    axes.fill_between(seconds, both, step="post", color=GREY, linewidth=0)
    axes.fill_between(seconds, samples["held"], step="post", color=VERMILION, linewidth=0)
    axes.axhline(slots, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(0, slots * 1.3)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    words = f"{way['most_slots_held_waiting']} held while they wait"
    axes.text(
        0.04,
        0.98,
        words,
        transform=axes.transAxes,
        va="top",
        color=VERMILION,
        weight="bold",
        in_layout=False,
        bbox=PLATE,
    )


def _files_arrive(axes: Axes, way: dict[str, Any], span: tuple[float, float]) -> None:
    axes.set_xlim(*span)
    axes.axvspan(way["steady_seconds"] - way["files_seconds"], 0, color="#EFEFEF", zorder=-1, linewidth=0)
    axes.axvline(0, color=INK, linewidth=1)


def _ordinary(axes: Axes, race: dict[str, Any], ways: list[dict[str, Any]]) -> None:
    idle = race["idle"]
    bars = [
        ("idle Airflow", idle["ordinary"], None),
        *((way["title"], way["ordinary"]["waiting"], way) for way in ways),
    ]
    known = [late["worst_seconds"] or late["median_seconds"] or 0.0 for _, late, _ in bars]
    longest = max([*known, 1.0])
    for row, (_, late, way) in enumerate(bars):
        median = late["median_seconds"]
        colour = GREY if way is None else BLUE
        axes.barh(row, longest if median is None else median, height=0.62, color=colour, hatch="" if median else "///")
        if late["worst_seconds"] is not None:
            axes.plot([late["worst_seconds"]] * 2, [row - 0.31, row + 0.31], color=INK, linewidth=1.6)
            axes.plot([median, late["worst_seconds"]], [row, row], color=INK, linewidth=0.8)
        at = longest if median is None else max(median, late["worst_seconds"] or 0.0)
        axes.text(at + longest * 0.012, row, _words(late, way), va="center")
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.invert_yaxis()
    axes.set_xlim(0, longest * 1.32)
    axes.tick_params(axis="y", length=0)
    axes.set_title("How late an ordinary task starts meanwhile", weight="bold", loc="left", size=10.5)
    axes.set_xlabel("seconds from its submission: the bar is the median, the stroke the worst", loc="left")


def _words(late: dict[str, Any], way: dict[str, Any] | None) -> str:
    """What stands beside a bar."""
    if not late["submitted"]:
        return "none was submitted"
    if late["median_seconds"] is None:
        return f"{late['never_started']} of {late['submitted']} never started"
    ratio = f", {_short(way['ordinary_start_ratio'])} × idle" if way and way["ordinary_start_ratio"] else ""
    return f"{_short(late['median_seconds'])} s{ratio}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _where(race: dict[str, Any]) -> str:
    return (
        "Shaded: while all wait that can, until the files arrive. Grey: slots that other tasks hold. "
        f"Dashed: all there are.\nMeasured on {race['date']}: Airflow {race['airflow']} with LocalExecutor and SQLite, "
        f"{race['cores']} cores; a sensor looks every {race['interval_seconds']:g} s"
    )


def _span(ways: list[dict[str, Any]]) -> tuple[float, float]:
    """The same seconds for all, so that they can be compared."""
    return -max(way["files_seconds"] for way in ways), max(way["over_seconds"] - way["files_seconds"] for way in ways)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
