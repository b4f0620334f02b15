"""The figures of a race: in a terminal, and on a page that can be sent to a colleague."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from rich.console import Console

from kata.core.files import write_atomically
from kata.core.paths import shown
from lab.charts.drawing import draw
from lab.tables import terminal

# All text is escaped, unless it is Markup.
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MAX_WIDTH = 11  # of a column, so that all fit into a terminal of eighty characters
_UNKNOWN = "–"


def show(race: dict[str, Any], console: Console) -> None:
    """Print the tables.

    :param race: the contents of race.json.
    """
    title = f"{race['waits']} waiting tasks on {race['slots']} slots, held {race['hold_seconds']:g} s"
    columns = ["", *titles(race)]
    console.print(terminal(f"{title}, Airflow {race['airflow']}", columns, result_rows(race), _MAX_WIDTH))
    columns = ["", "idle", *titles(race)]
    console.print(terminal("While they wait: CPU cores · MiB", columns, component_rows(race), _MAX_WIDTH))


def write(race: dict[str, Any], folder: Path, console: Console) -> None:
    """Write race.json, its chart and its page into the folder, and print where they are."""
    file = folder / "race.json"
    earlier = _date_of(file)
    write_atomically(file, json.dumps(race) + "\n")
    if problem := draw(file):
        console.print(problem, highlight=False, soft_wrap=True)
    svg = "" if problem else file.with_suffix(".svg").read_text(encoding="utf-8")
    write_atomically(folder / "race.html", page(race, svg, problem))
    replaced = f", instead of the race of {earlier}" if earlier else ""
    console.print(f"Written{replaced}; open the page:", highlight=False)
    console.print(f"  {shown(folder / 'race.html')}", highlight=False, soft_wrap=True)


def page(race: dict[str, Any], svg: str, problem: str = "") -> str:
    """Return the page, as HTML.

    :param svg: the chart.
    :param problem: why there is no chart.
    """
    # Ink and paper of the chart follow the page, in the light and in the dark.
    colors = {"#333333": "currentColor", "#777777": "var(--quiet)", "#ffffff": "Canvas"}
    chart = svg[svg.find("<svg") :] if svg else ""
    for printed, of_page in colors.items():
        chart = chart.replace(printed, of_page)
    return _TEMPLATES.get_template("race.html.jinja").render(
        title=f"{race['waits']} waiting tasks on {race['slots']} worker slots",
        race=race,
        approaches=race["approaches"].values(),
        leading=race["approaches"].get("deferrable") or [*race["approaches"].values()][-1],
        chart=Markup(chart),
        problem=problem,
        columns=titles(race),
        result_rows=result_rows(race),
        component_rows=component_rows(race),
    )


def titles(race: dict[str, Any]) -> list[str]:
    """Return the headings of the columns."""
    return [approach["title"] for approach in race["approaches"].values()]


def result_rows(race: dict[str, Any]) -> list[list[str]]:
    """Return a row for each result: its name, then a cell for each approach."""
    waits, slots, idle = race["waits"], race["slots"], race["idle"]["ordinary_start_seconds"]

    def row(name: str, cell: Callable[[dict[str, Any]], str]) -> list[str]:
        return [name, *(cell(approach) for approach in race["approaches"].values())]

    return [
        row("watched while they wait", lambda way: f"{way['watched_waiting']:.0f} of {waits}"),
        row("not started in time", lambda way: f"{way['never_started']}"),
        row("slots held meanwhile", lambda way: f"{way['most_slots_held_waiting']} of {slots}"),
        row("slots held at start-up", lambda way: f"{_held_starting(way)} of {slots}"),
        row("deferred at most", lambda way: f"{way['most_deferred']}"),
        row("slot-seconds meanwhile", lambda way: f"{way['slot_seconds_waiting']:.0f}"),
        row("slot-seconds in all", lambda way: f"{way['slot_seconds']:.0f}"),
        row("ordinary task is late", lambda way: _number(way["ordinary_start_seconds"])),
        row(f"  times the idle {_number(idle)}", lambda way: _number(way["ordinary_start_ratio"], "{:.2f} ×")),
        row("  at worst", lambda way: _worst(way["ordinary"]["waiting"])),
        row("start-up takes", lambda way: _number(way["steady_seconds"])),
        row("half ended after the files", lambda way: _number(way["median_ended_seconds"])),
        row("all ended after the files", lambda way: _number(way["last_ended_seconds"])),
        row("ended", lambda way: f"{way['ended']} of {waits}{_lost(way)}"),
        row("CPU seconds in all", lambda way: f"{sum(way['cpu_seconds'].values()):.0f}"),
        row("  of that the workers", lambda way: f"{way['cpu_seconds']['workers']:.0f}"),
        row("database commits in all", lambda way: f"{way['commits']}"),
        row("  a second meanwhile", lambda way: f"{way['waiting']['commits_per_second']:.1f}"),
    ]


def component_rows(race: dict[str, Any]) -> list[list[str]]:
    """Return a row for each component: its name, then CPU and memory, idle and in each approach while tasks wait."""
    used = [race["idle"], *(way["waiting"] for way in race["approaches"].values())]
    return [[component, *(_usage(each, component) for each in used)] for component in race["idle"]["cpu_cores"]]


def _held_starting(way: dict[str, Any]) -> int:
    held = zip(way["samples"]["seconds"], way["samples"]["held"], strict=True)
    return max((held for at, held in held if at < way["steady_seconds"]), default=0)


def _usage(used: dict[str, Any], component: str) -> str:
    memory = f"{used['memory_bytes'][component] / 1024**2:.0f}" if used["memory_bytes"] else _UNKNOWN
    return f"{used['cpu_cores'][component]:.2f} · {memory}"


def _number(value: float | None, unit: str = "{:.1f} s") -> str:
    return _UNKNOWN if value is None else unit.format(value)


def _worst(late: dict[str, Any]) -> str:
    return f"{late['never_started']} never did" if late["never_started"] else _number(late["worst_seconds"])


def _lost(way: dict[str, Any]) -> str:
    failed = f", {way['failed']} failed" if way["failed"] else ""
    return f"{failed}, cut off" if way["cut_off"] else failed


def _date_of(file: Path) -> str:
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["date"])
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError):
        return "an unknown date"
