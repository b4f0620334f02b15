"""What the grade said before the contract was rewritten is not lost: `quality/baseline.py` compares it in full."""

from __future__ import annotations

import json

from quality.baseline import FROZEN, lost, read_moot
from quality.trees import WRONG

FROZEN_WRONG = json.loads(FROZEN.read_text(encoding="utf-8"))["wrong"]
RED = {"points": 0, "failing": {"step_1: x": "wrong"}}


def test_every_frozen_wrong_solution_is_there_or_has_a_reason():
    names = {wrong.name for wrong in WRONG} | set(read_moot())
    assert not set(FROZEN_WRONG) - names


def test_nothing_is_moot_that_is_still_there():
    assert not set(read_moot()) & {wrong.name for wrong in WRONG}


def test_a_verdict_that_turned_green_is_lost_unless_it_is_moot():
    frozen = {"wrong": {"a": RED, "b": RED, "c": RED}, "hostile": {}}
    now = {"wrong": {"a": RED, "b": {"points": 10, "failing": {}}}, "right": {"d": RED}}
    found = lost(frozen, now, {"c": "Gone: …"})
    assert [line.partition(":")[0] for line in found] == ["wrong b", "right d"]
