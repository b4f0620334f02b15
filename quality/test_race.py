"""The race: its figures, what is shown of them, its DAGs, and a small race on a real Airflow."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console

from kata.core.dag_run import Task
from kata.core.errors import BrokenSetup
from kata.core.paths import DAGS, ROOT, SOLUTION, STATE
from kata.core.rest_api import ApiUnavailable, poll_until
from lab.charts.drawing import draw
from lab.race import break_even
from lab.race import race as race_module
from lab.race.approach_run import ApproachRun, Plan, is_steady
from lab.race.approaches import APPROACHES, DEFERRABLE, ORDINARY_DAG, POKE, RESCHEDULE, Approach
from lab.race.figures import figures, lateness, slot_seconds, window
from lab.race.monitor import Sample
from lab.race.ordinary_tasks import OrdinaryTask, OrdinaryTasks
from lab.race.race import INTERVAL, measure, run_race
from lab.race.regression import WAYS
from lab.race.report import page, show
from lab.race.resources import WORKERS, ComponentUsage, commit_counter, holders
from quality.conftest import Workshop

PLAN = Plan(waits=4, slots=2, hold=10)
MEASURED = ROOT / "docs" / "race.json"


def sample(at: float, **counts: int) -> Sample:
    return Sample(at, cpu={WORKERS: at / 2}, memory={WORKERS: 1024 * 1024}, **counts)


# Two slots for four waits: the start-up, a moment at which no more can start, the files after ten seconds, the wake-up.
POKED = ApproachRun(
    approach=POKE,
    plan=PLAN,
    steady_at=12.2,
    files_at=22.5,
    over_at=25.0,
    samples=[
        sample(0.0),
        sample(2.0, held=2, watched=2, begun=2),
        sample(12.0, held=2, watched=2, begun=2),
        sample(22.0, held=2, watched=2, begun=2),
        sample(24.0, held=2, begun=4, succeeded=2),
        sample(25.0, begun=4, succeeded=4, commits=50),
    ],
    ended_at=[22.7, 22.9, 24.1, 24.5],
    ordinary=[OrdinaryTask(0.1, 1.0), OrdinaryTask(13.0, 12.0), OrdinaryTask(17.0, 8.0), OrdinaryTask(23.0, 2.0)],
)
DEFERRED = replace(
    POKED,
    approach=DEFERRABLE,
    samples=[
        sample(0.0),
        sample(2.0, held=2, watched=1, begun=2),
        sample(12.0, held=0, watched=4, deferred=4, begun=4),
        sample(22.0, held=0, watched=4, deferred=4, begun=4),
        sample(24.0, held=2, watched=0, begun=4),
        sample(25.0, begun=4, succeeded=4, commits=60),
    ],
)


def race_of(*runs: ApproachRun) -> dict[str, Any]:
    used = {"cpu_cores": {WORKERS: 0.1}, "memory_bytes": {WORKERS: 1024 * 1024}, "commits_per_second": 1.0}
    return {
        **dict.fromkeys(("date", "airflow", "python", "system"), "of the race"),
        "cores": 2,
        "waits": PLAN.waits,
        "slots": PLAN.slots,
        "hold_seconds": PLAN.hold,
        "interval_seconds": INTERVAL,
        "interrupted": False,
        "idle": {"ordinary_start_seconds": 1.0, "ordinary": lateness([OrdinaryTask(0, 1.0)]), **used},
        "approaches": {each.approach.key: figures(each, 1.0) for each in runs},
    }


def shown(race: dict[str, Any]) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    show(race, console)
    return console.export_text()


def test_slot_seconds_are_slots_times_how_long_they_are_held():
    assert slot_seconds([sample(0, held=2), sample(1.5, held=1), sample(2, held=0), sample(9, held=0)]) == 3.5


def test_start_up_and_wake_up_do_not_count_as_waiting():
    assert [each.at for each in window(POKED)] == [12.0, 22.0]
    held, waiting = ("most_slots_held", "slot_seconds"), ("most_slots_held_waiting", "slot_seconds_waiting")
    poked, deferred = figures(POKED, 1.0), figures(DEFERRED, 1.0)
    assert [poked[name] for name in (*held, *waiting)] == [2, 46.0, 2, 20.0]
    assert [deferred[name] for name in (*held, *waiting)] == [2, 22.0, 0, 0]
    assert (poked["never_started"], deferred["never_started"], deferred["watched_waiting"]) == (2, 0, 4)


def test_ordinary_tasks_count_in_the_phase_in_which_they_were_submitted():
    found = figures(POKED, 2.0)
    submitted = {phase: figure["submitted"] for phase, figure in found["ordinary"].items()}
    assert submitted == {"starting": 1, "waiting": 2, "ending": 1}
    assert (found["ordinary_start_seconds"], found["ordinary_start_ratio"]) == (10.0, 5.0)
    assert figures(POKED, None)["ordinary_start_ratio"] is None


def test_an_ordinary_task_that_never_started_is_later_than_any_other():
    late = lateness([OrdinaryTask(1, 1.0), OrdinaryTask(2, None), OrdinaryTask(3, 3.0)])
    assert late == {"submitted": 3, "never_started": 1, "median_seconds": 3.0, "worst_seconds": None}
    assert lateness([OrdinaryTask(1, None)])["median_seconds"] is None
    assert lateness([])["median_seconds"] is None


def test_when_the_last_wait_ended_is_known_only_if_all_have():
    assert figures(POKED, 1.0)["last_ended_seconds"] == 2.0
    assert figures(replace(POKED, ended_at=[22.7]), 1.0)["last_ended_seconds"] is None


def test_what_did_not_start_failed_or_was_cut_off_is_shown():
    samples = [*POKED.samples[:-1], sample(25.0, begun=3, succeeded=1, failed=1)]
    cut_off = replace(POKED, cut_off=True, ended_at=[22.7], samples=samples)
    text = shown(race_of(cut_off, DEFERRED))
    assert re.search(r"not started in time +2 +0 *\n", text)
    assert "1 of 4, 1 failed, cut off" in " ".join(shown(race_of(cut_off)).split()).replace(" ,", ",")


def task(state: str, triggerer: int | None = None, began: float | None = None) -> Task:
    return Task("wait", -1, state, 1, "", triggerer, began)


@pytest.mark.parametrize(
    ("approach", "watched", "not_watched"),
    [
        (POKE, task("running"), task("queued")),
        (RESCHEDULE, task("up_for_reschedule"), task("scheduled")),
        (DEFERRABLE, task("deferred", triggerer=1), task("deferred")),
    ],
)
def test_a_wait_is_watched_while_somebody_looks_for_its_file(approach: Approach, watched: Task, not_watched: Task):
    assert approach.watches(watched)
    assert not approach.watches(not_watched)


def test_a_deferred_wait_has_settled_when_its_slot_is_free():
    deferred = task("deferred", triggerer=1, began=1.0)
    assert not DEFERRABLE.has_settled(deferred, holds_slot=True)
    assert DEFERRABLE.has_settled(deferred, holds_slot=False)
    assert RESCHEDULE.has_settled(task("queued", began=1.0), holds_slot=False)
    assert not RESCHEDULE.has_settled(task("queued"), holds_slot=False)


def test_the_tasks_are_steady_when_all_have_settled_or_no_more_can():
    assert is_steady([sample(1, settled=2)], waits=2)
    samples = [sample(1), sample(30)]
    assert not is_steady(samples, waits=4)  # nothing has begun yet: more can
    samples += [sample(31, settled=2), sample(40, settled=1)]
    assert not is_steady(samples, waits=4)
    assert is_steady([*samples, sample(41, settled=1)], waits=4)


def test_a_slot_is_held_by_the_task_whose_id_its_process_bears():
    task_id = "01a204d3-d9ed-7750-8634-236df6cfc407"
    slots = [f"airflow worker -- LocalExecutor: {each}" for each in ("<idle>", task_id, task_id)]
    assert holders([*slots, "python -m airflow"]) == {task_id: 2}


def test_a_busy_api_is_asked_again_but_not_for_ever():
    busy = Mock(side_effect=ApiUnavailable("locked"))
    assert not poll_until(busy, 0.1)
    assert busy.call_count == 2


def test_a_submission_that_is_refused_is_counted():
    api = Mock()
    api.post.side_effect = ApiUnavailable("database is locked")
    api.get.return_value = {"task_instances": [], "total_entries": 0}
    tasks = OrdinaryTasks(api)
    tasks.submit_if_due()
    tasks.submit_if_due()
    assert (tasks.refused, tasks.tasks(0.0), tasks.all_started()) == (1, [], True)


def test_commits_are_those_that_others_have_written(tmp_path: Path):
    other = sqlite3.connect(tmp_path / "airflow.db", isolation_level=None)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE t (x)")
    with commit_counter(tmp_path / "airflow.db") as count_commits:
        before = count_commits()
        for _ in range(3):
            other.execute("INSERT INTO t VALUES (1)")
        other.execute("SELECT * FROM t").fetchall()
        assert count_commits() - before == 3
    other.close()


def test_what_a_process_of_the_scheduler_uses_is_the_workers():
    busy = [sys.executable, "-c", "sum(range(10**7)); input()"]
    with subprocess.Popen(busy, stdin=subprocess.PIPE) as child:
        usage = ComponentUsage({"scheduler": os.getpid()})
        assert poll_until(lambda: usage.cpu()[WORKERS] > 0.05, 20)
        assert usage.memory()[WORKERS] > 1024 * 1024
        child.communicate()


def test_the_page_needs_nothing_else_and_takes_no_text_for_markup():
    race = race_of(POKED)
    race["approaches"]["poke"]["title"] = "<script>alert(1)</script>"
    text = page(race, "<?xml?><svg></svg>")
    assert "&lt;script&gt;" in text
    assert not re.search(r"<script|<link|src=|href=|@import|url\(", text)


def test_the_page_begins_with_the_finding():
    text = " ".join(page(race_of(POKED, DEFERRED), "<svg></svg>").split())
    assert '<p class="figure">0 of 2 slots</p> <p class="finding">are held while 4 deferrable tasks wait' in text
    assert "<b>poke</b>: 2 of 2 slots held, 2 of 4 tasks watched; an ordinary task starts 10.0 seconds late." in text
    assert "ended early" not in text
    assert "ended early" in page({**race_of(POKED), "interrupted": True}, "", "There is no chart.")


def test_a_race_that_is_ended_early_keeps_what_it_has_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupted(race: dict[str, Any], *_: Any) -> None:
        race |= {**race_of(POKED), "interrupted": True}
        raise KeyboardInterrupt

    monkeypatch.setattr(race_module, "measure", interrupted)
    no_network = Mock(side_effect=BrokenSetup("matplotlib==0 cannot be installed."))
    monkeypatch.setattr("lab.charts.drawing.python_with", no_network)
    (tmp_path / "race.json").write_text('{"date": "2020-02-02"}')
    (tmp_path / "race.png").write_bytes(b"of another race")
    with pytest.raises(KeyboardInterrupt):
        run_race(SOLUTION.parent, PLAN, tmp_path, Console(), Console(stderr=True))
    said = capsys.readouterr().out
    assert "There is no chart. matplotlib==0 cannot be installed." in said
    assert "instead of the race of 2020-02-02" in said
    assert json.loads((tmp_path / "race.json").read_text())["interrupted"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["race.html", "race.json"]


def test_a_chart_that_cannot_be_drawn_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # The kata's own Python has no matplotlib: no learner needs it.
    monkeypatch.setattr("lab.charts.drawing.python_with", lambda *_: sys.executable)
    why = "race.json cannot be drawn: ModuleNotFoundError: No module named 'matplotlib'"
    assert why in draw(tmp_path / "race.json")


@pytest.mark.skipif(not (STATE / "charts").exists(), reason="make race makes the environment that draws")
@pytest.mark.parametrize("name", ["race", "bench"])
def test_the_chart_is_drawn(name: str, tmp_path: Path):
    results = Path(shutil.copy(MEASURED.with_name(f"{name}.json"), tmp_path))
    assert draw(results) == ""
    assert results.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in results.with_suffix(".svg").read_text()


DAGS_LOAD = f"""
import sys
sys.path.append({str(DAGS)!r})
from airflow.dag_processing.dagbag import DagBag

