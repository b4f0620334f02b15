"""How all charts look."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

# Told apart by the colour-blind too (Okabe and Ito).
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY, INK, FAINT = "#BBBBBB", "#333333", "#777777"

_STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#999999",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "kata",  # the same figures make the same file
}
_DOTS = 200  # an inch


def new_figure(width: float, height: float, title: str, where: str) -> Figure:
    """An empty one.

    :param width: in inches, like the height.
    :param where: how it was measured, in small letters at the bottom.
    """
    mpl.rcParams.update(_STYLE)
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.06, w_pad=0.05, hspace=0.04, wspace=0.02)
    figure.suptitle(title, x=0.012, ha="left", size=14, weight="bold")
    figure.supxlabel(where, x=0.012, ha="left", size=8, color=FAINT)
    return figure


def save(figure: Figure, name: str, folder: Path) -> None:
    figure.savefig(folder / f"{name}.png", dpi=_DOTS, metadata={"Software": None})
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
