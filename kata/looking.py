"""Looking again and again, about once a second if nothing else is asked for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from kata.rest_api import ApiUnavailable

# Seconds. With a fixed beat all submissions could fall on the same moment of the scheduler's own, of a second.
_LOOK_EVERY = (0.75, 1.25)


def look_until(look: Callable[[], bool], seconds: float, every: tuple[float, float] = _LOOK_EVERY) -> bool:
    """Look again and again until it is so, or the time is over; whether it was so.

    An API that is too busy to answer is asked again.

    :param every: seconds between two looks, at least and at most.
    """
    over = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        try:
            if look():
                return True
        except ApiUnavailable:
            pass
        if began >= over:
            return False
        time.sleep(max(0.0, min(began + random.uniform(*every), over) - time.monotonic()))
