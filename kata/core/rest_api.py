"""Airflow's REST API, and polling it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import httpx

_TIMEOUT = 20.0  # seconds


class ApiUnavailable(Exception):
    """Nothing answers at the address, or not as Airflow does."""


class AirflowApi:
    """The public REST API of an Airflow without a password.

    :ivar address: such as `http://127.0.0.1:8080`.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = httpx.Client(base_url=address, timeout=_TIMEOUT, trust_env=False)
        self._token = ""

    def get(self, path: str, **query: Any) -> Any:
        """Return the decoded answer to a GET of `/api/v2` + path. Raises `ApiUnavailable`."""
        return self._send("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the decoded answer to a POST. Raises `ApiUnavailable`."""
        return self._send("POST", path, json=body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Return the decoded answer to a PATCH. Raises `ApiUnavailable`."""
        return self._send("PATCH", path, json=body)

    def health(self) -> dict[str, str | None]:
        """Return the status of each component, such as "healthy"; None for one that never started."""
        return {name: about.get("status") for name, about in self.get("/monitor/health").items()}

    def import_errors(self) -> dict[str, str]:
        """Return the traceback of each DAG file that cannot be imported, by file name."""
        return {each["filename"]: each["stack_trace"] for each in self.get("/importErrors")["import_errors"]}

    def dag_ids(self) -> set[str]:
        """Return the ids of the DAGs that Airflow knows."""
        return {dag["dag_id"] for dag in self.get("/dags", limit=100)["dags"]}

    def pools(self) -> list[dict[str, Any]]:
        """Return the pools, each with its slots as Airflow reports them."""
        return self.get("/pools")["pools"]

    def _send(self, method: str, path: str, **what: Any) -> Any:
        try:
            if not self._token:
                self._token = self._client.get("/auth/token").raise_for_status().json()["access_token"]
            headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
            answer = self._client.request(method, f"/api/v2{path}", headers=headers, **what)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._token = ""  # a restarted api-server does not know the old one
            return answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise ApiUnavailable(f"{method} {self.address}/api/v2{path}: {error}") from error


T = TypeVar("T")
# Seconds. With a fixed interval, all submissions could coincide with the scheduler's own interval of a second.
_POLL_EVERY = (0.75, 1.25)


def poll_until(
    look: Callable[[], T],
    seconds: float,
    every: tuple[float, float] = _POLL_EVERY,
    is_done: Callable[[T], object] = bool,
    while_waiting: Callable[[], object] = lambda: None,
) -> T | None:
    """Call a function until its result is accepted or the time is over; return its last result.

    An API that is too busy to answer is asked again.

    :param every: seconds between two calls, at least and at most.
    :param is_done: whether a result is accepted.
    :param while_waiting: called after each result that is not accepted, and each time the API does not answer.
    :return: None if the API does not answer when the time is over.
    """
    over = time.monotonic() + seconds
    while True:
        began, result = time.monotonic(), None
        with suppress(ApiUnavailable):
            result = look()
            if is_done(result):
                return result
        if began >= over:
            return result
        while_waiting()
        time.sleep(max(0.0, min(began + random.uniform(*every), over) - time.monotonic()))
