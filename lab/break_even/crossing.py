"""From the waits that were measured to the break-even."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.break_even.plan import WAYS

Wait = dict[str, Any]  # as it stands in break_even.json

_DRAWS, _LEFT_OUT = 1000, 0.05  # at each end


@dataclass(frozen=True)
class Line:
    """Slot-seconds by the length of the wait: `base` for any, and `slope` for each second."""

    base: float
    slope: float


@dataclass(frozen=True)
class Row:
    """A length of wait, and the means of both ways: (poke, deferrable)."""

    length: float
    slot_seconds: tuple[float, float]
    running: tuple[float, float]
    late: tuple[float, float]
    cpu: tuple[float, float]


def rows(waits: Sequence[Wait]) -> list[Row]:
    """One for each length that was waited in both ways."""
    lengths = sorted({wait["length_seconds"] for wait in waits})
    each = [[wait for wait in waits if wait["length_seconds"] == length] for length in lengths]
    return [_row(length, of) for length, of in zip(lengths, each, strict=True) if len({w["way"] for w in of}) == 2]


def line(way: str, waits: Iterable[Wait]) -> Line:
    """The straight line through the waits of a way, by least squares. At length 0 nothing waits: it has no part."""
    of = [wait for wait in waits if wait["way"] == way and wait["length_seconds"] > 0]
    slope, base = statistics.linear_regression(
        [wait["waited_seconds"] for wait in of], [wait["slot_seconds"] for wait in of]
    )
    return Line(base, slope)


def break_even(waits: Sequence[Wait]) -> float | None:
    """Seconds of waiting from which on a deferrable wait holds slots for less time: where the two lines cross.

    0 if it does so from the beginning, None if no wait was that long, or there are too few for a line.
    """
    try:
        poke, deferrable = (line(way, waits) for way in WAYS)
    except statistics.StatisticsError:
        return None
    if poke.slope <= deferrable.slope:
        return None
    crossing = max(0.0, (deferrable.base - poke.base) / (poke.slope - deferrable.slope))
    return crossing if crossing <= max(wait["length_seconds"] for wait in waits) else None


def spread(waits: Sequence[Wait]) -> tuple[float, float] | None:
    """Between which seconds the break-even lies if the waits are drawn anew from themselves, in nine of ten draws."""
    luck = random.Random(0)
    drawn = (break_even(luck.choices(waits, k=len(waits))) for _ in range(_DRAWS))
    found = sorted(crossing for crossing in drawn if crossing is not None)
    return (found[round(len(found) * _LEFT_OUT)], found[-1 - round(len(found) * _LEFT_OUT)]) if found else None


def more(pairs: Iterable[tuple[float, float]]) -> float:
    """By how much the deferrable waits take more, on average."""
    return statistics.mean(deferrable - poke for poke, deferrable in pairs)


def _row(length: float, waits: Sequence[Wait]) -> Row:
    def means(name: str) -> tuple[float, float]:
        poke, deferrable = (statistics.mean(wait[name] for wait in waits if wait["way"] == way) for way in WAYS)
        return poke, deferrable

    return Row(
        length,
        slot_seconds=means("slot_seconds"),
        running=means("running_seconds"),
        late=means("late_seconds"),
        cpu=means("task_cpu_seconds"),
    )
