"""The chart of a race: the tasks watched and the slots held in each approach, and how late an ordinary task starts."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from style import BLUE, DASHED, GREY, INK, VERMILION, main, new_figure

WIDTH, HEIGHT = 9.2, 6.9  # inches


def draw(race: dict[str, Any]) -> Figure:
    """Draw a column for each approach, and a bar for each below.

    :param race: the contents of race.json.
    """
    waits, slots, approaches = race["waits"], race["slots"], list(race["approaches"].values())
    figure = new_figure(
        WIDTH,
        HEIGHT,
        f"{waits} waiting tasks on {slots} worker slots",
        "Shaded: no more task can start, until the files arrive. Grey: slots of other tasks. Dashed: the maximum.\n"
        f"Measured on {race['date']}: Airflow {race['airflow']} with LocalExecutor and SQLite, {race['cores']} cores; "
        f"a sensor checks every {race['interval_seconds']:g} s",
    )
    top, bottom = figure.subfigures(2, 1, height_ratios=(2.2, 1.1))
    panels = top.subplots(2, len(approaches), sharex=True, sharey="row", squeeze=False, height_ratios=(1.25, 1))
    for (watched, held), approach in zip(panels.T, approaches, strict=True):
        watched.set_title(approach["title"])
        _draw_watched(watched, waits, approach)
        _draw_held(held, slots, approach)
        for axes in (watched, held):
            axes.axvspan(
                approach["steady_seconds"] - approach["files_seconds"], 0, color=INK, alpha=0.08, zorder=-1, linewidth=0
            )
            axes.axvline(0, color=INK, linewidth=1)
            axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[0][0].set(ylim=(0, waits * 1.12), ylabel="waiting tasks watched")
    panels[1][0].set(ylim=(0, slots * 1.3), ylabel="worker slots held", xlabel="seconds, 0: files arrive")
    _draw_ordinary(bottom.subplots(), race, approaches)
    return figure


def _draw_watched(axes: Axes, waits: int, approach: dict[str, Any]) -> None:
    axes.fill_between(_seconds(approach), approach["samples"]["watched"], step="post", color=BLUE, linewidth=0)
    axes.axhline(waits, color=INK, **DASHED)
    notes = {
        f"{approach['never_started']} of {waits}\nnot started before\ntheir files arrived": approach["never_started"],
        f"{approach['failed']} failed": approach["failed"],
        f"cut off: {approach['ended']} ended": approach["cut_off"],
    }
    _note(axes, 0.84, "\n".join(note for note, applies in notes.items() if applies), INK)


def _draw_held(axes: Axes, slots: int, approach: dict[str, Any]) -> None:
    held, other, seconds = approach["samples"]["held"], approach["samples"]["other"], _seconds(approach)
    axes.stackplot(seconds, held, other, step="post", colors=(VERMILION, GREY), linewidth=0)
    axes.axhline(slots, color=INK, **DASHED)
    _note(axes, 0.98, f"{approach['most_slots_held_waiting']} held while they wait", VERMILION)


def _seconds(approach: dict[str, Any]) -> list[float]:
    return [at - approach["files_seconds"] for at in approach["samples"]["seconds"]]


def _note(axes: Axes, y: float, text: str, color: str) -> None:
    plate = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.5}
    place = {"transform": axes.transAxes, "va": "top", "in_layout": False}
    if text:
        axes.text(0.04, y, text, color=color, weight="bold", bbox=plate, **place)


def _draw_ordinary(axes: Axes, race: dict[str, Any], approaches: list[dict[str, Any]]) -> None:
    """Draw a bar up to the median, and a line up to the worst; hatched if the median task never started."""
    bars = [("idle Airflow", race["idle"]["ordinary"], None)]
    bars += [(each["title"], each["ordinary"]["waiting"], each["ordinary_start_ratio"]) for each in approaches]
    longest = max([1.0, *(late["worst_seconds"] or late["median_seconds"] or 0.0 for _, late, _ in bars)])
    for row, (_, late, ratio) in enumerate(bars):
        median, worst = late["median_seconds"], late["worst_seconds"]
        end = longest if median is None else median
        axes.barh(row, end, height=0.62, color=BLUE if row else GREY, hatch="///" if median is None else "")
        if worst is not None:
            axes.plot([worst, worst], [row - 0.31, row + 0.31], color=INK, linewidth=1.6)
            axes.plot([median, worst], [row, row], color=INK, linewidth=0.8)
        axes.text(max(end, worst or 0.0) + longest * 0.012, row, _words(late, ratio), va="center")
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.invert_yaxis()
    axes.set_xlim(0, longest * 1.32)
    axes.tick_params(axis="y", length=0)
    axes.set_title("How late an ordinary task starts meanwhile")
    axes.set_xlabel("seconds from its submission: the bar is the median, the line the worst")


def _words(late: dict[str, Any], ratio: float | None) -> str:
    if not late["submitted"]:
        return "none was submitted"
    if late["median_seconds"] is None:
        return f"{late['never_started']} of {late['submitted']} never started"
    return f"{late['median_seconds']:.1f} s" + (f", {ratio:.1f} × idle" if ratio else "")


if __name__ == "__main__":
    main(draw)
