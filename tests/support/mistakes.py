"""The mistakes that the checks recognize, read from the file ``mistakes.toml`` beside this module."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # a requirement of pytest on Python 3.10

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

# A member's value is the name that the learner sees.
Mistake = Enum("Mistake", {key: entry["name"] for key, entry in _DATA.items()}, type=str, module=__name__)
