"""A run of a DAG, as Airflow's REST API shows it."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from kata.core.rest_api import AirflowApi, ApiUnavailable

# States that a task does not leave by itself; before a retry, it stays in its state for minutes.
_ENDED = {"success", "failed", "upstream_failed", "skipped", "removed", "up_for_retry"}
_UNINTERESTING = ("::", "DAG bundles loaded: ", "Worker startup parse complete")


@dataclass(frozen=True)
class Task:
    """A task instance, as it was when the API was asked.

    :param state: such as "deferred"; "" before it has one.
    :param trigger: class path of the trigger that it waits for, "" if it waits for none.
    :param triggerer: id of the triggerer's job that runs its trigger, None if none does.
    :param began: when it was first started, in seconds since the epoch; None before that. `ended` likewise.
    :param id: of its current try; the executor knows the task by this id.
    """

    task_id: str
    map_index: int
    state: str
    try_number: int
    trigger: str
    triggerer: int | None
    began: float | None = None
    ended: float | None = None
    id: str = ""

    @property
    def is_watched(self) -> bool:
        """Whether a triggerer runs its trigger."""
        return self.triggerer is not None

    @property
    def has_ended(self) -> bool:
        return self.state in _ENDED


class DagRun:
    """A manual run, started when this object is made.

    :param conf: the params that differ from their defaults.
    """

    def __init__(self, api: AirflowApi, dag_id: str, conf: dict[str, Any] | None = None) -> None:
        self._api = api
        self.dag_id = dag_id
        started = api.post(f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf or {}})
        self.run_id: str = started["dag_run_id"]
        self._path = f"/dags/{dag_id}/dagRuns/{quote(self.run_id, safe='')}"

    def state(self) -> str:
        return self._api.get(self._path)["state"]

    def tasks(self) -> list[Task]:
        """All of its task instances."""
        return [_task(each) for each in task_instances(self._api, self._path)]

    def returned(self, task_id: str) -> Any:
        """Return the decoded result of a task."""
        return decoded(self._api.get(f"{self._path}/taskInstances/{task_id}/xcomEntries/return_value")["value"])

    def log(self, task: Task) -> list[dict[str, Any]]:
        """Return the entries of the log of its last try, including those of its triggers."""
        path = f"{self._path}/taskInstances/{task.task_id}/logs/{max(1, task.try_number)}"
        content = self._api.get(path, map_index=task.map_index, full_content="true")["content"]
        return [entry for entry in content if isinstance(entry, dict)]

    def log_lines(self, task: Task) -> list[str]:
        """Return the same log as text, without what Airflow says about the log itself."""
        try:
            entries = self.log(task)
        except ApiUnavailable as error:
            return [f"The log is not available: {error}"]
        lines: list[str] = []
        # Entries without a time only say where the log comes from.
        for entry in itertools.dropwhile(lambda entry: "timestamp" not in entry, entries):
            event = str(entry.get("event", "")).strip()
            if not event.startswith(_UNINTERESTING):
                details = (f" {name}={entry[name]}" for name in ("error", "classpath", "result") if entry.get(name))
                lines += [event + "".join(details)]
                lines += [f"{each['exc_type']}: {each['exc_value']}" for each in entry.get("error_detail") or []]
        return lines


def task_instances(api: AirflowApi, path: str) -> list[dict[str, Any]]:
    """Return all task instances below a path, as the API returns them."""
    listed: list[dict[str, Any]] = []
    while True:
        page = api.get(f"{path}/taskInstances", limit=100, offset=len(listed))
        listed += page["task_instances"]
        if len(listed) >= page["total_entries"] or not page["task_instances"]:
            return listed


def active_runs(api: AirflowApi) -> list[tuple[str, str]]:
    """Return the ids of DAG and run for each run that has not ended."""
    runs = api.get("/dags/~/dagRuns", state=["queued", "running"], limit=100)["dag_runs"]
    return [(run["dag_id"], run["dag_run_id"]) for run in runs]


def end_active_runs(api: AirflowApi) -> None:
    """Fail each of them, with its waiting tasks."""
    for dag_id, run_id in active_runs(api):
        api.patch(f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}", {"state": "failed"})


def decoded(result: Any) -> Any:
    """Return the result of a task, of which Airflow may have made JSON."""
    with suppress(TypeError, ValueError):
        return json.loads(result)
    return result


def seconds_of(moment: str | None) -> float | None:
    """Return a time of the API in seconds since the epoch."""
    # Python 3.10 does not parse the Z for UTC.
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() if moment else None


def _task(entry: dict[str, Any]) -> Task:
    return Task(
        task_id=entry["task_id"],
        map_index=entry["map_index"],
        state=entry["state"] or "",
        try_number=entry["try_number"] or 0,
        trigger=(entry["trigger"] or {}).get("classpath", ""),
        triggerer=(entry["trigger"] or {}).get("triggerer_id"),
        began=seconds_of(entry["start_date"]),
        ended=seconds_of(entry["end_date"]),
        id=entry["id"],
    )
