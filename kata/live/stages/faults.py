"""Nothing is lost when a part of the deployment fails: only where there are several, as in the compose stack."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kata.airflow.compose import ComposeStack
from kata.live.card import Card, CheckFailed
from kata.live.dag_run import end_active_runs
from kata.live.dropped_files import DroppedFiles
from kata.live.many_waits import ManyWaits
from kata.live.parts import FAULTS

_FEW, _MANY = 10, 100
_TRIGGERERS = 2
_HEALTHY_AGAIN = 180.0


def prove_faults(stack: ComposeStack, files: DroppedFiles, card: Card) -> None:
    def check(name: str, **how: Any) -> None:
        waits = ManyWaits(stack, _FEW)
        if not card.check(FAULTS, name, lambda: _survives(waits, files, **how)):
            end_active_runs(stack.api)  # what is left of it is not to fail the next

    check("worker", before=lambda: stack.kill("worker"), after=lambda: stack.start("worker"))
    check("redis", after=lambda: _restart(stack, "redis"))
    check("postgres", before=lambda: _restart(stack, "postgres"))
    check("postgres_back", after=lambda: _restart(stack, "postgres"), tries=2)
    stack.scale("triggerer", _TRIGGERERS)
    try:
        stack.wait_healthy("triggerer", _HEALTHY_AGAIN)
        began = time.monotonic()
        waits = ManyWaits(stack, _MANY)
        if card.check(FAULTS, "hundred", lambda: _deferred(waits, began)):
            card.check(FAULTS, "triggerer", lambda: _survives(waits, files, after=lambda: stack.kill("triggerer")))
    finally:
        stack.start("triggerer")
        stack.scale("triggerer", 1)


def _survives(
    waits: ManyWaits,
    files: DroppedFiles,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
    tries: int = 1,
) -> str:
    """Do something to the stack just before the files arrive, or just after."""
    waits.wait_until_deferred()
    began = time.monotonic()
    try:
        before()
        waits.drop_files(files)
        after()
        seen = waits.wait_until_ended_once(tries)
    finally:
        files.take_away()
    return f"{seen}; the last ended {time.monotonic() - began:.0f} s after the fault"


def _deferred(waits: ManyWaits, began: float) -> str:
    waits.wait_until_deferred()
    shares = waits.triggerers()
    if len(shares) != _TRIGGERERS:
        raise CheckFailed(f"{_MANY} waits on {_TRIGGERERS} triggerers", f"they are on {len(shares)}: {shares}")
    return f"all deferred after {time.monotonic() - began:.0f} s, on the triggerers {shares}, no slot held"


def _restart(stack: ComposeStack, service: str) -> None:
    stack.restart(service)
    stack.wait_healthy(service, _HEALTHY_AGAIN)
