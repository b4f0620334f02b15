"""What was seen, in lines that fit on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator

from kata.pitfalls.lab import Experiment
from kata.pitfalls.observation import Observation


def told(experiment: Experiment) -> list[str]:
    """The wrong one, then the right one, each with what the UI, the logs and the machine show."""
    lines = ["wrong", *_told(experiment.wrong)]
    if experiment.starts:
        lines.append(
            f"  The task was failed by hand; then the triggerer had to be started {_times(experiment.starts)}."
        )
    return [*lines, "", "right", *_told(experiment.right)]


def _told(seen: Observation) -> Iterator[str]:
    for seconds, who, what in seen.events:
        yield f"  {seconds:5.1f} s  {who:<10} {what}"
    if seen.returned is not None:
        yield f"  returned: {seen.returned!r}"
    for line, count in seen.lines.items():
        yield f"  log: {line}" + (f"  ({_times(count)})" if count > 1 else "")
    counted = ", ".join(f"{name} {count}" for name, count in seen.metrics.items())
    yield f"  metrics: {counted or 'no trigger has ended'}; at the end triggers.running {seen.running}"
    before, after = seen.open_files
    yield f"  open files of the triggerer: {before} → {after or 'none, it is gone'}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