def load(file):
    bag = DagBag(f"{DAGS}/{{file}}")
    assert bag.import_errors == {{}}
    tasks = {{dag.dag_id: dag.tasks for dag in bag.dags.values()}}
    return {{
        name: [(getattr(task, "poke_interval", None), task.start_from_trigger) for task in of]
        for name, of in tasks.items()
    }}

@pytest.mark.parametrize("count", [5, 7])
def test_race(module, count, monkeypatch):
    if count != 5:
        monkeypatch.setenv("KATA_RACE_WAITS", str(count))
    ways = {[each.dag_id for each in APPROACHES]!r}
    waits = {{way: [({INTERVAL}, "from_trigger" in way)] * count for way in ways}}
    assert load("race.py") == {{"{ORDINARY_DAG}": [(None, False)], **waits}}

def test_break_even(module):
    ways = {[f"break_even_{way}" for way in WAYS]!r}
    assert load("break_even.py") == dict.fromkeys(ways, [({break_even.INTERVAL}, False)])
"""


def test_the_dags_load_with_as_many_waits_as_are_asked_for(bare_workshop: Workshop):
    assert [verdict.error for verdict in bare_workshop.verdicts(DAGS_LOAD, SOLUTION.read_text())] == ["", "", ""]


def test_a_small_race_on_a_real_airflow(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(race_module, "APPROACHES", (POKE, DEFERRABLE))
    monkeypatch.setattr(race_module, "_IDLE_AT_LEAST", 4.0)  # seconds, instead of 10
    race: dict[str, Any] = {}
    measure(race, SOLUTION.parent, Plan(waits=4, slots=2, hold=5), lambda doing: None)
    assert not race["interrupted"]
    expected = {"poke": (2, 2, 2), "deferrable": (0, 4, 0)}
    for key, way in race["approaches"].items():
        assert (way["most_slots_held_waiting"], way["watched_waiting"], way["never_started"]) == expected[key]
        assert (way["ended"], way["failed"], way["cut_off"]) == (4, 0, False)
        assert way["ordinary"]["waiting"]["submitted"] > 0
        assert way["cpu_seconds"][WORKERS] > 0
        assert way["commits"] > 0
        assert way["slot_seconds"] > 0
    assert json.loads(json.dumps(race)) == race
    assert "deferrable" in shown(race)
    assert "deferrable" in page(race, "")
