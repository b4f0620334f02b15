"""Nothing is lost when a part of the deployment fails: only where there are several, as in the compose stack."""

from __future__ import annotations

import time
from collections.abc import Callable

from kata.compose.stack import ComposeStack
from kata.live.card import Card
from kata.live.dropped_files import DroppedFiles
from kata.live.many_waits import ManyWaits
from kata.live.parts import FAULTS

_FEW, _MANY = 10, 100
_HEALTHY_AGAIN = 180.0


def prove_faults(stack: ComposeStack, files: DroppedFiles, card: Card) -> None:
    card.check(FAULTS, "worker", lambda: _survives(stack, files, lambda: _kill_worker(stack)))
    card.check(FAULTS, "redis", lambda: _survives(stack, files, lambda: _restart(stack, "redis")))
    card.check(FAULTS, "postgres", lambda: _survives(stack, files, lambda: _restart(stack, "postgres")))
    stack.scale("triggerer", 2)
    try:
        stack.wait_healthy("triggerer", _HEALTHY_AGAIN)
        began = time.monotonic()
        waits = ManyWaits(stack, _MANY)
        if card.check(FAULTS, "hundred", lambda: _deferred(waits, began)):
            card.check(FAULTS, "triggerer", lambda: _ended(waits, files, lambda: stack.kill("triggerer", index=1)))
    finally:
        files.take_away()
        stack.start("triggerer")
        stack.scale("triggerer", 1)


def _survives(stack: ComposeStack, files: DroppedFiles, fault: Callable[[], None]) -> str:
    waits = ManyWaits(stack, _FEW)
    waits.wait_until_deferred()
    return _ended(waits, files, fault)


def _deferred(waits: ManyWaits, began: float) -> str:
    waits.wait_until_deferred()
    return f"all deferred after {time.monotonic() - began:.0f} s, no slot held"


def _ended(waits: ManyWaits, files: DroppedFiles, fault: Callable[[], None]) -> str:
    began = time.monotonic()
    waits.drop_files(files)
    fault()
    waits.wait_until_ended_once()
    files.take_away()
    return (
        f"{waits.count} waits, 0 lost, 0 ended twice; the last ended {time.monotonic() - began:.0f} s after the fault"
    )


def _kill_worker(stack: ComposeStack) -> None:
    stack.kill("worker")
    stack.start("worker")


def _restart(stack: ComposeStack, service: str) -> None:
    stack.restart(service)
    stack.wait_healthy(service, _HEALTHY_AGAIN)
