"""A wait outlives its triggerer."""

from __future__ import annotations

import time

from kata.airflow.deployment import Deployment
from kata.live.card import Card, CheckFailed
from kata.live.diagnosis import triggerer_trouble
from kata.live.dropped_files import DroppedFiles
from kata.live.many_waits import ManyWaits
from kata.live.parts import SURVIVED
from kata.live.patience import wait_for

_WAITS = 6
_TO_BE_MISSED = 60.0
_WITHOUT_TRIGGERER = 3.0


def prove_survived(deployment: Deployment, files: DroppedFiles, card: Card) -> None:
    waits = ManyWaits(deployment, _WAITS)
    if not card.check(SURVIVED, "deferred", waits.wait_until_deferred):
        return
    deployment.kill("triggerer")
    try:
        card.check(SURVIVED, "health", lambda: _health(deployment))
        waits.drop_files(files)
        time.sleep(_WITHOUT_TRIGGERER)
        card.check(SURVIVED, "nothing_lost", waits.check_all_still_wait)
    finally:
        deployment.start("triggerer")
    card.check(SURVIVED, "once", waits.wait_until_ended_once)
    files.take_away()


def _health(deployment: Deployment) -> str:
    began = time.monotonic()
    message = wait_for(deployment, lambda: triggerer_trouble(deployment), bool, _TO_BE_MISSED)
    if not message:
        raise CheckFailed("GET /api/v2/monitor/health", f"the triggerer is healthy {_TO_BE_MISSED:.0f} s after its end")
    return f"it says so after {time.monotonic() - began:.0f} s"
