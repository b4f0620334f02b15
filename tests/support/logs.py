"""Everything that is logged, whether through the standard library or through Airflow's structlog."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import structlog


@dataclass
class Line:
    """One line of a log."""

    level: int
    text: str


@contextmanager
def captured_logs() -> Iterator[list[Line]]:
    """Collect all lines logged meanwhile, by all loggers, whatever their level and whether they propagate or not."""
    lines: list[Line] = []
    original = logging.Logger.callHandlers
    enabled_for = logging.Logger.isEnabledFor

    def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
        lines.append(Line(record.levelno, record.getMessage() + _exception_text(record)))

    logging.Logger.callHandlers = call_handlers
    logging.Logger.isEnabledFor = lambda logger, level: level >= logging.INFO
    try:
        with structlog.testing.capture_logs() as entries:
            yield lines
    finally:
        logging.Logger.callHandlers = original
        logging.Logger.isEnabledFor = enabled_for
        lines += [Line(_level(entry), _text(entry)) for entry in entries]


def _exception_text(record: logging.LogRecord) -> str:
    return f" {record.exc_info[1]!r}" if record.exc_info and record.exc_info[1] else ""


def _level(entry: dict) -> int:
    return getattr(logging, str(entry.get("log_level", "info")).upper().replace("EXCEPTION", "ERROR"), logging.INFO)


def _text(entry: dict) -> str:
    text = str(entry.get("event", ""))
    args = entry.get("positional_args")
    if args:
        with suppress(TypeError, ValueError):
            text = text % args
    rest = {key: value for key, value in entry.items() if key not in ("event", "log_level", "positional_args")}
    return f"{text} {rest}" if rest else text
