"""Worker slots, and whether a wait holds one."""

from __future__ import annotations

from kata.airflow.deployment import Deployment
from kata.live.card import CheckFailed
from kata.live.patience import wait_for


def no_slot_is_held(deployment: Deployment) -> None:
    """Raises `CheckFailed` if one is."""

    def occupied() -> int:
        return sum(pool["occupied_slots"] for pool in deployment.api.pools())

    held = wait_for(deployment, occupied, lambda slots: slots == 0, 10.0)
    if held:
        raise CheckFailed("GET /api/v2/pools: occupied_slots while all waits are deferred", f"{held} slots are held")
