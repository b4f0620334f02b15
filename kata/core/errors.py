"""The errors that end a command with one message and exit code 2."""

from __future__ import annotations


class WrongUsage(Exception):
    """The command cannot do what the user asked for. The text is one line that says what to do instead."""


class BrokenSetup(Exception):
    """Python, Airflow or the machine fails. The text says what failed and what to try."""
