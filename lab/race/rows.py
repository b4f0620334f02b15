"""The figures of a race as rows of texts, for the terminal and for the page."""

from __future__ import annotations

from typing import Any

Row = tuple[str, list[str]]

_NONE = "–"
_MIB = 1024 * 1024


def ways(race: dict[str, Any]) -> list[str]:
    """The heads of the columns."""
    return [way["title"] for way in race["approaches"].values()]


def result_rows(race: dict[str, Any]) -> list[Row]:
    """What came out, a column for each approach.

    :param race: what stands in race.json.
    """
    waits, slots, idle = race["waits"], race["slots"], race["idle"]["ordinary_start_seconds"]
    measured = race["approaches"].values()

    def row(name: str, cell: Any) -> Row:
        return name, [cell(way) for way in measured]

    return [
        row("watched while they wait", lambda way: f"{way['watched_waiting']:.0f} of {waits}"),
        row("not started in time", lambda way: f"{way['never_started']}"),
        row("slots held meanwhile", lambda way: f"{way['most_slots_held_waiting']} of {slots}"),
        row("slots held at start-up", lambda way: f"{_held_starting(way)} of {slots}"),
        row("deferred at most", lambda way: f"{way['most_deferred']}"),
        row("slot-seconds meanwhile", lambda way: f"{way['slot_seconds_waiting']:.0f}"),
        row("slot-seconds in all", lambda way: f"{way['slot_seconds']:.0f}"),
        row("ordinary task is late", lambda way: _seconds(way["ordinary_start_seconds"])),
        row(f"  times the idle {_seconds(idle)}", lambda way: _times(way["ordinary_start_ratio"])),
        row("  at worst", lambda way: _worst(way["ordinary"]["waiting"])),
        row("start-up takes", lambda way: _seconds(way["steady_seconds"])),
        row("half ended after the files", lambda way: _seconds(way["median_ended_seconds"])),
        row("all ended after the files", lambda way: _seconds(way["last_ended_seconds"])),
        row("ended", lambda way: f"{way['ended']} of {waits}{_lost(way)}"),
        row("CPU seconds in all", lambda way: f"{sum(way['cpu_seconds'].values()):.0f}"),
        row("  of that the workers", lambda way: f"{way['cpu_seconds']['workers']:.0f}"),
        row("database commits in all", lambda way: f"{way['commits']}"),
        row("  a second meanwhile", lambda way: f"{way['waiting']['commits_per_second']:.1f}"),
    ]


def component_rows(race: dict[str, Any]) -> list[Row]:
    """CPU, in cores, and memory of each component while the waits wait; the idle Airflow comes first."""
    used = [race["idle"], *(way["waiting"] for way in race["approaches"].values())]
    return [(component, [_usage(each, component) for each in used]) for component in race["idle"]["cpu_cores"]]


def _held_starting(way: dict[str, Any]) -> int:
    samples = way["samples"]
    held = zip(samples["seconds"], samples["held"], strict=True)
    return max((held for at, held in held if at < way["steady_seconds"]), default=0)


def _usage(used: dict[str, Any], component: str) -> str:
    memory = f"{used['memory_bytes'][component] / _MIB:.0f}" if used["memory_bytes"] else _NONE
    return f"{used['cpu_cores'][component]:.2f} · {memory}"


def _seconds(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1f} s"


def _times(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f} ×"


def _worst(late: dict[str, Any]) -> str:
    return f"{late['never_started']} never did" if late["never_started"] else _seconds(late["worst_seconds"])


def _lost(way: dict[str, Any]) -> str:
    failed = f", {way['failed']} failed" if way["failed"] else ""
    return f"{failed}, cut off" if way["cut_off"] else failed
