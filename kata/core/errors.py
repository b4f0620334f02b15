"""What ends a command early, with the exit code that it stands for."""

from __future__ import annotations


class WrongUsage(Exception):
    """The command cannot do what it was asked for. Its text is one line that says what to do instead; exit code 2."""


class BrokenSetup(Exception):
    """Python, Airflow or the machine does not do its part. Its text says what and what to try; exit code 2."""
