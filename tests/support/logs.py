"""Everything that is logged, through the standard library or through Airflow's structlog."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple
from unittest import mock

import structlog


class Line(NamedTuple):
    """One line of a log."""

    level: int  # as in `logging`
    text: str


@contextmanager
def captured_logs() -> Iterator[list[Line]]:
    """Collect all lines logged meanwhile, by all loggers, whatever their level and whether they propagate or not."""
    lines: list[Line] = []

    def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
        error = f" {record.exc_info[1]!r}" if record.exc_info and record.exc_info[1] else ""
        lines.append(Line(record.levelno, record.getMessage() + error))

    with (
        mock.patch.object(logging.Logger, "callHandlers", call_handlers),
        mock.patch.object(logging.Logger, "isEnabledFor", lambda logger, level: level >= logging.INFO),
        structlog.testing.capture_logs() as entries,
    ):
        try:
            yield lines
        finally:
            lines += map(_line, entries)


def _line(entry: dict) -> Line:
    rest = dict(entry)
    level = str(rest.pop("log_level", "info")).upper().replace("EXCEPTION", "ERROR")
    text, args = str(rest.pop("event", "")), rest.pop("positional_args", None)
    if args:
        with suppress(TypeError, ValueError):
            text = text % args
    return Line(getattr(logging, level, logging.INFO), f"{text} {rest}" if rest else text)
