"""Texts from the learner's code, made fit to be shown on a terminal."""

from __future__ import annotations

import unicodedata

from rich.text import Text


def plain(text: str, style: str = "") -> Text:
    """The text as it is: no markup is read in it, and no control character reaches the terminal."""
    return Text("".join(_shown(character) for character in text.replace("\r\n", "\n")), style=style)


def _shown(character: str) -> str:
    if character == "\n":
        return character
    if character == "\t":
        return "    "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs"):
        return character.encode("unicode_escape").decode()
    return character
