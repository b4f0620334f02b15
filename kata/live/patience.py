"""Waiting for what a real Airflow does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from kata.live.deployment import Deployment
from kata.rest_api import ApiUnavailable

T = TypeVar("T")
_LOOK_EVERY = 0.5  # seconds


def wait_for(deployment: Deployment, look: Callable[[], T], is_there: Callable[[T], bool], seconds: float) -> T:
    """Look again and again until what is seen is there, or the time is over; what was seen last.

    :raises BrokenSetup: if a component of Airflow has ended by itself.
    :raises ApiUnavailable: if the API does not answer when the time is over.
    """
    patience = time.monotonic() + seconds
    while True:
        try:
            seen = look()
            if is_there(seen) or time.monotonic() > patience:
                return seen
        except ApiUnavailable:
            if time.monotonic() > patience:
                raise
        deployment.check_alive()
        time.sleep(_LOOK_EVERY)
