"""The data files of this folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # a requirement of pytest on Python 3.10

_FOLDER = Path(__file__).parent


def read_toml(name: str) -> dict[str, Any]:
    """Return what the file `<name>.toml` holds."""
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


HOSTILE = read_toml("hostile")
MOOT: dict[str, str] = read_toml("moot")
