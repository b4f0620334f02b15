"""No verdict from before the contract was rewritten is lost: `quality/baseline.py` compares them in full."""

from __future__ import annotations

import json

from quality.baseline import FROZEN, MOOT, lost
from quality.trees import WRONG

RED = {"points": 0, "failing": {"step_1: x": "wrong"}}


def test_a_frozen_wrong_solution_is_there_or_has_a_reason():
    names = {wrong.name for wrong in WRONG}
    assert not set(json.loads(FROZEN.read_text(encoding="utf-8"))["wrong"]) - names - set(MOOT)
    assert not names & set(MOOT)


def test_a_verdict_that_turned_green_is_lost_unless_it_is_moot():
    frozen = {"wrong": {"a": RED, "b": RED, "c": RED}, "hostile": {"e": {"held": True}}}
    now = {"wrong": {"a": RED, "b": {"points": 10, "failing": {}}}, "right": {"d": RED}, "hostile": {}}
    found = lost(frozen, now, {"c": "Gone: …"})
    assert [line.partition(":")[0] for line in found] == ["wrong b", "right d", "hostile e"]
