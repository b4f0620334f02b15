"""The proof, from the first part to the last."""

from __future__ import annotations

from kata.airflow.deployment import Deployment
from kata.live.card import Card
from kata.live.dropped_files import DroppedFiles
from kata.live.parts import DEFERRED, LOADED, RESUMED
from kata.live.stages.deferred import prove_deferred
from kata.live.stages.loaded import prove_loaded
from kata.live.stages.resumed import prove_resumed
from kata.live.stages.survived import prove_survived
from kata.live.stages.timed_out import begin_short_wait, prove_timed_out


def prove(deployment: Deployment, files: DroppedFiles, card: Card) -> None:
    """Carry out every part that the ones before it, and the triggerer, allow.

    :raises BrokenSetup: if Airflow itself fails.
    """
    prove_loaded(deployment, card)
    if not card.is_green(LOADED):
        return
    short_wait = begin_short_wait(deployment)
    run = prove_deferred(deployment, card)
    if card.is_green(DEFERRED):
        prove_resumed(deployment, files, card, run)
    if deployment.ended():
        return
    prove_timed_out(deployment, card, short_wait)
    if card.is_green(RESUMED) and not deployment.ended():
        prove_survived(deployment, files, card)
