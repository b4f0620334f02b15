"""Whether the waits are steady."""

from __future__ import annotations

from lab.race.sample import Sample

# So long no further wait has settled: then no more can.
_STALLED_AFTER = 10.0  # seconds


class Settling:
    """To be shown every sample.

    :param waits: how many there are.
    """

    def __init__(self, waits: int) -> None:
        self._waits = waits
        self._most, self._since = 0, 0.0

    def is_over(self, sample: Sample) -> bool:
        """Whether all have settled, or some have and no more can."""
        if sample.settled > self._most:
            self._most, self._since = sample.settled, sample.at
        stalled = self._most > 0 and sample.at - self._since >= _STALLED_AFTER
        return self._most == self._waits or stalled
