"""Cost against the number of waits, as a picture. The only file that needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kata.bench.measurement import Died, Measured
from kata.bench.setting import COMPARED, Setting
from kata.bench.table import FIGURES, Figure

_SHOWN = ["loop lag p99", "CPU", "memory a wait", "to event max"]
_UNITS = {"CPU": "seconds in a second", "memory a wait": "bytes"}
_COLORS = ["#6b7280", "#017cee", "#d9480f", "#9c36b5"]


def draw(results: list[Measured | Died], file: Path) -> None:
    """Draw a panel for each figure and setting.

    :param file: what is written; its ending says how, `.svg` or `.png`.
    :raises ModuleNotFoundError: if there is no matplotlib.
    """
    from matplotlib.figure import Figure as Canvas  # lazily: to measure, nobody needs it

    figures = [figure for figure in FIGURES if figure.name in _SHOWN]
    canvas = Canvas(figsize=(4 * len(COMPARED), 2.6 * len(figures)), layout="constrained")
    panels = canvas.subplots(len(figures), len(COMPARED), sharex=True, sharey="row", squeeze=False)
    for row, figure in zip(panels, figures, strict=True):
        row[0].set_ylabel(f"{figure.name}\n{_UNITS.get(figure.name, 'seconds')}")
        for panel, setting in zip(row, COMPARED, strict=True):
            _draw_panel(panel, figure, setting, results)
    for panel, setting in zip(panels[0], COMPARED, strict=True):
        panel.set_title(setting.title, fontsize="small")
    for panel in panels[-1]:
        panel.set_xlabel("waits at once")
    lines, names = panels[0][0].get_legend_handles_labels()
    canvas.legend(lines, names, loc="outside upper center", ncols=len(names), frameon=False)
    canvas.savefig(file)


def _draw_panel(panel: Any, figure: Figure, setting: Setting, results: list[Measured | Died]) -> None:
    from matplotlib.ticker import LogLocator

    panel.set(xscale="log", yscale="log")
    panel.grid(alpha=0.3)
    of_setting = [each for each in results if isinstance(each, Measured) and each.setting == setting.name]
    # What has died or lost an event has no point: the line ends before it.
    points = [(each.contender, each.waits, value) for each in of_setting if (value := figure.of(each)) is not None]
    for color, name in zip(_COLORS, dict.fromkeys(each.contender for each in results), strict=False):
        mine = sorted((waits, value) for contender, waits, value in points if contender == name)
        panel.plot([waits for waits, _ in mine], [value for _, value in mine], "o-", color=color, label=name)
    counts = sorted({each.waits for each in of_setting})
    panel.set_xticks(counts, [f"{count:,}" for count in counts])
    panel.set_xticks([], minor=True)
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter("")
