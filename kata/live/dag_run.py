"""One run of a DAG, looked at through the REST API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from kata.core.rest_api import AirflowApi
from kata.live.card import CheckFailed

# States that a task does not leave by itself; before a retry it waits for minutes.
_ENDED = {"success", "failed", "upstream_failed", "skipped", "removed", "up_for_retry"}


@dataclass(frozen=True)
class Task:
    """A task instance as it was when it was looked at.

    :param state: such as "deferred"; "" before it has one.
    :param trigger: class path of the trigger that it waits for, "" if it waits for none.
    :param triggerer: id of the triggerer's job that has taken its trigger up, None if none has.
    :param began: when it was first started, None before that; `ended` likewise; both in seconds since the epoch.
    :param id: of its present try; the executor knows it by this one.
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
        """Whether a triggerer has taken its trigger up."""
        return self.triggerer is not None

    @property
    def has_ended(self) -> bool:
        return self.state in _ENDED


class DagRun:
    """A run that was begun by hand.

    :param conf: the params that differ from their defaults.
    """

    def __init__(self, api: AirflowApi, dag_id: str, conf: dict[str, Any] | None = None) -> None:
        self._api = api
        self._dag_id = dag_id
        begun = api.post(f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf or {}})
        self.run_id: str = begun["dag_run_id"]
        self._path = f"/dags/{dag_id}/dagRuns/{quote(self.run_id, safe='')}"

    def state(self) -> str:
        return self._api.get(self._path)["state"]

    def tasks(self) -> list[Task]:
        """All of its task instances."""
        return [_task(each) for each in task_instances(self._api, self._path)]

    def task(self, task_id: str) -> Task:
        """Raises `CheckFailed` if the DAG has none of this name."""
        for task in self.tasks():
            if task.task_id == task_id:
                return task
        raise CheckFailed(f"the tasks of {self._dag_id}", f"there is no {task_id}", mistake="missing task")

    def returned(self, task_id: str) -> Any:
        """What the task returned, decoded."""
        value = self._api.get(f"{self._path}/taskInstances/{task_id}/xcomEntries/return_value")["value"]
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            return value  # plain text

    def log(self, task: Task) -> list[dict[str, Any]]:
        """The entries of the log of its last try, those of its triggers among them."""
        path = f"{self._path}/taskInstances/{task.task_id}/logs/{max(1, task.try_number)}"
        content = self._api.get(path, map_index=task.map_index, full_content="true")["content"]
        return [entry for entry in content if isinstance(entry, dict)]


def task_instances(api: AirflowApi, path: str) -> list[dict[str, Any]]:
    """All task instances of what lies at the path, as the API tells them."""
    listed: list[dict[str, Any]] = []
    while True:
        page = api.get(f"{path}/taskInstances", limit=100, offset=len(listed))
        listed += page["task_instances"]
        if len(listed) >= page["total_entries"] or not page["task_instances"]:
            return listed


def active_runs(api: AirflowApi) -> list[tuple[str, str]]:
    """Ids of the DAG and of the run for each run that is not over."""
    runs = api.get("/dags/~/dagRuns", state=["queued", "running"], limit=100)["dag_runs"]
    return [(run["dag_id"], run["dag_run_id"]) for run in runs]


def end_active_runs(api: AirflowApi) -> None:
    """Fail each of them, and what waits in them."""
    for dag_id, run_id in active_runs(api):
        api.patch(f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}", {"state": "failed"})


def seconds_of(moment: str | None) -> float | None:
    """Seconds since the epoch, of a moment as the API tells it."""
    # Python 3.10 does not read the Z for UTC.
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() if moment else None


def _task(told: dict[str, Any]) -> Task:
    return Task(
        task_id=told["task_id"],
        map_index=told["map_index"],
        state=told["state"] or "",
        try_number=told["try_number"] or 0,
        trigger=(told["trigger"] or {}).get("classpath", ""),
        triggerer=(told["trigger"] or {}).get("triggerer_id"),
        began=seconds_of(told["start_date"]),
        ended=seconds_of(told["end_date"]),
        id=told["id"],
    )
