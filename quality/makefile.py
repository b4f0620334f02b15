"""What the Makefile offers, and what of it a text speaks of."""

from __future__ import annotations

import re

from kata.core.paths import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def targets_named_in(text: str) -> set[str]:
    return set(re.findall(r"\bmake ([a-z]+)", text))
