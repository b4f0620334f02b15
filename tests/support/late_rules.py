"""A rule that nobody has imported before a trigger does."""

from __future__ import annotations

import threading

imported_by = threading.get_ident()


def agrees() -> bool:
    """Agree."""
    return True
