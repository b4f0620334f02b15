"""What all charts have in common: colors, title, and how they are called.

A chart is called with the JSON file that it shows, then with the files that it writes. Charts import matplotlib, the
standard library and this module only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# The color-blind can tell them apart, too (Okabe and Ito).
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY, INK, FAINT = "#BBBBBB", "#333333", "#777777"
DASHED = {"linewidth": 0.8, "linestyle": (0, (4, 3))}


def new_figure(width: float, height: float, title: str, where: str) -> Figure:
    """Create a figure.

    :param width: in inches, like the height.
    :param where: how it was measured, in small letters at the bottom.
    """
    figure = Figure(figsize=(width, height))
    figure.suptitle(title, x=0.012, ha="left")
    figure.supxlabel(where, x=0.012, ha="left", color=FAINT)
    return figure


def main(draw: Callable[[dict[str, Any]], Figure]) -> None:
    """Draw the contents of the file in the first argument into the files in the others."""
    mpl.rc_file(Path(__file__).with_name("kata.mplstyle"))
    results, picture, drawing = map(Path, sys.argv[1:])
    figure = draw(json.loads(results.read_text(encoding="utf-8")))
    figure.savefig(picture, metadata={"Software": None})
    # Transparent: a page has a color of its own.
    figure.savefig(drawing, metadata={"Date": None}, transparent=True)
